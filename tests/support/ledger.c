#include "tests/support/ledger.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/record.h"
#include "node/crypto/hash.h"

#define GENESIS_CAPACITY ((size_t)1 << 20)
#define TXS_CAPACITY ((size_t)4 << 20)
#define BLOCK_CAPACITY ((size_t)4 << 20)

static int secret_compare(const void *a, const void *b)
{
    return memcmp(((const struct sign_secret *)a)->public_key,
                  ((const struct sign_secret *)b)->public_key, 32);
}

size_t ledger_record(uint8_t *out, const struct ledger *ledger, size_t node, size_t vrf,
                     uint16_t port)
{
    uint8_t endpoint[ENDPOINT_BYTES] = {0xfd, 1};
    endpoint[16] = (uint8_t)(port >> 8);
    endpoint[17] = (uint8_t)port;
    uint8_t onion[32] = {7};
    struct node_record record = {.node_id = ledger->node[node].public_key,
                                 .endpoints = {.data = endpoint, .count = 1},
                                 .onion = onion,
                                 .vrf = ledger->vrf[vrf].public_key,
                                 .roles = ROLE_RELAY,
                                 .metadata = onion};
    struct writer w;
    writer_init(&w, out, RECORD_BYTES_MAX);
    node_record_write(&w, &record);
    size_t len;
    invariant(writer_end(&w, &len) == ERR_OK);
    return len;
}

static void genesis_make(struct ledger *ledger, const struct ledger_config *config)
{
    static struct genesis_account accounts[LEDGER_ACCOUNTS_MAX];
    static struct genesis_node nodes[LEDGER_ACCOUNTS_MAX];
    static uint8_t records[LEDGER_ACCOUNTS_MAX][RECORD_BYTES_MAX];
    for (size_t i = 0; i < config->accounts; i++) {
        memcpy(accounts[i].key, ledger->account[i].public_key, 32);
        accounts[i].free = config->free;
        accounts[i].bonded = config->bonded == 0 ? 0 : config->bonded + i * config->bonded_step;
    }
    for (size_t i = 0; i < config->nodes; i++) {
        memcpy(nodes[i].owner, ledger->account[i].public_key, 32);
        nodes[i].record = span_of(records[i], ledger_record(records[i], ledger, i, i, 1000));
    }
    struct genesis facts = {.network = 1, .ts_ms = 1000, .params = config->params};
    memset(facts.seed, 0x5e, sizeof(facts.seed));
    memcpy(facts.governor, ledger->account[0].public_key, 32);
    size_t len;
    invariant(genesis_encode(ledger->genesis_bytes, GENESIS_CAPACITY, &len, &facts, accounts,
                             config->accounts, nodes, config->nodes) == ERR_OK);
    invariant(genesis_decode(&ledger->genesis, span_of(ledger->genesis_bytes, len)) == ERR_OK);
}

void ledger_init(struct ledger *ledger, const struct ledger_config *config)
{
    memset(ledger, 0, sizeof(*ledger));
    invariant(config->accounts <= LEDGER_ACCOUNTS_MAX && config->nodes <= config->accounts);
    test_host_init(&ledger->host, config->seed, config->memo);
    ledger->genesis_bytes = malloc(GENESIS_CAPACITY);
    ledger->txs = malloc(TXS_CAPACITY);
    invariant(ledger->genesis_bytes != NULL && ledger->txs != NULL);
    ledger->accounts = config->accounts;
    for (size_t i = 0; i < config->accounts; i++) {
        uint8_t seed[32];
        rng_bytes(&ledger->host.rng, seed, sizeof(seed));
        sign_keypair(&ledger->account[i], seed);
        seed[0] ^= 1;
        sign_keypair(&ledger->node[i], seed);
        seed[0] ^= 2;
        vrf_keypair(&ledger->vrf[i], seed);
    }
    qsort(ledger->account, config->accounts, sizeof(ledger->account[0]), secret_compare);
    genesis_make(ledger, config);
    invariant(genesis_build_state(&ledger->genesis, &ledger->blob, ledger->host.shared,
                                  &ledger->host.scratch) == ERR_OK);
    memcpy(ledger->root, ledger->genesis.state_root, 32);
}

uint64_t ledger_end(struct ledger *ledger)
{
    blob_drop(ledger->host.shared, ledger->blob);
    free(ledger->genesis_bytes);
    free(ledger->txs);
    return test_host_end(&ledger->host);
}

const uint8_t *ledger_key(const struct ledger *ledger, size_t account)
{
    return ledger->account[account].public_key;
}

void ledger_account(struct account *account, struct ledger *ledger, size_t index)
{
    invariant(state_account(account, ledger->host.shared, ledger->root,
                            ledger_key(ledger, index)) == ERR_OK);
}

size_t ledger_registration(uint8_t *out, const struct ledger *ledger, size_t owner, size_t node,
                           size_t vrf, uint16_t port)
{
    size_t len = ledger_record(out, ledger, node, vrf, port);
    const uint8_t *key = ledger_key(ledger, owner);
    struct sign_message message;
    tx_node_message(&message, ledger->genesis.hash, key, span_of(out, len));
    sign_make(out + len, &ledger->node[node], &message);
    len += SIGN_BYTES;
    if (ledger->genesis.params.vrf == 0) {
        memset(out + len, 0, VRF_PROOF_BYTES);
    } else {
        uint8_t alpha[TX_NODE_ALPHA_BYTES];
        uint8_t beta[VRF_BETA_BYTES];
        tx_node_alpha(alpha, ledger->genesis.hash, key);
        invariant(vrf_prove(out + len, beta, &ledger->vrf[vrf], span_of(alpha, sizeof(alpha))) ==
                  ERR_OK);
    }
    return len + VRF_PROOF_BYTES;
}

