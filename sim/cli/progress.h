/* The line that shows how a long run gets on: virtual time, speed against real time, events per
 * second, what is left, what has happened. */
#ifndef ORRERY_CLI_PROGRESS_H
#define ORRERY_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct world;

struct progress {
    bool quiet, terminal;
    uint64_t begun_ns, shown_ns; /* real time */
    uint64_t shown_events;
};

void progress_init(struct progress *progress, bool quiet);
void progress_show(void *progress, const struct world *world);
void progress_end(struct progress *progress,
                  const struct world *world); /* the last word: totals and speed, on stderr */

#endif
