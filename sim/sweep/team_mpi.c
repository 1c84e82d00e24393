/* The counter is a window of rank 0 that all ranks add to with MPI_Fetch_and_op, so no rank is
 * spent on managing. Where the network cannot add by itself, rank 0 must look at its messages now
 * and then; it runs jobs like the others, so a thread looks for it. */
#include "sim/sweep/team_mpi.h"

#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "node/base/invariant.h"

struct team_mpi {
    int rank, size;
    MPI_Win window;
    uint64_t *counter;
    pthread_t looker;
    _Atomic bool looking;
};

static void *look(void *arg)
{
    struct team_mpi *mpi = arg;
    const struct timespec nap = {.tv_nsec = 2000000};

    while (atomic_load(&mpi->looking)) {
        int flag;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

struct team_mpi *team_mpi_open(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                        "PMI_SIZE"};
    int have = 0;
    bool started = false;

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        started = started || getenv(marks[i]) != NULL;
    }
    if (!started) {
        return NULL;
    }
    MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &have);
    struct team_mpi *mpi = calloc(1, sizeof(*mpi));
    invariant(mpi != NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &mpi->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &mpi->size);
    MPI_Win_allocate(mpi->rank == 0 ? (MPI_Aint)sizeof(uint64_t) : 0, sizeof(uint64_t),
                     MPI_INFO_NULL, MPI_COMM_WORLD, &mpi->counter, &mpi->window);
    if (mpi->rank == 0) {
        *mpi->counter = 0;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock_all(0, mpi->window);
    if (mpi->rank == 0 && have == MPI_THREAD_MULTIPLE && mpi->size > 1) {
        atomic_store(&mpi->looking, true);
        invariant(pthread_create(&mpi->looker, NULL, look, mpi) == 0);
    }
    return mpi;
}

void team_mpi_close(struct team_mpi *mpi)
{
    MPI_Barrier(MPI_COMM_WORLD);
    if (atomic_exchange(&mpi->looking, false)) {
        pthread_join(mpi->looker, NULL);
    }
    MPI_Win_unlock_all(mpi->window);
    MPI_Win_free(&mpi->window);
    MPI_Finalize();
    free(mpi);
}

size_t team_mpi_rank(const struct team_mpi *mpi)
{
    return (size_t)mpi->rank;
}

size_t team_mpi_size(const struct team_mpi *mpi)
{
    return (size_t)mpi->size;
}

int team_mpi_agree(struct team_mpi *mpi, int value)
{
    (void)mpi;
    MPI_Bcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return value;
}

size_t team_mpi_next(struct team_mpi *mpi)
{
    const uint64_t one = 1;
    uint64_t job = 0;

    MPI_Fetch_and_op(&one, &job, MPI_UINT64_T, 0, 0, MPI_SUM, mpi->window);
    MPI_Win_flush(0, mpi->window);
    return (size_t)job;
}

static size_t reduced(size_t value, MPI_Op op)
{
    uint64_t mine = value, all = 0;

    MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, op, MPI_COMM_WORLD);
    return (size_t)all;
}

size_t team_mpi_sum(struct team_mpi *mpi, size_t value)
{
    (void)mpi;
    return reduced(value, MPI_SUM);
}

size_t team_mpi_most(struct team_mpi *mpi, size_t value)
{
    (void)mpi;
    return reduced(value, MPI_MAX);
}
