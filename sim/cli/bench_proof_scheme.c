/* Possession, erasure coding, replication. */
#define _GNU_SOURCE
#include <gmp.h>
#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>

#include "node/proof/pdp.h"
#include "node/proof/porep_proof.h"
#include "node/proof/space.h"
#include "node/proof/u64set.h"
#include "sim/cli/bench_proof.h"

static void must(enum err err)
{
    if (err != ERR_OK) {
        fprintf(stderr, "orrery bench proof: %s\n", err_text(err));
        exit(1);
    }
}

static void bytes_fill(uint8_t *p, uint64_t n)
{
    uint64_t x = 88172645463325252u;
    for (uint64_t i = 0; i + 8 <= n; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(p + i, &x, 8);
    }
}

/* Proves and verifies until the best of several times is known; fills those columns. */
static void scheme_measure(struct bench *b, struct bench_scheme s, const struct pdp_host *host,
                           const struct pdp_verifier *v, struct pdp_file file, int tries)
{
    struct pdp_challenge c = {.seed = {1}, .count = s.challenges};
    size_t cap, need, len = 0;
    must(pdp_bounds(v, &c, &cap, &need));
    uint8_t *proof = bench_memory(cap + 64);
    struct scratch scratch = {.data = bench_memory(need), .len = need};
    s.prove_ms = s.verify_ms = 1e18;
    for (int i = 0; i < tries; i++) {
        c.seed[1] = (uint8_t)i;
        double from = bench_cpu_ns();
        must(pdp_prove(b->engine, proof, cap, &len, host, file, &c, scratch));
        double proven = bench_cpu_ns();
        must(pdp_verify(b->engine, v, &c, proof, len, scratch));
        double done = bench_cpu_ns();
        s.prove_ms = (proven - from) / 1e6 < s.prove_ms ? (proven - from) / 1e6 : s.prove_ms;
        s.verify_ms = (done - proven) / 1e6 < s.verify_ms ? (done - proven) / 1e6 : s.verify_ms;
    }
    s.proof_bytes = len;
    bench_scheme_add(b, s);
    bench_memory_free(proof, cap + 64);
    bench_memory_free(scratch.data, need);
}

static void merkle_measure(struct bench *b, struct pdp_file file, const char *name,
                           enum tree_hash hash, size_t block, uint32_t challenges)
{
    struct pdp_host host = {.scheme = PDP_MERKLE_SPOT};
    struct pdp_verifier v = {.scheme = PDP_MERKLE_SPOT};
    size_t bytes = tree_bytes(pdp_blocks(file.len, block), 0);
    host.merkle.tree.nodes = bench_memory(bytes);
    host.merkle.tree.hash = hash;
    double best = 1e18;
    for (int i = 0; i < 3; i++) {
        double from = bench_cpu_ns();
        pdp_merkle_commit(b->engine, &host.merkle, &v.merkle, file, block);
        double ns = bench_cpu_ns() - from;
        best = ns < best ? ns : best;
    }
    scheme_measure(b,
                   (struct bench_scheme){.name = name,
                                         .publicly = "yes",
                                         .setup_ns_byte = best / (double)file.len,
                                         .overhead = (double)bytes / (double)file.len,
                                         .challenges = challenges},
                   &host, &v, file, 5);
    bench_memory_free(host.merkle.tree.nodes, bytes);
}

