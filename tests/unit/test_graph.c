/* Vectors: tests/vectors/storage-sdr-graph-and-labels.json (digests published by
 * filecoin-project/rust-fil-proofs; the parents of the small graph from an independent program). */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "node/crypto/sha256.h"
#include "node/proof/feistel.h"
#include "node/proof/graph.h"
#include "tests/support/vectors.h"

static json_t *vectors(void)
{
    char path[1024];
    vectors_path(path, sizeof path, "storage-sdr-graph-and-labels.json");
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

static struct graph sdr_graph(uint64_t nodes, uint64_t porep_id, enum graph_api api)
{
    struct graph_config config = {.nodes = nodes, .api = api, .drg_degree = 6, .exp_degree = 8};
    store64(config.porep_id, porep_id);
    struct graph g;
    cr_assert_eq(graph_init(&g, &config), ERR_OK);
    return g;
}

static void digest(const struct graph *g, uint8_t out[32])
{
    enum { ROWS = 256 };
    const struct sha256_engine *e = sha256_engine_best();
    uint32_t rows[ROWS * 14];
    struct sha256 h;
    sha256_init(&h);
    for (uint64_t v = 0; v < g->config.nodes; v += ROWS) {
        uint64_t n = g->config.nodes - v < ROWS ? g->config.nodes - v : ROWS;
        graph_parents_range(g, rows, v, n);
        sha256_update(&h, e, rows, n * 14 * 4);
    }
    sha256_final(&h, e, out);
}

Test(graph, published_digests)
{
    json_t *json = vectors(), *entry;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(json, "parent_cache"), "entries"), i, entry)
    {
        const char *api = json_string_value(json_object_get(entry, "api"));
        struct graph g =
            sdr_graph((uint64_t)json_integer_value(json_object_get(entry, "nodes")),
                      (uint64_t)json_integer_value(json_object_get(entry, "porep_id_le_u64")),
                      strncmp(api, "1.0", 3) == 0 ? GRAPH_API_1_0 : GRAPH_API_1_1);
        uint8_t want[32], got[32];
        hex_decode(want, 32, json_string_value(json_object_get(entry, "published_sha256")));
        digest(&g, got);
        cr_assert_arr_eq(got, want, 32, "entry %zu", i);
    }
    cr_assert_eq(i, 4);
    json_decref(json);
}

Test(graph, parents_of_the_small_graph)
{
    json_t *json = vectors();
    const json_t *small = json_object_get(json, "graph_64_nodes_porep_id_5_api_1_1"), *row;
    struct graph g = sdr_graph(64, 5, GRAPH_API_1_1);
    uint8_t seed[28];
    hex_decode(seed, 28, json_string_value(json_object_get(small, "drg_seed_28")));
    cr_assert_arr_eq(g.drg_seed, seed, 28);
    for (size_t k = 0; k < 4; k++) {
        const json_t *key = json_array_get(json_object_get(small, "feistel_keys_u64_hex"), k);
        cr_assert_eq(g.feistel_keys[k], strtoull(json_string_value(key), NULL, 16));
    }
    size_t v;
    json_array_foreach(json_object_get(small, "parents"), v, row)
    {
        uint32_t parents[14];
        graph_parents(&g, parents, v);
        for (size_t j = 0; j < 14; j++) {
            cr_assert_eq(parents[j], json_integer_value(json_array_get(row, j)), "%zu %zu", v, j);
        }
    }
    cr_assert_eq(v, 64);
    json_decref(json);
}

Test(graph, feistel_is_a_permutation_for_sizes_that_are_no_power_of_four)
{
    static const uint64_t sizes[] = {2, 3, 7, 64, 100, 1000, 2048, 5000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct graph g = sdr_graph(sizes[s], 9, GRAPH_API_1_1);
        uint64_t limit = sizes[s] * 8;
        uint8_t *seen = calloc(limit, 1);
        for (uint64_t i = 0; i < limit; i++) {
            uint64_t image = graph_permute(&g, i);
            cr_assert_lt(image, limit);
            cr_assert_eq(seen[image], 0);
            seen[image] = 1;
        }
        free(seen);
    }
}

/* How 10^4 expander parents fall into 32 equal bins; returns the fullest and emptiest. */
static void bins(enum graph_api api, unsigned *least, unsigned *most, uint32_t *largest)
{
    enum { SAMPLES = 10000 };
    struct graph g = sdr_graph((uint64_t)1 << 31, 1, api);
    unsigned count[32] = {0};
    *largest = 0;
    for (unsigned i = 0; i < SAMPLES / 8; i++) {
        uint32_t parents[14];
        graph_parents(&g, parents, (uint64_t)i * 1717171 + 12345);
        for (int j = 6; j < 14; j++) {
            count[parents[j] >> 26]++;
            *largest = parents[j] > *largest ? parents[j] : *largest;
        }
    }
    *least = SAMPLES;
    *most = 0;
    for (int b = 0; b < 32; b++) {
        *least = count[b] < *least ? count[b] : *least;
        *most = count[b] > *most ? count[b] : *most;
    }
}

