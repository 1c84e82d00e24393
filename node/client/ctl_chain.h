/* Parts of orreryctl chain. */
#ifndef ORRERY_CLIENT_CTL_CHAIN_H
#define ORRERY_CLIENT_CTL_CHAIN_H

#include <stdbool.h>

#include "node/base/bytes.h"

/* The final blocks of the database in `folder`, as a chain file. json: how to say what it holds. */
int ctl_chain_export(const char *folder, struct span genesis, const char *out, bool json);

#endif
