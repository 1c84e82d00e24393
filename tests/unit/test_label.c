/* Vectors: tests/vectors/storage-sdr-graph-and-labels.json (last labels published by
 * filecoin-project/rust-fil-proofs; layer digests from an independent program). Labels of the
 * other forms are checked against messages put together here and hashed by libsodium. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/proof/label.h"
#include "tests/support/vectors.h"

enum { LANES = 16 };

struct replica {
    uint8_t *layers[13]; /* 0 .. 12 */
    uint64_t nodes;
};

static struct replica replica_label(const struct sha256_engine *e, const struct graph *g,
                                    struct label_rule rule, uint8_t id, uint32_t layers)
{
    struct replica r = {.nodes = g->config.nodes};
    uint32_t *parents = calloc(r.nodes, 4 * graph_degree(g));
    graph_parents_range(g, parents, 0, r.nodes);
    cr_assert_eq(label_rule_check(g, rule), ERR_OK);
    struct label_job job = {.graph = g, .rule = rule};
    memset(job.replica_id, id, 32);
    r.layers[0] = calloc(r.nodes, 32);
    label_sources(e, job.replica_id, r.layers[0], 0, r.nodes);
    for (uint32_t l = 1; l <= layers; l++) {
        r.layers[l] = calloc(r.nodes, 32);
        job.layer = l;
        job.cur = r.layers[l];
        job.prev = r.layers[l - 1];
        label_range(e, &job, parents, 0, r.nodes / 3);
        label_range(e, &job, parents + r.nodes / 3 * graph_degree(g), r.nodes / 3,
                    r.nodes - r.nodes / 3);
    }
    free(parents);
    return r;
}

static void replica_free(struct replica *r)
{
    for (int l = 0; l < 13; l++) {
        free(r->layers[l]);
    }
}

static json_t *vectors(void)
{
    char path[1024];
    vectors_path(path, sizeof path, "storage-sdr-graph-and-labels.json");
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

Test(label, published_labels_with_every_engine)
{
    json_t *json = vectors(), *entry;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(json, "labels"), "cases"), i, entry)
    {
        const char *api = json_string_value(json_object_get(entry, "api"));
        const char *id = json_string_value(json_object_get(entry, "porep_id"));
        struct graph_config c = {
            .nodes = (uint64_t)json_integer_value(json_object_get(entry, "sector_bytes")) / 32,
            .api = strncmp(api, "1.0", 3) == 0 ? GRAPH_API_1_0 : GRAPH_API_1_1,
            .drg_degree = 6,
            .exp_degree = 8};
        memset(c.porep_id, (int)strtoul(id, NULL, 16), 32);
        struct graph g;
        cr_assert_eq(graph_init(&g, &c), ERR_OK);
        for (unsigned k = 0; sha256_engine_at(k) != NULL; k++) {
            struct replica r =
                replica_label(sha256_engine_at(k), &g, (struct label_rule){LABEL_SDR, 1}, 9, 11);
            for (uint32_t l = 1; l <= 11; l++) {
                uint8_t want[32], got[32];
                const json_t *hex = json_array_get(json_object_get(entry, "layer_sha256"), l - 1);
                hex_decode(want, 32, json_string_value(hex));
                crypto_hash_sha256(got, r.layers[l], 32 * r.nodes);
                cr_assert_arr_eq(got, want, 32, "case %zu layer %u", i, l);
            }
            uint8_t last[32];
            hex_decode(last, 32,
                       json_string_value(json_object_get(entry, "published_last_label_layer_11")));
            cr_assert_arr_eq(r.layers[11] + 32 * (r.nodes - 1), last, 32);
            replica_free(&r);
        }
    }
    cr_assert_eq(i, 3);
    json_decref(json);
}

