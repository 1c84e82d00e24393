/* Whole nodes on a tiny wire: checkpoints are decided and agree, whoever crashes says nothing else
 * afterwards, who votes twice is found out, and who does not vote learns by certificates (spec:
 * chain 1.5, 5; decisions 1-3, 13). */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/leaves.h"
#include "node/chain/vote.h"
#include "node/core/node.h"
#include "node/crypto/sign.h"
#include "node/wire/frames.h"
#include "tests/support/wire_genesis.h"

enum { NODES = 48, INSTANCES = 512 };

#define SECOND UINT64_C(1000000000)

struct story {
    struct wire *wire;
    struct genesis genesis;
    const struct blob *genesis_state;
    uint8_t genesis_bytes[WIRE_GENESIS_BYTES];
    struct seed_peer seeds[2 * NODES];
    struct node *node[NODES];
    uint64_t decided[NODES];   /* instances decided by each */
    uint64_t value[INSTANCES]; /* what was decided */
    uint64_t certificates, evidence, rounds, limits;
    uint64_t asked;       /* BLOCKS_GET that came */
    uint64_t offender;    /* of the last evidence */
    uint64_t total[16];   /* weight of the committee of each epoch */
    uint64_t cast[NODES]; /* newest own vote of each: instance, round, kind in one number */
    bool wrote[NODES];    /* asked for a durable write since it was last looked at */
    struct ended {
        enum {
            HEARS_ALL,
            FIRST_DEAF,
            LAST_DEAF_TOO,
            LAST_HEARS,
            LAST_TELLS_FIRST,
            FIRST_AHEAD
        } phase;
        uint32_t precommits;
        uint64_t instance;
    } ended; /* of a_round_that_has_ended_is_known_after_a_restart */
};

struct plan {
    uint32_t nodes, voters;
    uint64_t target_ms, checkpoint, depth, epoch;
};

static void genesis_make(struct story *s, const struct plan *plan)
{
    struct genesis facts = {.network = 7, .ts_ms = s->wire->wall_ms + 5000};
    params_defaults(&facts.params);
    facts.params.vrf = 0;
    facts.params.target_ms = plan->target_ms;
    facts.params.checkpoint_blocks = plan->checkpoint;
    facts.params.checkpoint_depth = plan->depth;
    facts.params.epoch_blocks = plan->epoch;
    wire_genesis(s->wire, &s->genesis, &s->genesis_state, s->genesis_bytes, &facts, plan->voters);
}

/* The steps of that story, by who casts what. */
static void ended_cast(struct story *s, uint32_t node, const uint64_t vote[3])
{
    struct ended *ended = &s->ended;
    if (vote[1] != ended->instance) {
        return;
    }
    bool middle = node == 1 || node == 2;
    if (ended->phase == FIRST_DEAF && middle) {
        ended->phase = LAST_DEAF_TOO;
    }
    ended->precommits += middle && vote[0] == VOTE_PRECOMMIT;
    if (ended->phase == LAST_DEAF_TOO && ended->precommits == 2) {
        ended->phase = LAST_HEARS;
    }
    if (ended->phase == LAST_HEARS && node == 3 && vote[0] == VOTE_PRECOMMIT) {
        ended->phase = LAST_TELLS_FIRST;
    }
    if (ended->phase == LAST_TELLS_FIRST && node == 0) {
        cr_assert_gt(vote[2], 0);
        ended->phase = FIRST_AHEAD;
    }
}

/* Nobody hears proposals of the instance, and the first node nothing. The last one hears the votes
 * when the others have cast theirs; then the first alone hears those two, and nobody hears it. */