Test(graph, api_1_0_is_pathological_for_large_sectors_and_1_1_is_not)
{
    unsigned least, most;
    uint32_t largest;
    bins(GRAPH_API_1_1, &least, &most, &largest);
    cr_assert_geq(least, 10000 / 32 * 6 / 10);
    cr_assert_leq(most, 10000 / 32 * 14 / 10 + 1);
    cr_assert_geq(largest, 1u << 29);
    bins(GRAPH_API_1_0, &least, &most, &largest);
    cr_assert_eq(least, 0);
    cr_assert_lt(largest, 1u << 29);
}

/* Longest path left after removing nodes greedily along one depth parity class: Valiant's
 * reduction. An upper bound on the depth an attacker must leave; more than n/4 is assumed.
 * Expected figures: spec storage-proofs 2.2 (removing about 22 % leaves about 0.47 n). */
Test(graph, depth_robust_against_valiants_reduction)
{
    enum { N = 1 << 14 };
    struct graph g = sdr_graph(N, 3, GRAPH_API_1_1);
    uint32_t(*parents)[14] = calloc(N, sizeof *parents);
    uint32_t *depth = calloc(N, sizeof *depth);
    uint8_t *gone = calloc(N, 1);
    graph_parents_range(&g, parents[0], 0, N);
    /* Edges by the most significant bit in which the depths of their ends differ; remove the
     * sources of the smallest classes until at least a fifth of the nodes is gone. */
    unsigned class_size[32] = {0}, removed = 0, longest = 0;
    for (uint32_t v = 1; v < N; v++) {
        for (int j = 0; j < 6; j++) {
            uint32_t d = depth[parents[v][j]] + 1;
            depth[v] = d > depth[v] ? d : depth[v];
        }
    }
    uint8_t *in_class = calloc(N, 32);
    for (uint32_t v = 1; v < N; v++) {
        for (int j = 0; j < 6; j++) {
            uint32_t u = parents[v][j];
            int bit = 31 - __builtin_clz(depth[u] ^ depth[v]);
            if (!in_class[u * 32 + (unsigned)bit]) {
                in_class[u * 32 + (unsigned)bit] = 1;
                class_size[bit]++;
            }
        }
    }
    bool used[32] = {false};
    while (removed < N / 5) {
        int best = -1;
        for (int b = 0; b < 32; b++) {
            if (!used[b] && class_size[b] > 0 && (best < 0 || class_size[b] < class_size[best])) {
                best = b;
            }
        }
        cr_assert_geq(best, 0);
        used[best] = true;
        for (uint32_t v = 0; v < N; v++) {
            removed += in_class[v * 32 + (unsigned)best] && !gone[v];
            gone[v] |= in_class[v * 32 + (unsigned)best];
        }
    }
    for (uint32_t v = 0; v < N; v++) {
        depth[v] = 0;
        for (int j = 0; j < 6 && v > 0; j++) {
            uint32_t u = parents[v][j];
            uint32_t d = gone[u] ? 0 : depth[u] + 1;
            depth[v] = d > depth[v] ? d : depth[v];
        }
        longest = !gone[v] && depth[v] > longest ? depth[v] : longest;
    }
    cr_log_info("removed %.3f n, longest path left %.3f n", removed / (double)N,
                longest / (double)N);
    cr_assert_gt(longest, N / 4);
    free(parents);
    free(depth);
    free(gone);
    free(in_class);
}

Test(graph, limits_are_refused)
{
    struct graph g;
    struct graph_config c = {.nodes = 1, .drg_degree = 6, .exp_degree = 8};
    cr_assert_eq(graph_init(&g, &c), ERR_RANGE);
    c.nodes = ((uint64_t)1 << 32) + 1;
    cr_assert_eq(graph_init(&g, &c), ERR_RANGE);
    c.nodes = 64;
    c.drg_degree = 5;
    cr_assert_eq(graph_init(&g, &c), ERR_RANGE);
    c.drg_degree = 6;
    c.localised = true;
    cr_assert_eq(graph_init(&g, &c), ERR_RANGE);
    c = (struct graph_config){.nodes = 64, .exp_degree = 40, .localised = true};
    cr_assert_eq(graph_init(&g, &c), ERR_OK);
}
