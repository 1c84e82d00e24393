#include "node/base/invariant.h"
#include "node/chain/relay_private.h"
#include "node/crypto/hash.h"
#include "node/seam/config.h"

size_t relay_bytes(const struct node_config *config)
{
    (void)config;
    return relay_head_bytes() + RELAY_TXS_MAX * sizeof(struct relay_tx);
}

size_t relay_head_bytes(void)
{
    return node_part_bytes(sizeof(struct relay));
}

void relay_init(struct relay *relay, const struct node_config *config, struct chain *chain,
                struct overlay *overlay)
{
    relay_init_apart(relay, (uint8_t *)relay + relay_head_bytes(), config, chain, overlay);
}

void relay_init_apart(struct relay *relay, void *room, const struct node_config *config,
                      struct chain *chain, struct overlay *overlay)
{
    uint8_t key[32];
    hash256(key, config->node_seed, 32);
    relay->config = config;
    relay->chain = chain;
    relay->overlay = overlay;
    relay->txs.entries = room;
    relay->txs.key = load64(key);
    relay->flush_ns = relay->want_ns = relay->block_ns = DEADLINE_NONE;
    simblock_init(relay);
}

void relay_drop(struct relay *relay)
{
    while (relay->txs.here.first != TX_NONE) {
        tx_forget(relay, tx_at(&relay->txs, relay->txs.here.first));
    }
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        relay_block_reset(relay, &relay->blocks[i]);
        relay->blocks[i].state = RELAY_BLOCK_FREE;
    }
}

enum err relay_fault(enum err err)
{
    switch (err) {
    case ERR_DUPLICATE:
    case ERR_UNKNOWN:
    case ERR_EARLY:
    case ERR_STALE:
    case ERR_FULL:
    case ERR_NONCE:
    case ERR_BALANCE:
    case ERR_FEE:
    case ERR_EXPIRED:
    case ERR_BUSY:
        return ERR_OK;
    default:
        return err;
    }
}

void relay_send_code(struct ctx *c, uint32_t link, uint8_t code)
{
    ctx_send_bytes(c, 1ull << link, span_of(&code, 1));
}

void relay_send_id(struct ctx *c, uint32_t link, uint8_t code, const uint8_t id[32])
{
    uint8_t frame[33];
    frame[0] = code;
    memcpy(frame + 1, id, 32);
    ctx_send_bytes(c, 1ull << link, span_of(frame, sizeof(frame)));
}

void relay_link_ready(struct relay *relay, struct ctx *c, uint32_t link)
{
    uint64_t bit = 1ull << link;
    relay->shared = c->shared;
    relay->block_eager |= bit;
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        relay->blocks[i].known &= ~bit;
    }
    relay_tx_ready(relay, c, link);
}

void relay_link_down(struct relay *relay, struct ctx *c, uint32_t link)
{
    uint64_t bit = 1ull << link;
    relay->tx_eager &= ~bit;
    relay->block_eager &= ~bit;
    for (uint32_t i = 0; i < RELAY_BLOCKS_MAX; i++) {
        struct relay_block *block = &relay->blocks[i];
        if (block->state == RELAY_BLOCK_REBUILD && block->link == link) {
            block->due_ns = c->mono_ns;
            relay->block_ns = c->mono_ns;
        }
    }
}

enum err relay_frame(struct relay *relay, struct ctx *c, uint32_t link, const struct blob *frame,
                     struct chain_news *news)
{
    relay->shared = c->shared;
    if (frame->len == 0) {
        return ERR_TRUNCATED;
    }
    return frame->data[0] >> 4 == FRAME_TX >> 4 ? relay_tx_frame(relay, c, link, frame)
                                                : relay_block_frame(relay, c, link, frame, news);
}

void relay_fetch(const struct relay *relay, const struct blob *frame)
{
    if (frame->len > 1 && frame->data[0] == FRAME_TX) {
        tx_fetch_frame(&relay->txs, frame);
    }
}

void relay_wake(struct relay *relay, struct ctx *c)
{
    relay_tx_wake(relay, c);
    relay_block_wake(relay, c);
}

uint64_t relay_deadline_ns(const struct relay *relay)
{
    uint64_t least = relay->flush_ns < relay->want_ns ? relay->flush_ns : relay->want_ns;
    return relay->block_ns < least ? relay->block_ns : least;
}