static bool ended_hears(const struct story *s, uint32_t node, const struct event *event)
{
    const struct ended *ended = &s->ended;
    if (ended->phase == HEARS_ALL || event->kind != EVENT_RECV) {
        return true;
    }
    struct frame_proposal m;
    struct span frame = span_of(event->recv.frame->data, event->recv.frame->len);
    if (frame.len > 0 && frame.data[0] == FRAME_PROPOSAL) {
        cr_assert_eq(frame_proposal_decode(&m, frame), ERR_OK);
        return m.instance != ended->instance;
    }
    const struct wire_pair *pair =
        &s->wire->pairs[s->wire->nodes[node].pair_of[event->recv.link] - 1];
    uint32_t from = pair->node[0] == node ? pair->node[1] : pair->node[0];
    if (ended->phase < LAST_TELLS_FIRST) {
        return node != 0 && (node != 3 || ended->phase != LAST_DEAF_TOO);
    }
    return node == 0 || node == 3 || from == 1 || from == 2 || frame.data[0] != FRAME_VOTE_BUNDLE;
}

static void traced(struct story *s, uint32_t node, const struct effect *effect)
{
    const uint64_t *v = effect->trace.value;
    switch (effect->trace.kind) {
    case TRACE_checkpoint_decided:
        cr_assert_lt(v[0], INSTANCES);
        cr_assert_gt(v[0], s->decided[node]);
        s->decided[node] = v[0];
        s->certificates += v[5];
        cr_assert(s->value[v[0]] == 0 || s->value[v[0]] == v[2], "instance %lu: two decisions",
                  v[0]);
        s->value[v[0]] = v[2];
        break;
    case TRACE_vote_cast: {
        /* Over all lives: nothing is signed twice, not even the same. */
        uint64_t vote = v[1] << 32 | v[2] << 8 | v[0];
        cr_assert_gt(vote, s->cast[node], "node %u votes again", node);
        s->cast[node] = vote;
        ended_cast(s, node, v);
        break;
    }
    case TRACE_round_started:
        s->rounds++;
        break;
    case TRACE_limit_reached:
        s->limits++;
        break;
    case TRACE_peer_misbehaved:
        cr_assert_fail("node %u blames link %lu: %s, frame 0x%02lx", node, v[0],
                       err_text((enum err)v[1]), v[2]);
        break;
    case TRACE_committee_joined:
        s->total[v[0] % 16] = v[2];
        break;
    case TRACE_evidence_found:
        s->evidence++;
        s->offender = v[1];
        break;
    default:
        break;
    }
}

/* Whoever asks for a block says how high it stands, so that those find it who have it in records
 * alone. */
static void asked(struct story *s, struct span frame)
{
    struct frame_blocks_get m;
    if (frame.len > 0 && frame.data[0] == FRAME_BLOCKS_GET) {
        cr_assert_eq(frame_blocks_get_decode(&m, frame), ERR_OK);
        cr_assert_neq(m.height, 0);
        s->asked++;
    }
}

static void step(struct wire *wire, uint32_t node, struct ctx *c, const struct event *event)
{
    struct story *s = wire->user;
    if (!ended_hears(s, node, event)) {
        return;
    }
    if (event->kind == EVENT_RECV) {
        asked(s, span_of(event->recv.frame->data, event->recv.frame->len));
    }
    node_step(s->node[node], event, c->out, c->scratch);
    for (size_t i = 0; i < c->out->count; i++) {
        if (c->out->list[i].kind == EFFECT_TRACE) {
            traced(s, node, &c->out->list[i]);
        }
        s->wrote[node] |= c->out->list[i].kind == EFFECT_WRITE;
    }
}

static uint64_t deadline(struct wire *wire, uint32_t node)
{
    return node_deadline_ns(((struct story *)wire->user)->node[node]);
}

static void start(struct story *s, uint32_t node)
{
    const struct node_config *config = &s->wire->nodes[node].config;
    const struct event event = {.kind = EVENT_START};
    uint8_t seed[32] = {(uint8_t)node, 9};
    size_t bytes = (node_bytes(config) + 63) & ~(size_t)63;
    s->node[node] = aligned_alloc(64, bytes);
    cr_assert_not_null(s->node[node]);
    memset((void *)s->node[node], 0, bytes);
    node_init(s->node[node], config, seed, s->wire->host.shared);
    s->wire->nodes[node].down = false;
    wire_now(s->wire, node, &event);
}

