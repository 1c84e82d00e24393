/* orreryctl chain: a chain from a node's database to a file and back. */
#define _GNU_SOURCE
#include "node/client/ctl_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "node/base/invariant.h"
#include "node/chain/chain_file.h"
#include "node/chain/durable.h"
#include "node/client/ctl_node.h"
#include "node/crypto/vrf.h"
#include "node/daemon/blobs.h"
#include "node/daemon/store_tools.h"
#include "node/host/file.h"

#define SCRATCH_BYTES ((size_t)256 << 20) /* of addresses */
#define FLUSH_BLOCKS 512

static const char help[] =
    "usage: orreryctl chain export FOLDER --genesis FILE -o FILE [--json]\n"
    "       orreryctl chain import FILE [--verify | -d FOLDER] [--json]\n"
    "\n"
    "  export   the final blocks of a node's database, with the decisions that made them final;\n"
    "           the daemon is stopped\n"
    "  import   executes every block and checks every signature, VRF proof and decision;\n"
    "           with -d it makes the database of a node of it, in a new folder\n"
    "  --verify says how fast that was, and how fast bare signature checks are here\n";

static bool map(struct span *bytes, const char *path)
{
    if (file_map(bytes, path) != ERR_OK) {
        (void)ctl_fail("%s: %s", path, errno != 0 ? strerror(errno) : "empty");
        return false;
    }
    return true;
}

/* --- import --- */

struct import {
    struct store *store;   /* NULL: nothing is kept */
    struct shared *shared; /* the store's, or of its own */
    struct genesis genesis;
    struct lineage lineage;
    struct effects *effects;
    struct arena scratch;
    void *memory;
    uint8_t durable_root[32];
    uint32_t next_request;
    enum err written;
    uint64_t verify, vrf; /* work charged */
};

static bool nothing_load(void *context, const uint8_t name[32], struct span *bytes)
{
    (void)context;
    (void)name;
    (void)bytes;
    return false;
}

static void on_written(void *context, enum err err)
{
    struct import *x = context;

    if (err != ERR_OK) {
        x->written = err;
    }
}

static struct ctx context_of(struct import *x)
{
    return (struct ctx){.out = x->effects,
                        .scratch = &x->scratch,
                        .shared = x->shared,
                        .next_request = &x->next_request};
}

/* What the rules asked for: writes go to the store. */
static void effects_run(struct import *x)
{
    for (size_t i = 0; i < x->effects->count; i++) {
        const struct effect *e = &x->effects->list[i];
        if (e->kind == EFFECT_WRITE) {
            store_write(x->store, e->write.ops, e->write.count, on_written, x);
        }
    }
    x->verify += x->effects->charge[COST_VERIFY];
    x->vrf += x->effects->charge[COST_VRF_VERIFY];
    memset(x->effects->charge, 0, sizeof(x->effects->charge));
    x->effects->count = 0;
    arena_reset(&x->effects->arena);
    arena_reset(&x->scratch);
}

static enum err block_import(struct import *x, struct span bytes)
{
    struct ctx c = context_of(x);
    const struct blob *block = blob_put(x->shared, bytes.data, bytes.len);
    enum err err = lineage_block(&x->lineage, &c, block);

    if (err == ERR_OK && x->store != NULL) {
        durable_block_write(&c, lineage_newest(&x->lineage));
    }
    blob_drop(x->shared, block);
    effects_run(x);
    if (x->store != NULL && x->lineage.blocks % FLUSH_BLOCKS == 0) {
        store_flush(x->store);
    } else if (x->store == NULL) {
        blobs_trim(x->shared);
    }
    return err;
}

static enum err decision_import(struct import *x, struct span bytes)
{
    struct ctx c = context_of(x);
    enum err err = lineage_decision(&x->lineage, &c, bytes);

    if (err == ERR_OK && x->store != NULL) {
        const struct blob *decision = blob_put(x->shared, bytes.data, bytes.len);
        const struct tree_entry *newest = lineage_newest(&x->lineage);
        durable_final_write(&c, &x->lineage.tree, x->lineage.instance, x->lineage.tree.base,
                            decision, x->durable_root, NULL, 0);
        memcpy(x->durable_root, newest->state_root, 32);
        blob_drop(x->shared, decision);
    }
    effects_run(x);
    return err;
}

