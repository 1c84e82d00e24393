/* The genesis file against tests/vectors/chain-block.tsv, and everything that must be refused. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/genesis.h"
#include "tests/support/vectors.h"

static uint8_t golden[4096];
static size_t golden_len;
static uint8_t golden_hash[32];

static void golden_read(void)
{
    struct tsv *tsv = tsv_open("chain-block.tsv");
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "genesis") == 0) {
            golden_len = hex_decode(golden, sizeof(golden), tsv->field[2]);
            hex_decode(golden_hash, 32, tsv->field[3]);
        }
    }
    tsv_close(tsv);
    cr_assert(golden_len > 0);
}

static void fill(uint8_t *out, unsigned start, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(start + 5 * i);
    }
}

/* The network that make_blocks.py writes. */
static struct genesis facts;
static struct genesis_account accounts[5];
static struct genesis_node nodes[2];
static uint8_t records[2][RECORD_BYTES_MAX];

static void record_make(unsigned n, unsigned i)
{
    uint8_t parts[4][32];
    uint8_t ends[RECORD_ENDPOINTS_MAX][ENDPOINT_BYTES] = {{0}};
    for (unsigned k = 0; k < 4; k++) {
        fill(parts[k], 90 + 10 * k + i, 32);
    }
    for (unsigned k = 0; k < i; k++) {
        uint16_t port = (uint16_t)(7900 + k);
        memcpy(ends[k] + 10, "\xff\xff\x0a\0", 4);
        ends[k][14] = (uint8_t)i;
        ends[k][15] = (uint8_t)k;
        ends[k][16] = (uint8_t)(port >> 8);
        ends[k][17] = (uint8_t)port;
    }
    struct node_record record = {.node_id = parts[0],
                                 .endpoints = {.data = ends[0], .count = i},
                                 .onion = parts[1],
                                 .vrf = parts[2],
                                 .roles = i,
                                 .metadata = parts[3]};
    struct writer w;
    size_t len;
    writer_init(&w, records[n], RECORD_BYTES_MAX);
    node_record_write(&w, &record);
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    memcpy(nodes[n].owner, accounts[i].key, 32);
    nodes[n].record = span_of(records[n], len);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void network_make(void)
{
    params_defaults(&facts.params);
    facts.network = 0x4F525259;
    facts.ts_ms = UINT64_C(1700000000000);
    fill(facts.seed, 9, 32);
    fill(facts.governor, 11, 32);
    facts.params.max_future_ms = 700;
    facts.params.epoch_blocks = 480;
    facts.params.governance = 1;
    for (unsigned i = 0; i < 5; i++) {
        fill(accounts[i].key, 17 * i, 32);
    }
    qsort(accounts, 5, sizeof(accounts[0]), by_key);
    for (unsigned i = 0; i < 5; i++) {
        accounts[i].free = 1000 + i;
        accounts[i].bonded = UINT64_C(2500000) * i;
    }
    record_make(0, 1);
    record_make(1, 3);
}

static uint8_t out[4096];
static size_t out_len;

static enum err encode(void)
{
    return genesis_encode(out, sizeof(out), &out_len, &facts, accounts, 5, nodes, 2);
}

TestSuite(genesis, .init = network_make);

Test(genesis, as_the_vector)
{
    golden_read();
    cr_assert_eq(encode(), ERR_OK);
    cr_assert_eq(out_len, golden_len);
    cr_assert_eq(memcmp(out, golden, out_len), 0);

    struct genesis g;
    cr_assert_eq(genesis_decode(&g, span_of(golden, golden_len)), ERR_OK);
    cr_assert_eq(memcmp(g.hash, golden_hash, 32), 0);
    cr_assert_eq(g.network, facts.network);
    cr_assert_eq(g.ts_ms, facts.ts_ms);
    cr_assert_eq(memcmp(g.seed, facts.seed, 32), 0);
    cr_assert_eq(memcmp(g.governor, facts.governor, 32), 0);
    cr_assert_eq(memcmp(&g.params, &facts.params, sizeof(g.params)), 0);
    cr_assert_eq(g.minted, 5 * 1000 + 10 + 25000000);
    cr_assert_eq(g.bonded_tokens, 0 + 2 + 5 + 7 + 10); /* each account floors */
    cr_assert_eq(g.accounts.count, 5);
    for (size_t i = 0; i < 5; i++) {
        struct genesis_account account;
        genesis_account_at(&account, &g, i);
        cr_assert_eq(memcmp(&account, &accounts[i], sizeof(account)), 0);
    }
    struct span rest = g.nodes;
    struct genesis_node node;
    for (size_t i = 0; i < 2; i++) {
        cr_assert(genesis_next_node(&node, &rest));
        cr_assert_eq(memcmp(node.owner, nodes[i].owner, 32), 0);
        cr_assert_eq(node.record.len, nodes[i].record.len);
        cr_assert_eq(memcmp(node.record.data, records[i], node.record.len), 0);
        struct node_record record;
        cr_assert_eq(node_record_decode(&record, node.record), ERR_OK);
        cr_assert_eq(record.endpoints.count, i == 0 ? 1 : 3);
    }
    cr_assert(!genesis_next_node(&node, &rest));
}

Test(genesis, cut_or_padded_anywhere)
{
    struct genesis g;
    cr_assert_eq(encode(), ERR_OK);
    for (size_t len = 0; len < out_len; len++) {
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, out, len);
        cr_assert_eq(genesis_decode(&g, span_of(copy, len)), ERR_TRUNCATED, "%zu", len);
        free(copy);
    }
    out[out_len] = 0;
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len + 1)), ERR_TRAILING);
    out[0] = 2;
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len)), ERR_VERSION);
    size_t len;
    cr_assert_eq(genesis_encode(out, out_len - 1, &len, &facts, accounts, 5, nodes, 2), ERR_FULL);
}