/* The node loses its memory; its links end. */
static void crash(struct story *s, uint32_t node)
{
    for (uint32_t link = 0; link < LINKS_MAX; link++) {
        wire_cut(s->wire, node, link);
    }
    s->wire->nodes[node].down = true;
    memset(s->wire->nodes[node].pair_of, 0, sizeof(s->wire->nodes[node].pair_of));
    node_drop(s->node[node]);
    free((void *)s->node[node]);
    s->node[node] = NULL;
}

static struct story *story_new(const struct plan *plan, uint64_t seed)
{
    struct story *s = calloc(1, sizeof(*s));
    s->wire = wire_new(plan->nodes, seed, &s->genesis);
    s->wire->wall_ms = 1700000000000;
    s->wire->user = s;
    s->wire->step = step;
    s->wire->deadline = deadline;
    genesis_make(s, plan);
    for (uint32_t i = 0; i < 2 * plan->nodes; i++) {
        memcpy(s->seeds[i].node_id, s->wire->nodes[i % plan->nodes].node_id, 32);
        s->seeds[i].endpoint = wire_endpoint(i % plan->nodes);
    }
    for (uint32_t i = 0; i < plan->nodes; i++) {
        s->wire->nodes[i].config.seeds = s->seeds + i + 1;
        s->wire->nodes[i].config.seed_count = plan->nodes < 6 ? plan->nodes - 1 : 6;
        start(s, i);
    }
    return s;
}

static void run(struct story *s, uint64_t seconds)
{
    wire_run(s->wire, s->wire->now_ns + seconds * SECOND);
}

static void story_end(struct story *s)
{
    for (uint32_t i = 0; i < s->wire->count; i++) {
        if (s->node[i] != NULL) {
            node_drop(s->node[i]);
            free((void *)s->node[i]);
        }
    }
    blob_drop(s->wire->host.shared, s->genesis_state);
    cr_assert_eq(wire_end(s->wire), 0, "blobs are left");
    free(s);
}

static uint64_t least_decided(const struct story *s)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < s->wire->count; i++) {
        least = s->decided[i] < least ? s->decided[i] : least;
    }
    return least;
}

Test(finality, four_decide_and_the_others_learn)
{
    const struct plan plan = {
        .nodes = 7, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 8};
    struct story *s = story_new(&plan, 1);
    run(s, 400);
    cr_log_info("decided %lu, rounds above 0: %lu, by certificate %lu, bundles %lu, have %lu",
                least_decided(s), s->rounds, s->certificates,
                s->wire->frames_by_code[FRAME_VOTE_BUNDLE],
                s->wire->frames_by_code[FRAME_VOTE_HAVE]);
    cr_assert_geq(least_decided(s), 60);
    cr_assert_geq(s->certificates, 3 * 60);
    cr_assert_eq(s->evidence, 0);
    cr_assert_eq(s->limits, 0);
    story_end(s);
}

Test(finality, who_crashes_never_contradicts_itself)
{
    const struct plan plan = {
        .nodes = 4, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 240};
    struct story *s = story_new(&plan, 2);
    uint64_t dice = 7;
    run(s, 20);
    for (uint32_t k = 0; k < 400; k++) {
        uint32_t node = (uint32_t)(rng_splitmix64(&dice) % 4);
        wire_run(s->wire, s->wire->now_ns + rng_splitmix64(&dice) % (2 * SECOND));
        crash(s, node);
        /* Not before the wire has told that the old links are down. */
        wire_run(s->wire, s->wire->now_ns + SECOND / 10 + rng_splitmix64(&dice) % (SECOND / 2));
        start(s, node);
    }
    uint64_t before = least_decided(s);
    run(s, 60);
    cr_log_info("decided %lu, then %lu, rounds above 0: %lu", before, least_decided(s), s->rounds);
    cr_assert_eq(s->evidence, 0, "nobody honest signs two things");
    cr_assert_geq(least_decided(s), before + 5);
    cr_assert_gt(s->asked, 0);
    story_end(s);
}

