/* The world that nodes live in, seen from inside: real nodes on the real engine, a scenario of a
 * few lines, and what each machine is told. Expected times are sums of the scenario's delays. */
#define _DEFAULT_SOURCE /* mkstemp */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/world/internal.h"

#define SECOND UINT64_C(1000000000)
#define SEEN_MAX 65536

/* What one machine was told. */
struct seen {
    enum event_kind kind;
    uint32_t node, link;
    uint64_t mono_ns, wall_ms;
    enum link_end why;
    enum err err;
    size_t records;
    bool dialed, first_of_peer;
};

struct story {
    struct scenario *scenario;
    struct world *world;
    struct metrics *metrics;
    struct seen *seen;
    size_t count;
    unsigned samples;
    double up_sum;
    uint32_t relays_from;
};

static const char two_machines[] = "name: two\n"
                                   "duration: 30 s\n"
                                   "chain: {finality: off, lookback_blocks: 80}\n"
                                   "network: {latency: constant, constant: 50 ms, jitter: no}\n"
                                   "profiles:\n"
                                   "  - {name: machine}\n"
                                   "groups:\n"
                                   "  - name: a\n"
                                   "    kind: producer\n"
                                   "    count: 2\n"
                                   "    profile: machine\n"
                                   "    stake: {law: equal, total: 2000}\n"
                                   "check: {liveness: 1 h}\n";

static void observe(void *arg, uint32_t node, const struct event *event)
{
    struct story *story = arg;

    cr_assert_lt(story->count, SEEN_MAX);
    struct seen *s = &story->seen[story->count++];
    *s = (struct seen){
        .kind = event->kind, .node = node, .mono_ns = event->mono_ns, .wall_ms = event->wall_ms};
    switch (event->kind) {
    case EVENT_LINK_UP:
        s->link = event->link_up.link;
        s->dialed = event->link_up.dialed;
        break;
    case EVENT_LINK_DOWN:
        s->link = event->link_down.link;
        s->why = event->link_down.why;
        break;
    case EVENT_RECV:
        s->link = event->recv.link;
        break;
    case EVENT_WRITE_DONE:
        s->err = event->write_done.err;
        break;
    case EVENT_READ_DONE:
        s->err = event->read_done.err;
        s->records = event->read_done.count;
        break;
    default:
        break;
    }
}

static void story_begin(struct story *story, const char *text, const char *const *settings,
                        size_t count, unsigned threads, bool watch)
{
    char path[] = "/tmp/orrery-world-XXXXXX";
    struct settings_error error = {0};
    int file = mkstemp(path);

    *story = (struct story){.seen = watch ? calloc(SEEN_MAX, sizeof(struct seen)) : NULL};
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    enum err err = scenario_load(&story->scenario, &error, path, settings, count);
    unlink(path);
    cr_assert_eq(err, ERR_OK, "%s:%d: %s", error.file, error.line, error.text);
    struct world_options options = {.threads = threads,
                                    .metrics = &story->metrics,
                                    .observe = watch ? observe : NULL,
                                    .observe_arg = story};
    story->world = world_new(story->scenario, &options, &error);
    cr_assert_not_null(story->world, "%s:%d: %s", error.file, error.line, error.text);
}

static void story_run(struct story *story)
{
    cr_assert_eq(world_run(story->world), WORLD_COMPLETE, "%s", world_verdict(story->world));
}

static void story_end(struct story *story)
{
    world_free(story->world);
    metrics_free(story->metrics);
    scenario_free(story->scenario);
    free(story->seen);
}

static void story_tell(struct story *story, const char *text, const char *more)
{
    char whole[8192];

    snprintf(whole, sizeof(whole), "%s%s", text, more);
    story_begin(story, whole, NULL, 0, 1, true);
    story_run(story);
}

static const struct seen *first(const struct story *story, uint32_t node, enum event_kind kind,
                                uint64_t from_ns)
{
    for (size_t i = 0; i < story->count; i++) {
        const struct seen *s = &story->seen[i];
        if (s->node == node && s->kind == kind && s->mono_ns >= from_ns) {
            return s;
        }
    }
    return NULL;
}

/* TCP and Noise IK: the dialer has the link after two round trips; the acceptor half a one later,
 * with the first frame. A link that the dialer closes at once is none to the acceptor. */