Test(genesis, refuses_a_network_that_cannot_be)
{
    struct genesis_account keep = accounts[1];
    accounts[1] = accounts[0];
    cr_assert_eq(encode(), ERR_NONCANONICAL); /* twice */
    accounts[1] = accounts[4];
    cr_assert_eq(encode(), ERR_NONCANONICAL); /* out of order */
    accounts[1] = keep;
    accounts[4].free = 0;
    accounts[4].bonded = 0;
    cr_assert_eq(encode(), ERR_RANGE); /* empty */
    accounts[4].bonded = TOKENS_MAX * TOKEN_ATOMIC - 25000000;
    cr_assert_eq(encode(), ERR_OK);
    accounts[4].bonded = TOKENS_MAX * TOKEN_ATOMIC;
    cr_assert_eq(encode(), ERR_RANGE);
    accounts[4].bonded = UINT64_MAX;
    cr_assert_eq(encode(), ERR_RANGE);
    for (size_t i = 0; i < 5; i++) {
        accounts[i].bonded = 999999;
    }
    cr_assert_eq(encode(), ERR_INVALID); /* nobody has a whole token */
    network_make();

    struct genesis_node swap = nodes[0];
    nodes[0] = nodes[1];
    nodes[1] = swap;
    cr_assert_eq(encode(), ERR_NONCANONICAL);
    network_make();
    nodes[1].owner[0] ^= 1;
    cr_assert_neq(encode(), ERR_OK);
    network_make();
    records[0][nodes[0].record.len - 33] = 1; /* a role nobody knows */
    cr_assert_eq(encode(), ERR_RANGE);
    network_make();
    facts.params.epoch_blocks = 481;
    cr_assert_eq(encode(), ERR_INVALID);
    facts.params.epoch_blocks = 1 << 20;
    cr_assert_eq(encode(), ERR_RANGE);
}

Test(genesis, parameters_have_one_form)
{
    struct genesis g;
    cr_assert_eq(encode(), ERR_OK);
    uint8_t *list = out + 2 + 4 + 8 + 32 + 32 + 1;
    store16(list, 12); /* the order breaks */
    cr_assert_neq(genesis_decode(&g, span_of(out, out_len)), ERR_OK);
    store16(list, 3);
    store64(list + 2, 500); /* the default */
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len)), ERR_NONCANONICAL);
    store64(list + 2, 701);
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len)), ERR_OK);
    store16(list + 20, 999); /* unknown */
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len)), ERR_UNKNOWN);
}

Test(genesis, block_zero_of_2018)
{
    struct genesis g;
    facts.params.production = PRODUCTION_SIRIUS2018;
    facts.params.retarget = RETARGET_SIRIUS2018;
    facts.params.finality = 0;
    cr_assert_eq(encode(), ERR_INVALID); /* no free token: nobody could sign */
    accounts[2].free = 5000000;
    cr_assert_eq(encode(), ERR_OK);
    cr_assert_eq(genesis_decode(&g, span_of(out, out_len)), ERR_OK);
    cr_assert_eq(g.bt, 1000);
    cr_assert_eq(memcmp(g.gs, facts.seed, 32), 0);
}
