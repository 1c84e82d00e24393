/* The choice of a planted bug (node/base/plant.h). */
#ifndef ORRERY_CLI_PLANT_H
#define ORRERY_CLI_PLANT_H

#include <stdbool.h>

/* Takes the name in ORRERY_PLANT, if there is one. False: there is no such bug, or none at all in
 * this build; a message says so. */
bool plant_from_environment(void);

#endif
