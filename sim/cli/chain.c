/* orrery chain: a chain file held against the rules, block by block. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "node/base/invariant.h"
#include "node/chain/chain_file.h"
#include "node/host/file.h"
#include "sim/cli/command.h"
#include "sim/store/store.h"

#define SCRATCH_BYTES ((size_t)64 << 20) /* of addresses */

static enum err chain_verify(struct lineage *lineage, struct ctx *c, struct chain_file *file)
{
    enum chain_file_tag tag;
    struct span record;
    enum err err;

    while ((err = chain_file_next(file, &tag, &record)) == ERR_OK) {
        if (tag == CHAIN_FILE_BLOCK) {
            const struct blob *block = blob_put(c->shared, record.data, record.len);
            err = lineage_block(lineage, c, block);
            blob_drop(c->shared, block);
        } else {
            err = lineage_decision(lineage, c, record);
        }
        if (err != ERR_OK) {
            return err == ERR_NOT_FOUND ? ERR_INVALID : err;
        }
        memset(c->out->charge, 0, sizeof(c->out->charge));
        c->out->count = 0;
        arena_reset(c->scratch);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static int chain_import(struct ctx *c, struct chain_file *file, struct genesis *genesis)
{
    struct lineage lineage;
    const struct blob *state;
    enum err err = genesis_build_state(genesis, &state, c->shared, c->scratch);

    arena_reset(c->scratch);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery chain: genesis: %s\n", err_text(err));
        return EXIT_INVARIANT;
    }
    lineage_begin(&lineage, c->shared, genesis, state);
    err = chain_verify(&lineage, c, file);
    const struct tree_entry *newest = lineage_newest(&lineage);
    if (err == ERR_OK) {
        printf("good: height %" PRIu64 ", %" PRIu64 " transactions, %" PRIu64 " decisions, id ",
               newest->height, lineage.txs, lineage.decisions);
        for (size_t i = 0; i < 32; i++) {
            printf("%02x", newest->id[i]);
        }
        putchar('\n');
    } else {
        fprintf(stderr, "orrery chain: after height %" PRIu64 ": %s\n", newest->height,
                err_text(err));
    }
    lineage_end(&lineage, c->shared);
    blob_drop(c->shared, state);
    return err == ERR_OK ? EXIT_OK : EXIT_INVARIANT;
}

int command_chain(int argc, char **argv)
{
    struct store_config config = {.memo_off = true};
    struct chain_file file;
    struct genesis genesis;
    struct arena scratch;
    struct span bytes;

    if (argc != 3 || strcmp(argv[1], "import") != 0) {
        return command_usage("chain", "chain import FILE");
    }
    if (file_map(&bytes, argv[2]) != ERR_OK) {
        fprintf(stderr, "orrery chain: %s cannot be read\n", argv[2]);
        return EXIT_USAGE;
    }
    enum err err = chain_file_open(&file, bytes);
    err = err != ERR_OK ? err : genesis_decode(&genesis, file.genesis);
    if (err != ERR_OK) {
        fprintf(stderr, "orrery chain: %s: %s\n", argv[2], err_text(err));
        file_unmap(bytes);
        return EXIT_USAGE;
    }
    void *memory = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct shared *shared = store_new(&config);
    struct effects *effects = calloc(1, sizeof(*effects));
    invariant(memory != MAP_FAILED && shared != NULL && effects != NULL);
    arena_init(&scratch, memory, SCRATCH_BYTES);
    struct ctx c = {.out = effects, .scratch = &scratch, .shared = shared};
    int code = chain_import(&c, &file, &genesis);
    store_free(shared);
    free(effects);
    munmap(memory, SCRATCH_BYTES);
    file_unmap(bytes);
    return code;
}
