/* seal. Sealing is a row of small steps, each durable before the next begins: the cache
 * of the graph; per sector the tree of the data, every layer, the encoding with its trees. What
 * `state` records has been synced. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "node/client/ctl_proof.h"

enum {
    SECTOR_BYTES_DEFAULT_MAX = 32 << 20,
    STATE_BYTES = 272,
};

static const char state_magic[8] = {'x', 'p', 'x', '/', 's', 't', 'a', '1'};

struct seal {
    const struct sha256_engine *engine;
    const char *folder, *parents_folder;
    bool json;
    struct profile profile;
    struct graph graph;
    struct porep_identity identity; /* of sector 0 */
    uint64_t file_bytes, sector_bytes, sectors, nodes;
    struct ctl_map file, replica, parents, commitments;
    char parents_path[4096];
    /* Where we are. */
    uint64_t sector;
    uint32_t step; /* 0: data tree; 1 .. layers: that layer; layers + 1: encode and commit */
    uint8_t source_root[32]; /* of the first sector's data: a changed file is noticed */
    struct ctl_progress progress;
};

static void state_encode(uint8_t out[STATE_BYTES], const struct seal *s)
{
    memset(out, 0, STATE_BYTES);
    memcpy(out, state_magic, 8);
    store64(out + 8, (uint64_t)s->profile.id);
    store64(out + 16, s->file_bytes);
    store64(out + 24, s->sector_bytes);
    store64(out + 32, s->identity.number);
    memcpy(out + 40, s->identity.prover, 32);
    memcpy(out + 72, s->identity.ticket, 32);
    memcpy(out + 104, s->identity.porep_id, 32);
    store64(out + 136, s->sector);
    store64(out + 144, s->step);
    memcpy(out + 152, s->source_root, 32);
}

static enum err state_write(const struct seal *s)
{
    uint8_t state[STATE_BYTES];
    char path[4096];
    state_encode(state, s);
    return ctl_path(path, s->folder, "state") ? ctl_file_replace(path, state, sizeof state)
                                              : ERR_RANGE;
}

/* ERR_NOT_FOUND: nothing to resume. ERR_USAGE: another sealing is unfinished here. */
static enum err state_read(struct seal *s)
{
    char path[4096];
    struct ctl_map m;
    uint8_t now[STATE_BYTES];
    if (!ctl_path(path, s->folder, "state")) {
        return ERR_RANGE;
    }
    TRY(ctl_map_read(&m, path));
    enum err err = ERR_CORRUPT;
    state_encode(now, s);
    if (m.len == STATE_BYTES) {
        err = memcmp(m.data, now, 136) == 0 ? ERR_OK : ERR_USAGE;
        s->sector = load64(m.data + 136);
        s->step = (uint32_t)load64(m.data + 144);
        memcpy(s->source_root, m.data + 152, 32);
        if (s->sector > s->sectors || s->step > s->profile.layers + 1) {
            err = ERR_CORRUPT;
        }
    }
    ctl_map_close(&m);
    return err;
}

/* The cache of the graph, made once: renamed into place when it is whole. */
static enum err parents_open(struct seal *s)
{
    char temporary[4096];
    uint64_t row = 4 * graph_degree(&s->graph), bytes = row * s->nodes;
    int n = snprintf(s->parents_path, sizeof s->parents_path, "%s/parents-%s-%" PRIu64 "%s",
                     s->parents_folder, s->profile.name, s->nodes,
                     s->profile.api == GRAPH_API_1_0 ? "-v1.0" : "");
    if (n >= (int)sizeof s->parents_path - 8) {
        return ERR_RANGE;
    }
    enum err err = ctl_map_read(&s->parents, s->parents_path);
    if (err == ERR_OK && s->parents.len == bytes) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        ctl_map_close(&s->parents);
    }
    if (snprintf(temporary, sizeof temporary, "%s.new", s->parents_path) >= (int)sizeof temporary) {
        return ERR_RANGE;
    }
    TRY(ctl_map_write(&s->parents, temporary, bytes));
    ctl_progress_start(&s->progress, "graph", s->nodes);
    ctl_graph_fill(&s->graph, s->parents.data, &s->progress);
    ctl_progress_end(&s->progress);
    TRY(ctl_map_sync(&s->parents));
    return rename(temporary, s->parents_path) == 0 ? ERR_OK : ERR_IO;
}