Test(world, a_dial_takes_two_round_trips)
{
    struct story story;
    unsigned frames = 0;

    story_tell(&story, two_machines, "");
    for (size_t i = 0; i < story.count; i++) {
        const struct seen *acceptor = &story.seen[i];
        if (acceptor->kind != EVENT_LINK_UP || acceptor->dialed) {
            continue;
        }
        bool found = false;
        for (size_t k = 0; k < i; k++) {
            const struct seen *other = &story.seen[k];
            found |= other->kind == EVENT_LINK_UP && other->dialed &&
                     other->node != acceptor->node && other->mono_ns >= 200000000 &&
                     other->mono_ns >= acceptor->mono_ns - 51000000 &&
                     other->mono_ns <= acceptor->mono_ns - 49000000;
        }
        cr_assert(found, "no dialer 50 ms before %llu", (unsigned long long)acceptor->mono_ns);
        for (size_t k = i + 1; k < story.count; k++) {
            const struct seen *frame = &story.seen[k];
            frames += frame->kind == EVENT_RECV && frame->node == acceptor->node &&
                      frame->link == acceptor->link && frame->mono_ns < acceptor->mono_ns + 1000000;
        }
    }
    cr_assert_gt(frames, 0);
    story_end(&story);
}

/* A link's number is the lowest that is free when it comes up, as with daemons: dials and
 * handshakes have none. */
Test(world, links_are_numbered_as_they_come_up)
{
    struct story story;
    const char *settings[] = {"groups.a.count=8"};
    uint64_t used[8] = {0};
    unsigned links = 0;

    story_begin(&story, two_machines, settings, 1, 1, true);
    story_run(&story);
    for (size_t i = 0; i < story.count; i++) {
        const struct seen *s = &story.seen[i];
        if (s->kind == EVENT_LINK_UP) {
            cr_assert_eq(s->link, (uint32_t)__builtin_ctzll(~used[s->node]));
            used[s->node] |= UINT64_C(1) << s->link;
            links++;
        } else if (s->kind == EVENT_LINK_DOWN && s->link != LINK_NONE) {
            used[s->node] &= ~(UINT64_C(1) << s->link);
        }
    }
    cr_assert_gt(links, 16);
    story_end(&story);
}

/* An operating system that still runs refuses at once; a dead machine does not answer at all. */
Test(world, a_dial_is_refused_or_times_out)
{
    struct story story;

    story_tell(&story, two_machines, "faults:\n  - at 0 s for 29 s crash node 1\n");
    const struct seen *down = first(&story, 0, EVENT_LINK_DOWN, 0);
    cr_assert_not_null(down);
    cr_assert_eq(down->why, LINK_REFUSED);
    cr_assert_lt(down->mono_ns, 4 * SECOND);
    story_end(&story);

    story_tell(&story, two_machines, "faults:\n  - at 0 s for 29 s outage node 1\n");
    down = first(&story, 0, EVENT_LINK_DOWN, 0);
    cr_assert_not_null(down);
    cr_assert_eq(down->why, LINK_UNREACHABLE);
    cr_assert_geq(down->mono_ns, 5 * SECOND);
    story_end(&story);
}

/* A crash resets links, which the peer hears half a round trip later; a machine without power says
 * nothing, and only silence tells. */
Test(world, a_crash_resets_links_an_outage_does_not)
{
    struct story story;

    story_tell(&story, two_machines, "faults:\n  - at 10 s for 15 s crash node 1\n");
    const struct seen *down = first(&story, 0, EVENT_LINK_DOWN, 9 * SECOND);
    cr_assert_not_null(down);
    cr_assert_eq(down->why, LINK_BROKEN);
    cr_assert_geq(down->mono_ns, 10 * SECOND + 50000000);
    cr_assert_lt(down->mono_ns, 10 * SECOND + 52000000);
    story_end(&story);

    story_tell(&story, two_machines, "faults:\n  - at 10 s for 15 s outage node 1\n");
    down = first(&story, 0, EVENT_LINK_DOWN, 9 * SECOND);
    cr_assert(down == NULL || down->mono_ns > 12 * SECOND);
    story_end(&story);
}

/* Datagrams are lost and doubled as the scenario says: 4,000 of them against the binomial law, four
 * standard deviations. */
