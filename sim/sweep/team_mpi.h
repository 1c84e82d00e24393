/* The ranks of an MPI job. Built without MPI, there never is one. */
#ifndef ORRERY_SWEEP_TEAM_MPI_H
#define ORRERY_SWEEP_TEAM_MPI_H

#include <stddef.h>

struct team_mpi;

/* NULL when this process was not started by mpirun or srun. */
struct team_mpi *team_mpi_open(void);
void team_mpi_close(struct team_mpi *mpi);
size_t team_mpi_rank(const struct team_mpi *mpi);
size_t team_mpi_size(const struct team_mpi *mpi);
int team_mpi_agree(struct team_mpi *mpi, int value);
/* The next number of a counter that begins at 0, for all ranks together. */
size_t team_mpi_next(struct team_mpi *mpi);
/* Of all ranks, on all of them. */
size_t team_mpi_sum(struct team_mpi *mpi, size_t value);
size_t team_mpi_most(struct team_mpi *mpi, size_t value);

#endif