/* The sector's data, zero padded into the replica file, where the encoding will be. */
static void data_copy(const struct seal *s, uint8_t *to)
{
    uint64_t at = s->sector * s->sector_bytes;
    uint64_t left = s->file_bytes > at ? s->file_bytes - at : 0;
    uint64_t take = left < s->sector_bytes ? left : s->sector_bytes;
    if (take > 0) {
        memcpy(to, s->file.data + at, take);
    }
    memset(to + take, 0, s->sector_bytes - take);
}

static void layer_run(struct seal *s, struct porep_replica *r, uint8_t **layers)
{
    struct label_job job = {.graph = &s->graph, .rule = s->profile.rule, .layer = s->step};
    memcpy(job.replica_id, r->commitment.replica_id, 32);
    job.cur = layers[s->step - 1];
    job.prev = s->step > 1 ? layers[s->step - 2] : NULL;
    if (s->profile.localised && s->step == 1) {
        label_sources(s->engine, job.replica_id, job.cur, 0, s->nodes);
        job.prev = job.cur;
    }
    ctl_label_layer(s->engine, &job, s->parents.data, &s->progress);
}

static enum err sector_finish(struct seal *s, struct porep_replica *r, uint8_t **layers,
                              uint8_t *replica)
{
    struct porep_commitment *c = &r->commitment;
    data_copy(s, replica); /* again: a crash may have left it half encoded */
    porep_xor(replica, replica, layers[s->profile.layers - 1], s->sector_bytes);
    r->replica = replica;
    struct tree_source source = porep_source_columns(r);
    tree_build(s->engine, &r->tree_c, &source);
    source = porep_source_nodes(replica, s->nodes);
    tree_build(s->engine, &r->tree_r, &source);
    memcpy(c->comm_c, tree_root(&r->tree_c), 32);
    memcpy(c->comm_r_last, tree_root(&r->tree_r), 32);
    porep_comm_r(s->engine, c->comm_r, c->comm_c, c->comm_r_last);
    porep_commitment_encode(
        s->commitments.data + CTL_HEADER_BYTES + s->sector * POREP_COMMITMENT_BYTES, c);
    TRY(ctl_map_sync(&s->replica));
    return ctl_map_sync(&s->commitments);
}

static enum err sector_run(struct seal *s, struct ctl_map *proving)
{
    struct porep_replica r = {.profile = s->profile, .graph = s->graph};
    struct porep_commitment *c = &r.commitment;
    uint8_t *layers[TREE_PARTS_MAX], *replica = s->replica.data + s->sector * s->sector_bytes;
    *c = (struct porep_commitment){
        .profile = (uint8_t)s->profile.id, .nodes = s->nodes, .identity = s->identity};
    c->identity.number += s->sector;
    ctl_proving_layout(&r, layers, proving->data);
    if (s->step == 0) {
        data_copy(s, replica);
        struct tree_source source = porep_source_nodes(replica, s->nodes);
        tree_build(s->engine, &r.tree_d, &source);
        if (s->sector == 0) {
            memcpy(s->source_root, tree_root(&r.tree_d), 32);
        }
        TRY(ctl_map_sync(proving));
        s->step = 1;
        TRY(state_write(s));
    }
    memcpy(c->comm_d, tree_root(&r.tree_d), 32);
    porep_replica_id(s->engine, c->replica_id, &s->profile, &c->identity, c->comm_d);
    while (s->step <= s->profile.layers) {
        layer_run(s, &r, layers);
        TRY(ctl_map_sync(proving));
        s->step++;
        TRY(state_write(s));
    }
    TRY(sector_finish(s, &r, layers, replica));
    TRY(ctl_map_sync(proving));
    s->sector++;
    s->step = 0;
    return state_write(s);
}

/* A file that changed between two runs would give a replica of neither. */
static enum err source_check(const struct seal *s)
{
    if (s->sector == 0 && s->step == 0) {
        return ERR_OK;
    }
    struct ctl_map copy, nodes;
    TRY(ctl_map_memory(&copy, s->sector_bytes));
    enum err err = ctl_map_memory(&nodes, tree_bytes(s->nodes, TREE_DISCARD_MAX));
    if (err == ERR_OK) {
        struct seal first = *s;
        first.sector = 0;
        data_copy(&first, copy.data);
        struct tree t = {s->profile.tree, s->nodes, TREE_DISCARD_MAX, nodes.data};
        struct tree_source source = porep_source_nodes(copy.data, s->nodes);
        tree_build(s->engine, &t, &source);
        err = memcmp(tree_root(&t), s->source_root, 32) == 0 ? ERR_OK : ERR_STALE;
        ctl_map_close(&nodes);
    }
    ctl_map_close(&copy);
    return err;
}

