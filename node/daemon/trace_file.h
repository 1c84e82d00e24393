/* What the node traces (node/seam/trace.def) as lines of a file: kind, monotonic time in ns, the
 * node's date in ms, then the columns of the kind, separated by tabs; ids as the hex of their first
 * eight bytes. Each line is with the system before anything that was sent in its step leaves, so a
 * process that is killed has told of every signature that anybody can hold against it. */
#ifndef ORRERY_DAEMON_TRACE_FILE_H
#define ORRERY_DAEMON_TRACE_FILE_H

#include <stdio.h>

#include "node/daemon/host.h"

struct trace_file {
    FILE *file; /* NULL: nothing is written */
    struct host_observer observer;
};

/* Goes on at the file's end. ERR_IO: errno says why. */
enum err trace_file_open(struct trace_file *trace, const char *path) MUST_CHECK;
/* From now on; the host must be gone, or unobserved, before trace_file_close. */
void trace_file_observe(struct trace_file *trace, struct host *host);
/* False: something could not be written. */
bool trace_file_close(struct trace_file *trace);

#endif
