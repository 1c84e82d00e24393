/* graph and tree. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/client/ctl_proof.h"

static int digest_print(const struct graph *g, bool json)
{
    enum { ROWS = 4096 };
    static uint32_t rows[ROWS * 14];
    const struct sha256_engine *e = sha256_engine_best();
    struct ctl_progress progress;
    struct sha256 h;
    uint8_t out[32];
    char hex[65];
    sha256_init(&h);
    ctl_progress_start(&progress, "graph", g->config.nodes);
    for (uint64_t v = 0; v < g->config.nodes; v += ROWS) {
        uint64_t n = g->config.nodes - v < ROWS ? g->config.nodes - v : ROWS;
        graph_parents_range(g, rows, v, n);
        sha256_update(&h, e, rows, n * 14 * 4);
        ctl_progress_add(&progress, n);
    }
    ctl_progress_end(&progress);
    sha256_final(&h, e, out);
    ctl_hex_text(hex, out, 32);
    ctl_proof_say(json, "digest", hex);
    return CTL_OK;
}

int ctl_proof_graph(int argc, char **argv)
{
    const char *sector = NULL, *id = NULL, *api = NULL, *node = NULL;
    bool digest = false;
    bool json = false;
    const struct ctl_option options[] = {
        {"--sector-bytes", &sector, NULL}, {"--porep-id", &id, NULL}, {"--api", &api, NULL},
        {"--node", &node, NULL},           {"--json", NULL, &json},   {"--digest", NULL, &digest}};
    uint64_t bytes, number, v;
    struct graph_config c = {.drg_degree = 6, .exp_degree = 8};
    if (!ctl_options(argc, argv, options, sizeof options / sizeof *options, NULL, 0)) {
        return CTL_FAILED;
    }
    if (sector == NULL || id == NULL || api == NULL || (digest && node != NULL)) {
        return ctl_fail("graph needs --sector-bytes, --porep-id, --api, and not both of --digest "
                        "and --node");
    }
    if (strcmp(api, "1.0") != 0 && strcmp(api, "1.1") != 0) {
        return ctl_fail("--api is 1.0 or 1.1");
    }
    c.api = strcmp(api, "1.0") == 0 ? GRAPH_API_1_0 : GRAPH_API_1_1;
    if (strlen(id) == 64 ? !ctl_hex(c.porep_id, 32, id) : !ctl_u64(&number, id)) {
        return ctl_fail("--porep-id is a number or 64 hex digits");
    }
    if (strlen(id) != 64) {
        store64(c.porep_id, number);
    }
    struct graph g;
    if (!ctl_size(&bytes, sector) || bytes % 32 != 0) {
        return ctl_fail("--sector-bytes is a multiple of 32");
    }
    c.nodes = bytes / 32;
    if (graph_init(&g, &c) != ERR_OK) {
        return ctl_fail("--sector-bytes is from 64 to 128GiB");
    }
    if (node == NULL) {
        return digest_print(&g, json);
    }
    if (!ctl_u64(&v, node) || v >= c.nodes) {
        return ctl_fail("--node is below %" PRIu64, c.nodes);
    }
    uint32_t parents[14];
    graph_parents(&g, parents, v);
    char row[14 * 11 + 1];
    size_t at = 0;
    for (int j = 0; j < 14; j++) {
        at += (size_t)snprintf(row + at, sizeof row - at, j < 13 ? "%u " : "%u", parents[j]);
    }
    ctl_proof_say(json, "parents", row);
    return CTL_OK;
}

int ctl_proof_tree(int argc, char **argv)
{
    const char *path, *leaf_text = "64", *hash_text = "sha256";
    bool json = false;
    const struct ctl_option options[] = {
        {"--leaf", &leaf_text, NULL}, {"--hash", &hash_text, NULL}, {"--json", NULL, &json}};
    char hex[65];
    uint64_t leaf;
    struct ctl_map file, nodes;
    struct tree t = {.discard = TREE_DISCARD_MAX};
    if (!ctl_options(argc, argv, options, sizeof options / sizeof *options, &path, 1)) {
        return CTL_FAILED;
    }
    if (!ctl_size(&leaf, leaf_text) || leaf < 1 || leaf > 1 << 30) {
        return ctl_fail("--leaf is from 1 to 1GiB");
    }
    if (strcmp(hash_text, "sha256") != 0 && strcmp(hash_text, "blake2b") != 0) {
        return ctl_fail("--hash is sha256 or blake2b");
    }
    t.hash = strcmp(hash_text, "sha256") == 0 ? TREE_SHA256 : TREE_BLAKE2B;
    enum err err = ctl_map_read(&file, path);
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", path, err_text(err));
    }
    struct tree_source s = tree_source_file(file.data, file.len, (size_t)leaf);
    t.leaves = s.row_count;
    err = ctl_map_memory(&nodes, tree_bytes(t.leaves, t.discard));
    if (err != ERR_OK) {
        return ctl_fail("%s", err_text(err));
    }
    t.nodes = nodes.data;
    const struct sha256_engine *e = sha256_engine_best();
    const uint64_t piece = 1 << 14;
    struct ctl_progress progress;
    ctl_progress_start(&progress, "tree", t.leaves);
    if (t.leaves <= piece) {
        tree_build(e, &t, &s);
    } else {
        for (uint64_t at = 0; at < t.leaves; at += piece) {
            uint64_t n = t.leaves - at < piece ? t.leaves - at : piece;
            tree_build_piece(e, &t, &s, at, n, 14);
            ctl_progress_add(&progress, n);
        }
        tree_finish(e, &t, 14);
    }
    ctl_progress_end(&progress);
    ctl_hex_text(hex, tree_root(&t), 32);
    ctl_proof_say(json, "root", hex);
    ctl_map_close(&nodes);
    ctl_map_close(&file);
    return CTL_OK;
}