/* Between the write of a vote or a lock and all that follows from it. */
Test(finality, who_crashes_while_it_writes_does_not_either)
{
    const struct plan plan = {
        .nodes = 4, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 240};
    struct story *s = story_new(&plan, 5);
    uint64_t dice = 11;
    run(s, 20);
    for (uint32_t k = 0; k < 200; k++) {
        uint32_t node = (uint32_t)(rng_splitmix64(&dice) % 4);
        uint64_t writes = rng_splitmix64(&dice) % 4; /* the next but so many */
        for (s->wrote[node] = false; !s->wrote[node] || writes-- > 0;) {
            s->wrote[node] = false;
            for (uint32_t ms = 0; ms < 20000 && !s->wrote[node]; ms++) {
                wire_run(s->wire, s->wire->now_ns + SECOND / 2000);
            }
            s->wrote[node] = true;
        }
        crash(s, node);
        wire_run(s->wire, s->wire->now_ns + SECOND / 10);
        start(s, node);
    }
    uint64_t before = least_decided(s);
    run(s, 60);
    cr_log_info("decided %lu, then %lu, rounds above 0: %lu", before, least_decided(s), s->rounds);
    cr_assert_eq(s->evidence, 0, "nobody honest signs two things");
    cr_assert_geq(least_decided(s), before + 5);
    story_end(s);
}

/* spec: chain 5 (7): with half of the weight silent the chain grows and nothing is decided; when it
 * is back, two rounds are enough. */
Test(finality, waits_for_the_silent)
{
    const struct plan plan = {
        .nodes = 4, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 240};
    struct story *s = story_new(&plan, 6);
    run(s, 60);
    crash(s, 1); /* a quarter: goes on, by a second round where the silent one proposes */
    uint64_t before = s->decided[0];
    run(s, 120);
    cr_assert_geq(s->decided[0], before + 10);
    cr_assert_gt(s->rounds, 0);
    crash(s, 2);
    before = s->decided[0];
    run(s, 300);
    cr_assert_leq(s->decided[0], before + 1);
    start(s, 1);
    start(s, 2);
    run(s, 25);
    cr_assert_geq(least_decided(s), before + 2);
    cr_assert_eq(s->evidence, 0);
    story_end(s);
}

/* One member alone has heard what ended a round, from one that is gone when all restart. It cannot
 * vote there any more; those who are still in that round go on by what it stored (found by the
 * hunt, seed 53). */
Test(finality, a_round_that_has_ended_is_known_after_a_restart)
{
    const struct plan plan = {
        .nodes = 4, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 240};
    struct story *s = story_new(&plan, 9);
    s->wire->policy.vote_have_ns = SECOND / 4;
    run(s, 50);
    s->ended = (struct ended){.phase = FIRST_DEAF, .instance = s->decided[3] + 2};
    for (uint32_t second = 0; second < 60 && s->ended.phase != FIRST_AHEAD; second++) {
        run(s, 1);
    }
    cr_assert_eq(s->ended.phase, FIRST_AHEAD);
    cr_assert_eq(s->decided[1], s->ended.instance - 1);
    for (uint32_t i = 0; i < 4; i++) {
        crash(s, i);
    }
    run(s, 1);
    s->ended.phase = HEARS_ALL;
    for (uint32_t i = 0; i < 3; i++) {
        start(s, i);
    }
    run(s, 120);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_geq(s->decided[i], s->ended.instance + 5, "node %u", i);
    }
    cr_assert_eq(s->evidence, 0);
    story_end(s);
}

/* Absence is seen on the chain, by what proposers show of called instances, and costs the seat of
 * the next committee that is drawn, and of those after it while it lasts (spec: chain 1.6). */