/* GB/s of the blocks touched, the coefficients and the PRF left aside by taking many blocks. */
static void mac_measure(struct bench *b, struct pdp_file file)
{
    enum { SECTORS = PDP_MAC_SECTORS_DEFAULT };
    static u128 alpha[SECTORS];
    struct pdp_verifier v = {.scheme = PDP_SW_MAC};
    struct pdp_host host = {.scheme = PDP_SW_MAC};
    uint8_t seed[32] = {7};
    size_t block = pdp_mac_block_bytes(SECTORS);
    uint64_t blocks = pdp_blocks(file.len, block);
    uint8_t *tags = bench_memory(16 * blocks);
    must(pdp_mac_key_init(&v.mac.key, alpha, SECTORS, seed));
    v.mac.len = file.len;
    double tag = 1e18, prove = 1e18;
    for (int i = 0; i < 3; i++) {
        double from = bench_cpu_ns();
        pdp_mac_tag(&v.mac.key, tags, v.mac.name, file, 0, blocks);
        double ns = bench_cpu_ns() - from;
        tag = ns < tag ? ns : tag;
    }
    host.mac = (struct pdp_mac_host){.sectors = SECTORS, .tags = tags};
    struct pdp_challenge all = {.count = (uint32_t)(blocks < 4096 ? blocks : 4096)};
    size_t len, need = pdp_mac_scratch_bytes(SECTORS, all.count);
    uint8_t proof[16 * (SECTORS + 1)];
    struct scratch scratch = {.data = bench_memory(need), .len = need};
    for (int i = 0; i < 5; i++) {
        double from = bench_cpu_ns();
        must(pdp_mac_prove(proof, sizeof proof, &len, &host.mac, file, &all, scratch));
        double ns = bench_cpu_ns() - from;
        prove = ns < prove ? ns : prove;
    }
    double tag_gbs = (double)file.len / tag, prove_gbs = (double)all.count * (double)block / prove;
    bench_figure_add(b, (struct bench_figure){"sw-mac tag, s = 273", "GB/s", "memcpy", tag_gbs,
                                              tag_gbs / b->memcpy_gbs, 4.0 / 19, false});
    bench_figure_add(b, (struct bench_figure){"sw-mac prove, s = 273", "GB/s", "memcpy", prove_gbs,
                                              prove_gbs / b->memcpy_gbs, 6.0 / 19, false});
    scheme_measure(b,
                   (struct bench_scheme){.name = "sw-mac 2^127-1, s = 273",
                                         .publicly = "no",
                                         .setup_ns_byte = tag / (double)file.len,
                                         .overhead = 16.0 / (double)block,
                                         .challenges = 460},
                   &host, &v, file, 10);
    bench_memory_free(tags, 16 * blocks);
    bench_memory_free(scratch.data, need);
}

void bench_proof_pdp(struct bench *b)
{
    uint8_t *data = bench_memory(b->size);
    bytes_fill(data, b->size);
    struct pdp_file file = {data, b->size};
    merkle_measure(b, file, "merkle 64 B, SHA-256", TREE_SHA256, 64, 77);
    merkle_measure(b, file, "merkle 64 B, BLAKE2b", TREE_BLAKE2B, 64, 77);
    merkle_measure(b, file, "merkle 4 KiB, SHA-256", TREE_SHA256, 4096, 460);
    mac_measure(b, file);
    bench_memory_free(data, b->size);
}

/* The tag by GMP alone: two exponentiations modulo each prime. */
static double gmp_crt_ns(const struct rsa_secret *k, bool secret)
{
    size_t half = rsa_bytes(&k->pub) / 2;
    mpz_t p, g, m, d, r;
    mpz_inits(p, g, m, d, r, NULL);
    mpz_import(p, half, -1, 1, 0, 0, k->prime[0].p);
    mpz_import(g, half, -1, 1, 0, 0, k->pub.n);
    mpz_import(m, half, -1, 1, 0, 0, k->prime[1].d);
    mpz_import(d, half, -1, 1, 0, 0, k->prime[0].d);
    mpz_mod(g, g, p);
    double best = 1e18;
    for (int i = 0; i < 40; i++) {
        double from = bench_cpu_ns();
        for (int e = 0; e < 2; e++) { /* both primes cost the same */
            if (secret) {
                mpz_powm_sec(r, g, m, p);
                mpz_powm_sec(r, r, d, p);
            } else {
                mpz_powm(r, g, m, p);
                mpz_powm(r, r, d, p);
            }
        }
        double ns = bench_cpu_ns() - from;
        best = ns < best ? ns : best;
    }
    mpz_clears(p, g, m, d, r, NULL);
    return best;
}

