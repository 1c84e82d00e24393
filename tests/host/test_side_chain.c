/* A peer with a quarter of the stake and no shame feeds blocks that obey every rule of blocks,
 * endlessly: on its own branch, as deep as the dates allow, and more and more of them for one
 * height. */
#include <criterion/criterion.h>

#include "node/chain/accept.h"
#include "node/chain/chain_private.h"
#include "node/core/view.h"
#include "node/crypto/vrf.h"
#include "node/wire/frames.h"
#include "tests/host/rogue.h"
#include "tests/support/ctx.h"

enum { HONEST = 3, TREE_ROOM = 64, VARIANTS = 16 };

static struct net net;
static uint64_t wanted;

static bool final_wanted(const struct net *n)
{
    return net_final(n, wanted);
}

static uint64_t final_most(void)
{
    uint64_t most = 0;
    for (size_t i = 0; i < HONEST; i++) {
        most = net.nodes[i].final_height > most ? net.nodes[i].final_height : most;
    }
    return most;
}

static const struct chain *chain_of(size_t node)
{
    return node_chain(host_node(net.nodes[node].host));
}

struct feeder {
    struct rogue rogue;
    struct test_host host; /* its store is not used: states are looked up in that of the net */
    struct sign_secret account;
    struct vrf_secret vrf;
    uint8_t top[32]; /* the newest block of the branch */
    uint32_t fee_multiplier;
    uint64_t fed;
    bool slashed;
};

static void feeder_begin(struct feeder *f)
{
    const struct node_config *config = &net.nodes[HONEST].config;
    test_host_init(&f->host, 1, TEST_MEMO_ON);
    f->host.c.shared = net.shared;
    f->host.c.config = config;
    sign_keypair(&f->account, config->account_seed);
    vrf_keypair(&f->vrf, config->vrf_seed);
    f->fee_multiplier = 1;
}

static void feeder_end(struct feeder *f)
{
    f->host.c.shared = f->host.shared;
    cr_assert_eq(test_host_end(&f->host), 0);
    rogue_end(&f->rogue);
}

/* The header of a child: everything but what it holds. False: not at this time, or never. */
static bool header_draw(struct feeder *f, struct header *header, uint8_t beta[64],
                        struct params *params, uint32_t parent)
{
    const struct chain *chain = chain_of(0);
    const struct tree_entry *above = chain_entry(chain, parent);
    uint8_t alpha[ALPHA_BYTES];
    uint64_t stake;
    uint64_t delay_ms;

    *header = (struct header){.version = HEADER_VERSION, .height = above->height + 1};
    memcpy(header->signer, f->account.public_key, 32);
    memcpy(header->genesis, net.genesis.hash, 32);
    memcpy(header->parent, above->id, 32);
    cr_assert_eq(state_params(params, net.shared, above->state_root), ERR_OK);
    cr_assert_eq(stake_effective(&stake, net.shared, above->state_root, params, above->height,
                                 header->signer),
                 ERR_OK);
    f->slashed = stake == 0;
    if (f->slashed) {
        return false;
    }
    header->bt = accept_child_bt(net.shared, params, &chain->tree, parent);
    production_alpha(alpha, above->gs, header->height);
    cr_assert_eq(vrf_prove(header->pi, beta, &f->vrf, span_of(alpha, sizeof(alpha))), ERR_OK);
    if (production_delay_ms(&delay_ms, params, beta, stake, header->bt) != ERR_OK) {
        return false;
    }
    header->ts_ms = above->ts_ms + delay_ms;
    return header->ts_ms <= host_now(net.nodes[0].host).wall_ms;
}

