/* One node: the modules composed (docs/architecture.md). node_step is a switch. */
#ifndef ORRERY_CORE_NODE_H
#define ORRERY_CORE_NODE_H

#include "node/seam/config.h"
#include "node/seam/seam.h"

#endif
