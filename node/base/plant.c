/* Part of the planted build alone. */
#include "node/base/plant.h"

uint32_t plant_chosen;
