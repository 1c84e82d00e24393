/* What a unit of each work costs on this machine, as the `cost:` map of a scenario. CPU time of one
 * thread, the least of five passes: others on the machine can only make a pass longer. */
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/chain/leaves.h"
#include "node/chain/state.h"
#include "node/crypto/hash.h"
#include "node/crypto/noise.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "node/seam/seam.h"
#include "sim/cli/bench.h"
#include "sim/cli/command.h"
#include "sim/store/store.h"

enum { PASSES = 5, ACCOUNTS = 4096, BODY_BYTES = 200 };

/* What the works work on. */
struct bench {
    struct sign_secret sign;
    struct vrf_secret vrf;
    uint8_t signature[SIGN_BYTES], proof[VRF_PROOF_BYTES], beta[VRF_BETA_BYTES];
    uint8_t body[1024];
    uint8_t keys[2][NOISE_KEY_BYTES], publics[2][NOISE_KEY_BYTES];
    struct shared *shared;
    struct arena scratch;
    uint8_t root[32];
    const struct blob *state;
    uint64_t count; /* of all works so far: no two have the same input */
};

static struct sign_message message(const struct bench *b)
{
    return (struct sign_message){.context = SIGN_CONTEXT("tx"),
                                 .genesis = b->publics[0],
                                 .body = {span_of(b->body, BODY_BYTES), span_of(NULL, 0)}};
}

static void work_hash(struct bench *b)
{
    hash256(b->body, b->body, sizeof(b->body));
}

static void work_sign(struct bench *b)
{
    struct sign_message m = message(b);
    sign_make(b->signature, &b->sign, &m);
}

static void work_verify(struct bench *b)
{
    struct sign_message m = message(b);
    invariant(sign_verify(b->signature, b->sign.public_key, &m) == ERR_OK);
}

static void work_beta(struct bench *b)
{
    invariant(vrf_beta(b->beta, &b->vrf, span_of(b->body, 49)) == ERR_OK);
}

static void work_prove(struct bench *b)
{
    invariant(vrf_prove(b->proof, b->beta, &b->vrf, span_of(b->body, 49)) == ERR_OK);
}

static void work_vrf_verify(struct bench *b)
{
    invariant(vrf_verify(b->beta, b->vrf.public_key, b->proof, span_of(b->body, 49)) == ERR_OK);
}

/* One side's share of a Noise XX handshake: half of both. The certificates are signatures. */
static void work_handshake(struct bench *b)
{
    struct noise_handshake side[2];
    struct noise_cipher ciphers[2];
    uint8_t text[2][512];
    uint8_t hash[NOISE_HASH_BYTES];
    size_t len;

    for (int i = 0; i < 2; i++) {
        struct noise_keys keys = {.local_static = b->keys[i], .local_ephemeral = b->body + 32 * i};
        noise_start(&side[i], NOISE_XX, i == 0, span_of("PX-LINK-1", 9), &keys);
    }
    for (int i = 0; !noise_done(&side[0]) || !noise_done(&side[1]); i ^= 1) {
        invariant(noise_write(&side[i], text[0], sizeof(text[0]), &len, span_of(b->body, 140)) ==
                  ERR_OK);
        invariant(noise_read(&side[i ^ 1], text[1], sizeof(text[1]), &len, span_of(text[0], len)) ==
                  ERR_OK);
    }
    for (int i = 0; i < 2; i++) {
        noise_split(&side[i], &ciphers[0], &ciphers[1], hash);
    }
    work_sign(b);
    work_verify(b);
}

static void work_read(struct bench *b)
{
    struct span value;
    uint8_t key[32];

    leaf_key_u64(key, STATE_ACCOUNT, b->count * 7919 % ACCOUNTS);
    invariant(state_get(&value, b->shared, b->root, key) == ERR_OK);
}

