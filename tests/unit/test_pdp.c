#include <criterion/criterion.h>
#include <gmp.h>
#include <math.h>
#include <stdlib.h>

#include "node/crypto/hash.h"
#include "node/proof/durability.h"
#include "node/proof/pdp.h"
#include "node/proof/pdp_mac_kernel.h"
#include "node/proof/pdp_merkle.h"
#include "tests/support/replica.h"
#include "tests/support/safe_primes.h"

enum { LEN_MAX = 300000 };

static uint8_t data[LEN_MAX], tags[LEN_MAX], proof[1 << 20];
static uint8_t memory[1 << 21] __attribute__((aligned(64)));
static u128 alpha[PDP_MAC_SECTORS_MAX];
static struct rsa_secret rsa;

static struct scratch scratch(void)
{
    return (struct scratch){.data = memory, .len = sizeof memory};
}

static void rsa_key(void)
{
    uint8_t wire[514] = {0, 8};
    mpz_t z;
    mpz_init(z);
    mpz_set_str(z, p1024, 16);
    mpz_export(wire + 2, NULL, -1, 1, 0, 0, z);
    mpz_set_str(z, q1024, 16);
    mpz_export(wire + 130, NULL, -1, 1, 0, 0, z);
    mpz_clear(z);
    wire[258] = 4;
    cr_assert_eq(rsa_secret_decode(&rsa, wire, 514), ERR_OK);
}

static uint64_t index_of(const struct pdp_draw *d, uint32_t j)
{
    uint64_t index;
    pdp_draw_indices(d, &index, j, 1);
    return index;
}

static void coefficient_of(const struct pdp_draw *d, uint32_t j, uint8_t out[16])
{
    uint8_t four[64];
    pdp_draw_coefficients(d, four, j & ~3u, 4);
    memcpy(out, four + 16 * (j % 4), 16);
}

struct pair {
    struct pdp_host host;
    struct pdp_verifier verifier;
};

/* One file under one scheme; small blocks, so that many sizes are quick. */
static struct pair pair_make(enum pdp_scheme scheme, struct pdp_file file)
{
    static uint8_t nodes[1 << 20];
    struct pair p = {.host.scheme = scheme, .verifier.scheme = scheme};
    uint8_t seed[32] = {9}, name[32] = {8};
    if (scheme == PDP_MERKLE_SPOT) {
        p.host.merkle.tree.nodes = nodes;
        p.host.merkle.tree.discard = 1;
        pdp_merkle_commit(sha256_engine_best(), &p.host.merkle, &p.verifier.merkle, file, 64);
    } else if (scheme == PDP_SW_MAC) {
        struct pdp_mac_verifier *v = &p.verifier.mac;
        cr_assert_eq(pdp_mac_key_init(&v->key, alpha, 20, seed), ERR_OK);
        memcpy(v->name, name, 32);
        v->len = file.len;
        pdp_mac_tag(&v->key, tags, name, file, 0, pdp_blocks(file.len, 300));
        p.host.mac = (struct pdp_mac_host){.sectors = 20, .tags = tags};
    } else {
        rsa_key();
        p.verifier.rsa =
            (struct pdp_rsa_verifier){.key = rsa.pub, .len = file.len, .block_bytes = 1024};
        memcpy(p.verifier.rsa.name, name, 32);
        pdp_rsa_tag(&rsa, NULL, tags, name, file, 1024, 0, pdp_blocks(file.len, 1024));
        p.host.rsa = (struct pdp_rsa_host){rsa.pub, 1024, tags};
    }
    return p;
}

static size_t prove(const struct pair *p, struct pdp_file file, const struct pdp_challenge *c)
{
    size_t len = 0, bound = 0, need = 0;
    cr_assert_eq(pdp_bounds(&p->verifier, c, &bound, &need), ERR_OK);
    cr_assert_leq(need, sizeof memory);
    struct scratch s = {.data = memory, .len = need};
    cr_assert_eq(pdp_prove(sha256_engine_best(), proof, sizeof proof, &len, &p->host, file, c, s),
                 ERR_OK);
    cr_assert_leq(len, bound);
    return len;
}

static enum err verify(const struct pair *p, const struct pdp_challenge *c, size_t len)
{
    return pdp_verify(sha256_engine_best(), &p->verifier, c, proof, len, scratch());
}

