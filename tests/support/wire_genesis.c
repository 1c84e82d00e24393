#include "tests/support/wire_genesis.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/record.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static size_t record_write(uint8_t out[RECORD_BYTES_MAX], const struct wire_node *node)
{
    struct vrf_secret vrf;
    uint8_t zeros[32] = {0};
    uint8_t end[ENDPOINT_BYTES] = {0};
    struct writer w;
    size_t len;
    vrf_keypair(&vrf, node->config.vrf_seed);
    memcpy(end, node->config.endpoint.address, 16);
    end[16] = (uint8_t)(node->config.endpoint.port >> 8);
    end[17] = (uint8_t)node->config.endpoint.port;
    struct node_record record = {.node_id = node->node_id,
                                 .endpoints = {.data = end, .count = 1},
                                 .onion = zeros,
                                 .vrf = vrf.public_key,
                                 .roles = 1,
                                 .metadata = zeros};
    writer_init(&w, out, RECORD_BYTES_MAX);
    node_record_write(&w, &record);
    invariant(writer_end(&w, &len) == ERR_OK);
    return len;
}

void wire_genesis(struct wire *wire, struct genesis *genesis, const struct blob **state,
                  uint8_t bytes[WIRE_GENESIS_BYTES], struct genesis *facts, uint32_t accounts)
{
    static struct genesis_account rich[WIRE_NODES_MAX];
    static struct genesis_node nodes[WIRE_NODES_MAX];
    static uint8_t records[WIRE_NODES_MAX][RECORD_BYTES_MAX];
    size_t len;
    memset(facts->seed, 0x5e, 32);
    for (uint32_t i = 0; i < accounts; i++) {
        struct wire_node *node = &wire->nodes[i];
        struct sign_secret account;
        store64(node->config.account_seed, i + 1);
        node->config.account_seed[31] = 1;
        store64(node->config.vrf_seed, i + 1);
        node->config.vrf_seed[31] = 2;
        sign_keypair(&account, node->config.account_seed);
        memcpy(rich[i].key, account.public_key, 32);
        rich[i].free = 1000 * TOKEN_ATOMIC;
        rich[i].bonded = 5000 * TOKEN_ATOMIC;
        memcpy(nodes[i].owner, rich[i].key, 32);
        nodes[i].record = span_of(records[i], record_write(records[i], node));
    }
    qsort(rich, accounts, sizeof(rich[0]), by_key);
    qsort(nodes, accounts, sizeof(nodes[0]), by_key);
    invariant(genesis_encode(bytes, WIRE_GENESIS_BYTES, &len, facts, rich, accounts, nodes,
                             accounts) == ERR_OK);
    invariant(genesis_decode(genesis, span_of(bytes, len)) == ERR_OK);
    invariant(genesis_build_state(genesis, state, wire->host.shared, &wire->host.scratch) ==
              ERR_OK);
    arena_reset(&wire->host.scratch);
}
