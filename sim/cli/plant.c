#include "sim/cli/plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/plant.h"

#ifdef ORRERY_PLANTED

static const char *const names[PLANTS] = {
#define PLANT(name, text, seen_by) [PLANT_##name] = #name,
#include "node/base/plant.def"
#undef PLANT
};

bool plant_from_environment(void)
{
    const char *wanted = getenv("ORRERY_PLANT");

    plant_chosen = PLANT_NONE;
    for (uint32_t i = 1; wanted != NULL && i < PLANTS; i++) {
        if (strcmp(names[i], wanted) == 0) {
            plant_chosen = i;
        }
    }
    if (wanted != NULL && *wanted != 0 && plant_chosen == PLANT_NONE) {
        fprintf(stderr, "orrery: no planted bug is called %s (see node/base/plant.def)\n", wanted);
        return false;
    }
    return true;
}

#else

bool plant_from_environment(void)
{
    if (getenv("ORRERY_PLANT") == NULL) {
        return true;
    }
    fputs("orrery: ORRERY_PLANT is set, but this build has no planted bugs\n", stderr);
    return false;
}

#endif