Test(pdp, every_scheme_accepts_the_file_and_refuses_everything_else)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 299, 300, 301, 1024, 5000};
    test_fill(data, sizeof data, 1);
    for (int scheme = PDP_MERKLE_SPOT; scheme <= PDP_RSA; scheme++) {
        for (size_t i = 0; i < 10; i++) {
            struct pdp_file file = {data, sizes[i]};
            struct pair p = pair_make((enum pdp_scheme)scheme, file);
            struct pdp_challenge c = {.seed = {3}, .count = 12}, other = {.seed = {4}, .count = 12};
            size_t len = prove(&p, file, &c);
            cr_assert_eq(verify(&p, &c, len), ERR_OK, "scheme %d size %zu", scheme, sizes[i]);
            cr_assert_eq(verify(&p, &c, len + 1), ERR_TRAILING);
            if (len == 0) {
                cr_assert_eq(sizes[i], 0);
                continue;
            }
            cr_assert_eq(verify(&p, &c, len - 1), ERR_TRUNCATED);
            if (sizes[i] > 1024 * 2) {
                cr_assert_neq(verify(&p, &other, len), ERR_OK, "replayed challenge");
            }
            for (size_t at = 0; at < len; at += 1 + len / 23) {
                proof[at] ^= 2;
                enum err err = verify(&p, &c, len);
                cr_assert(err == ERR_SIGNATURE || err == ERR_NONCANONICAL, "%d %zu", scheme, at);
                proof[at] ^= 2;
            }
            data[sizes[i] / 2] ^= 1;
            c.count = 1000; /* all blocks */
            len = prove(&p, file, &c);
            cr_assert_eq(verify(&p, &c, len), ERR_SIGNATURE, "damaged file");
            data[sizes[i] / 2] ^= 1;
        }
    }
}

Test(pdp, epdp_is_refused)
{
    struct pair p = {.host.scheme = PDP_RSA_EPDP, .verifier.scheme = PDP_RSA_EPDP};
    struct pdp_challenge c = {.count = 5};
    size_t len, bound;
    cr_assert_eq(pdp_bounds(&p.verifier, &c, &bound, &len), ERR_VERSION);
    cr_assert_eq(pdp_prove(sha256_engine_best(), proof, sizeof proof, &len, &p.host,
                           (struct pdp_file){data, 100}, &c, scratch()),
                 ERR_VERSION);
    cr_assert_eq(pdp_verify(sha256_engine_best(), &p.verifier, &c, proof, 0, scratch()),
                 ERR_VERSION);
}

Test(pdp, challenged_blocks_are_distinct_and_cover)
{
    static const uint64_t sizes[] = {1, 2, 3, 17, 256, 257, 1000};
    for (size_t i = 0; i < 7; i++) {
        struct pdp_challenge c = {.seed = {7}, .count = UINT32_MAX};
        struct pdp_draw d;
        uint8_t seen[1000] = {0};
        pdp_draw_init(&d, &c, sizes[i]);
        cr_assert_eq(pdp_count(&c, sizes[i]), sizes[i]);
        for (uint32_t j = 0; j < sizes[i]; j++) {
            uint64_t index = index_of(&d, j), all[1000];
            pdp_draw_indices(&d, all, 0, (uint32_t)sizes[i]);
            cr_assert_eq(all[j], index);
            cr_assert_lt(index, sizes[i]);
            cr_assert_eq(seen[index], 0);
            seen[index] = 1;
        }
    }
}

/* 10^5 provers that dropped t of n blocks; c challenges each. The share detected must be the exact
 * formula of 1.1 within its 4-sigma interval. */
