/* bench_state: what one operation on the store, the memo, the state and a transaction costs here,
 * in nanoseconds. */
#include <stdio.h>
#include <time.h>

#include "node/base/invariant.h"
#include "node/chain/leaves.h"
#include "tests/support/ledger.h"

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void say(const char *what, double start, double count)
{
    printf("%-44s %10.0f ns\n", what, (now_ns() - start) / count);
}

static void bench_store(void)
{
    enum { ROUNDS = 2000000 };
    struct test_host host;
    test_host_init(&host, 1, TEST_MEMO_ON);
    uint8_t bytes[2000] = {1};
    size_t lens[] = {117, 334, 2000};
    for (size_t i = 0; i < 3; i++) {
        const struct blob *blob = blob_put(host.shared, bytes, lens[i]);
        double start = now_ns();
        for (size_t k = 0; k < ROUNDS; k++) {
            blob_drop(host.shared, blob_put(host.shared, bytes, lens[i]));
        }
        char what[64];
        snprintf(what, sizeof(what), "blob_put of known %zu bytes, and drop", lens[i]);
        say(what, start, ROUNDS);
        blob_drop(host.shared, blob);
    }
    double start = now_ns();
    for (size_t k = 0; k < ROUNDS / 4; k++) {
        store64(bytes, k);
        blob_drop(host.shared, blob_put(host.shared, bytes, 334));
    }
    say("blob_put of new 334 bytes, and drop", start, ROUNDS / 4);
    struct memo_key *keys = host.memory[0];
    for (size_t k = 0; k < 100000; k++) {
        keys[k] = memo_key_bytes(host.shared, &k, sizeof(k));
        memo_put(host.shared, MEMO_VOTE, keys[k], bytes, 40);
    }
    start = now_ns();
    uint64_t hits = 0;
    for (size_t k = 0; k < ROUNDS; k++) {
        hits += memo_get(host.shared, MEMO_VOTE, keys[k * 7919 % 100000], bytes, 40);
    }
    say("memo_get, 100,000 kept, hit", start, ROUNDS);
    start = now_ns();
    for (size_t k = 0; k < ROUNDS; k++) {
        hits += memo_get(host.shared, MEMO_BETA, keys[k * 7919 % 100000], bytes, 40);
    }
    say("memo_get, miss", start, ROUNDS);
    invariant(hits > ROUNDS / 2 && test_host_end(&host) == 0);
}

static void bench_state(size_t accounts)
{
    enum { ROUNDS = 300000, BATCH = 2000 };
    struct test_host host;
    test_host_init(&host, 2, TEST_MEMO_ON);
    uint8_t root[32] = {0};
    const struct blob *blob = NULL;
    uint8_t value[130] = {STATE_ACCOUNT};
    uint8_t key[32];
    double start = now_ns();
    for (size_t i = 0; i < accounts; i += BATCH) {
        struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
        for (size_t k = i; k < i + BATCH && k < accounts; k++) {
            leaf_key_u64(key, STATE_ACCOUNT, k);
            invariant(state_edit_put(edit, key, span_of(value, sizeof(value))) == ERR_OK);
        }
        const struct blob *old = blob;
        invariant(state_edit_commit(root, &blob, edit) == ERR_OK);
        blob_drop(host.shared, old);
        arena_reset(&host.scratch);
    }
    char what[64];
    snprintf(what, sizeof(what), "state, %zu accounts: insert in batches", accounts);
    say(what, start, (double)accounts);
    start = now_ns();
    struct span found;
    for (size_t k = 0; k < ROUNDS; k++) {
        leaf_key_u64(key, STATE_ACCOUNT, k * 7919 % accounts);
        invariant(state_get(&found, host.shared, root, key) == ERR_OK);
    }
    snprintf(what, sizeof(what), "state, %zu accounts: get (with its key)", accounts);
    say(what, start, ROUNDS);
    start = now_ns();
    for (size_t k = 0; k < 2000; k++) {
        struct state_edit *edit = state_edit_begin(host.shared, root, &host.scratch);
        leaf_key_u64(key, STATE_ACCOUNT, k * 7919 % accounts);
        store64(value + 33, k + 1);
        invariant(state_edit_put(edit, key, span_of(value, sizeof(value))) == ERR_OK);
        const struct blob *old = blob;
        invariant(state_edit_commit(root, &blob, edit) == ERR_OK);
        blob_drop(host.shared, old);
        arena_reset(&host.scratch);
    }
    snprintf(what, sizeof(what), "state, %zu accounts: change one and commit", accounts);
    say(what, start, 2000);
    struct store_stats stats;
    store_stats(host.shared, &stats);
    printf("%-44s %10.0f bytes\n", "  memory of an account in the tree",
           (double)stats.slab_bytes / (double)accounts);
    blob_drop(host.shared, blob);
    invariant(test_host_end(&host) == 0);
}

static void bench_execute(void)
{
    enum { TXS = 500, ROUNDS = 20 };
    static struct ledger ledger;
    static struct span txs[TXS];
    static bool taken[TXS];
    struct ledger_config config = {
        .seed = 3, .accounts = 200, .nodes = 0, .free = UINT64_C(1) << 40, .bonded = 1000000};
    params_defaults(&config.params);
    ledger_init(&ledger, &config);
    double cold = 0;
    double warm = 0;
    double hit = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        ledger.txs_used = 0;
        for (size_t i = 0; i < TXS; i++) {
            txs[i] = ledger_tx_transfer(&ledger, i % 200, i / 200, (i * 7 + round) % 200, 5);
        }
        struct header header = {.height = 1, .fee_multiplier = 1 + round};
        uint8_t beta[64] = {0};
        uint8_t root[32];
        const struct blob *blob;
        for (unsigned pass = 0; pass < 2; pass++) {
            double start = now_ns();
            invariant(execute_draft(root, &blob, taken, &ledger.host.c, &ledger.genesis,
                                    ledger.root, &header, beta, txs, TXS) == ERR_OK);
            *(pass == 0 ? &cold : &warm) += now_ns() - start;
            blob_drop(ledger.host.shared, blob);
        }
        for (unsigned pass = 0; pass < 3; pass++) {
            double start = now_ns();
            struct tx_facts facts;
            for (size_t i = 0; i < TXS; i++) {
                invariant(tx_facts_get(&facts, &ledger.host.c, &ledger.genesis, txs[i]) == ERR_OK);
                invariant(tx_admissible(&ledger.host.c, &ledger.genesis, ledger.root, 1, &facts,
                                        txs[i]) == ERR_OK);
            }
            hit += pass == 2 ? now_ns() - start : 0;
        }
    }
    printf("%-44s %10.0f ns\n", "transfer in a block, signature unknown", cold / ROUNDS / TXS);
    printf("%-44s %10.0f ns\n", "transfer in a block, signature known", warm / ROUNDS / TXS);
    printf("%-44s %10.0f ns\n", "tx_facts_get and tx_admissible, both known", hit / ROUNDS / TXS);
    invariant(ledger_end(&ledger) == 0);
}

int main(void)
{
    bench_store();
    bench_state(1000);
    bench_state(100000);
    bench_execute();
    return 0;
}
