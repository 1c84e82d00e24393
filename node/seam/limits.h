/* The limits of limits.def: NAME is the value, LIMIT_NAME the number that a trace records. */
#ifndef ORRERY_SEAM_LIMITS_H
#define ORRERY_SEAM_LIMITS_H

enum limit {
#define LIMIT(name, value, text) LIMIT_##name,
#include "node/seam/limits.def"
#undef LIMIT
    LIMIT_COUNT
};

enum {
#define LIMIT(name, value, text) name = value,
#include "node/seam/limits.def"
#undef LIMIT
};

#endif