Test(pdp, dropped_blocks_are_detected_as_often_as_the_formula_says)
{
    enum { TRIALS = 100000, N = 1000 };
    static const struct {
        uint64_t bad;
        uint32_t challenges;
    } cases[] = {{10, 30}, {10, 100}, {50, 20}};
    for (size_t k = 0; k < 3; k++) {
        struct soft miss;
        cr_assert_eq(durability_miss(&miss, N, cases[k].bad, cases[k].challenges), ERR_OK);
        double want = 1 - ldexp((double)miss.mantissa, miss.exponent);
        int detected = 0;
        for (uint32_t trial = 0; trial < TRIALS; trial++) {
            struct pdp_challenge c = {.count = cases[k].challenges};
            struct pdp_draw d;
            memcpy(c.seed, &trial, 4);
            pdp_draw_init(&d, &c, N);
            uint64_t start = (uint64_t)trial * 7919 % N; /* which blocks were dropped */
            uint64_t asked[100];
            bool hit = false;
            pdp_draw_indices(&d, asked, 0, c.count);
            for (uint32_t j = 0; j < c.count; j++) {
                hit |= (asked[j] + N - start) % N < cases[k].bad;
            }
            detected += hit;
        }
        double got = detected / (double)TRIALS, sigma = sqrt(want * (1 - want) / TRIALS);
        cr_log_info("bad %d/1000, c = %u: %.4f, formula %.4f", (int)cases[k].bad,
                    cases[k].challenges, got, want);
        cr_assert_lt(fabs(got - want), 4 * sigma);
    }
}

/* The prover itself, not only the draw: it has zeros where it dropped blocks. */
Test(pdp, a_prover_that_dropped_blocks_fails_exactly_when_asked_for_one)
{
    struct pdp_file file = {data, 64 * 500};
    test_fill(data, 64 * 500, 5);
    struct pair p = pair_make(PDP_MERKLE_SPOT, file);
    memset(data + 64 * 200, 0, 64 * 10);
    int detected = 0;
    for (uint32_t trial = 0; trial < 400; trial++) {
        struct pdp_challenge c = {.count = 20};
        memcpy(c.seed, &trial, 4);
        struct pdp_draw d;
        pdp_draw_init(&d, &c, 500);
        bool asked = false;
        for (uint32_t j = 0; j < 20; j++) {
            uint64_t index = index_of(&d, j);
            asked |= index >= 200 && index < 210;
        }
        enum err err = verify(&p, &c, prove(&p, file, &c));
        cr_assert_eq(err, asked ? ERR_SIGNATURE : ERR_OK);
        detected += asked;
    }
    cr_assert(detected > 90 && detected < 180); /* 33.6 % of 400 */
}

/* spec 1.1: with leaves smaller than the shard an adversary kills a codeword by touching 3 % of
 * the leaves; with leaf = shard it must take more than half. */
Test(pdp, interleaving_trap)
{
    enum { K = 16, N = 32, SHARD = 1024, FINE = 64, TRIALS = 2000, C = 20 };
    static uint8_t coded[N * SHARD], back[K * SHARD];
    test_fill(data, K * SHARD, 6);
    struct pdp_inner inner = {.shard_bytes = SHARD};
    struct scratch s = scratch();
    cr_assert_eq(erasure_init(&inner.code, K, N, &s), ERR_OK);
    struct pdp_file file = {data, K * SHARD};
    cr_assert_eq(pdp_inner_bytes(&inner, file.len), sizeof coded);
    pdp_inner_encode(&inner, coded, file);
    /* The adversary keeps all but one 64-byte column of 17 shards. */
    bool healthy[N];
    int caught_fine = 0, caught_shard = 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        struct pdp_challenge c = {.count = C};
        memcpy(c.seed, &trial, 4);
        struct pdp_draw d;
        bool fine = false, whole = false;
        pdp_draw_init(&d, &c, N * SHARD / FINE);
        for (uint32_t j = 0; j < C; j++) {
            uint64_t leaf = index_of(&d, j);
            fine |= leaf % (SHARD / FINE) == 3 && leaf / (SHARD / FINE) < N - K + 1;
        }
        pdp_draw_init(&d, &c, N);
        for (uint32_t j = 0; j < C; j++) {
            whole |= index_of(&d, j) < N - K + 1;
        }
        caught_fine += fine;
        caught_shard += whole;
    }
    for (int i = 0; i < N; i++) {
        healthy[i] = i >= N - K + 1;
    }
    cr_assert_eq(pdp_inner_decode(&inner, back, file.len, coded, healthy, s), ERR_UNKNOWN,
                 "17 damaged shards lose the data");
    cr_assert_lt(caught_fine, TRIALS * 6 / 10); /* 1 - (1 - 17/512)^20 = 0.49 */
    cr_assert_eq(caught_shard, TRIALS);         /* 17 of 32 dropped, 20 asked: always */
    healthy[0] = true;
    memset(coded + SHARD, 0, 16 * SHARD);
    cr_assert_eq(pdp_inner_decode(&inner, back, file.len, coded, healthy, s), ERR_OK);
    cr_assert_arr_eq(back, data, K * SHARD);
}

