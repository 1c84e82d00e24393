#include "sim/hunt/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "node/seam/limits.h"
#include "sim/hunt/watch.h"

/* No honest run of a few nodes needs as many; what does is a storm or a loop. */
#define EVENTS_PER_NODE_S 60000
#define EVENTS_LEAST 2000000
/* A run that ends sooner after its last fault (what shrinking leaves) owes no convergence. */
#define CONVERGE_NS UINT64_C(90000000000)

struct trial {
    const struct scenario *scenario;
    const struct world *world;
    bool barred; /* R4, when last looked: at the end the machines are stopped */
    struct watch watch;
};

static void on_rows(void *arg, const struct trace_row *rows, size_t count)
{
    struct trial *t = arg;

    for (size_t i = 0; i < count; i++) {
        watch_row(&t->watch, &rows[i]);
    }
}

static bool on_epoch(void *arg, uint64_t now_ns)
{
    struct trial *t = arg;

    t->barred = t->watch.healed && world_barred(t->world);
    return watch_converged(&t->watch, now_ns) || watch_left_behind(&t->watch, now_ns);
}

void trial_signature(char out[128], const char *text)
{
    size_t n = strcspn(text, ":");

    snprintf(out, 128, "%.*s", (int)(n < 127 ? n : 127), text);
}

const char *trial_verdict_name(enum trial_verdict verdict)
{
    static const char *const names[] = {"pass", "fail", "lost by construction", "refused"};

    return names[verdict];
}

int trial_exit_code(const struct trial_result *r)
{
    switch (r->verdict) {
    case TRIAL_PASS:
    case TRIAL_LOST:
        return 0;
    case TRIAL_REFUSED:
        return 1;
    case TRIAL_FAIL:
        break;
    }
    return strcmp(r->signature, "liveness") == 0 || strcmp(r->signature, "convergence") == 0 ? 3
                                                                                             : 2;
}

int trial_no_failure(const struct trial_result *r, const char *path)
{
    if (r->verdict == TRIAL_REFUSED) {
        fprintf(stderr, "%s\n", r->text);
        return 1;
    }
    fprintf(stderr, "orrery hunt: %s does not fail: %s%s%s\n", path, trial_verdict_name(r->verdict),
            r->text[0] != 0 ? ": " : "", r->text);
    return 3;
}

static void fail(struct trial_result *r, const char *text)
{
    r->verdict = TRIAL_FAIL;
    if (text != r->text) {
        snprintf(r->text, sizeof(r->text), "%s", text);
    }
    trial_signature(r->signature, r->text);
}

static const struct scenario_group *group_of(const struct scenario *s, uint32_t node)
{
    for (uint64_t i = 0; i < s->groups_count; i++) {
        if (node < s->groups[i].count) {
            return &s->groups[i];
        }
        node -= (uint32_t)s->groups[i].count;
    }
    return NULL;
}

/* The one that is behind came by a snapshot and was kept from it until nobody had it any more. */
static bool snapshot_gone(const struct trial *t, uint64_t now_ns)
{
    uint32_t node = watch_laggard(&t->watch, now_ns);
    const struct scenario_group *group = node != UINT32_MAX ? group_of(t->scenario, node) : NULL;

    return group != NULL && group->sync == SYNC_FROM_SNAPSHOT &&
           t->watch.node[node].instance == 0 &&
           t->watch.instance >= SYNC_SNAPSHOTS * t->watch.epoch_instances;
}

/* Rules under which nobody can demand progress. R1: a committee without a quorum. R2: blocks dated
 * by some are the future of others.
 * R3: a newcomer whose snapshot is gone. R4: a long branch lost to a short one, and whoever is up
 * had signed the next height there: two headers of one height convict. R5: too many lost what
 * they had stored (within the budget less than a third may). */