static void rsa_measure(struct bench *b, unsigned bits, size_t block, const char *name)
{
    static struct rsa_secret k;
    uint8_t seed[32] = {1};
    must(rsa_generate(&k, bits, seed));
    struct pdp_file file = {bench_memory(512 * block), 512 * block};
    bytes_fill((uint8_t *)(uintptr_t)file.data, file.len);
    uint8_t *tags = bench_memory(512 * rsa_bytes(&k.pub));
    uint64_t *comb = (uint64_t *)(void *)bench_memory(rsa_comb_bytes(&k));
    rsa_comb_make(comb, &k);
    uint8_t id[32] = {1};
    double tag = 1e18, from;
    for (int i = 0; i < 8; i++) {
        from = bench_cpu_ns();
        pdp_rsa_tag(&k, comb, tags + 64 * (unsigned)i * rsa_bytes(&k.pub), id, file, block,
                    64 * (unsigned)i, 64);
        double ns = (bench_cpu_ns() - from) / 64;
        tag = ns < tag ? ns : tag;
    }
    if (block == 4096) {
        double fast = gmp_crt_ns(&k, false), constant = gmp_crt_ns(&k, true);
        bench_figure_add(b, (struct bench_figure){"rsa-pdp tag, 4 KiB", "us",
                                                  "GMP's CRT rate (mpz_powm)", tag / 1e3,
                                                  fast / tag, 0.9, false});
        bench_figure_add(b, (struct bench_figure){"same, to constant-time GMP", "us",
                                                  "GMP's CRT rate (mpz_powm_sec)", tag / 1e3,
                                                  constant / tag, 0, false});
    }
    size_t entries = block + PDP_RSA_CARRY_BYTES;
    size_t table_bytes = rsa_power_table_bytes(&k.pub, entries);
    uint64_t *table = (uint64_t *)(void *)bench_memory(table_bytes);
    rsa_power_table_make(table, &k.pub, entries);
    struct pdp_host host = {.scheme = PDP_RSA, .rsa = {k.pub, block, tags}};
    struct pdp_verifier v = {
        .scheme = PDP_RSA,
        .rsa = {.key = k.pub, .name = {1}, .len = file.len, .block_bytes = block, .table = table}};
    scheme_measure(b,
                   (struct bench_scheme){.name = name,
                                         .publicly = "yes",
                                         .setup_ns_byte = tag / (double)block,
                                         .overhead = (double)rsa_bytes(&k.pub) / (double)block,
                                         .challenges = 460},
                   &host, &v, file, 3);
    bench_memory_free((uint8_t *)(uintptr_t)file.data, file.len);
    bench_memory_free(tags, 512 * rsa_bytes(&k.pub));
    bench_memory_free((uint8_t *)comb, rsa_comb_bytes(&k));
    bench_memory_free((uint8_t *)table, table_bytes);
}

void bench_proof_rsa(struct bench *b)
{
    rsa_measure(b, 2048, 4096, "rsa-pdp 2048, 4 KiB");
    rsa_measure(b, 2048, 16384, "rsa-pdp 2048, 16 KiB");
}

void bench_proof_erasure(struct bench *b)
{
    enum { K = 16, N = 32, LEN = 65536, ROUNDS = 40 };
    static uint8_t code_memory[1 << 16] __attribute__((aligned(64)));
    struct scratch s = {.data = code_memory, .len = sizeof code_memory};
    struct erasure c;
    must(erasure_init(&c, K, N, &s));
    uint8_t *shards = bench_memory((uint64_t)N * LEN), *at[N];
    bytes_fill(shards, (uint64_t)N * LEN);
    for (int i = 0; i < N; i++) {
        at[i] = shards + (size_t)i * LEN;
    }
    double ours = 1e18, direct = 1e18;
    for (int i = 0; i < 10; i++) {
        double from = bench_cpu_ns();
        for (int r = 0; r < ROUNDS; r++) {
            erasure_encode(&c, LEN, (const uint8_t *const *)at, at + K);
        }
        double mid = bench_cpu_ns();
        for (int r = 0; r < ROUNDS; r++) {
            ec_encode_data(LEN, K, N - K, c.tables, at, at + K);
        }
        double end = bench_cpu_ns();
        ours = mid - from < ours ? mid - from : ours;
        direct = end - mid < direct ? end - mid : direct;
    }
    bench_figure_add(
        b, (struct bench_figure){"Reed-Solomon 16/32 encode", "GB/s", "calling ISA-L directly",
                                 (double)K * LEN * ROUNDS / ours, direct / ours, 0.95, false});
    bench_memory_free(shards, (uint64_t)N * LEN);
}