Test(world, datagrams_are_lost_and_doubled)
{
    struct story story;
    struct endpoint to;
    const double sent = 4000, loss = 0.25, twice = 0.1;
    const char *settings[] = {"network.loss=1/4", "network.duplicate=1/10", "duration=2 s"};
    static const uint8_t ping[9] = {0x04};

    story_begin(&story, two_machines, settings, 3, 1, true);
    endpoint_of_node(&to, 1);
    for (int i = 0; i < (int)sent; i++) {
        wire_datagram(story.world, 0, 0, 1000000u + 100000u * (unsigned)i, &to,
                      blob_put(story.world->shared, ping, sizeof(ping)));
    }
    story_run(&story);
    double got = 0;
    for (size_t i = 0; i < story.count; i++) {
        const struct seen *s = &story.seen[i];
        bool datagram = s->kind == EVENT_RECV && s->link == LINK_NONE;
        cr_assert(!datagram || s->node == 1);
        got += datagram;
    }
    /* A copy is lost by itself. */
    double mean = sent * (1 + twice) * (1 - loss);
    double sd = sqrt(sent * ((1 - loss) * (1 + 3 * twice) - (1 - loss) * (1 - loss)));
    cr_assert_float_eq(got, mean, 4 * sd + 1, "%g of %g", got, mean);
    story_end(&story);
}

/* The date that a node believes in is off by its own offset, within what the scenario allows; a
 * step moves the date and not the machine's own count of time. */
Test(world, clocks_are_wrong_as_asked)
{
    struct story story;
    char text[2048];

    snprintf(text, sizeof(text), "%s%s", two_machines,
             "faults:\n  - at 10 s step-clock node 1 by 7 s\n");
    char *at = strstr(text, "    stake:");
    cr_assert_not_null(at);
    char rest[2048];
    snprintf(rest, sizeof(rest), "%s", at);
    snprintf(at, sizeof(text) - (size_t)(at - text), "    clock: {skew: 500 ms}\n%s", rest);
    story_begin(&story, text, NULL, 0, 1, true);
    story_run(&story);
    int64_t offset[2];
    for (uint32_t node = 0; node < 2; node++) {
        const struct seen *start = first(&story, node, EVENT_START, 0);
        cr_assert_not_null(start);
        offset[node] = (int64_t)(start->wall_ms - story.scenario->date_ms);
        cr_assert_leq(llabs(offset[node]), 501);
        int64_t wanted = story.world->population.members[node].clock_offset_ns / 1000000;
        cr_assert_leq(llabs(offset[node] - wanted), 1);
    }
    cr_assert_neq(offset[0], offset[1]);
    const struct seen *before = first(&story, 1, EVENT_START, 0);
    const struct seen *after = first(&story, 1, EVENT_WAKE, 11 * SECOND);
    cr_assert_not_null(after);
    int64_t jump = (int64_t)(after->wall_ms - before->wall_ms) -
                   (int64_t)((after->mono_ns - before->mono_ns) / 1000000);
    cr_assert_leq(llabs(jump - 7000), 1);
    story_end(&story);
}

/* A clock that swings is never further from its count of time than its height, and is on both
 * sides of it. */
Test(world, clocks_swing_as_asked)
{
    struct story story;
    char text[2048];

    snprintf(text, sizeof(text), "%s", two_machines);
    char *at = strstr(text, "    stake:");
    cr_assert_not_null(at);
    char rest[2048];
    snprintf(rest, sizeof(rest), "%s", at);
    snprintf(at, sizeof(text) - (size_t)(at - text),
             "    clock: {swing: 400 ms, swing_period: 8 s}\n%s", rest);
    story_begin(&story, text, NULL, 0, 1, true);
    story_run(&story);
    for (uint32_t node = 0; node < 2; node++) {
        const struct member *m = &story.world->population.members[node];
        int64_t height_ms = m->clock_swing_ns / 1000000;
        int64_t least = 0;
        int64_t most = 0;
        cr_assert_leq(m->clock_swing_ns, 400000000);
        cr_assert(m->clock_swing_period_ns >= 4 * SECOND && m->clock_swing_period_ns <= 8 * SECOND);
        for (size_t i = 0; i < story.count; i++) {
            const struct seen *s = &story.seen[i];
            int64_t off = (int64_t)s->wall_ms - (int64_t)story.scenario->date_ms -
                          (int64_t)(s->mono_ns / 1000000);
            least = s->node == node && off < least ? off : least;
            most = s->node == node && off > most ? off : most;
        }
        cr_assert(least < 0 && most > 0 && most <= height_ms + 1 && least >= -height_ms - 1,
                  "%ld to %ld of %ld", (long)least, (long)most, (long)height_ms);
    }
    cr_assert_neq(story.world->population.members[0].clock_swing_ns,
                  story.world->population.members[1].clock_swing_ns);
    story_end(&story);
}

static unsigned writes(const struct story *story, uint32_t node, enum err err, uint64_t from_ns,
                       uint64_t to_ns)
{
    unsigned n = 0;

    for (size_t i = 0; i < story->count; i++) {
        const struct seen *s = &story->seen[i];
        n += s->node == node && s->kind == EVENT_WRITE_DONE && s->err == err &&
             s->mono_ns >= from_ns && s->mono_ns < to_ns;
    }
    return n;
}

