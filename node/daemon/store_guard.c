/* LMDB believes its pages: garbage in one can lead it anywhere. What goes wrong while it works ends
 * the process with a clear word; what goes wrong elsewhere is a bug of ours and takes its course.
 */
#include <signal.h>
#include <unistd.h>

#include "node/daemon/log.h"
#include "node/daemon/store_private.h"

static _Thread_local volatile sig_atomic_t inside;

void store_enter(void)
{
    inside = inside + 1;
}

void store_leave(void)
{
    inside = inside - 1;
}

/* A file shorter than its pages: reading the map beyond its end is a signal, not an error. */
static void on_bus_error(int number)
{
    static const char text[] = "orrery: the database file is cut short or its disk cannot be read: "
                               "orreryctl db repair\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(2);
}

static void on_fault(int number)
{
    static const char damaged[] =
        "orrery: the database is damaged: orreryctl db check shows where, orreryctl db repair "
        "mends it\n";
    static const char bug[] = "orrery: a fault in memory: this is a bug\n";

    if (inside != 0) {
        (void)!write(STDERR_FILENO, damaged, sizeof(damaged) - 1);
        _exit(2);
    }
    if (number != SIGABRT) { /* who aborts has said why */
        (void)!write(STDERR_FILENO, bug, sizeof(bug) - 1);
    }
}

static void on_assert(MDB_env *env, const char *text)
{
    (void)env;
    log_line(LOG_ERROR, "store", "error=\"database damaged: orreryctl db repair\" at=\"%s\"", text);
    _exit(2);
}

void store_guard(MDB_env *env)
{
    static const int faults[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = on_bus_error};
    struct sigaction fault = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
    struct sigaction now;

    (void)sigaction(SIGBUS, &action, NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (sigaction(faults[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_DFL) { /* no sanitizer's */
            (void)sigaction(faults[i], &fault, NULL);
        }
    }
    if (env != NULL) {
        (void)mdb_env_set_assert(env, on_assert);
    }
}
