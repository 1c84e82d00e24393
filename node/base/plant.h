/* Planted bugs: mistakes of the kind people make, one line each, that the hunt has to find. They
 * exist in one test-only build (meson setup -Dplanted=true), where the host chooses one of them
 * before the first node; everywhere else planted(NAME) is the constant false and nothing of them is
 * compiled. */
#ifndef ORRERY_BASE_PLANT_H
#define ORRERY_BASE_PLANT_H

#include <stdint.h>

enum plant {
    PLANT_NONE,
#define PLANT(name, text, seen_by) PLANT_##name,
#include "node/base/plant.def"
#undef PLANT
    PLANTS
};

#ifdef ORRERY_PLANTED
extern uint32_t plant_chosen; /* set by the host once; PLANT_NONE: the protocol as it is */
#define planted(name) (plant_chosen == PLANT_##name)
#else
#define planted(name) (PLANT_##name == PLANT_NONE)
#endif

#endif
