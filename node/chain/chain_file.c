#include "node/chain/chain_file.h"

static const uint8_t magic[8] = {'X', 'P', 'X', 'C', 'H', 'A', 'I', 'N'};
#define CHAIN_FILE_VERSION 1u

void chain_file_head(uint8_t out[CHAIN_FILE_HEAD_BYTES], struct span genesis)
{
    memcpy(out, magic, sizeof(magic));
    store32(out + 8, CHAIN_FILE_VERSION);
    store32(out + 12, (uint32_t)genesis.len);
}

void chain_file_record(uint8_t out[CHAIN_FILE_RECORD_HEAD_BYTES], enum chain_file_tag tag,
                       size_t len)
{
    out[0] = (uint8_t)tag;
    store32(out + 1, (uint32_t)len);
}

void chain_file_end(uint8_t out[CHAIN_FILE_END_BYTES], uint64_t blocks, const uint8_t hash[32])
{
    chain_file_record(out, CHAIN_FILE_END, 8 + 32);
    store64(out + CHAIN_FILE_RECORD_HEAD_BYTES, blocks);
    memcpy(out + CHAIN_FILE_RECORD_HEAD_BYTES + 8, hash, 32);
}

enum err chain_file_open(struct chain_file *file, struct span bytes)
{
    if (bytes.len < CHAIN_FILE_HEAD_BYTES) {
        return ERR_TRUNCATED;
    }
    if (memcmp(bytes.data, magic, sizeof(magic)) != 0) {
        return ERR_SYNTAX;
    }
    if (load32(bytes.data + 8) != CHAIN_FILE_VERSION) {
        return ERR_VERSION;
    }
    size_t len = load32(bytes.data + 12);
    if (bytes.len - CHAIN_FILE_HEAD_BYTES < len) {
        return ERR_TRUNCATED;
    }
    *file = (struct chain_file){.bytes = bytes,
                                .genesis = span_of(bytes.data + CHAIN_FILE_HEAD_BYTES, len),
                                .at = CHAIN_FILE_HEAD_BYTES + len};
    return ERR_OK;
}

static enum err end_check(const struct chain_file *file, struct span record)
{
    uint8_t hash[HASH_BYTES];

    if (file->at != file->bytes.len) {
        return ERR_TRAILING;
    }
    if (record.len != 8 + 32 || load64(record.data) != file->blocks) {
        return ERR_CORRUPT;
    }
    hash256(hash, file->bytes.data, file->bytes.len - CHAIN_FILE_END_BYTES);
    return memcmp(hash, record.data + 8, 32) == 0 ? ERR_NOT_FOUND : ERR_CORRUPT;
}

enum err chain_file_next(struct chain_file *file, enum chain_file_tag *tag, struct span *record)
{
    const uint8_t *at = file->bytes.data + file->at;
    size_t left = file->bytes.len - file->at;

    if (left < CHAIN_FILE_RECORD_HEAD_BYTES ||
        left - CHAIN_FILE_RECORD_HEAD_BYTES < load32(at + 1)) {
        return ERR_TRUNCATED;
    }
    *record = span_of(at + CHAIN_FILE_RECORD_HEAD_BYTES, load32(at + 1));
    file->at += CHAIN_FILE_RECORD_HEAD_BYTES + record->len;
    switch (at[0]) {
    case CHAIN_FILE_END:
        return end_check(file, *record);
    case CHAIN_FILE_BLOCK:
        file->blocks++;
        *tag = CHAIN_FILE_BLOCK;
        return ERR_OK;
    case CHAIN_FILE_DECISION:
        *tag = CHAIN_FILE_DECISION;
        return ERR_OK;
    default:
        return ERR_CORRUPT;
    }
}