static int records_import(struct import *x, struct chain_file *file)
{
    enum chain_file_tag tag;
    struct span record;
    struct ctl_progress progress;
    enum err err;

    ctl_progress_start(&progress, "verifying", file->bytes.len);
    while ((err = chain_file_next(file, &tag, &record)) == ERR_OK) {
        err = tag == CHAIN_FILE_BLOCK ? block_import(x, record) : decision_import(x, record);
        if (err != ERR_OK || x->written != ERR_OK) {
            ctl_progress_end(&progress);
            return x->written != ERR_OK
                       ? ctl_fail("the database: %s", err_text(x->written))
                       : (ctl_fail("%s after height %" PRIu64 ": %s",
                                   tag == CHAIN_FILE_BLOCK ? "the block" : "the decision",
                                   lineage_newest(&x->lineage)->height, err_text(err)),
                          CTL_REFUSED);
        }
        ctl_progress_add(&progress, file->at);
    }
    ctl_progress_end(&progress);
    if (err != ERR_NOT_FOUND) {
        (void)ctl_fail("the file after height %" PRIu64 ": %s", lineage_newest(&x->lineage)->height,
                       err_text(err));
        return CTL_REFUSED;
    }
    return CTL_OK;
}

static bool import_open(struct import *x, const char *folder, bool memo)
{
    char message[STORE_MESSAGE_BYTES] = "";
    struct stat info;
    char path[4300];

    x->effects = calloc(1, sizeof(*x->effects));
    x->memory = mmap(NULL, 2 * SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    invariant(x->effects != NULL && x->memory != MAP_FAILED);
    arena_init(&x->scratch, x->memory, SCRATCH_BYTES);
    arena_init(&x->effects->arena, (uint8_t *)x->memory + SCRATCH_BYTES, SCRATCH_BYTES);
    if (folder == NULL) {
        x->shared = blobs_new((struct blob_source){nothing_load, NULL}, 0, memo ? 16384 : 0);
        return x->shared != NULL;
    }
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (stat(path, &info) == 0) {
        (void)ctl_fail("%s: holds a database already", folder);
        return false;
    }
    if (store_open_as(&x->store, NULL, folder, x->genesis.hash, STORE_BULK, 0, message) != ERR_OK) {
        (void)ctl_fail("%s", message);
        return false;
    }
    x->shared = store_shared(x->store);
    return true;
}

static void import_close(struct import *x)
{
    if (x->store != NULL) {
        store_flush(x->store);
        store_close(x->store);
    } else {
        blobs_free(x->shared);
    }
    munmap(x->memory, 2 * SCRATCH_BYTES);
    free(x->effects);
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may share the cores */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bare checks of one signature, then of one VRF proof, per second: half a second each. */
static double signatures_per_second(const uint8_t genesis[32])
{
    struct sign_secret secret;
    uint8_t signature[SIGN_BYTES];
    uint8_t body[200] = {1};
    struct sign_message message = {
        .context = SIGN_CONTEXT("tx"), .genesis = genesis, .body = {span_of(body, sizeof(body))}};
    uint64_t count = 0;
    double start = cpu_seconds();

    sign_keypair(&secret, (const uint8_t[32]){1});
    sign_make(signature, &secret, &message);
    while (cpu_seconds() - start < 0.5) {
        for (int i = 0; i < 100; i++) {
            invariant(sign_verify(signature, secret.public_key, &message) == ERR_OK);
        }
        count += 100;
    }
    return (double)count / (cpu_seconds() - start);
}

static double proofs_per_second(void)
{
    struct vrf_secret secret;
    uint8_t proof[VRF_PROOF_BYTES];
    uint8_t beta[VRF_BETA_BYTES];
    const uint8_t text[40] = {1};
    struct span alpha = span_of(text, sizeof(text));
    uint64_t count = 0;

    vrf_keypair(&secret, (const uint8_t[32]){1});
    invariant(vrf_prove(proof, beta, &secret, alpha) == ERR_OK);
    double start = cpu_seconds();
    while (cpu_seconds() - start < 0.5) {
        for (int i = 0; i < 10; i++) {
            invariant(vrf_verify(beta, secret.public_key, proof, alpha) == ERR_OK);
        }
        count += 10;
    }
    return (double)count / (cpu_seconds() - start);
}

/* What import has to say; nothing is measured unless `verify`. */
struct told {
    bool verify, json;
    double seconds; /* of CPU, for all of it */
};

static void import_json(const struct import *x, const struct told *told, const char *id,
                        double least)
{
    json_t *said =
        json_pack("{s:I, s:I, s:I, s:s}", "height", (json_int_t)lineage_newest(&x->lineage)->height,
                  "transactions", (json_int_t)x->lineage.txs, "decisions",
                  (json_int_t)x->lineage.decisions, "id", id);
    if (told->verify) {
        (void)json_object_set_new(said, "verify",
                                  json_pack("{s:f, s:I, s:I, s:f, s:f}", "seconds", told->seconds,
                                            "signatures", (json_int_t)x->verify, "vrfProofs",
                                            (json_int_t)x->vrf, "bareSeconds", least, "ratio",
                                            least / told->seconds));
    }
    ctl_print_json(said);
    json_decref(said);
}

static void import_report(const struct import *x, const struct told *told)
{
    const struct tree_entry *newest = lineage_newest(&x->lineage);
    double seconds = told->seconds;
    double signatures = told->verify ? signatures_per_second(x->genesis.hash) : 1;
    double proofs = told->verify ? proofs_per_second() : 1;
    double least = (double)x->verify / signatures + (double)x->vrf / proofs;
    char id[65];

    ctl_hex_text(id, newest->id, 32);
    if (told->json) {
        import_json(x, told, id, least);
        return;
    }
    printf("good: height %" PRIu64 ", %" PRIu64 " transactions, %" PRIu64 " decisions, id %s\n",
           newest->height, x->lineage.txs, x->lineage.decisions, id);
    if (told->verify) {
        printf("%.2f s of CPU: %.0f blocks/s, %" PRIu64 " signatures, %" PRIu64 " VRF proofs\n"
               "bare checks, %.0f signatures/s or %.0f proofs/s, would take %.2f s: ratio %.2f\n",
               seconds, (double)x->lineage.blocks / seconds, x->verify, x->vrf, signatures, proofs,
               least, least / seconds);
    }
}

static int chain_import(const char *path, const char *folder, struct told told)
{
    struct import x = {.next_request = 1};
    struct chain_file file;
    struct span bytes;
    const struct blob *state = NULL;
    int status = CTL_REFUSED;

    if (!map(&bytes, path)) {
        return CTL_FAILED;
    }
    enum err err = chain_file_open(&file, bytes);
    err = err != ERR_OK ? err : genesis_decode(&x.genesis, file.genesis);
    if (err != ERR_OK) {
        (void)ctl_fail("%s: %s", path, err_text(err));
        return CTL_REFUSED;
    }
    if (!import_open(&x, folder, !told.verify)) {
        return CTL_FAILED;
    }
    double start = cpu_seconds();
    err = genesis_build_state(&x.genesis, &state, x.shared, &x.scratch);
    arena_reset(&x.scratch);
    if (err == ERR_OK) {
        lineage_begin(&x.lineage, x.shared, &x.genesis, state);
        status = records_import(&x, &file);
        if (x.store != NULL) {
            store_flush(x.store);
        }
        if (status == CTL_OK) {
            told.seconds = cpu_seconds() - start;
            import_report(&x, &told);
        }
        lineage_end(&x.lineage, x.shared);
    } else {
        (void)ctl_fail("%s: genesis: %s", path, err_text(err));
    }
    blob_drop(x.shared, state);
    import_close(&x);
    file_unmap(bytes);
    return status;
}

int ctl_chain(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "--help";
    const char *path = NULL;
    const char *out = NULL;
    const char *genesis = NULL;
    const char *folder = NULL;
    struct told told = {.verify = false};
    const struct ctl_option options[] = {{"-o", &out, NULL},
                                         {"--genesis", &genesis, NULL},
                                         {"-d", &folder, NULL},
                                         {"--verify", NULL, &told.verify},
                                         {"--json", NULL, &told.json}};
    bool export = strcmp(verb, "export") == 0;

    if (strcmp(verb, "--help") == 0) {
        fputs(help, stdout);
        return argc > 1 ? CTL_OK : CTL_FAILED;
    }
    if (!export && strcmp(verb, "import") != 0) {
        return ctl_fail("no command chain %s; try --help", verb);
    }
    if (!ctl_options(argc - 1, argv + 1, options, sizeof(options) / sizeof(options[0]), &path, 1)) {
        return CTL_FAILED;
    }
    if (!export) {
        return told.verify && folder != NULL ? ctl_fail("--verify or -d, not both")
                                             : chain_import(path, folder, told);
    }
    if (out == NULL || genesis == NULL) {
        return ctl_fail("chain export needs --genesis FILE and -o FILE");
    }
    struct span bytes;
    if (!map(&bytes, genesis)) {
        return CTL_FAILED;
    }
    int status = ctl_chain_export(path, bytes, out, told.json);
    file_unmap(bytes);
    return status;
}
