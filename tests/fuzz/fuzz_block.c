/* The first byte asks: the rest as a block, a header, two votes, or a genesis. Refused, or accepted
 * with exactly one encoding, which is those bytes. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/block.h"
#include "node/chain/genesis.h"
#include "node/chain/vote.h"
#include "node/wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No signature is checked here, so the memo is never asked. */
bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len)
{
    (void)shared, (void)kind, (void)key, (void)value, (void)len;
    return false;
}

void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len)
{
    (void)shared, (void)kind, (void)key, (void)value, (void)len;
}

static void *room(size_t bytes)
{
    void *p = malloc(bytes + 1);
    invariant(p != NULL);
    return p;
}

static void try_block(struct span bytes)
{
    struct block_view view;
    if (block_view(&view, bytes) != ERR_OK) {
        return;
    }
    struct span *txs = room(view.tx_count * sizeof(*txs));
    struct span rest = view.txs;
    for (size_t i = 0; i < view.tx_count; i++) {
        invariant(block_next_tx(&txs[i], &rest) == ERR_OK);
    }
    struct span none;
    invariant(block_next_tx(&none, &rest) == ERR_NOT_FOUND);
    uint8_t *again = room(bytes.len);
    size_t len;
    invariant(block_build(again, bytes.len, &len, view.header.data, txs, view.tx_count) == ERR_OK);
    invariant(len == bytes.len && memcmp(again, bytes.data, len) == 0);
    free(again);
    free(txs);
}

static void try_header(struct span bytes)
{
    struct header header;
    uint8_t again[HEADER_BYTES];
    if (header_decode(&header, bytes) == ERR_OK) {
        header_encode(again, &header);
        invariant(memcmp(again, bytes.data, HEADER_BYTES) == 0);
    }
}

static void try_votes(struct span bytes)
{
    struct vote votes[2];
    uint8_t again[VOTE_BYTES];
    enum evidence_kind kinds[2];
    if (bytes.len < 2 * VOTE_BYTES) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (vote_decode(&votes[i], bytes.data + i * VOTE_BYTES) != ERR_OK) {
            return;
        }
        vote_encode(again, &votes[i]);
        invariant(memcmp(again, bytes.data + i * VOTE_BYTES, VOTE_BYTES) == 0);
    }
    enum err one = evidence_classify(&kinds[0], &votes[0], &votes[1]);
    enum err two = evidence_classify(&kinds[1], &votes[1], &votes[0]);
    invariant(one == two && (one != ERR_OK || kinds[0] == kinds[1]));
    invariant(evidence_classify(&kinds[0], &votes[0], &votes[0]) != ERR_OK);
}

static void try_genesis(struct span bytes)
{
    struct genesis genesis;
    if (genesis_decode(&genesis, bytes) != ERR_OK) {
        return;
    }
    struct genesis_account *accounts = room(genesis.accounts.count * sizeof(*accounts));
    struct genesis_node *nodes = room(genesis.node_count * sizeof(*nodes));
    for (size_t i = 0; i < genesis.accounts.count; i++) {
        genesis_account_at(&accounts[i], &genesis, i);
    }
    struct span rest = genesis.nodes;
    for (size_t i = 0; i < genesis.node_count; i++) {
        invariant(genesis_next_node(&nodes[i], &rest));
    }
    uint8_t *again = room(bytes.len);
    size_t len;
    invariant(genesis_encode(again, bytes.len, &len, &genesis, accounts, genesis.accounts.count,
                             nodes, genesis.node_count) == ERR_OK);
    invariant(len == bytes.len && memcmp(again, bytes.data, len) == 0);
    free(again);
    free(accounts);
    free(nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct span rest = span_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        try_block(rest);
        break;
    case 1:
        try_header(rest);
        break;
    case 2:
        try_votes(rest);
        break;
    default:
        try_genesis(rest);
        break;
    }
    return 0;
}