Test(finality, the_silent_lose_their_seats)
{
    const struct plan plan = {
        .nodes = 7, .voters = 7, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 32};
    struct story *s = story_new(&plan, 8);
    run(s, 5);
    crash(s, 6);
    run(s, 420);
    cr_log_info("decided %lu, totals %lu %lu %lu %lu %lu", s->decided[0], s->total[0], s->total[1],
                s->total[2], s->total[3], s->total[4]);
    cr_assert(s->total[0] == 7 * 5000 && s->total[1] == 7 * 5000);
    cr_assert_eq(s->total[2], 6 * 5000, "missing in epoch 0");
    cr_assert_eq(s->total[3], 6 * 5000, "missing in epoch 1");
    cr_assert_eq(s->total[4], 7 * 5000, "no member in epoch 2: not judged");
    cr_assert_eq(s->evidence, 0);
    story_end(s);
}

/* The voter index of the account of a node: accounts stand in ascending order. */
static uint16_t voter_of(const struct story *s, const struct plan *plan, uint32_t node)
{
    struct sign_secret keys[NODES];
    uint16_t voter = 0;
    for (uint32_t i = 0; i < plan->voters; i++) {
        sign_keypair(&keys[i], s->wire->nodes[i].config.account_seed);
    }
    for (uint32_t i = 0; i < plan->voters; i++) {
        voter = (uint16_t)(voter + (memcmp(keys[i].public_key, keys[node].public_key, 32) < 0));
    }
    return voter;
}

Test(finality, who_votes_twice_is_found_out)
{
    const struct plan plan = {
        .nodes = 5, .voters = 4, .target_ms = 2000, .checkpoint = 2, .depth = 1, .epoch = 240};
    struct story *s = story_new(&plan, 3);
    struct sign_secret liar;
    sign_keypair(&liar, s->wire->nodes[0].config.account_seed);
    run(s, 30);
    for (uint32_t k = 0; k < 10; k++) {
        struct vote vote = {.voter = voter_of(s, &plan, 0),
                            .kind = VOTE_PREVOTE,
                            .instance = s->decided[1] + 1,
                            .jr = -1};
        uint8_t votes[VOTE_BYTES];
        uint8_t frame[VOTE_BYTES + 8];
        size_t len;
        memset(vote.value, 0xbb, 32);
        vote_sign(&vote, s->genesis.hash, &liar);
        vote_encode(votes, &vote);
        const struct frame_vote_bundle bundle = {.votes = {.data = votes, .count = 1}};
        cr_assert_eq(frame_vote_bundle_encode(frame, sizeof(frame), &len, &bundle), ERR_OK);
        wire_inject(s->wire, 1, wire_link(s->wire, 1, 2), span_of(frame, len));
        run(s, 10);
    }
    cr_log_info("decided %lu, evidence %lu", least_decided(s), s->evidence);
    cr_assert_geq(least_decided(s), 10);
    cr_assert_geq(s->evidence, 20, "everybody who votes sees both");
    cr_assert_eq(s->offender, load64(liar.public_key));
    story_end(s);
}

/* Decision 3: bundles keep the committee's talk small. */
Test(finality, bundles_carry_many_votes)
{
    const struct plan plan = {
        .nodes = 40, .voters = 40, .target_ms = 15000, .checkpoint = 4, .depth = 2, .epoch = 240};
    struct story *s = story_new(&plan, 4);
    run(s, 1200);
    uint64_t decided = least_decided(s);
    uint64_t bundles = s->wire->frames_by_code[FRAME_VOTE_BUNDLE];
    uint64_t links = 0;
    for (uint32_t i = 0; i < plan.nodes; i++) {
        for (uint32_t l = 0; l < LINKS_MAX; l++) {
            links += s->wire->nodes[i].pair_of[l] != 0;
        }
    }
    cr_log_info("decided %lu, bundles %lu, proposals %lu, have %lu, ihave %lu, links %lu", decided,
                bundles, s->wire->frames_by_code[FRAME_PROPOSAL],
                s->wire->frames_by_code[FRAME_VOTE_HAVE],
                s->wire->frames_by_code[FRAME_DECISION_IHAVE], links);
    cr_assert_geq(decided, 15);
    cr_assert_leq(bundles, decided * plan.nodes * 160);
    cr_assert_eq(s->evidence, 0);
    cr_assert_eq(s->limits, 0);
    story_end(s);
}