static void account_put(struct bench *b, struct state_edit *edit, uint64_t account, uint64_t amount)
{
    uint8_t value[130] = {STATE_ACCOUNT};
    uint8_t key[32];

    store64(value + 33, amount);
    leaf_key_u64(key, STATE_ACCOUNT, account);
    invariant(state_edit_put(edit, key, span_of(value, sizeof(value))) == ERR_OK);
    (void)b;
}

static void accounts_change(struct bench *b, uint64_t first, uint64_t count, uint64_t amount)
{
    struct state_edit *edit = state_edit_begin(b->shared, b->root, &b->scratch);
    const struct blob *old = b->state;

    invariant(edit != NULL);
    for (uint64_t i = 0; i < count; i++) {
        account_put(b, edit, (first + i * 7919) % ACCOUNTS, amount);
    }
    invariant(state_edit_commit(b->root, &b->state, edit) == ERR_OK);
    blob_drop(b->shared, old);
    arena_reset(&b->scratch);
}

enum { WRITES = 16 }; /* leaves that a block changes together */

static void work_write(struct bench *b)
{
    accounts_change(b, b->count * 31, WRITES, b->count + 1);
}

struct work {
    const char *key, *text;
    void (*run)(struct bench *b);
    unsigned rounds, units; /* of a pass; units of a round, in halves */
};

static const struct work works[] = {
    {"hash_kib", "1 KiB of BLAKE2b", work_hash, 4000, 2},
    {"sign", "Ed25519 signature of 200 bytes", work_sign, 500, 2},
    {"verify", "Ed25519 verification", work_verify, 200, 2},
    {"vrf_beta", "VRF output without proof", work_beta, 80, 2},
    {"vrf_prove", "VRF proof", work_prove, 60, 2},
    {"vrf_verify", "VRF verification", work_vrf_verify, 40, 2},
    {"state_read", "one of 4096 leaves read", work_read, 20000, 2},
    {"state_write", "a leaf of 16 written together, of 4096", work_write, 200, 2 * WRITES},
    {"handshake", "one side of Noise XX with its certificates", work_handshake, 60, 4},
};

static uint64_t measure(struct bench *b, const struct work *work)
{
    uint64_t least = UINT64_MAX;

    for (unsigned pass = 0; pass < PASSES; pass++) {
        uint64_t begun = real_cpu_ns();
        for (unsigned i = 0; i < work->rounds; i++) {
            b->count++;
            work->run(b);
        }
        uint64_t took = (real_cpu_ns() - begun) * 2 / work->units / work->rounds;
        least = took < least ? took : least;
    }
    return least;
}

static void bench_open(struct bench *b, void *memory, size_t bytes)
{
    struct store_config config = {.memo_off = true, .memo_entries = 16};
    uint8_t seed[32] = {1};

    *b = (struct bench){.shared = store_new(&config)};
    invariant(b->shared != NULL);
    arena_init(&b->scratch, memory, bytes);
    sign_keypair(&b->sign, seed);
    vrf_keypair(&b->vrf, seed);
    memset(b->keys[0], 7, NOISE_KEY_BYTES);
    memset(b->keys[1], 9, NOISE_KEY_BYTES);
    memset(b->body, 5, sizeof(b->body));
    noise_public(b->publics[0], b->keys[0]);
    noise_public(b->publics[1], b->keys[1]);
    accounts_change(b, 0, ACCOUNTS, 1); /* 7919 is prime to 4096: all of them */
}

int bench_profile(FILE *out)
{
    size_t scratch_bytes = (size_t)64 << 20;
    void *memory = malloc(scratch_bytes);
    struct bench bench;

    invariant(memory != NULL);
    bench_open(&bench, memory, scratch_bytes);
    fprintf(out, "cost:\n");
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        fprintf(out, "  %s: %llu ns  # %s\n", works[i].key,
                (unsigned long long)measure(&bench, &works[i]), works[i].text);
        fflush(out);
    }
    fprintf(out, "  step: %llu ns  # one event handled, beside the work above\n",
            (unsigned long long)bench_step_ns());
    blob_drop(bench.shared, bench.state);
    store_free(bench.shared);
    free(memory);
    return EXIT_OK;
}