static void header_send(struct feeder *f, struct header *header, const uint8_t beta[64])
{
    uint8_t bytes[HEADER_BYTES];
    uint8_t frame[HEADER_BYTES + 16];
    const struct frame_block_compact compact = {.header = span_of(bytes, HEADER_BYTES)};
    const struct chain *chain = chain_of(0);
    const struct blob *state;
    struct ctx *c = &f->host.c;
    bool taken[1];
    size_t len;

    header->fee_multiplier = ++f->fee_multiplier;
    block_tx_root(header->tx_root, NULL, 0);
    uint32_t parent = chain_find(chain, header->parent);
    cr_assert_eq(execute_draft(header->state_root, &state, taken, c, &net.genesis,
                               chain_entry(chain, parent)->state_root, header, beta, NULL, 0),
                 ERR_OK);
    header_encode(bytes, header);
    header_sign(bytes, &f->account);
    if (f->fee_multiplier % VARIANTS == 0) {
        header_id(f->top, bytes);
    }
    cr_assert_eq(frame_block_compact_encode(frame, sizeof(frame), &len, &compact), ERR_OK);
    rogue_send(&f->rogue, frame, (uint32_t)len, (uint32_t)len);
    f->fed++;
    blob_drop(net.shared, state);
    arena_reset(&f->host.scratch);
}

/* One block more, on the newest of the branch or beside it; a branch that finality cut off is begun
 * again. */
static bool feed(struct feeder *f)
{
    const struct chain *chain = chain_of(0);
    struct header header;
    struct params params;
    uint8_t beta[64];
    uint32_t top = chain_find(chain, f->top);

    if (top == TREE_NONE) {
        top = chain_final(chain);
    }
    for (uint32_t parent = top; parent != TREE_NONE; parent = chain_entry(chain, parent)->parent) {
        if (header_draw(f, &header, beta, &params, parent)) {
            header_send(f, &header, beta);
            return true;
        }
    }
    return false;
}

/* More blocks than there is room for, before anything else can happen. */
static void feed_much(struct feeder *f)
{
    while (f->fed < 2 * TREE_ROOM) {
        if (!feed(f)) {
            cr_assert_eq(f->fed, 0, "one block may be signed, so another may");
            net_run(&net, 20, NULL);
        }
    }
}

/* Trees stay within their limit, which is traced; the nodes go on with blocks and finality all the
 * time; who signs like that is slashed, and in the end may sign nothing any more. */
Test(side_chain, endless, .timeout = 300)
{
    struct feeder f = {.fed = 0};
    struct store_stats before;
    struct store_stats after;
    net_open(&net, HONEST + 1, 500, NET_IPV4);
    net.policy.tree_entries_max = TREE_ROOM;
    for (size_t i = 0; i < HONEST; i++) {
        net_start(&net, i);
    }
    wanted = 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    feeder_begin(&f);
    rogue_link(&f.rogue, &net, 0, 1, NOISE_XX);
    rogue_hello(&f.rogue);
    feed_much(&f);
    wanted = final_most() + 12;
    store_stats(net.shared, &before);
    for (int turn = 0; turn < 3 * WAIT_MS / 5 && !(f.slashed && final_wanted(&net)); turn++) {
        bool fed = feed(&f);
        net_run(&net, fed ? 0 : 5, NULL);
        (void)raw_closed(f.rogue.s); /* what the node sends does not interest it */
        for (size_t i = 0; i < HONEST; i++) {
            cr_assert_leq(chain_of(i)->tree.count, TREE_ROOM);
        }
    }
    cr_assert(f.slashed);
    cr_assert(final_wanted(&net), "fed %llu", (unsigned long long)f.fed);
    cr_assert_gt(net.nodes[0].tree_full, 0);
    cr_assert_eq(net.nodes[1].misbehaved + net.nodes[2].misbehaved, 0, "honest nodes blame nobody");
    store_stats(net.shared, &after);
    cr_assert_leq(after.plain + after.named, before.plain + before.named + 1000, "%llu then %llu",
                  (unsigned long long)(before.plain + before.named),
                  (unsigned long long)(after.plain + after.named));
    feeder_end(&f);
    net_close(&net);
}
