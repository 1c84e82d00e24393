#include "sim/hunt/flock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/base/invariant.h"

#define WORDS_BYTES 8192

struct child {
    pid_t pid; /* 0: free */
    uint64_t id;
    FILE *words;                 /* its stderr */
    struct trial_result *result; /* shared */
};

/* "orrery: a bug of ours, please report it: FILE:LINE: EXPRESSION" (invariant_failed). */
static bool invariant_words(struct trial_result *r, const char *words)
{
    static const char mark[] = "please report it: ";
    const char *at = strstr(words, mark);
    const char *colon = at != NULL ? strchr(at + sizeof(mark) - 1, ':') : NULL;
    const char *second = colon != NULL ? strchr(colon + 1, ':') : NULL;

    if (second == NULL) {
        return false;
    }
    at += sizeof(mark) - 1;
    while (strncmp(at, "../", 3) == 0) {
        at += 3;
    }
    snprintf(r->signature, sizeof(r->signature), "invariant %.*s", (int)(second - at), at);
    snprintf(r->text, sizeof(r->text), "invariant %.*s", (int)strcspn(at, "\n"), at);
    return true;
}

void flock_epitaph(struct trial_result *r, int status, const char *words)
{
    r->verdict = TRIAL_FAIL;
    if (invariant_words(r, words)) {
        return;
    }
    const char *report = strstr(words, "ERROR: AddressSanitizer: ");
    const char *undefined = strstr(words, "runtime error: ");
    if (report != NULL) {
        report += strlen("ERROR: AddressSanitizer: ");
        snprintf(r->signature, sizeof(r->signature), "sanitizer %.*s", (int)strcspn(report, " \n"),
                 report);
    } else if (undefined != NULL) {
        snprintf(r->signature, sizeof(r->signature), "undefined %.*s",
                 (int)strcspn(undefined + 15, "\n"), undefined + 15);
    } else if (WIFSIGNALED(status)) {
        int s = WTERMSIG(status);
        snprintf(r->signature, sizeof(r->signature), "%s",
                 s == SIGXCPU || s == SIGKILL ? "endless" : strsignal(s));
    } else {
        snprintf(r->signature, sizeof(r->signature), "exit %d", WEXITSTATUS(status));
    }
    snprintf(r->text, sizeof(r->text), "%.100s: %.*s", r->signature, (int)strcspn(words, "\n"),
             words);
}

static void child_live(const struct flock *flock, struct child *child)
{
    struct rlimit cpu = {flock->cpu_s, flock->cpu_s + 5};
    struct rlimit none = {0, 0};

    signal(SIGINT, SIG_DFL);
    if (dup2(fileno(child->words), STDERR_FILENO) < 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
        (flock->cpu_s != 0 && setrlimit(RLIMIT_CPU, &cpu) != 0)) {
        _exit(1);
    }
    flock->work(flock->arg, child->id, child->result);
    fflush(NULL);
    _exit(0);
}

static enum err child_start(const struct flock *flock, struct child *child, uint64_t id)
{
    child->id = id;
    child->words = tmpfile();
    if (child->words == NULL) {
        return ERR_IO;
    }
    memset(child->result, 0, sizeof(*child->result));
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        child_live(flock, child);
    }
    if (child->pid < 0) {
        child->pid = 0;
        fclose(child->words);
        return ERR_IO;
    }
    return ERR_OK;
}

static void child_end(struct child *child, int status, const struct rusage *usage)
{
    char words[WORDS_BYTES];

    rewind(child->words);
    size_t n = fread(words, 1, sizeof(words) - 1, child->words);
    words[n] = 0;
    fclose(child->words);
    child->pid = 0;
    child->result->resident_kib = (uint64_t)usage->ru_maxrss;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        flock_epitaph(child->result, status, words);
    }
}

static void children_kill(struct child *children, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++) {
        if (children[i].pid > 0) {
            kill(children[i].pid, SIGKILL);
            waitpid(children[i].pid, NULL, 0);
            fclose(children[i].words);
            children[i].pid = 0;
        }
    }
}

/* Waits for any child; *who is its place. */
static enum err child_wait(struct child *children, unsigned jobs, unsigned *who)
{
    struct rusage usage;
    int status;

    for (;;) {
        pid_t pid = wait4(-1, &status, 0, &usage);
        if (pid < 0 && errno == EINTR) {
            return ERR_INTERRUPTED;
        }
        if (pid < 0) {
            return ERR_IO;
        }
        for (*who = 0; *who < jobs; (*who)++) {
            if (children[*who].pid == pid) {
                child_end(&children[*who], status, &usage);
                bool stopped = WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
                return stopped ? ERR_INTERRUPTED : ERR_OK;
            }
        }
    }
}

enum err flock_run(const struct flock *flock, uint64_t first, uint64_t count)
{
    struct child children[FLOCK_JOBS_MAX] = {0};
    size_t bytes = flock->jobs * sizeof(struct trial_result);
    struct trial_result *shared =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t next = 0;
    unsigned running = 0;
    bool going = true;
    enum err err = ERR_OK;

    invariant(flock->jobs >= 1 && flock->jobs <= FLOCK_JOBS_MAX);
    if (shared == MAP_FAILED) {
        return ERR_IO;
    }
    for (unsigned i = 0; i < flock->jobs; i++) {
        children[i].result = &shared[i];
    }
    while (err == ERR_OK && going && (next < count || running > 0)) {
        unsigned who = 0;
        while (who < flock->jobs && children[who].pid != 0) {
            who++;
        }
        if (next < count && who < flock->jobs) {
            err = child_start(flock, &children[who], first + next++);
            running += err == ERR_OK;
            continue;
        }
        err = child_wait(children, flock->jobs, &who);
        if (err == ERR_OK) {
            running--;
            going = flock->done(flock->arg, children[who].id, children[who].result);
        }
    }
    children_kill(children, flock->jobs);
    munmap(shared, bytes);
    return err;
}

struct one {
    const struct scenario *scenario;
    const struct trial_options *options;
    struct trial_result *result;
};

static void one_work(void *arg, uint64_t id, struct trial_result *result)
{
    const struct one *one = arg;

    (void)id;
    trial_run(result, one->scenario, one->options);
}

static bool one_done(void *arg, uint64_t id, const struct trial_result *result)
{
    const struct one *one = arg;

    (void)id;
    *one->result = *result;
    return true;
}

enum err flock_one(struct trial_result *result, const struct scenario *scenario,
                   const struct trial_options *options, uint64_t cpu_s)
{
    struct one one = {.scenario = scenario, .options = options, .result = result};
    struct flock flock = {
        .jobs = 1, .cpu_s = cpu_s, .work = one_work, .done = one_done, .arg = &one};

    return flock_run(&flock, 0, 1);
}
