/* The kinds of trace.def as an enumeration. The columns are read by the recorder. */
#ifndef ORRERY_SEAM_TRACE_H
#define ORRERY_SEAM_TRACE_H

#define TRACE_VALUES_MAX 6

enum trace_kind {
#define TRACE(kind, text, columns) TRACE_##kind,
#include "node/seam/trace.def"
#undef TRACE
    TRACE_KINDS
};

#endif