Test(pdp, mac_keys_of_other_verifiers_do_not_help)
{
    uint8_t master[32] = {1}, one[32] = {2}, two[32] = {3}, host[32] = {4}, a[32], b[32];
    pdp_mac_seed_for(a, master, one, host);
    pdp_mac_seed_for(b, master, two, host);
    cr_assert_neq(memcmp(a, b, 32), 0);
    struct pdp_file file = {data, 3000};
    test_fill(data, 3000, 1);
    struct pair p = pair_make(PDP_SW_MAC, file);
    struct pdp_challenge c = {.seed = {1}, .count = 5};
    size_t len = prove(&p, file, &c);
    cr_assert_eq(pdp_mac_key_init(&p.verifier.mac.key, alpha, 20, a), ERR_OK);
    cr_assert_eq(verify(&p, &c, len), ERR_SIGNATURE);
    pdp_mac_key_wipe(&p.verifier.mac.key);
    cr_assert_eq(alpha[0], 0);
    cr_assert_eq(alpha[19], 0);
}

/* Oracle: the same sums in GMP. */
Test(pdp, mac_arithmetic_equals_gmp)
{
    struct pdp_file file = {data, 300 * 40 - 7};
    test_fill(data, sizeof data, 12);
    memset(data, 0xff, 600);
    struct pair p = pair_make(PDP_SW_MAC, file);
    const struct pdp_mac_key *k = &p.verifier.mac.key;
    mpz_t prime, tag, m, a, got;
    mpz_inits(prime, tag, m, a, got, NULL);
    mpz_ui_pow_ui(prime, 2, 127);
    mpz_sub_ui(prime, prime, 1);
    for (uint64_t i = 0; i < 40; i++) {
        uint8_t number[8], f[16], block[300] = {0};
        memcpy(number, &i, 8);
        const struct span parts[] = {span_of(p.verifier.mac.name, 32), span_of(number, 8)};
        hash_keyed_parts(f, 16, span_of(k->prf, 32), parts, 2);
        mpz_import(tag, 16, -1, 1, 0, 0, f);
        memcpy(block, data + 300 * i, i == 39 ? 293 : 300);
        for (int j = 0; j < 20; j++) {
            mpz_import(m, 15, -1, 1, 0, 0, block + 15 * j);
            mpz_import(a, 16, -1, 1, 0, 0, &k->alpha[j]);
            mpz_addmul(tag, m, a);
        }
        mpz_mod(tag, tag, prime);
        mpz_import(got, 16, -1, 1, 0, 0, tags + 16 * i);
        cr_assert_eq(mpz_cmp(got, tag), 0, "%d", (int)i);
    }
    struct pdp_challenge c = {.seed = {5}, .count = 40};
    size_t len = prove(&p, file, &c);
    struct pdp_draw d;
    pdp_draw_init(&d, &c, 40);
    for (int j = 0; j < 20; j++) {
        mpz_set_ui(tag, 0);
        for (uint32_t i = 0; i < 40; i++) {
            uint8_t nu[16], block[300] = {0};
            uint64_t index = index_of(&d, i);
            coefficient_of(&d, i, nu);
            nu[0] |= 1;
            memcpy(block, data + 300 * index, index == 39 ? 293 : 300);
            mpz_import(m, 15, -1, 1, 0, 0, block + 15 * j);
            mpz_import(a, 8, -1, 1, 0, 0, nu);
            mpz_addmul(tag, m, a);
        }
        mpz_mod(tag, tag, prime);
        mpz_import(got, 16, -1, 1, 0, 0, proof + 16 * (j + 1));
        cr_assert_eq(mpz_cmp(got, tag), 0);
    }
    cr_assert_eq(len, 16 * 21);
    memset(proof + 16, 0xff, 15);
    proof[31] = 0x7f; /* the prime itself: zero in a second form */
    cr_assert_eq(verify(&p, &c, len), ERR_NONCANONICAL);
    mpz_clears(prime, tag, m, a, got, NULL);
}

