#include "sim/sweep/team.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "sim/sweep/team_mpi.h"

#define WORKERS_MAX 256

/* Shared by the processes of one machine. */
struct board {
    _Atomic size_t next, done, failed;
    _Atomic int worst;
    _Atomic bool stopped;
};

struct team {
    struct team_mpi *mpi; /* NULL: processes of this machine */
    unsigned workers;
    bool quiet;
};

struct team *team_open(unsigned workers, bool quiet)
{
    struct team *team = calloc(1, sizeof(*team));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    invariant(team != NULL);
    team->mpi = team_mpi_open();
    team->quiet = quiet;
    team->workers = workers != 0 ? workers : cores < 1 ? 1 : (unsigned)cores;
    team->workers = team->workers < WORKERS_MAX ? team->workers : WORKERS_MAX;
    return team;
}

void team_close(struct team *team)
{
    if (team->mpi != NULL) {
        team_mpi_close(team->mpi);
    }
    free(team);
}

bool team_first(const struct team *team)
{
    return team->mpi == NULL || team_mpi_rank(team->mpi) == 0;
}

size_t team_size(const struct team *team)
{
    return team->mpi != NULL ? team_mpi_size(team->mpi) : team->workers;
}

int team_agree(struct team *team, int value)
{
    return team->mpi != NULL ? team_mpi_agree(team->mpi, value) : value;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void progress(size_t done, size_t jobs, size_t failed, double since, bool last)
{
    double took = seconds() - since;

    fprintf(stderr, "\rsweep %zu of %zu runs", done, jobs);
    if (failed > 0) {
        fprintf(stderr, ", %zu failed", failed);
    }
    if (done > 0 && took > 0) {
        fprintf(stderr, ", %.3g runs/s, %.0f s to go", (double)done / took,
                took / (double)done * (double)(jobs - done));
    }
    fprintf(stderr, "   %s", last ? "\n" : "");
    fflush(stderr);
}

_Noreturn static void worker(struct board *board, size_t jobs, team_job run, void *arg)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* or it would be in the way of the sweep that goes on */
    for (;;) {
        size_t job = atomic_fetch_add(&board->next, 1);
        if (job >= jobs || atomic_load(&board->stopped)) {
            _exit(0);
        }
        int code = run(arg, job);
        if (code == TEAM_STOP) {
            atomic_store(&board->stopped, true);
            _exit(0);
        }
        atomic_fetch_add(&board->done, 1);
        if (code != 0) {
            atomic_fetch_add(&board->failed, 1);
        }
        for (int worst = atomic_load(&board->worst);
             code > worst && !atomic_compare_exchange_weak(&board->worst, &worst, code);) {
        }
    }
}

static unsigned workers_start(struct board *board, unsigned want, size_t jobs, team_job run,
                              void *arg)
{
    unsigned started = 0;

    while (started < want) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            worker(board, jobs, run, arg);
        }
        if (pid < 0) {
            perror("orrery sweep: fork");
            break;
        }
        started++;
    }
    return started;
}

/* The parent only waits: a worker that died is replaced, its job is lost and counted. */
static size_t run_here(const struct team *team, size_t jobs, team_job run, void *arg, int *worst)
{
    struct board *board =
        mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double since = seconds();
    bool show = !team->quiet && isatty(STDERR_FILENO);
    size_t lost = 0;

    invariant(board != MAP_FAILED);
    signal(SIGINT, SIG_IGN); /* the workers end their runs; then there is nothing to wait for */
    unsigned running = workers_start(board, team->workers, jobs, run, arg);
    while (running > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, show ? WNOHANG : 0);
        if (pid > 0) {
            running--;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                lost++;
                running += workers_start(board, 1, jobs, run, arg);
            }
        } else if (pid == 0) {
            struct timespec nap = {.tv_nsec = 200000000};
            progress(atomic_load(&board->done) + lost, jobs, atomic_load(&board->failed) + lost,
                     since, false);
            nanosleep(&nap, NULL);
        } else {
            break;
        }
    }
    signal(SIGINT, SIG_DFL);
    size_t done = atomic_load(&board->done);
    size_t failed = atomic_load(&board->failed) + (jobs - done);
    if (show) {
        progress(done, jobs, failed, since, true);
    }
    *worst = atomic_load(&board->worst);
    *worst = lost > 0 && *worst < 2 ? 2 : *worst;
    munmap(board, sizeof(*board));
    return failed;
}

static size_t run_mpi(const struct team *team, size_t jobs, team_job run, void *arg, int *worst)
{
    double since = seconds();
    size_t done = 0, failed = 0;
    bool show = !team->quiet && team_first(team);

    for (;;) {
        size_t job = team_mpi_next(team->mpi);
        if (job >= jobs) {
            break;
        }
        if (show) {
            progress(job, jobs, failed, since, false);
        }
        int code = run(arg, job);
        if (code == TEAM_STOP) {
            break;
        }
        done++;
        failed += code != 0;
        *worst = code > *worst ? code : *worst;
    }
    *worst = (int)team_mpi_most(team->mpi, (size_t)*worst);
    done = team_mpi_sum(team->mpi, done);
    failed = team_mpi_sum(team->mpi, failed) + (jobs - done);
    if (show) {
        progress(done, jobs, failed, since, true);
    }
    return failed;
}

size_t team_run(struct team *team, size_t jobs, team_job run, void *arg, int *worst)
{
    *worst = 0;
    return team->mpi != NULL ? run_mpi(team, jobs, run, arg, worst)
                             : run_here(team, jobs, run, arg, worst);
}
