/* What every strategy may do. */
#include "node/chain/block.h"
#include "node/chain/overlay.h"
#include "node/crypto/vrf.h"
#include "sim/adversary/private.h"

uint32_t act_self(const struct act *a)
{
    return a->adversary->node;
}

const struct adversary_link *act_link(const struct act *a, uint32_t link)
{
    return &a->adversary->links[link];
}

uint64_t act_ready(const struct act *a)
{
    return overlay_ready(node_overlay(a->node));
}

bool act_colluder(const struct act *a, uint32_t node)
{
    return node != NODE_UNKNOWN && fault_set_has(&a->line->nodes, node);
}

uint64_t act_links(const struct act *a, bool colluders)
{
    uint64_t mask = 0;

    for (uint64_t left = act_ready(a); left != 0; left &= left - 1) {
        uint32_t link = (uint32_t)__builtin_ctzll(left);
        const struct adversary_link *l = act_link(a, link);
        if (l->up && act_colluder(a, l->peer) == colluders) {
            mask |= UINT64_C(1) << link;
        }
    }
    return mask;
}

bool act_colluding_key(const struct act *a, const uint8_t account[32])
{
    const struct adversaries *all = a->adversary->all;

    for (uint32_t r = 0, node = 0; r < a->line->nodes.count; node++) {
        if (!fault_set_has(&a->line->nodes, node)) {
            continue;
        }
        if (memcmp(all->accounts[node], account, 32) == 0) {
            return true;
        }
        r++;
    }
    return false;
}

const uint8_t *act_account(const struct act *a)
{
    return a->adversary->all->accounts[a->adversary->node];
}

bool act_account_of(const struct act *a, uint32_t node, uint8_t account[32])
{
    static const uint8_t none[32];
    const struct adversaries *all = a->adversary->all;

    if (node >= all->config.nodes || memcmp(all->accounts[node], none, 32) == 0) {
        return false;
    }
    memcpy(account, all->accounts[node], 32);
    return true;
}

void act_seeds_of(const struct act *a, uint32_t node, uint8_t account_seed[32],
                  struct vrf_secret *vrf)
{
    uint8_t vrf_seed[32];

    invariant(act_colluder(a, node));
    a->adversary->all->config.seeds(a->adversary->all->config.world, node, account_seed, vrf_seed);
    vrf_keypair(vrf, vrf_seed);
}

void act_stakes(const struct act *a, uint64_t *colluding, uint64_t *all_stake)
{
    const struct adversaries *all = a->adversary->all;

    *colluding = 0;
    *all_stake = 0;
    for (uint32_t node = 0; node < all->config.nodes; node++) {
        *all_stake += all->stake[node];
        *colluding += fault_set_has(&a->line->nodes, node) ? all->stake[node] : 0;
    }
}

uint64_t act_draw(struct act *a)
{
    return draw(a->adversary->all->config.seed, DRAW_ADVERSARY, a->adversary->node, a->line_number,
                a->adversary->draws++);
}

uint64_t act_draw_of(const struct act *a, uint32_t node, uint64_t key)
{
    return draw(a->adversary->all->config.seed, DRAW_ADVERSARY, node, ~a->line_number, key);
}

uint64_t act_others_differ(const struct act *a)
{
    return a->adversary->all->others_differ[a->line_number];
}

bool act_lot(const struct act *a, uint32_t peer, uint64_t instance, uint64_t round)
{
    return (act_draw_of(a, peer, rng_mix64(instance ^ round << 32)) & 1) != 0;
}

void act_trace(struct act *a, enum adversary_deed deed, uint64_t value, uint64_t second)
{
    const struct adversaries_config *config = &a->adversary->all->config;
    uint64_t values[TRACE_VALUES_MAX] = {a->line_number, (uint64_t)deed, value, second};

    config->trace(config->world, a->thread, a->adversary->node, a->now_ns, values);
}

void act_send(struct act *a, uint64_t link_mask, const struct blob *frame)
{
    for (; link_mask != 0; link_mask &= link_mask - 1) {
        ctx_send(&a->c, (uint32_t)__builtin_ctzll(link_mask), frame);
    }
}

void act_send_bytes(struct act *a, uint64_t link_mask, const uint8_t *data, size_t len)
{
    ctx_send_bytes(&a->c, link_mask, span_of(data, len));
}

void act_deliver(struct act *a, uint32_t link, const struct blob *frame, uint64_t at_ns)
{
    adversary_hold(a->adversary, link, blob_keep(a->c.shared, frame), at_ns, true);
}

uint32_t act_nth(const struct fault_set *set, uint32_t nth)
{
    for (uint32_t node = 0, seen = 0; seen < set->count; node++) {
        if (fault_set_has(set, node) && seen++ == nth) {
            return node;
        }
    }
    return NODE_UNKNOWN;
}

void act_peer_of(const struct act *a, uint32_t node, uint8_t item[FRAME_PEER_BYTES])
{
    const struct adversaries_config *config = &a->adversary->all->config;

    config->peer(config->world, node, item);
}

uint32_t act_node_of(const struct act *a, const struct endpoint *endpoint)
{
    const struct adversaries_config *config = &a->adversary->all->config;

    return config->node_of(endpoint, config->nodes);
}

void act_connect(struct act *a, uint32_t node)
{
    static const uint8_t anybody[32];
    uint8_t item[FRAME_PEER_BYTES];
    struct endpoint to;

    act_peer_of(a, node, item);
    memcpy(to.address, item + 32, 16);
    to.port = (uint16_t)(item[48] << 8 | item[49]);
    ctx_connect(&a->c, &to, anybody);
}

bool act_block(struct block_seen *seen, const struct blob *frame)
{
    struct span bytes = span_of(frame->data, frame->len);
    struct header header;
    struct span at;

    if (frame_code(bytes) == FRAME_BLOCK_COMPACT) {
        struct frame_block_compact m;
        if (frame_block_compact_decode(&m, bytes) != ERR_OK) {
            return false;
        }
        at = m.header;
    } else if (frame_code(bytes) == FRAME_BLOCK) {
        struct frame_block m;
        if (frame_block_decode(&m, bytes) != ERR_OK || m.block.len < HEADER_BYTES) {
            return false;
        }
        at = span_of(m.block.data, HEADER_BYTES);
    } else {
        return false;
    }
    if (header_decode(&header, at) != ERR_OK) {
        return false;
    }
    header_id(seen->id, at.data);
    memcpy(seen->signer, header.signer, 32);
    memcpy(seen->parent, header.parent, 32);
    seen->header = at.data;
    seen->height = header.height;
    seen->bt = header.bt;
    return true;
}