Test(pdp, mac_kernels_agree)
{
    if (!mac_ifma_available()) {
        return;
    }
    static uint8_t blocks[600][15 * 100];
    static uint64_t limbs[3 * 104] __attribute__((aligned(64)));
    static uint64_t acc[5 * 104] __attribute__((aligned(64)));
    uint64_t nu[600];
    const uint8_t *at[600];
    test_fill(blocks[0], sizeof blocks, 4);
    test_fill((uint8_t *)nu, sizeof nu, 5);
    test_fill((uint8_t *)alpha, 1600, 6);
    memset(blocks[1], 0xff, sizeof blocks[1]);
    for (int i = 0; i < 600; i++) {
        at[i] = blocks[i];
        nu[i] = i < 10 ? UINT64_MAX : nu[i];
    }
    for (int j = 0; j < 100; j++) {
        alpha[j] = j < 10 ? MAC_PRIME : alpha[j] & MAC_PRIME;
    }
    for (uint32_t sectors = 1; sectors <= 100; sectors += sectors < 20 ? 1 : 7) {
        mac_ifma_alpha(limbs, alpha, sectors);
        for (int i = 0; i < 20; i++) {
            u128 a = fp_reduce(mac_dot_portable(alpha, sectors, at[i])) % MAC_PRIME;
            u128 b = fp_reduce(mac_dot_ifma(limbs, sectors, at[i])) % MAC_PRIME;
            cr_assert(a == b, "dot %u", sectors);
        }
        u128 mu1[100] = {0}, mu2[100] = {0};
        for (uint32_t i = 0; i < 600; i += 15) {
            mac_mu_portable(mu1, sectors, at + i, nu + i, 15);
        }
        memset(acc, 0, sizeof acc);
        mac_mu_ifma(acc, sectors, at, nu, MAC_BLOCKS_PER_FOLD);
        mac_mu_ifma_fold(mu2, acc, sectors);
        mac_mu_ifma(acc, sectors, at + MAC_BLOCKS_PER_FOLD, nu + MAC_BLOCKS_PER_FOLD,
                    600 - MAC_BLOCKS_PER_FOLD);
        mac_mu_ifma_fold(mu2, acc, sectors);
        for (uint32_t j = 0; j < sectors; j++) {
            cr_assert(mu1[j] % MAC_PRIME == mu2[j] % MAC_PRIME, "mu %u of %u", j, sectors);
        }
    }
}

static size_t hidden_prove(const struct pair *p, struct pdp_file file,
                           const struct pdp_challenge *c, const uint8_t *g_s)
{
    size_t len = 0;
    cr_assert_eq(
        pdp_rsa_prove_hidden(proof, sizeof proof, &len, &p->host.rsa, file, c, g_s, scratch()),
        ERR_OK);
    return len;
}

Test(pdp, rsa_private_form)
{
    struct pdp_file file = {data, 5000};
    test_fill(data, 5000, 3);
    struct pair p = pair_make(PDP_RSA, file);
    struct pdp_challenge c = {.seed = {1}, .count = 4};
    uint8_t s[32] = {77, 5}, wrong[32] = {78}, g_s[RSA_BYTES_MAX];
    pdp_rsa_hide(g_s, &p.verifier.rsa.key, s, scratch());
    size_t len = hidden_prove(&p, file, &c, g_s);
    cr_assert_eq(len, 288);
    const struct pdp_rsa_verifier *v = &p.verifier.rsa;
    cr_assert_eq(pdp_rsa_verify_hidden(v, &c, s, proof, len, scratch()), ERR_OK);
    cr_assert_eq(pdp_rsa_verify_hidden(v, &c, wrong, proof, len, scratch()), ERR_SIGNATURE);
    cr_assert_eq(pdp_rsa_verify_hidden(v, &c, s, proof, len - 1, scratch()), ERR_TRUNCATED);
    proof[3] ^= 1;
    cr_assert_eq(pdp_rsa_verify_hidden(v, &c, s, proof, len, scratch()), ERR_SIGNATURE);
}