/* The definition, literally: no staging, no passes. */
static void label_literal(uint8_t out[32], const struct graph *g, unsigned slots, uint8_t id,
                          uint32_t layer, uint64_t v, const struct replica *r)
{
    uint8_t msg[64 + 128 * 32] = {0};
    uint32_t parents[GRAPH_DEGREE_MAX], nodes[GRAPH_DEGREE_MAX + 1], layers[GRAPH_DEGREE_MAX + 1];
    memset(msg, id, 32);
    msg[35] = (uint8_t)layer;
    for (int i = 0; i < 8; i++) {
        msg[36 + i] = (uint8_t)(v >> (56 - 8 * i));
    }
    graph_parents(g, parents, v);
    unsigned n = label_parents(g, layer, v, parents, nodes, layers), used = n == 0 ? 0 : slots;
    for (unsigned k = 0; k < used; k++) {
        memcpy(msg + 64 + 32 * k, r->layers[layers[k % n]] + 32ull * nodes[k % n], 32);
    }
    crypto_hash_sha256(out, msg, 64 + 32ull * used);
}

Test(label, light_repeated_and_localised_labels_follow_the_definition)
{
    static const struct {
        struct graph_config config;
        struct label_rule rule;
    } cases[] = {
        {{.nodes = 200, .drg_degree = 6, .exp_degree = 8, .api = GRAPH_API_1_1}, {LABEL_LIGHT, 1}},
        {{.nodes = 200, .drg_degree = 6, .exp_degree = 8, .api = GRAPH_API_1_1}, {LABEL_LIGHT, 3}},
        {{.nodes = 200, .exp_degree = 40, .api = GRAPH_API_1_1, .localised = true},
         {LABEL_LIGHT, 1}},
        {{.nodes = 200, .exp_degree = 8, .api = GRAPH_API_1_1}, {LABEL_LIGHT, 2}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct graph g;
        cr_assert_eq(graph_init(&g, &cases[k].config), ERR_OK);
        struct replica r = replica_label(sha256_engine_best(), &g, cases[k].rule, 0x44, 3);
        for (uint32_t l = 1; l <= 3; l++) {
            unsigned degree = cases[k].config.localised ? 41
                              : l == 1                  ? cases[k].config.drg_degree
                                                        : graph_degree(&g);
            for (uint64_t v = 0; v < r.nodes; v++) {
                uint8_t want[32];
                label_literal(want, &g, degree * cases[k].rule.repeat, 0x44, l, v, &r);
                cr_assert_arr_eq(r.layers[l] + 32 * v, want, 32, "%zu %u %llu", k, l,
                                 (unsigned long long)v);
            }
        }
        replica_free(&r);
    }
}

Test(label, localised_graph_needs_one_array)
{
    struct graph_config c = {.nodes = 300, .exp_degree = 40, .localised = true};
    struct graph g;
    cr_assert_eq(graph_init(&g, &c), ERR_OK);
    const struct sha256_engine *e = sha256_engine_best();
    struct label_rule rule = {LABEL_LIGHT, 1};
    struct replica r = replica_label(e, &g, rule, 5, 8);
    uint32_t *parents = calloc(c.nodes, 4 * 40);
    uint8_t *one = calloc(c.nodes, 32);
    graph_parents_range(&g, parents, 0, c.nodes);
    struct label_job job = {.graph = &g, .rule = rule, .cur = one, .prev = one};
    memset(job.replica_id, 5, 32);
    label_sources(e, job.replica_id, one, 0, c.nodes);
    for (job.layer = 1; job.layer <= 8; job.layer++) {
        label_range(e, &job, parents, 0, c.nodes);
    }
    cr_assert_arr_eq(one, r.layers[8], 32 * c.nodes);
    replica_free(&r);
    free(parents);
    free(one);
}

Test(label, lockstep_gives_the_bytes_of_each_replica_alone)
{
    struct graph_config c = {.nodes = 500, .drg_degree = 6, .exp_degree = 8, .api = GRAPH_API_1_1};
    struct graph g;
    cr_assert_eq(graph_init(&g, &c), ERR_OK);
    uint32_t *parents = calloc(c.nodes, 4 * 14);
    graph_parents_range(&g, parents, 0, c.nodes);
    const struct sha256_engine *e = sha256_engine_best();
    for (int form = LABEL_SDR; form <= LABEL_LIGHT; form++) {
        struct label_rule rule = {(enum label_form)form, 1};
        for (unsigned lanes = 4; lanes <= 16; lanes *= 4) {
            struct label_job jobs[LANES];
            uint8_t *arrays[LANES][2];
            for (unsigned i = 0; i < lanes; i++) {
                jobs[i] = (struct label_job){.graph = &g, .rule = rule};
                memset(jobs[i].replica_id, (int)(7 + i), 32);
                arrays[i][0] = calloc(c.nodes, 32);
                arrays[i][1] = calloc(c.nodes, 32);
            }
            for (uint32_t l = 1; l <= 3; l++) {
                for (unsigned i = 0; i < lanes; i++) {
                    jobs[i].layer = l;
                    jobs[i].cur = arrays[i][l & 1];
                    jobs[i].prev = arrays[i][(l & 1) ^ 1];
                }
                label_range_lockstep(e, jobs, lanes, parents, 0, c.nodes);
            }
            for (unsigned i = 0; i < lanes; i++) {
                struct replica r = replica_label(e, &g, rule, (uint8_t)(7 + i), 3);
                cr_assert_arr_eq(jobs[i].cur, r.layers[3], 32 * c.nodes);
                replica_free(&r);
                free(arrays[i][0]);
                free(arrays[i][1]);
            }
            uint8_t *woven[2] = {calloc(c.nodes, 32 * lanes), calloc(c.nodes, 32 * lanes)};
            for (uint32_t l = 1; l <= 3; l++) {
                for (unsigned i = 0; i < lanes; i++) {
                    jobs[i].layer = l;
                    jobs[i].stride = 32 * lanes;
                    jobs[i].cur = woven[l & 1] + 32 * i;
                    jobs[i].prev = woven[(l & 1) ^ 1] + 32 * i;
                }
                label_range_lockstep(e, jobs, lanes, parents, 0, c.nodes);
            }
            for (unsigned i = 0; i < lanes; i++) {
                struct replica r = replica_label(e, &g, rule, (uint8_t)(7 + i), 3);
                for (uint64_t v = 0; v < c.nodes; v++) {
                    cr_assert_arr_eq(woven[1] + 32 * (v * lanes + i), r.layers[3] + 32 * v, 32);
                }
                replica_free(&r);
            }
            free(woven[0]);
            free(woven[1]);
        }
    }
    free(parents);
}

Test(label, one_label_from_its_parents_labels)
{
    struct graph_config c = {.nodes = 128, .drg_degree = 6, .exp_degree = 8, .api = GRAPH_API_1_1};
    struct graph g;
    cr_assert_eq(graph_init(&g, &c), ERR_OK);
    const struct sha256_engine *e = sha256_engine_best();
    struct label_rule rule = {LABEL_SDR, 1};
    struct replica r = replica_label(e, &g, rule, 3, 3);
    uint8_t id[32], got[32];
    memset(id, 3, 32);
    for (uint32_t l = 1; l <= 3; l++) {
        for (uint64_t v = 0; v < c.nodes; v++) {
            uint32_t row[14], nodes[14], layers[14];
            const uint8_t *labels[14];
            graph_parents(&g, row, v);
            unsigned n = label_parents(&g, l, v, row, nodes, layers);
            for (unsigned j = 0; j < n; j++) {
                labels[j] = r.layers[layers[j]] + 32ull * nodes[j];
            }
            label_one(e, got, &g, rule, id, l, v, labels);
            cr_assert_arr_eq(got, r.layers[l] + 32 * v, 32);
        }
    }
    replica_free(&r);
}

Test(label, counts_compressions)
{
    struct graph_config c = {.nodes = 128, .drg_degree = 6, .exp_degree = 8, .api = GRAPH_API_1_1};
    struct graph g;
    cr_assert_eq(graph_init(&g, &c), ERR_OK);
    cr_assert_eq(label_compressions(&g, (struct label_rule){LABEL_SDR, 1}, 1), 20);
    cr_assert_eq(label_compressions(&g, (struct label_rule){LABEL_SDR, 1}, 2), 20);
    cr_assert_eq(label_compressions(&g, (struct label_rule){LABEL_LIGHT, 1}, 2), 9);
    cr_assert_eq(label_rule_check(&g, (struct label_rule){LABEL_LIGHT, 0}), ERR_RANGE);
    cr_assert_eq(label_rule_check(&g, (struct label_rule){LABEL_LIGHT, 10}), ERR_RANGE);
}
