#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/chain/chain_file.h"
#include "node/chain/durable.h"
#include "node/client/ctl.h"
#include "node/client/ctl_chain.h"
#include "node/daemon/store_tools.h"

/* What is written is hashed on its way. */
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

static void store64_big(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8) {
        p[i] = (uint8_t)v;
    }
}

/* The record of a key, or of the first key with this prefix. */
static bool record_get(struct store *store, struct record *record, struct span prefix)
{
    size_t count = 0;
    bool more;
    enum err err = store_read(store, record, &count, &more, prefix, span_of("", 0), 1, false);

    return err == ERR_OK && count == 1;
}

/* Ids from the checkpoint down to block 1, by height: below it blocks of lost branches may stand
 * that a crash kept from being deleted. */
static bool ids_find(struct store *store, uint8_t (*ids)[32], const struct final_record *final)
{
    uint8_t key[RECORD_BLOCK_KEY_BYTES];
    struct record record;
    struct block_view view;
    struct header header;

    memcpy(ids[final->height], final->id, 32);
    for (uint64_t h = final->height; h > 0; h--) {
        durable_block_key(key, h, ids[h]);
        if (!record_get(store, &record, span_of(key, sizeof(key)))) {
            (void)ctl_fail(
                "block %" PRIu64 " is missing: this node did not begin at genesis, or lost it", h);
            return false;
        }
        bool good = block_view(&view, span_of(record.value->data, record.value->len)) == ERR_OK &&
                    header_decode(&header, view.header) == ERR_OK;
        memcpy(ids[h - 1], header.parent, 32);
        store_read_release(store, &record, 1);
        if (!good) {
            (void)ctl_fail("block %" PRIu64 " is damaged", h);
            return false;
        }
    }
    return true;
}

static void chain_put(struct output *out, struct store *store, uint8_t (*ids)[32],
                      const struct genesis *genesis, uint64_t height)
{
    uint8_t head[CHAIN_FILE_HEAD_BYTES];
    uint8_t end[CHAIN_FILE_END_BYTES];
    uint8_t hash[HASH_BYTES];
    struct record record;

    hash_stream_start(&out->hash, HASH_BYTES, span_of(NULL, 0));
    chain_file_head(head, genesis->bytes);
    put(out, head, sizeof(head));
    put(out, genesis->bytes.data, genesis->bytes.len);
    for (uint64_t h = 1; h <= height && !out->failed; h++) {
        uint8_t key[RECORD_BLOCK_KEY_BYTES];
        uint64_t distance = genesis->params.checkpoint_blocks;
        durable_block_key(key, h, ids[h]);
        if (!record_get(store, &record, span_of(key, sizeof(key)))) {
            out->failed = true;
            return;
        }
        record_put(out, CHAIN_FILE_BLOCK, record.value);
        store_read_release(store, &record, 1);
        key[0] = 'f';
        store64_big(key + 1, distance != 0 && h % distance == 0 ? h / distance : 0);
        if (distance != 0 && h % distance == 0 && record_get(store, &record, span_of(key, 9))) {
            record_put(out, CHAIN_FILE_DECISION, record.value);
            store_read_release(store, &record, 1);
        }
    }
    hash_stream_end(&out->hash, hash);
    chain_file_end(end, height, hash);
    out->failed |= fwrite(end, 1, sizeof(end), out->file) != sizeof(end);
}

static int store_export(struct store *store, const struct genesis *genesis, const char *path)
{
    struct output out = {.file = NULL};
    struct final_record final;
    struct record record;

    if (!record_get(store, &record, span_of("c", 1))) {
        return ctl_fail("there is no final block yet");
    }
    enum err err = final_record_decode(&final, span_of(record.value->data, record.value->len));
    store_read_release(store, &record, 1);
    if (err != ERR_OK) {
        return ctl_fail("the newest checkpoint: %s", err_text(err));
    }
    uint8_t(*ids)[32] = calloc(final.height + 1, sizeof(*ids));
    invariant(ids != NULL);
    if (!ids_find(store, ids, &final)) {
        free(ids);
        return CTL_FAILED;
    }
    out.file = fopen(path, "wb");
    if (out.file == NULL) {
        free(ids);
        return ctl_fail("%s: %s", path, strerror(errno));
    }
    chain_put(&out, store, ids, genesis, final.height);
    free(ids);
    bool failed = out.failed;
    failed |= fclose(out.file) != 0;
    if (failed) {
        (void)remove(path);
        return ctl_fail("%s: not written: %s", path, strerror(errno));
    }
    printf("height %" PRIu64 ", id ", final.height);
    ctl_hex_print(final.id, 32);
    return CTL_OK;
}

int ctl_chain_export(const char *folder, struct span bytes, const char *out)
{
    char message[STORE_MESSAGE_BYTES] = "";
    struct genesis genesis;
    struct store *store;
    enum err err = genesis_decode(&genesis, bytes);

    if (err != ERR_OK) {
        return ctl_fail("genesis: %s", err_text(err));
    }
    if (store_open_as(&store, NULL, folder, genesis.hash, STORE_KEEP, 0, message) != ERR_OK) {
        return ctl_fail("%s", message);
    }
    int status = store_export(store, &genesis, out);
    store_close(store);
    return status;
}
