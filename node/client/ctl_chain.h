/* Parts of orreryctl chain. */
#ifndef ORRERY_CLIENT_CTL_CHAIN_H
#define ORRERY_CLIENT_CTL_CHAIN_H

#include "node/base/bytes.h"

/* The final blocks of the database in `folder`, as a chain file. */
int ctl_chain_export(const char *folder, struct span genesis, const char *out);

#endif
