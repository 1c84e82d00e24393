/* Built without MPI. */
#include <stdbool.h>

#include "node/base/invariant.h"
#include "sim/sweep/team_mpi.h"

struct team_mpi *team_mpi_open(void)
{
    return NULL;
}

void team_mpi_close(struct team_mpi *mpi)
{
    (void)mpi;
    invariant(false);
}

size_t team_mpi_rank(const struct team_mpi *mpi)
{
    (void)mpi;
    invariant(false);
}

size_t team_mpi_size(const struct team_mpi *mpi)
{
    (void)mpi;
    invariant(false);
}

int team_mpi_agree(struct team_mpi *mpi, int value)
{
    (void)mpi;
    (void)value;
    invariant(false);
}

size_t team_mpi_next(struct team_mpi *mpi)
{
    (void)mpi;
    invariant(false);
}

size_t team_mpi_most(struct team_mpi *mpi, size_t value)
{
    (void)mpi;
    (void)value;
    invariant(false);
}

size_t team_mpi_sum(struct team_mpi *mpi, size_t value)
{
    (void)mpi;
    (void)value;
    invariant(false);
}
