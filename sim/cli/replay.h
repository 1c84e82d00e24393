/* Running a folder's used.yaml again with the transcript on. */
#ifndef ORRERY_CLI_REPLAY_H
#define ORRERY_CLI_REPLAY_H

#include <stdio.h>

#include "node/base/bytes.h"

struct replay_span {
    uint32_t node;           /* UINT32_MAX: all */
    uint64_t from_ns, to_ns; /* to 0: the end */
};

/* Returns an exit code; the transcript goes to out. The run ends at to_ns. */
int replay_run(const char *command, const char *folder, const struct replay_span *span, FILE *out);

#endif
