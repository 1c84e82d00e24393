/* The final chain of a run as a file (docs/chain-file.md), from the records of the machine that has
 * seen most become final: the bytes that orreryctl chain export writes of a daemon's database. */
#include <stdio.h>
#include <stdlib.h>

#include "node/chain/chain_file.h"
#include "node/chain/durable.h"
#include "sim/world/internal.h"

struct output {
    FILE *file;
    struct hash_stream hash;
    bool failed;
};

static void put(struct output *out, const void *data, size_t len)
{
    hash_stream_add(&out->hash, data, len);
    out->failed |= fwrite(data, 1, len, out->file) != len;
}

static void record_put(struct output *out, enum chain_file_tag tag, const struct blob *record)
{
    uint8_t head[CHAIN_FILE_RECORD_HEAD_BYTES];

    chain_file_record(head, tag, record->len);
    put(out, head, sizeof(head));
    put(out, record->data, record->len);
}

static const struct blob *record_find(const struct records *records, const void *key, size_t len)
{
    struct record_view view;

    return records_get(records, &view, span_of(key, len)) == ERR_OK ? view.value : NULL;
}

/* Blocks 1 to height by walking down from the checkpoint; NULL: one is missing. */
static const struct blob **blocks_find(const struct records *records,
                                       const struct final_record *final)
{
    const struct blob **blocks = calloc(final->height + 1, sizeof(*blocks));
    uint8_t id[32];

    invariant(blocks != NULL);
    memcpy(id, final->id, 32);
    for (uint64_t h = final->height; h > 0; h--) {
        uint8_t key[RECORD_BLOCK_KEY_BYTES];
        struct block_view view;
        struct header header;
        durable_block_key(key, h, id);
        blocks[h] = record_find(records, key, sizeof(key));
        if (blocks[h] == NULL ||
            block_view(&view, span_of(blocks[h]->data, blocks[h]->len)) != ERR_OK ||
            header_decode(&header, view.header) != ERR_OK) {
            free((void *)blocks);
            return NULL;
        }
        memcpy(id, header.parent, 32);
    }
    return blocks;
}

static void chain_put(struct output *out, const struct world *w, const struct records *records,
                      const struct blob **blocks, uint64_t height)
{
    const struct genesis *genesis = &w->population.genesis;
    uint64_t distance = genesis->params.checkpoint_blocks;
    uint8_t head[CHAIN_FILE_HEAD_BYTES];
    uint8_t end[CHAIN_FILE_END_BYTES];
    uint8_t hash[HASH_BYTES];

    hash_stream_start(&out->hash, HASH_BYTES, span_of(NULL, 0));
    chain_file_head(head, genesis->bytes);
    put(out, head, sizeof(head));
    put(out, genesis->bytes.data, genesis->bytes.len);
    for (uint64_t h = 1; h <= height; h++) {
        uint8_t key[9] = {'f'};
        record_put(out, CHAIN_FILE_BLOCK, blocks[h]);
        for (uint64_t i = distance != 0 ? h / distance : 0, k = 8; k > 0; k--, i >>= 8) {
            key[k] = (uint8_t)i;
        }
        const struct blob *decision =
            distance != 0 && h % distance == 0 ? record_find(records, key, sizeof(key)) : NULL;
        if (decision != NULL) {
            record_put(out, CHAIN_FILE_DECISION, decision);
        }
    }
    hash_stream_end(&out->hash, hash);
    chain_file_end(end, height, hash);
    out->failed |= fwrite(end, 1, sizeof(end), out->file) != sizeof(end);
}

/* The machine whose newest durable checkpoint is highest, of those that have all blocks below it:
 * one that began with a snapshot has not. NULL: none. */
static const struct blob **best_find(const struct records **records, struct final_record *final,
                                     const struct world *w)
{
    const struct blob **best = NULL;

    for (uint32_t i = 0; i < w->count; i++) {
        const struct blob *record = record_find(&w->hosts[i].records, "c", 1);
        struct final_record mine;
        if (w->population.members[i].byzantine || record == NULL ||
            final_record_decode(&mine, span_of(record->data, record->len)) != ERR_OK ||
            (best != NULL && mine.height <= final->height)) {
            continue;
        }
        const struct blob **blocks = blocks_find(&w->hosts[i].records, &mine);
        if (blocks != NULL) {
            free((void *)best);
            best = blocks;
            *final = mine;
            *records = &w->hosts[i].records;
        }
    }
    return best;
}

enum err world_chain_write(const struct world *w, const char *path)
{
    struct output out = {.file = NULL};
    const struct records *records = NULL;
    struct final_record final = {.height = 0};
    const struct blob **blocks = best_find(&records, &final, w);

    if (blocks == NULL) {
        return ERR_NOT_FOUND;
    }
    out.file = fopen(path, "wb");
    out.failed = out.file == NULL;
    if (!out.failed) {
        chain_put(&out, w, records, blocks, final.height);
        out.failed |= fclose(out.file) != 0;
    }
    free((void *)blocks);
    return out.failed ? ERR_IO : ERR_OK;
}
