/* unseal: the labels of the last layer are made again and taken off. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/client/ctl_proof.h"

enum { CHUNK_NODES = 1 << 14 };

void ctl_graph_fill(const struct graph *g, uint8_t *rows, struct ctl_progress *progress)
{
    uint64_t row = 4 * graph_degree(g), nodes = g->config.nodes;
    for (uint64_t v = 0; v < nodes; v += CHUNK_NODES) {
        uint64_t now = nodes - v < CHUNK_NODES ? nodes - v : CHUNK_NODES;
        graph_parents_range(g, (uint32_t *)(void *)(rows + row * v), v, now);
        ctl_progress_add(progress, now);
    }
}

void ctl_label_layer(const struct sha256_engine *e, const struct label_job *job,
                     const uint8_t *rows, struct ctl_progress *progress)
{
    uint64_t row = 4 * graph_degree(job->graph), nodes = job->graph->config.nodes;
    for (uint64_t v = 0; v < nodes; v += CHUNK_NODES) {
        uint64_t now = nodes - v < CHUNK_NODES ? nodes - v : CHUNK_NODES;
        label_range(e, job, (const uint32_t *)(const void *)(rows + row * v), v, now);
        ctl_progress_add(progress, now);
    }
}

struct unseal {
    const struct sha256_engine *engine;
    struct ctl_commitments commitments;
    struct ctl_map replica, out, work, tree, parents;
    struct profile profile;
    struct graph graph;
    uint64_t nodes;
    struct ctl_progress progress;
};

/* One sector into the free half of the work space; where it is. */
static enum err sector_unseal(struct unseal *u, uint64_t sector, uint8_t **plain)
{
    struct porep_commitment c;
    uint64_t bytes = 32 * u->nodes;
    uint8_t *cur = u->work.data, *prev = u->work.data + bytes;
    TRY(ctl_commitment_get(&u->commitments, sector, &c));
    struct label_job job = {.graph = &u->graph, .rule = u->profile.rule};
    memcpy(job.replica_id, c.replica_id, 32);
    if (u->profile.localised) {
        label_sources(u->engine, job.replica_id, prev, 0, u->nodes);
    }
    for (job.layer = 1; job.layer <= u->profile.layers; job.layer++) {
        job.cur = cur;
        job.prev = prev;
        ctl_label_layer(u->engine, &job, u->parents.data, &u->progress);
        cur = prev;
        prev = job.cur;
    }
    *plain = cur;
    porep_xor(cur, prev, u->replica.data + sector * bytes, bytes);
    struct tree t = {u->profile.tree, u->nodes, TREE_DISCARD_MAX, u->tree.data};
    struct tree_source source = porep_source_nodes(cur, u->nodes);
    tree_build(u->engine, &t, &source);
    return memcmp(tree_root(&t), c.comm_d, 32) == 0 ? ERR_OK : ERR_CORRUPT;
}

static enum err unseal_run(struct unseal *u)
{
    uint64_t bytes = 32 * u->nodes;
    TRY(ctl_map_memory(&u->work, 2 * bytes));
    TRY(ctl_map_memory(&u->tree, tree_bytes(u->nodes, TREE_DISCARD_MAX)));
    TRY(ctl_map_memory(&u->parents, 4 * graph_degree(&u->graph) * u->nodes));
    ctl_progress_start(&u->progress, "unseal",
                       u->nodes * (1 + u->profile.layers * u->commitments.sectors));
    ctl_graph_fill(&u->graph, u->parents.data, &u->progress);
    for (uint64_t s = 0; s < u->commitments.sectors; s++) {
        uint8_t *plain;
        uint64_t at = s * bytes, left = u->out.len > at ? u->out.len - at : 0;
        TRY(sector_unseal(u, s, &plain));
        if (left > 0) {
            memcpy(u->out.data + at, plain, left < bytes ? left : bytes);
        }
    }
    ctl_progress_end(&u->progress);
    return ctl_map_sync(&u->out);
}

static enum err unseal_open(struct unseal *u, const char *folder)
{
    char path[4096];
    struct porep_commitment first;
    TRY(ctl_commitments_open(&u->commitments, folder));
    TRY(ctl_commitment_get(&u->commitments, 0, &first));
    TRY(profile_get(&u->profile, first.profile));
    TRY(profile_graph(&u->graph, &u->profile, first.nodes, first.identity.porep_id));
    u->nodes = first.nodes;
    TRY(ctl_path(path, folder, "replica") ? ERR_OK : ERR_RANGE);
    TRY(ctl_map_read(&u->replica, path));
    return u->replica.len == 32 * u->nodes * u->commitments.sectors ? ERR_OK : ERR_CORRUPT;
}

int ctl_proof_unseal(int argc, char **argv)
{
    const char *folder, *out = NULL;
    bool json = false;
    const struct ctl_option options[] = {{"-o", &out, NULL}, {"--json", NULL, &json}};
    char temporary[4096];
    static struct unseal u;
    if (!ctl_options(argc, argv, options, 2, &folder, 1)) {
        return CTL_FAILED;
    }
    if (out == NULL || snprintf(temporary, sizeof temporary, "%s.part", out) >= 4096) {
        return ctl_fail("unseal needs -o FILE");
    }
    u = (struct unseal){.engine = sha256_engine_best()};
    enum err err = unseal_open(&u, folder);
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", folder, err_text(err));
    }
    err = ctl_map_write(&u.out, temporary, u.commitments.file_bytes);
    if (err == ERR_OK) {
        err = unseal_run(&u);
    }
    if (err == ERR_OK && rename(temporary, out) != 0) {
        err = ERR_IO;
    }
    if (err != ERR_OK) {
        (void)unlink(temporary);
        (void)ctl_fail("unsealing to %s: %s", out, err_text(err));
        return err == ERR_CORRUPT ? CTL_REFUSED : CTL_FAILED;
    }
    if (json) {
        ctl_proof_say(json, "file", out);
    }
    return CTL_OK;
}