/* target 1 s: something to write every second. */
#define FAST "chain: {finality: off, lookback_blocks: 80, target: 1 s}\n"

static void fast(char *text, size_t capacity, const char *more)
{
    const char *chain = strstr(two_machines, "chain:");
    const char *after = strchr(chain, '\n') + 1;

    snprintf(text, capacity, "%.*s%s%s%s", (int)(chain - two_machines), two_machines, FAST, after,
             more);
}

Test(world, a_full_disk_says_so)
{
    struct story story;
    char text[2048];

    fast(text, sizeof(text), "faults:\n  - at 8 s for 8 s full-disk node 1\n");
    story_tell(&story, text, "");
    cr_assert_gt(writes(&story, 1, ERR_OK, 0, 8 * SECOND), 0);
    cr_assert_eq(writes(&story, 1, ERR_OK, 8 * SECOND + 10000000, 16 * SECOND), 0);
    cr_assert_gt(writes(&story, 1, ERR_NO_SPACE, 8 * SECOND, 16 * SECOND + 10000000), 0);
    cr_assert_gt(writes(&story, 1, ERR_OK, 16 * SECOND + 10000000, 30 * SECOND), 0);
    cr_assert_eq(writes(&story, 0, ERR_NO_SPACE, 0, 30 * SECOND), 0);
    story_end(&story);
}

/* Records and errors that a machine reads from its disk in a span of time. */
static size_t read_back(const struct story *story, uint32_t node, uint64_t from_ns, uint64_t to_ns,
                        unsigned *damaged)
{
    size_t n = 0;

    *damaged = 0;
    for (size_t i = 0; i < story->count; i++) {
        const struct seen *s = &story->seen[i];
        if (s->node == node && s->kind == EVENT_READ_DONE && s->mono_ns >= from_ns &&
            s->mono_ns < to_ns) {
            n += s->records;
            *damaged += s->err == ERR_CORRUPT;
        }
    }
    return n;
}

Test(world, a_restart_finds_its_disk_a_wipe_does_not)
{
    struct story story;
    char text[2048];
    unsigned damaged;

    fast(text, sizeof(text), "faults:\n  - at 10 s for 2 s crash node 1\n");
    story_tell(&story, text, "");
    cr_assert_gt(read_back(&story, 1, 12 * SECOND, 13 * SECOND, &damaged), 3);
    cr_assert_eq(damaged, 0);
    story_end(&story);

    fast(text, sizeof(text), "faults:\n  - at 10 s for 2 s wipe node 1\n");
    story_tell(&story, text, "");
    cr_assert_eq(read_back(&story, 1, 12 * SECOND, 12 * SECOND + 50000000, &damaged), 0);
    cr_assert_eq(story.world->hosts[1].life, 2);
    /* It fetched again what it lost. */
    cr_assert_gt(story.world->hosts[1].height, 10);
    story_end(&story);
}

Test(world, damage_is_read_after_a_crash)
{
    struct story story;
    char text[2048];
    unsigned damaged;

    fast(text, sizeof(text),
         "faults:\n  - at 9 s corrupt-disk node 1 by 5\n  - at 10 s for 2 s crash node 1\n");
    story_tell(&story, text, "");
    (void)read_back(&story, 1, 12 * SECOND, 14 * SECOND, &damaged);
    cr_assert_gt(damaged, 0);
    story_end(&story);
}

/* A batch that was being written when the power failed leaves some of its operations: over several
 * lives, which draw differently, not always the same number. */
Test(world, a_torn_batch_leaves_a_part)
{
    bool left[8] = {false};
    unsigned kinds = 0;

    for (unsigned lives = 0; lives < 8; lives++) {
        struct story story;
        char text[4096];
        char faults[1024];
        size_t len;

        len = (size_t)snprintf(faults, sizeof(faults),
                               "faults:\n"
                               "  - at 4 s for 20 s slow-disk node 0-1 by 100000\n"
                               "  - at 4 s for 20 s torn-disk all\n"
                               "  - at 20 s for 10 s crash all\n");
        for (unsigned i = 0; i < lives; i++) {
            len += (size_t)snprintf(faults + len, sizeof(faults) - len,
                                    "  - at %u ms for 10 ms crash all\n", 100 + 50 * i);
        }
        fast(text, sizeof(text), faults);
        struct record_view view[64];
        bool more;
        size_t now = 0;
        story_begin(&story, text, NULL, 0, 1, true);
        story_run(&story);
        for (uint32_t node = 0; node < 2; node++) {
            struct records *records = &story.world->hosts[node].records;
            now += records_scan(records, view, &more, span_of("s", 1), span_of(NULL, 0), 64, false);
            now += records_scan(records, view, &more, span_of("b", 1), span_of(NULL, 0), 64, false);
        }
        kinds += !left[now % 8];
        left[now % 8] = true;
        story_end(&story);
    }
    cr_assert_gt(kinds, 1);
}