/* Node hashes nobody can avoid who checks these leaves against one root: the distinct inner nodes
 * above them. */
static uint64_t inner_nodes(uint64_t *leaves, size_t n, uint64_t width)
{
    uint64_t count = 0;
    while (width > 1) {
        for (size_t i = 0; i < n; i++) {
            leaves[i] /= 2;
        }
        n = u64set_make(leaves, n);
        width = (width + 1) / 2;
        count += n;
    }
    return count;
}

static uint64_t hash_bound(const struct bench *b, const struct porep_replica *r,
                           const uint8_t seed[32], uint32_t challenges)
{
    static uint64_t v[256], opened[256 * 15];
    uint64_t nodes = r->commitment.nodes;
    size_t n = 0, n_opened = 0;
    for (uint32_t i = 0; i < challenges; i++) {
        v[n++] = porep_challenge(b->engine, r->commitment.replica_id, seed, i, nodes);
    }
    n = u64set_make(v, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t parents[GRAPH_DEGREE_MAX];
        graph_parents(&r->graph, parents, v[i]);
        opened[n_opened++] = v[i];
        for (unsigned j = 0; j < 14; j++) {
            opened[n_opened++] = parents[j];
        }
    }
    n_opened = u64set_make(opened, n_opened);
    uint64_t hashes = n_opened + n * (2 + r->profile.layers); /* leaves and labels */
    hashes += inner_nodes(opened, n_opened, nodes);
    return hashes + 2 * inner_nodes(v, n, nodes);
}

struct sector {
    struct porep_replica r;
    uint8_t *memory, *layers[TREE_PARTS_MAX], *replica;
    uint32_t *parents;
    uint64_t bytes, total;
    double seal_ns;
};

static void sector_seal(struct bench *b, struct sector *s, const char *profile, uint64_t bytes)
{
    must(profile_find(&s->r.profile, profile));
    s->bytes = bytes;
    uint64_t nodes = bytes / 32;
    s->r.commitment.nodes = nodes;
    size_t tree = tree_bytes(nodes, 0);
    s->total = (s->r.profile.layers + 1) * bytes + 3 * tree + 56 * nodes;
    s->memory = bench_memory(s->total);
    uint8_t *at = s->memory;
    for (uint32_t l = 0; l < s->r.profile.layers; l++, at += bytes) {
        s->layers[l] = at;
    }
    s->replica = at;
    s->r.tree_d.nodes = at + bytes;
    s->r.tree_c.nodes = at + bytes + tree;
    s->r.tree_r.nodes = at + bytes + 2 * tree;
    s->parents = (uint32_t *)(void *)(at + bytes + 3 * tree);
    must(profile_graph(&s->r.graph, &s->r.profile, nodes, s->r.commitment.identity.porep_id));
    graph_parents_range(&s->r.graph, s->parents, 0, nodes);
    bytes_fill(s->replica, bytes);
    double from = bench_cpu_ns();
    must(porep_seal(b->engine, &s->r, s->layers, s->replica, s->replica, s->parents));
    s->seal_ns = bench_cpu_ns() - from;
}

