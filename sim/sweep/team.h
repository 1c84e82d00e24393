/* Hands the jobs of a sweep out, each once, to whoever is free: to processes on this machine, or to
 * the ranks of an MPI job (started by mpirun or srun) on many. Nobody manages: the next number is
 * a counter that all add to. */
#ifndef ORRERY_SWEEP_TEAM_H
#define ORRERY_SWEEP_TEAM_H

#include <stdbool.h>
#include <stddef.h>

struct team;

/* Runs one job; returns its exit code (0: done). TEAM_STOP: the worker takes no further job. */
typedef int (*team_job)(void *arg, size_t job);
#define TEAM_STOP (-1)

/* workers: processes on this machine, 0 for one per core; without meaning under MPI. quiet: no
 * progress. Never NULL. */
struct team *team_open(unsigned workers, bool quiet);
void team_close(struct team *team);

/* The one that prepares and gathers. */
bool team_first(const struct team *team);
size_t team_size(const struct team *team);
/* The first one's value, on all of them; a barrier. */
int team_agree(struct team *team, int value);

/* Runs jobs 0 .. jobs - 1. A worker that dies loses its job only (under MPI its rank may end the
 * whole team). Returns the number of jobs that failed, were lost or never began, on all of them;
 * *worst is the largest exit code; 2 stands for a worker that died. */
size_t team_run(struct team *team, size_t jobs, team_job run, void *arg, int *worst);

#endif
