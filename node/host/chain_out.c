#include "node/host/chain_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/block.h"
#include "node/chain/chain_file.h"

/* --- what there is --- */

static bool block_get(struct span *block, const struct chain_source *source, uint64_t height,
                      const uint8_t id[32])
{
    uint8_t key[RECORD_BLOCK_KEY_BYTES];

    durable_block_key(key, height, id);
    return source->get(source->context, block, span_of(key, sizeof(key)));
}

static enum err ids_find(struct chain_out *out, const struct chain_source *source)
{
    struct block_view view;
    struct header header;
    struct span block;

    memcpy(out->ids[out->final.height], out->final.id, 32);
    for (uint64_t h = out->final.height; h > 0; h--) {
        out->lacking = h;
        if (!block_get(&block, source, h, out->ids[h])) {
            return ERR_NOT_FOUND;
        }
        if (block_view(&view, block) != ERR_OK || header_decode(&header, view.header) != ERR_OK) {
            return ERR_CORRUPT;
        }
        memcpy(out->ids[h - 1], header.parent, 32);
    }
    return ERR_OK;
}

enum err chain_out_find(struct chain_out *out, const struct chain_source *source)
{
    struct span record;

    *out = (struct chain_out){.ids = NULL};
    if (!source->get(source->context, &record, span_of("c", 1))) {
        return ERR_STALE;
    }
    TRY(final_record_decode(&out->final, record));
    out->ids = calloc(out->final.height + 1, sizeof(*out->ids));
    invariant(out->ids != NULL);
    enum err err = ids_find(out, source);
    if (err != ERR_OK) {
        chain_out_end(out);
    }
    return err;
}

void chain_out_end(struct chain_out *out)
{
    free(out->ids);
    out->ids = NULL;
}

/* --- the file --- */

/* What is written is hashed on its way. */
struct output {
    FILE *file;
    struct hash_stream hash;
    bool failed;
};

static void put(struct output *to, const void *data, size_t len)
{
    hash_stream_add(&to->hash, data, len);
    to->failed |= fwrite(data, 1, len, to->file) != len;
}

static void record_put(struct output *to, enum chain_file_tag tag, struct span record)
{
    uint8_t head[CHAIN_FILE_RECORD_HEAD_BYTES];

    chain_file_record(head, tag, record.len);
    put(to, head, sizeof(head));
    put(to, record.data, record.len);
}

static void chain_put(struct output *to, const struct chain_out *out,
                      const struct chain_source *source, const struct genesis *genesis)
{
    uint64_t distance = genesis->params.checkpoint_blocks;
    uint8_t head[CHAIN_FILE_HEAD_BYTES];
    uint8_t end[CHAIN_FILE_END_BYTES];
    uint8_t hash[HASH_BYTES];
    struct span record;

    hash_stream_start(&to->hash, HASH_BYTES, span_of(NULL, 0));
    chain_file_head(head, genesis->bytes);
    put(to, head, sizeof(head));
    put(to, genesis->bytes.data, genesis->bytes.len);
    for (uint64_t h = 1; h <= out->final.height && !to->failed; h++) {
        uint8_t key[RECORD_DECISION_KEY_BYTES];
        to->failed |= !block_get(&record, source, h, out->ids[h]);
        if (to->failed) {
            return;
        }
        record_put(to, CHAIN_FILE_BLOCK, record);
        if (distance != 0 && h % distance == 0) {
            durable_decision_key(key, h / distance);
            if (source->get(source->context, &record, span_of(key, sizeof(key)))) {
                record_put(to, CHAIN_FILE_DECISION, record);
            }
        }
    }
    hash_stream_end(&to->hash, hash);
    chain_file_end(end, out->final.height, hash);
    to->failed |= fwrite(end, 1, sizeof(end), to->file) != sizeof(end);
}

enum err chain_out_write(const struct chain_out *out, const struct chain_source *source,
                         const struct genesis *genesis, const char *path)
{
    struct output to = {.file = fopen(path, "wb")};

    if (to.file == NULL) {
        return ERR_IO;
    }
    chain_put(&to, out, source, genesis);
    to.failed |= fclose(to.file) != 0;
    if (to.failed) {
        (void)remove(path);
    }
    return to.failed ? ERR_IO : ERR_OK;
}