static bool lost(struct trial_result *r, const struct trial *t, const struct world *world)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (uint32_t i = 0; i < t->watch.nodes; i++) {
        const struct watch_node *n = &t->watch.node[i];
        uint64_t ms = world_wall_ms(world, i);
        if (n->up && !n->liar) {
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
    }
    if (!watch_quorum(&t->watch)) {
        snprintf(r->text, sizeof(r->text),
                 "R1: of the committee of the next instance not more than 2/3 of the weight is up");
    } else if (most > least + t->scenario->chain.max_future_ms) {
        snprintf(r->text, sizeof(r->text),
                 "R2: clocks of nodes that are up differ by %" PRIu64 " ms, blocks may be %" PRIu64
                 " ms ahead",
                 most - least, (uint64_t)t->scenario->chain.max_future_ms);
    } else if (snapshot_gone(t, r->end_ns)) {
        snprintf(r->text, sizeof(r->text),
                 "R3: node %" PRIu32 " wants a snapshot older than the %d that anybody keeps",
                 watch_laggard(&t->watch, r->end_ns), SYNC_SNAPSHOTS);
    } else if (!watch_quorum_sound(&t->watch)) {
        snprintf(r->text, sizeof(r->text),
                 "R5: not more than 2/3 of the weight has an undamaged store; whoever cannot read "
                 "what it signed signs nothing more");
    } else if (t->barred || world_barred(world)) {
        snprintf(
            r->text, sizeof(r->text),
            "R4: nobody who is up may sign the next height, for all did on a branch that lost");
    } else {
        return false;
    }
    r->verdict = TRIAL_LOST;
    return true;
}

static void judge(struct trial_result *r, struct trial *t, const struct world *world,
                  enum world_end end)
{
    switch (end) {
    case WORLD_COMPLETE:
        if (t->watch.heal_ns > 0 && r->end_ns >= t->watch.heal_ns + CONVERGE_NS &&
            !watch_converged(&t->watch, r->end_ns) && !lost(r, t, world)) {
            uint32_t node = watch_laggard(&t->watch, r->end_ns);
            snprintf(r->text, sizeof(r->text),
                     "convergence: node %" PRIu32 " has decided instance %" PRIu64 " by %" PRIu64
                     " s; %" PRIu64 " had been reached at the heal, %" PRIu64 " s",
                     node, node < t->watch.nodes ? t->watch.node[node].instance : 0,
                     r->end_ns / 1000000000, t->watch.instance, t->watch.heal_ns / 1000000000);
            fail(r, r->text);
        }
        break;
    case WORLD_LIVENESS:
        if (!lost(r, t, world)) {
            fail(r, world_verdict(world));
        }
        break;
    case WORLD_EXHAUSTED:
        snprintf(r->text, sizeof(r->text), "storm: %" PRIu64 " events by %" PRIu64 " s", r->events,
                 r->end_ns / 1000000000);
        fail(r, r->text);
        break;
    default:
        fail(r, world_verdict(world));
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void figures_take(struct probes *probes, const struct world *world)
{
    struct metric figure;

    for (size_t i = 0; world_check_figure(world, i, &figure); i++) {
        probes_figure(probes, figure.name, figure.value);
    }
}

void trial_run(struct trial_result *r, const struct scenario *s,
               const struct trial_options *options)
{
    struct trial trial = {.scenario = s};
    struct metrics *metrics = NULL;
    struct settings_error error = {0};
    uint32_t nodes = (uint32_t)scenario_node_count(s);
    uint64_t begun = cpu_ns();
    uint64_t events = nodes * (s->duration_ns / 1000000000) * EVENTS_PER_NODE_S;
    struct world_options w = {.threads = 1,
                              .metrics = &metrics,
                              .rows = on_rows,
                              .enough = on_epoch,
                              .rows_arg = &trial,
                              .events_max = events > EVENTS_LEAST ? events : EVENTS_LEAST,
                              .reseed_ns = options->reseed_ns,
                              .reseed = options->reseed,
                              .transcript = options->transcript,
                              .transcript_node = options->transcript_node,
                              .transcript_from_ns = options->transcript_from_ns,
                              .transcript_to_ns = options->transcript_to_ns};

    memset(r, 0, sizeof(*r));
    struct world *world = world_new(s, &w, &error);
    if (world == NULL) {
        r->verdict = TRIAL_REFUSED;
        snprintf(r->text, sizeof(r->text), "%.200s:%d: %.250s", error.file, error.line, error.text);
        return;
    }
    trial.world = world;
    watch_begin(&trial.watch, nodes, world_last_change_ns(world),
                s->chain.epoch_blocks / s->chain.checkpoint_blocks);
    for (uint32_t i = 0; i < trial.watch.nodes; i++) {
        trial.watch.node[i].liar = world_byzantine(world, i);
        trial.watch.node[i].forgetful = world_forgetful(world, i);
    }
    enum world_end end = world_run(world);
    struct world_stats stats;
    world_stats(world, &stats);
    r->end_ns = stats.now_ns;
    r->events = stats.events;
    r->nodes = nodes;
    world_digest(world, r->digest);
    judge(r, &trial, world, end);
    figures_take(&trial.watch.probes, world);
    memcpy(r->probes, trial.watch.probes.count, sizeof(r->probes));
    world_free(world);
    metrics_free(metrics);
    r->cpu_ns = cpu_ns() - begun;
}
