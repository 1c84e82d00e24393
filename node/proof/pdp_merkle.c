#include "node/proof/pdp_merkle.h"

#include "node/base/invariant.h"
#include "node/proof/u64set.h"

void pdp_merkle_commit(const struct sha256_engine *e, struct pdp_merkle_host *host,
                       struct pdp_merkle_verifier *verifier, struct pdp_file file,
                       size_t block_bytes)
{
    struct tree_source s = tree_source_file(file.data, file.len, block_bytes);
    host->block_bytes = block_bytes;
    host->tree.leaves = s.row_count;
    tree_build(e, &host->tree, &s);
    *verifier = (struct pdp_merkle_verifier){
        .hash = host->tree.hash, .block_bytes = block_bytes, .len = file.len};
    memcpy(verifier->root, tree_root(&host->tree), 32);
}

size_t pdp_merkle_scratch_bytes(const struct pdp_merkle_verifier *v, uint32_t count)
{
    (void)v;
    return scratch_need(count, 8) + scratch_need(count, 32) + opening_scratch_bytes(count);
}

size_t pdp_merkle_proof_bytes_max(const struct pdp_merkle_verifier *v, uint32_t count)
{
    return (v->block_bytes + 32u * tree_height(pdp_blocks(v->len, v->block_bytes))) * count;
}

static enum err indices(uint64_t **out, size_t *n, const struct pdp_challenge *c, uint64_t blocks,
                        struct scratch *scratch)
{
    *n = pdp_count(c, blocks);
    *out = scratch_take(scratch, *n, 8);
    if (*out == NULL) {
        return ERR_NO_MEMORY;
    }
    struct pdp_draw draw;
    pdp_draw_init(&draw, c, blocks);
    pdp_draw_indices(&draw, *out, 0, (uint32_t)*n);
    size_t distinct = u64set_make(*out, *n);
    invariant(distinct == *n);
    return ERR_OK;
}

static size_t block_len(uint64_t file_len, size_t block_bytes, uint64_t index)
{
    uint64_t left = file_len - index * block_bytes;
    return left < block_bytes ? (size_t)left : block_bytes;
}

enum err pdp_merkle_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                          const struct pdp_merkle_host *host, struct pdp_file file,
                          const struct pdp_challenge *c, struct scratch scratch)
{
    struct tree_source s = tree_source_file(file.data, file.len, host->block_bytes);
    uint64_t *index, n_nodes = 0;
    size_t n, written = 0;
    *len = 0;
    invariant(s.row_count == host->tree.leaves);
    TRY(indices(&index, &n, c, s.row_count, &scratch));
    if (n == 0) {
        return ERR_OK;
    }
    TRY(opening_size(&n_nodes, s.row_count, index, n, scratch));
    for (size_t i = 0; i < n; i++) {
        size_t take = block_len(file.len, host->block_bytes, index[i]);
        if (take > cap - *len) {
            return ERR_FULL;
        }
        memcpy(out + *len, file.data + index[i] * host->block_bytes, take);
        *len += take;
    }
    if (32 * n_nodes > cap - *len) {
        return ERR_FULL;
    }
    TRY(opening_prove(e, &host->tree, &s, out + *len, (size_t)n_nodes, &written, index, n,
                      scratch));
    *len += 32 * written;
    return ERR_OK;
}

enum err pdp_merkle_verify(const struct sha256_engine *e, const struct pdp_merkle_verifier *v,
                           const struct pdp_challenge *c, const uint8_t *proof, size_t len,
                           struct scratch scratch)
{
    uint64_t *index, n_nodes = 0, blocks = pdp_blocks(v->len, v->block_bytes);
    size_t n, at = 0;
    TRY(indices(&index, &n, c, blocks, &scratch));
    if (n == 0) {
        return len == 0 ? ERR_OK : ERR_TRAILING;
    }
    TRY(opening_size(&n_nodes, blocks, index, n, scratch));
    size_t last = block_len(v->len, v->block_bytes, index[n - 1]);
    size_t want = (n - 1) * v->block_bytes + last + 32 * (size_t)n_nodes;
    if (len != want) {
        return len < want ? ERR_TRUNCATED : ERR_TRAILING;
    }
    uint8_t *hashes = scratch_take(&scratch, n, 32);
    if (hashes == NULL) {
        return ERR_NO_MEMORY;
    }
    at = len - 32 * (size_t)n_nodes;
    struct tree_source s = tree_source_file(proof, at, v->block_bytes);
    tree_leaves_hash(e, v->hash, hashes, &s, 0, n);
    struct opening o = {v->hash, blocks, index, hashes, n, proof + at, (size_t)n_nodes};
    return opening_verify(e, &o, v->root, NULL, NULL, scratch);
}

static uint64_t groups_of(const struct pdp_inner *inner, uint64_t len)
{
    return pdp_blocks(len, inner->shard_bytes * inner->code.k);
}

uint64_t pdp_inner_bytes(const struct pdp_inner *inner, uint64_t len)
{
    return groups_of(inner, len) * inner->shard_bytes * inner->code.n;
}

void pdp_inner_encode(const struct pdp_inner *inner, uint8_t *coded, struct pdp_file file)
{
    size_t in_bytes = inner->shard_bytes * inner->code.k;
    size_t out_bytes = inner->shard_bytes * inner->code.n;
    for (uint64_t g = 0; g < groups_of(inner, file.len); g++) {
        uint8_t *group = coded + g * out_bytes;
        uint64_t left = file.len - g * in_bytes;
        size_t take = left < in_bytes ? (size_t)left : in_bytes;
        memcpy(group, file.data + g * in_bytes, take);
        memset(group + take, 0, in_bytes - take);
        const uint8_t *data[ERASURE_SHARDS_MAX];
        uint8_t *parity[ERASURE_SHARDS_MAX];
        for (unsigned i = 0; i < inner->code.n; i++) {
            if (i < inner->code.k) {
                data[i] = group + i * inner->shard_bytes;
            } else {
                parity[i - inner->code.k] = group + i * inner->shard_bytes;
            }
        }
        erasure_encode(&inner->code, inner->shard_bytes, data, parity);
    }
}

enum err pdp_inner_decode(const struct pdp_inner *inner, uint8_t *data, uint64_t len,
                          uint8_t *coded, const bool *healthy, struct scratch scratch)
{
    size_t in_bytes = inner->shard_bytes * inner->code.k;
    unsigned n = inner->code.n;
    for (uint64_t g = 0; g < groups_of(inner, len); g++) {
        uint8_t *shards[ERASURE_SHARDS_MAX];
        for (unsigned i = 0; i < n; i++) {
            shards[i] = coded + (g * n + i) * inner->shard_bytes;
        }
        struct scratch work = scratch;
        struct erasure_plan plan;
        TRY(erasure_plan_make(&inner->code, &plan, healthy + g * n, &work));
        erasure_rebuild(&inner->code, &plan, inner->shard_bytes, shards);
        uint64_t left = len - g * in_bytes;
        memcpy(data + g * in_bytes, shards[0], left < in_bytes ? (size_t)left : in_bytes);
    }
    return ERR_OK;
}