/* A host without the file that knows s: any T, rho = H((T^e / prod h^a)^s). */
static size_t forge(const struct pair *p, const struct pdp_challenge *c, const uint8_t s[32])
{
    static uint64_t work[RSA_WORK_LIMBS];
    const struct pdp_rsa_verifier *v = &p->verifier.rsa;
    const struct rsa_public *k = &v->key;
    struct pdp_draw d;
    uint8_t h[256], a[16], product[256] = {1}, tau[256];
    pdp_draw_init(&d, c, pdp_blocks(v->len, v->block_bytes));
    for (uint32_t j = 0; j < c->count; j++) {
        rsa_hash_to_square(h, k, v->name, index_of(&d, j));
        coefficient_of(&d, j, a);
        rsa_power(h, k, h, a, 16);
        rsa_multiply(product, k, product, h);
    }
    memset(proof, 0, 256);
    proof[0] = 5; /* T */
    cr_assert(rsa_invert(product, k, product));
    rsa_power_e(tau, k, proof);
    rsa_multiply(tau, k, tau, product);
    rsa_power_secret(tau, k, tau, s, work);
    hash256(proof + 256, tau, 256);
    return 288;
}

Test(pdp, rsa_with_s_known_early_is_forged_and_the_round_makes_that_impossible)
{
    struct pdp_file file = {data, 5000};
    test_fill(data, 5000, 3);
    struct pair p = pair_make(PDP_RSA, file);
    const struct pdp_rsa_verifier *v = &p.verifier.rsa;
    const struct sha256_engine *e = sha256_engine_best();
    struct pdp_challenge c = {.seed = {1}, .count = 4};
    uint8_t s[32] = {99, 1}, wrong[32] = {1};
    size_t len = forge(&p, &c, s);
    cr_assert_eq(pdp_rsa_verify_hidden(v, &c, s, proof, len, scratch()), ERR_OK,
                 "knowing s is enough to forge");

    struct pdp_rsa_round r;
    pdp_rsa_round_post(e, &r, &v->key, &c, s, scratch());
    cr_assert_eq(pdp_rsa_round_reveal(e, &r, v, s, proof, len, scratch()), ERR_EARLY,
                 "s is not revealed before the answer");
    len = hidden_prove(&p, file, &c, r.g_s);
    cr_assert_eq(pdp_rsa_round_answer(e, &r, proof, len), ERR_OK);
    cr_assert_eq(pdp_rsa_round_answer(e, &r, proof, len), ERR_DUPLICATE);
    cr_assert_eq(pdp_rsa_round_reveal(e, &r, v, wrong, proof, len, scratch()), ERR_INVALID);
    cr_assert_eq(pdp_rsa_round_reveal(e, &r, v, s, proof, len, scratch()), ERR_OK);
    len = forge(&p, &c, s);
    cr_assert_eq(pdp_rsa_round_answer(e, &r, proof, len), ERR_STALE, "no answer after s is known");

    pdp_rsa_round_post(e, &r, &v->key, &c, s, scratch());
    len = hidden_prove(&p, file, &c, r.g_s);
    cr_assert_eq(pdp_rsa_round_answer(e, &r, proof, len), ERR_OK);
    len = forge(&p, &c, s);
    cr_assert_eq(pdp_rsa_round_reveal(e, &r, v, s, proof, len, scratch()), ERR_INVALID,
                 "another answer than the one posted");
}

/* The negative example: Juels-Kaliski sentinels are finite. After S / q audits none is left, and
 * a host that kept only the sentinels asked so far learns where they were. */
Test(pdp, sentinels_run_out)
{
    enum { SENTINELS = 100, PER_AUDIT = 30 };
    int left = SENTINELS, audits = 0;
    while (left >= PER_AUDIT) {
        left -= PER_AUDIT; /* a sentinel shown is known to the host from then on */
        audits++;
    }
    cr_assert_eq(audits, SENTINELS / PER_AUDIT);
    /* The three schemes here have no such state: the 10^4th challenge is as good as the first. */
    struct pdp_file file = {data, 64 * 50};
    test_fill(data, 64 * 50, 5);
    struct pair p = pair_make(PDP_MERKLE_SPOT, file);
    for (uint32_t audit = 0; audit < 10000; audit += 97) {
        struct pdp_challenge c = {.count = 5};
        memcpy(c.seed, &audit, 4);
        cr_assert_eq(verify(&p, &c, prove(&p, file, &c)), ERR_OK);
    }
}
