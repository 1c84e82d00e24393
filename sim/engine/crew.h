/* A crew of threads that do one piece of work together, again and again, thousands of times per
 * millisecond: who waits spins for a moment, then yields the core, then sleeps. */
#ifndef ORRERY_ENGINE_CREW_H
#define ORRERY_ENGINE_CREW_H

#include "node/base/err.h"

struct crew;

/* Starts threads - 1 threads (threads >= 2; the caller is one of the crew, number 0). work is
 * called with context and the number of the thread. ERR_NO_MEMORY, ERR_BUSY: no thread. */
MUST_CHECK enum err crew_new(struct crew **out, unsigned threads,
                             void (*work)(void *context, unsigned thread), void *context);
void crew_free(struct crew *crew);

/* Calls work once on each thread of the crew; returns when all have returned. Everything written
 * before is seen by every thread, everything they wrote is seen after. */
void crew_work(struct crew *crew);

/* The same for work that any number of threads can do, the caller alone if need be: returns when
 * the caller and all that have begun are done. A thread that the system does not run is not waited
 * for. */
void crew_work_any(struct crew *crew);

#endif