static void sector_prove(struct bench *b, const struct sector *s)
{
    uint8_t seed[32] = {3};
    uint32_t challenges = s->r.profile.porep_challenges;
    size_t need = porep_scratch_bytes(&s->r.profile, challenges), len = 0, cap = 0;
    struct scratch scratch = {.data = bench_memory(need), .len = need};
    must(porep_proof_bytes(b->engine, &cap, &s->r.commitment, seed, challenges, scratch));
    uint8_t *proof = bench_memory(cap);
    struct porep_check check = {0};
    double prove = 1e18, verify = 1e18;
    for (int i = 0; i < 5; i++) {
        double from = bench_cpu_ns();
        must(porep_prove(b->engine, proof, cap, &len, &s->r, seed, challenges, scratch));
        double mid = bench_cpu_ns();
        must(porep_verify(b->engine, &s->r.commitment, seed, challenges, proof, len, &check,
                          scratch));
        double end = bench_cpu_ns();
        prove = mid - from < prove ? mid - from : prove;
        verify = end - mid < verify ? end - mid : verify;
    }
    uint64_t hashes = check.leaf_hashes + check.node_hashes + check.labels;
    uint64_t bound = hash_bound(b, &s->r, seed, challenges);
    bench_figure_add(b, (struct bench_figure){"PoRep verify, 176 challenges, 11 layers", "ms",
                                              "10 ms", verify / 1e6, verify / 1e7, 1.0, true});
    bench_figure_add(b, (struct bench_figure){"same, in hashes", "hashes", "hash count bound",
                                              (double)hashes, (double)hashes / (double)bound, 1.05,
                                              true});
    bench_figure_add(b, (struct bench_figure){"same, at 75 ns a node hash", "ms", "10 ms",
                                              (double)check.compressions * 37.5e-6,
                                              (double)check.compressions * 37.5e-7, 1.0, true});
    bench_scheme_add(b, (struct bench_scheme){.name = "PoRep sdr-compat, spot check",
                                              .publicly = "yes",
                                              .setup_ns_byte = s->seal_ns / (double)s->bytes,
                                              .overhead = 6.0,
                                              .prove_ms = prove / 1e6,
                                              .verify_ms = verify / 1e6,
                                              .proof_bytes = len,
                                              .challenges = challenges});
    bench_memory_free(proof, cap);
    bench_memory_free(scratch.data, need);
}

static void sector_open(struct bench *b, const struct sector *s)
{
    uint8_t beacon[32] = {4};
    uint32_t labels = s->r.profile.post_challenges;
    static uint8_t answer[1 << 18], memory[1 << 18] __attribute__((aligned(64)));
    struct scratch scratch = {.data = memory, .len = sizeof memory};
    size_t len = 0;
    double prove = 1e18, verify = 1e18;
    for (int i = 0; i < 20; i++) {
        double from = bench_cpu_ns();
        must(space_answer(b->engine, answer, sizeof answer, &len, &s->r, beacon, labels, scratch));
        double mid = bench_cpu_ns();
        must(
            space_answer_verify(b->engine, &s->r.commitment, beacon, labels, answer, len, scratch));
        double end = bench_cpu_ns();
        prove = mid - from < prove ? mid - from : prove;
        verify = end - mid < verify ? end - mid : verify;
    }
    bench_figure_add(b, (struct bench_figure){"PoSt verify, per opening", "us", "3 us",
                                              verify / labels / 1e3, verify / labels / 3e3, 1.0,
                                              true});
    bench_scheme_add(b, (struct bench_scheme){.name = "PoSt on the replica",
                                              .publicly = "yes",
                                              .setup_ns_byte = s->seal_ns / (double)s->bytes,
                                              .overhead = 2.0,
                                              .prove_ms = prove / 1e6,
                                              .verify_ms = verify / 1e6,
                                              .proof_bytes = len,
                                              .challenges = labels});
}

void bench_proof_porep(struct bench *b)
{
    static struct sector s;
    uint64_t bytes = b->size < 32 << 20 ? b->size : 32 << 20;
    sector_seal(b, &s, "sdr-compat", bytes);
    bench_figure_add(b, (struct bench_figure){.name = "seal sdr-compat, labels and trees",
                                              .unit = "MB/s",
                                              .value = (double)bytes / s.seal_ns * 1e3});
    sector_prove(b, &s);
    sector_open(b, &s);
    bench_memory_free(s.memory, s.total);
}