struct span ledger_tx_with(struct ledger *ledger, size_t from, const struct tx *tx)
{
    uint8_t *out = ledger->txs + ledger->txs_used;
    size_t len;
    invariant(tx_build(out, TXS_CAPACITY - ledger->txs_used, &len, tx, ledger->genesis.hash,
                       &ledger->account[from]) == ERR_OK);
    ledger->txs_used += len;
    return span_of(out, len);
}

struct span ledger_tx(struct ledger *ledger, size_t from, uint64_t nonce, uint16_t type,
                      struct span body)
{
    struct tx tx = {.type = type,
                    .nonce = nonce,
                    .fee_max = UINT64_MAX,
                    .expiry = ledger->height + 100,
                    .body = body};
    return ledger_tx_with(ledger, from, &tx);
}

struct span ledger_tx_amount(struct ledger *ledger, size_t from, uint64_t nonce, uint16_t type,
                             uint64_t amount)
{
    uint8_t body[8];
    store64(body, amount);
    return ledger_tx(ledger, from, nonce, type, span_of(body, sizeof(body)));
}

struct span ledger_tx_transfer(struct ledger *ledger, size_t from, uint64_t nonce, size_t to,
                               uint64_t amount)
{
    uint8_t body[41] = {0};
    memcpy(body, ledger_key(ledger, to), 32);
    store64(body + 32, amount);
    return ledger_tx(ledger, from, nonce, TX_transfer, span_of(body, sizeof(body)));
}

void ledger_beta(uint8_t beta[64], const struct ledger *ledger, uint64_t height)
{
    uint64_t inputs[2] = {height, ledger->beta_salt};
    hash512(beta, inputs, sizeof(inputs));
}

static size_t block_make(uint8_t *out, const struct ledger *ledger, size_t signer,
                         uint32_t multiplier, const struct span *txs, size_t count)
{
    static uint8_t ids[LEDGER_TXS_MAX][32];
    invariant(count <= LEDGER_TXS_MAX);
    struct header header = {.version = HEADER_VERSION,
                            .height = ledger->height + 1,
                            .bt = 1,
                            .fee_multiplier = multiplier};
    memcpy(header.genesis, ledger->genesis.hash, 32);
    memcpy(header.signer, ledger_key(ledger, signer), 32);
    for (size_t i = 0; i < count; i++) {
        hash256(ids[i], txs[i].data, txs[i].len);
    }
    block_tx_root(header.tx_root, (const uint8_t(*)[32])ids, count);
    uint8_t bytes[HEADER_BYTES];
    header_encode(bytes, &header);
    size_t len;
    invariant(block_build(out, BLOCK_CAPACITY, &len, bytes, txs, count) == ERR_OK);
    return len;
}

enum err ledger_block(struct ledger *ledger, size_t signer, uint32_t multiplier,
                      const struct span *txs, size_t count)
{
    uint8_t *block = malloc(BLOCK_CAPACITY);
    invariant(block != NULL);
    size_t len = block_make(block, ledger, signer, multiplier, txs, count);
    uint8_t beta[64];
    uint8_t root[2][32];
    const struct blob *blob[2] = {NULL, NULL};
    enum err err[2];
    uint64_t charge[2][COST_COUNT];
    ledger_beta(beta, ledger, ledger->height + 1);
    for (unsigned i = 0; i < 2; i++) { /* the second time from the memo: same result, same charge */
        test_host_step_end(&ledger->host);
        err[i] = execute_block(root[i], &blob[i], &ledger->host.c, &ledger->genesis, ledger->root,
                               span_of(block, len), beta);
        memcpy(charge[i], ledger->host.out->charge, sizeof(charge[i]));
    }
    invariant(err[0] == err[1] && memcmp(charge[0], charge[1], sizeof(charge[0])) == 0);
    if (err[0] == ERR_OK) {
        invariant(memcmp(root[0], root[1], 32) == 0 && blob[0] == blob[1]);
        blob_drop(ledger->host.shared, blob[1]);
        blob_drop(ledger->host.shared, ledger->blob);
        ledger->blob = blob[0];
        memcpy(ledger->root, root[0], 32);
        ledger->height++;
    }
    ledger->txs_used = 0;
    free(block);
    return err[0];
}

void ledger_draft(struct ledger *ledger, size_t signer, uint32_t multiplier, bool *taken,
                  const struct span *txs, size_t count)
{
    struct header header = {.height = ledger->height + 1, .fee_multiplier = multiplier};
    memcpy(header.signer, ledger_key(ledger, signer), 32);
    uint8_t beta[64];
    uint8_t root[32];
    const struct blob *blob;
    ledger_beta(beta, ledger, ledger->height + 1);
    invariant(execute_draft(root, &blob, taken, &ledger->host.c, &ledger->genesis, ledger->root,
                            &header, beta, txs, count) == ERR_OK);
    struct span valid[LEDGER_TXS_MAX];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (taken[i]) {
            valid[used++] = txs[i];
        }
    }
    invariant(ledger_block(ledger, signer, multiplier, valid, used) == ERR_OK);
    invariant(memcmp(root, ledger->root, 32) == 0);
    blob_drop(ledger->host.shared, blob);
}

void ledger_advance(struct ledger *ledger, uint64_t height)
{
    while (ledger->height < height) {
        invariant(ledger_block(ledger, 0, 1, NULL, 0) == ERR_OK);
    }
}
