/* What a block may hold, coded a second time beside node/chain/execute.c (spec: chain 1.7; decision
 * 15): nonces of a sender follow each other, nothing is expired, one offence is punished once on a
 * chain. And the shape of the state: a tree of named blobs that is canonical, so that one set of
 * leaves has one root. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/state.h"
#include "node/chain/tx.h"
#include "node/wire/codec.h"
#include "sim/check/check_private.h"

#define TXS_LOOKED_AT 512 /* of one block */

static void refused(struct checks *checks, const struct replayed *block, const char *what,
                    const char *why, uint64_t value)
{
    check_fail(checks, CHECK_BROKEN,
               "%s: block %016" PRIx64 " of height %" PRIu64 " was accepted, but %s %" PRIu64, what,
               load64(block->id), block->height, why, value);
}

/* --- evidence --- */

/* The offence as a mark: who, when (instance or height), votes or headers. 0: unreadable. */
static uint64_t offence_mark(struct span body)
{
    struct reader r;
    struct vote vote;
    struct header header;

    reader_init(&r, body);
    uint8_t kind = reader_u8(&r);
    struct span first = reader_bytes(&r, 512);
    if (r.err != ERR_OK) {
        return 0;
    }
    if (kind == EVIDENCE_H && header_decode(&header, first) == ERR_OK) {
        return load64(header.signer) ^ header.height << 1 ^ 1;
    }
    if (kind != EVIDENCE_H && first.len == SIGNED_VOTE_BYTES &&
        vote_body_decode(&vote, first.data + 32) == ERR_OK) {
        return load64(first.data) ^ vote.instance << 1;
    }
    return 0;
}

static void evidence_check(struct checks *checks, uint32_t index, struct span body)
{
    struct ledger *ledger = &checks->ledger;
    const struct replayed *blocks = checks->replay.blocks;
    uint64_t mark = offence_mark(body);

    for (uint32_t at = index; mark != 0 && at != REPLAY_NONE; at = blocks[at].parent) {
        for (uint32_t i = 0; i < ledger->count; i++) {
            if (ledger->punished[i].block == at && ledger->punished[i].mark == mark) {
                refused(checks, &blocks[index], "evidence",
                        "its evidence was punished before, in a block of height",
                        blocks[at].height);
                return;
            }
        }
    }
    if (mark != 0 && ledger->count < PUNISHED_MAX) {
        ledger->punished[ledger->count++] = (struct punished){.block = index, .mark = mark};
    }
}

/* --- transactions --- */

static void txs_check(struct checks *checks, uint32_t index, const struct block_view *view)
{
    const struct replayed *block = &checks->replay.blocks[index];
    const struct replayed *parent = &checks->replay.blocks[block->parent];
    struct tx txs[TXS_LOOKED_AT];
    struct span rest = view->txs;
    struct span bytes;
    size_t count = 0;

    while (count < TXS_LOOKED_AT && block_next_tx(&bytes, &rest) == ERR_OK) {
        struct tx *tx = &txs[count];
        struct account sender;
        if (tx_decode(tx, bytes) != ERR_OK ||
            state_account(&sender, checks->replay.shared, parent->root, tx->sender) != ERR_OK) {
            return;
        }
        uint64_t nonce = sender.nonce;
        for (size_t i = 0; i < count; i++) {
            nonce += memcmp(txs[i].sender, tx->sender, 32) == 0;
        }
        count++;
        if (tx->nonce != nonce) {
            refused(checks, block, "nonce", "a transaction has not the nonce", nonce);
        }
        if (tx->expiry < block->height) {
            refused(checks, block, "nonce", "a transaction expired at height", tx->expiry);
        }
        checks->ledger.withdrawals += tx->type == TX_withdraw;
        if (tx->type == TX_evidence) {
            evidence_check(checks, index, tx->body);
        }
    }
}

/* --- the shape of the state --- */

static bool bit(const uint8_t key[32], unsigned depth)
{
    return (key[depth / 8] >> (7 - depth % 8) & 1) != 0;
}

/* What is wrong below, or NULL. path: the bits that led here. */
static const char *shape(struct checks *checks, const uint8_t hash[32], uint8_t path[32],
                         unsigned depth, bool *leaf)
{
    const struct blob *blob = blob_name_get(checks->replay.shared, hash);
    struct state_node node;
    uint8_t got[32];

    if (blob == NULL || depth > 255 ||
        state_node_decode(&node, span_of(blob->data, blob->len)) != ERR_OK) {
        return "a node cannot be read";
    }
    state_node_hash(got, &node);
    if (memcmp(got, hash, 32) != 0) {
        return "a node is not what its name says";
    }
    *leaf = node.key != NULL;
    if (*leaf) {
        for (unsigned i = 0; i < depth; i++) {
            if (bit(node.key, i) != bit(path, i)) {
                return "a leaf stands where its key does not lead";
            }
        }
        return NULL;
    }
    const uint8_t *side[2] = {node.left, node.right};
    bool lone = false;
    for (unsigned s = 0; s < 2; s++) {
        uint8_t mask = (uint8_t)(1u << (7 - depth % 8));
        path[depth / 8] = (uint8_t)((path[depth / 8] & ~mask) | (s != 0 ? mask : 0));
        bool below = false;
        const char *wrong =
            side[s] == NULL ? NULL : shape(checks, side[s], path, depth + 1, &below);
        if (wrong != NULL) {
            return wrong;
        }
        lone |= below && side[1 - s] == NULL;
    }
    return lone ? "a lone leaf stands below a node" : NULL;
}

static void state_check(struct checks *checks, const struct replayed *block)
{
    static const uint8_t empty[32];
    uint8_t path[32] = {0};
    bool leaf;

    if (block->height % checks->params->checkpoint_blocks != 0 ||
        memcmp(block->root, empty, 32) == 0) {
        return;
    }
    const char *wrong = shape(checks, block->root, path, 0, &leaf);
    checks->ledger.shapes++;
    if (wrong != NULL) {
        check_fail(checks, CHECK_BROKEN,
                   "root: the state %016" PRIx64 " after block %016" PRIx64 " of height %" PRIu64
                   " is not canonical: %s",
                   load64(block->root), load64(block->id), block->height, wrong);
    }
}

void ledger_block(struct checks *checks, uint32_t index, struct span bytes)
{
    struct block_view view;

    if (block_view(&view, bytes) == ERR_OK) {
        txs_check(checks, index, &view);
    }
    state_check(checks, &checks->replay.blocks[index]);
}