static void count_up(void *arg, const struct world *w)
{
    struct story *story = arg;
    struct world_stats stats;

    world_stats(w, &stats);
    if (stats.now_ns % (60 * SECOND) == 0) {
        story->up_sum += stats.nodes_up - 1.0; /* the producer stays */
        story->samples++;
    }
}

/* Share of time up: mean session / (mean session + mean absence), Weibull means by the gamma
 * function. 300 nodes, 40 samples a minute apart; sessions of minutes, so samples are worth fewer.
 */
Test(world, churn_keeps_the_share_of_its_closed_form)
{
    static const char text[] = "name: churn\n"
                               "duration: 40 min\n"
                               "chain: {finality: off, target: 10 min, lookback_blocks: 80}\n"
                               "network: {latency: constant, constant: 50 ms, jitter: no}\n"
                               "policy: {links_out: 1, ping: 1 h}\n"
                               "profiles:\n"
                               "  - {name: machine}\n"
                               "groups:\n"
                               "  - name: a\n"
                               "    kind: producer\n"
                               "    count: 1\n"
                               "    profile: machine\n"
                               "    stake: {law: equal, total: 2000}\n"
                               "  - name: b\n"
                               "    kind: relay\n"
                               "    count: 300\n"
                               "    profile: machine\n"
                               "    churn: {on: yes, session_shape: 0.61, session: 3 min, "
                               "absence_shape: 0.48, absence: 1 min}\n"
                               "check: {liveness: 1 h}\n";
    struct story story;

    story_begin(&story, text, NULL, 0, 1, false);
    story.world->options.progress = count_up;
    story.world->options.progress_arg = &story;
    story_run(&story);
    double session = 180 * tgamma(1 + 1 / 0.61);
    double absence = 60 * tgamma(1 + 1 / 0.48);
    double wanted = session / (session + absence);
    double got = story.up_sum / story.samples / 300;
    /* One node's state is as good as independent after a session or two: 40 samples of 300 nodes
     * count as about 4: one standard error is sqrt(p q / 1200). */
    cr_assert_float_eq(got, wanted, 4 * sqrt(wanted * (1 - wanted) / 1200), "%g, expected %g", got,
                       wanted);
    story_end(&story);
}

static void digest_of(uint8_t digest[32], const char *const *settings, size_t count,
                      unsigned threads)
{
    static const char text[] = "name: digest\n"
                               "duration: 40 s\n"
                               "chain: {target: 2 s, epoch_blocks: 8, lookback_blocks: 80}\n"
                               "network: {latency: constant, constant: 20 ms, jitter: no, loss: "
                               "1/100}\n"
                               "profiles:\n"
                               "  - {name: machine, up: 20 Mbit/s}\n"
                               "groups:\n"
                               "  - name: a\n"
                               "    kind: producer\n"
                               "    count: 12\n"
                               "    profile: machine\n"
                               "    stake: {law: equal, total: 2000, free: 10}\n"
                               "load:\n"
                               "  - {kind: transfer, group: a, per_second: 2}\n"
                               "check: {liveness: 1 h}\n"
                               "faults:\n"
                               "  - at 10 s for 5 s crash node 3\n";
    struct story story;

    story_begin(&story, text, settings, count, threads, false);
    story_run(&story);
    world_digest(story.world, digest);
    cr_assert_eq(world_stop(story.world), ERR_OK, "something is still alive after the end: %s",
                 world_verdict(story.world));
    story_end(&story);
}

/* Threads change nothing, the seed changes everything; and nothing is alive after the end. */
Test(world, the_digest_is_of_scenario_and_seed)
{
    uint8_t one[32], two[32], again[32], other[32];
    const char *seed[] = {"seed=2"};

    digest_of(one, NULL, 0, 1);
    digest_of(again, NULL, 0, 1);
    digest_of(two, NULL, 0, 2);
    digest_of(other, seed, 1, 1);
    cr_assert_arr_eq(one, again, 32);
    cr_assert_arr_eq(one, two, 32);
    cr_assert_neq(memcmp(one, other, 32), 0);
}