static uint64_t bytes_needed(const struct seal *s)
{
    uint64_t sectors = s->sectors - s->sector;
    return sectors * (s->sector_bytes + ctl_proving_bytes(&s->profile, s->nodes)) +
           4 * graph_degree(&s->graph) * s->nodes;
}

static int no_space(const struct seal *s)
{
    struct statvfs v;
    uint64_t free_bytes = statvfs(s->folder, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
    return ctl_fail("no space left for %s: up to %" PRIu64 " bytes are needed to finish, %" PRIu64
                    " are free. Nothing is lost: %" PRIu64 " of %" PRIu64
                    " sectors are sealed; make room and run the same command again",
                    s->folder, bytes_needed(s), free_bytes, s->sector, s->sectors);
}

static enum err seal_run(struct seal *s)
{
    char path[4096];
    if (!ctl_path(path, s->folder, "commitment.part")) {
        return ERR_RANGE;
    }
    uint64_t bytes = CTL_HEADER_BYTES + s->sectors * POREP_COMMITMENT_BYTES;
    TRY(ctl_map_write(&s->commitments, path, bytes));
    memcpy(s->commitments.data, "xpx/cms1", 8);
    store64(s->commitments.data + 8, s->file_bytes);
    store64(s->commitments.data + 16, s->sectors);
    TRY(ctl_path(path, s->folder, "replica") ? ERR_OK : ERR_RANGE);
    TRY(ctl_map_write(&s->replica, path, s->sectors * s->sector_bytes));
    TRY(source_check(s));
    TRY(parents_open(s));
    ctl_progress_start(&s->progress, "seal", s->sectors * s->profile.layers * s->nodes);
    s->progress.done = s->sector * s->profile.layers * s->nodes;
    while (s->sector < s->sectors) {
        struct ctl_map proving;
        if (!ctl_proving_path(path, s->folder, s->sector)) {
            return ERR_RANGE;
        }
        TRY(ctl_map_write(&proving, path, ctl_proving_bytes(&s->profile, s->nodes)));
        enum err err = sector_run(s, &proving);
        ctl_map_close(&proving);
        TRY(err);
    }
    ctl_progress_end(&s->progress);
    return ERR_OK;
}

static enum err seal_finish(struct seal *s)
{
    char part[4096], whole[4096], state[4096];
    if (!ctl_path(part, s->folder, "commitment.part") ||
        !ctl_path(whole, s->folder, "commitment") || !ctl_path(state, s->folder, "state")) {
        return ERR_RANGE;
    }
    if (rename(part, whole) != 0) {
        return ERR_IO;
    }
    (void)unlink(state);
    if (s->parents_folder == s->folder) {
        (void)unlink(s->parents_path);
    }
    return ERR_OK;
}

static uint64_t sector_default(uint64_t file_bytes)
{
    uint64_t bytes = 32 * POREP_NODES_MIN;
    while (bytes < file_bytes && bytes < SECTOR_BYTES_DEFAULT_MAX) {
        bytes *= 2;
    }
    return bytes;
}

struct seal_options {
    const char *profile, *out, *sector, *ticket, *host, *contract, *number, *parents;
    bool json;
};

static bool seal_parse(struct seal *s, const struct seal_options *o)
{
    uint8_t host[32] = {0}, contract[32] = {0};
    if (o->profile == NULL || o->out == NULL) {
        (void)ctl_fail("seal needs --profile and -o");
        return false;
    }
    if (profile_find(&s->profile, o->profile) != ERR_OK) {
        (void)ctl_fail("no profile %s", o->profile);
        return false;
    }
    if ((o->ticket != NULL && !ctl_hex(s->identity.ticket, 32, o->ticket)) ||
        (o->host != NULL && !ctl_hex(host, 32, o->host)) ||
        (o->contract != NULL && !ctl_hex(contract, 32, o->contract)) ||
        (o->number != NULL && !ctl_u64(&s->identity.number, o->number))) {
        (void)ctl_fail("ticket, host and contract are 64 hex digits, number is a number");
        return false;
    }
    porep_prover_id(s->engine, s->identity.prover, host, contract);
    s->folder = o->out;
    s->parents_folder = o->parents != NULL ? o->parents : o->out;
    s->file_bytes = s->file.len;
    s->sector_bytes = sector_default(s->file_bytes);
    if (o->sector != NULL && !ctl_size(&s->sector_bytes, o->sector)) {
        (void)ctl_fail("--sector-bytes %s is no size", o->sector);
        return false;
    }
    s->nodes = s->sector_bytes / 32;
    s->sectors = s->file_bytes / s->sector_bytes + (s->file_bytes % s->sector_bytes != 0);
    s->sectors += s->sectors == 0;
    if (s->sector_bytes < 32 * POREP_NODES_MIN || (s->sector_bytes & (s->sector_bytes - 1)) != 0 ||
        s->sectors > CTL_SECTORS_MAX ||
        profile_graph(&s->graph, &s->profile, s->nodes, s->identity.porep_id) != ERR_OK) {
        (void)ctl_fail("sectors are powers of two from 2KiB to 128GiB, at most %d of them",
                       CTL_SECTORS_MAX);
        return false;
    }
    return true;
}

static int seal_result(struct seal *s, enum err err)
{
    if (err == ERR_NO_SPACE) {
        return no_space(s);
    }
    if (err == ERR_STALE) {
        return ctl_fail("the file has changed since its sealing began; remove %s", s->folder);
    }
    if (err != ERR_OK) {
        return ctl_fail("sealing into %s: %s%s%s", s->folder, err_text(err), errno != 0 ? ": " : "",
                        errno != 0 ? strerror(errno) : "");
    }
    char text[160];
    (void)snprintf(text, sizeof text,
                   "%s%" PRIu64 " bytes in %" PRIu64 " sector%s of %" PRIu64 " bytes, profile %s",
                   s->json ? "" : "sealed ", s->file_bytes, s->sectors, s->sectors == 1 ? "" : "s",
                   s->sector_bytes, s->profile.name);
    ctl_proof_say(s->json, "sealed", text);
    return CTL_OK;
}

int ctl_proof_seal(int argc, char **argv)
{
    struct seal_options o = {0};
    const struct ctl_option options[] = {
        {"--profile", &o.profile, NULL},     {"-o", &o.out, NULL},
        {"--sector-bytes", &o.sector, NULL}, {"--ticket", &o.ticket, NULL},
        {"--host", &o.host, NULL},           {"--contract", &o.contract, NULL},
        {"--number", &o.number, NULL},       {"--parents", &o.parents, NULL},
        {"--json", NULL, &o.json},
    };
    const char *file;
    static struct seal s;
    s = (struct seal){.engine = sha256_engine_best()};
    if (!ctl_options(argc, argv, options, sizeof options / sizeof *options, &file, 1)) {
        return CTL_FAILED;
    }
    s.json = o.json;
    enum err err = ctl_map_read(&s.file, file);
    if (err != ERR_OK) {
        return ctl_fail("cannot read %s: %s", file, err_text(err));
    }
    if (!seal_parse(&s, &o)) {
        return CTL_FAILED;
    }
    char path[4096];
    if (ctl_path(path, s.folder, "commitment") && access(path, F_OK) == 0) {
        return ctl_fail("%s holds a sealed replica already", s.folder);
    }
    if (mkdir(s.folder, 0777) != 0 && errno != EEXIST) {
        return ctl_fail("cannot make %s: %s", s.folder, strerror(errno));
    }
    err = state_read(&s);
    if (err == ERR_OK) {
        fprintf(stderr, "going on at sector %" PRIu64 " of %" PRIu64 "\n", s.sector + 1, s.sectors);
    } else if (err == ERR_USAGE) {
        return ctl_fail("%s holds an unfinished sealing with other arguments", s.folder);
    } else if (err != ERR_NOT_FOUND) {
        return ctl_fail("%s/state: %s", s.folder, err_text(err));
    }
    errno = 0;
    err = seal_run(&s);
    if (err == ERR_OK) {
        err = seal_finish(&s);
    }
    return seal_result(&s, err);
}
