#include "node/proof/values.h"

#include "node/proof/porep.h"

size_t values_scratch_bytes(size_t n)
{
    return scratch_need(n, 32) + opening_scratch_bytes(n);
}

enum err values_bytes(size_t *bytes, uint64_t leaves, const uint64_t *indices, size_t n,
                      struct scratch scratch)
{
    uint64_t n_nodes = 0;
    TRY(opening_size(&n_nodes, leaves, indices, n, scratch));
    *bytes = 32 * (n + (size_t)n_nodes);
    return ERR_OK;
}

enum err values_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                      const struct tree *t, const uint8_t *nodes, const uint64_t *indices, size_t n,
                      struct scratch scratch)
{
    TRY(values_bytes(len, t->leaves, indices, n, scratch));
    if (*len > cap) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(out + 32 * i, nodes + 32 * indices[i], 32);
    }
    struct tree_source source = porep_source_nodes(nodes, t->leaves);
    size_t n_nodes = 0;
    return opening_prove(e, t, &source, out + 32 * n, *len / 32 - n, &n_nodes, indices, n, scratch);
}

enum err values_verify(const struct sha256_engine *e, enum tree_hash hash, const uint8_t root[32],
                       uint64_t leaves, const uint64_t *indices, size_t n, const uint8_t *data,
                       size_t len, struct scratch scratch)
{
    size_t need = 0;
    TRY(values_bytes(&need, leaves, indices, n, scratch));
    if (len != need) {
        return len < need ? ERR_TRUNCATED : ERR_TRAILING;
    }
    uint8_t *hashes = scratch_take(&scratch, n, 32);
    if (hashes == NULL) {
        return ERR_NO_MEMORY;
    }
    struct tree_source source = porep_source_nodes(data, n);
    tree_leaves_hash(e, hash, hashes, &source, 0, n);
    struct opening o = {hash, leaves, indices, hashes, n, data + 32 * n, len / 32 - n};
    return opening_verify(e, &o, root, NULL, NULL, scratch);
}
