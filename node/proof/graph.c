#include "node/proof/graph.h"

#include "node/base/invariant.h"
#include "node/crypto/sha256.h"
#include "node/proof/feistel.h"

enum { META_DEGREE = 5, /* m' of DRSample's metagraph */ };

static void seed_hash(uint8_t out[32], const char *domain, size_t domain_len,
                      const uint8_t porep_id[32])
{
    const struct sha256_engine *portable = sha256_engine_at(0);
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, portable, domain, domain_len);
    sha256_update(&h, portable, porep_id, 32);
    sha256_final(&h, portable, out);
}

enum err graph_init(struct graph *g, const struct graph_config *config)
{
    static const char drg_domain[] = "Filecoin_DRSample", feistel_domain[] = "Filecoin_Feistel";
    if (config->nodes < 2 || config->nodes > (uint64_t)1 << 32 ||
        (config->drg_degree != 0 && config->drg_degree != GRAPH_DRG_DEGREE_MAX) ||
        config->exp_degree > GRAPH_DEGREE_MAX - GRAPH_DRG_DEGREE_MAX ||
        (config->localised && config->drg_degree != 0) ||
        (config->api != GRAPH_API_1_0 && config->api != GRAPH_API_1_1)) {
        return ERR_RANGE;
    }
    *g = (struct graph){.config = *config};
    uint8_t digest[32];
    seed_hash(digest, drg_domain, sizeof drg_domain - 1, config->porep_id);
    memcpy(g->drg_seed, digest, sizeof g->drg_seed);
    seed_hash(digest, feistel_domain, sizeof feistel_domain - 1, config->porep_id);
    for (int i = 0; i < 4; i++) {
        g->feistel_keys[i] = load64(digest + 8 * i);
    }
    g->half_bits = 1;
    while ((uint64_t)1 << 2 * g->half_bits < config->nodes * config->exp_degree) {
        g->half_bits++;
    }
    return ERR_OK;
}

/* ChaCha8 keystream, counter from 0, nonce 0, read eight bytes at a time: the source's generator.
 * It draws a public graph; nothing here is secret. */
struct graph_rng {
    uint8_t key[32];
    uint8_t block[64];
    uint32_t counter;
    unsigned used;
};

static inline uint32_t rotl32(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static inline void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotl32(*d ^ *a, 16);
    *c += *d;
    *b = rotl32(*b ^ *c, 12);
    *a += *b;
    *d = rotl32(*d ^ *a, 8);
    *c += *d;
    *b = rotl32(*b ^ *c, 7);
}

static void rng_refill(struct graph_rng *r)
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < 8; i++) {
        in[4 + i] = load32(r->key + 4 * i);
    }
    in[12] = r->counter++;
    uint32_t x[16];
    memcpy(x, in, sizeof x);
    for (int i = 0; i < 4; i++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (int i = 0; i < 16; i++) {
        store32(r->block + 4 * i, x[i] + in[i]);
    }
    r->used = 0;
}

static uint64_t rng_u64(struct graph_rng *r)
{
    if (r->used == 64) {
        rng_refill(r);
    }
    r->used += 8;
    return load64(r->block + r->used - 8);
}

/* BucketSample. spec: storage-proofs 2.1 */
static void drg_parents(const struct graph *g, uint32_t *parents, uint64_t v)
{
    if (v < 2) {
        memset(parents, 0, GRAPH_DRG_DEGREE_MAX * sizeof *parents);
        return;
    }
    struct graph_rng rng = {.used = 64};
    memcpy(rng.key, g->drg_seed, 28);
    store32(rng.key + 28, (uint32_t)v);
    uint64_t m = META_DEGREE * v;
    unsigned buckets = 64 - (unsigned)__builtin_clzll(m - 1); /* ceil(log2 m) */
    uint32_t *sampled = parents;
    if (g->config.api == GRAPH_API_1_1) {
        *sampled++ = (uint32_t)(v - 1);
    } else {
        parents[GRAPH_DRG_DEGREE_MAX - 1] = (uint32_t)(v - 1);
    }
    for (int i = 0; i < META_DEGREE; i++) {
        unsigned bucket = (unsigned)(rng_u64(&rng) % buckets) + 1;
        uint64_t largest = m < (uint64_t)1 << bucket ? m : (uint64_t)1 << bucket;
        uint64_t smallest = largest / 2 > 2 ? largest / 2 : 2;
        uint64_t distance = smallest + rng_u64(&rng) % (largest - smallest + 1);
        uint64_t u = (m - distance) / META_DEGREE;
        sampled[i] = (uint32_t)(u == v ? v - 1 : u);
    }
}

uint64_t graph_permute(const struct graph *g, uint64_t index)
{
    uint64_t limit = g->config.nodes * g->config.exp_degree;
    invariant(index < limit);
    do {
        feistel_permute(g->feistel_keys, GRAPH_FEISTEL_ROUNDS, g->half_bits, &index, 1);
    } while (index >= limit); /* cycle walking: back inside after few steps */
    return index;
}

static void exp_parents(const struct graph *g, uint32_t *parents, uint64_t v)
{
    unsigned degree = g->config.exp_degree;
    uint64_t limit = g->config.nodes * degree;
    uint64_t index[GRAPH_DEGREE_MAX];
    for (unsigned j = 0; j < degree; j++) {
        index[j] = v * degree + j;
    }
    /* All go through the network together; those outside walk on, packed to the front. */
    uint64_t walk[GRAPH_DEGREE_MAX];
    unsigned who[GRAPH_DEGREE_MAX], n_walk = degree;
    for (unsigned j = 0; j < degree; j++) {
        walk[j] = index[j];
        who[j] = j;
    }
    while (n_walk > 0) {
        feistel_permute(g->feistel_keys, GRAPH_FEISTEL_ROUNDS, g->half_bits, walk, n_walk);
        unsigned still = 0;
        for (unsigned j = 0; j < n_walk; j++) {
            if (walk[j] < limit) {
                index[who[j]] = walk[j];
            } else {
                walk[still] = walk[j];
                who[still++] = who[j];
            }
        }
        n_walk = still;
    }
    for (unsigned j = 0; j < degree; j++) {
        uint64_t u = g->config.api == GRAPH_API_1_0 ? (uint32_t)index[j] : index[j];
        parents[j] = (uint32_t)(u / degree);
    }
}

void graph_parents(const struct graph *g, uint32_t *parents, uint64_t v)
{
    invariant(v < g->config.nodes);
    if (g->config.drg_degree != 0) {
        drg_parents(g, parents, v);
    }
    exp_parents(g, parents + g->config.drg_degree, v);
}

void graph_parents_range(const struct graph *g, uint32_t *parents, uint64_t first, uint64_t n)
{
    unsigned degree = graph_degree(g);
    for (uint64_t i = 0; i < n; i++) {
        graph_parents(g, parents + i * degree, first + i);
    }
}
