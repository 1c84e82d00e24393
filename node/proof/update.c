#include "node/proof/update.h"

#include "node/base/invariant.h"
#include "node/proof/gf256.h"
#include "node/proof/u64set.h"
#include "node/proof/values.h"

static const char magic[8] = {'x', 'p', 'x', '/', 'u', 'p', 'd', '1'};

static struct gf256 rho_of(const struct sha256_engine *e, const struct porep_commitment *old,
                           const uint8_t comm_d[32], uint64_t class_index)
{
    static const char domain[] = "xpx/update/1";
    uint8_t msg[40], digest[32];
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, comm_d, 32);
    sha256_update(&h, e, old->comm_r, 32);
    sha256_final(&h, e, msg);
    store64(msg + 32, class_index);
    sha256_once(e, digest, msg, sizeof msg);
    digest[0] |= 1; /* never zero, so that decoding exists */
    return gf256_load(digest);
}

void update_encode(const struct sha256_engine *e, const struct porep_commitment *old,
                   const uint8_t comm_d[32], uint8_t *out, const uint8_t *key, const uint8_t *data,
                   uint64_t first, uint64_t n)
{
    struct gf256_table table = {0};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = first + i;
        if (i == 0 || v % UPDATE_CLASS_NODES == 0) {
            gf256_table_make(&table, rho_of(e, old, comm_d, v / UPDATE_CLASS_NODES));
        }
        uint8_t product[32];
        gf256_store(product, gf256_table_multiply(&table, gf256_load(data + 32 * i)));
        porep_xor(out + 32 * i, key + 32 * i, product, 32);
    }
}

void update_decode(const struct sha256_engine *e, const struct porep_commitment *old,
                   const uint8_t comm_d[32], uint8_t *out, const uint8_t *key,
                   const uint8_t *replica, uint64_t first, uint64_t n)
{
    struct gf256_table table = {0};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = first + i;
        if (i == 0 || v % UPDATE_CLASS_NODES == 0) {
            struct gf256 rho = rho_of(e, old, comm_d, v / UPDATE_CLASS_NODES);
            gf256_table_make(&table, gf256_invert(rho));
        }
        uint8_t product[32];
        porep_xor(product, replica + 32 * i, key + 32 * i, 32);
        gf256_store(out + 32 * i, gf256_table_multiply(&table, gf256_load(product)));
    }
}

size_t update_scratch_bytes(uint32_t n_challenges)
{
    return scratch_need(n_challenges, 8) + values_scratch_bytes(n_challenges);
}

/* Challenges of the updated replica: its identity is the old one with the new commitments. */
static enum err challenges(const struct sha256_engine *e, uint64_t **indices, size_t *n,
                           const struct porep_commitment *old, const struct update_commitment *c,
                           const uint8_t seed[32], uint32_t n_challenges, struct scratch *scratch)
{
    if (n_challenges < 1 || n_challenges > POREP_CHALLENGES_MAX || old->nodes < POREP_NODES_MIN) {
        return ERR_RANGE;
    }
    *indices = scratch_take(scratch, n_challenges, 8);
    if (*indices == NULL) {
        return ERR_NO_MEMORY;
    }
    uint8_t id[32];
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, old->replica_id, 32);
    sha256_update(&h, e, c->comm_d, 32);
    sha256_update(&h, e, c->comm_r_last, 32);
    sha256_final(&h, e, id);
    for (uint32_t i = 0; i < n_challenges; i++) {
        (*indices)[i] = porep_challenge(e, id, seed, i, old->nodes);
    }
    *n = u64set_make(*indices, n_challenges);
    return ERR_OK;
}

enum err update_proof_bytes(const struct sha256_engine *e, size_t *bytes,
                            const struct porep_commitment *old, const struct update_commitment *c,
                            const uint8_t seed[32], uint32_t n_challenges, struct scratch scratch)
{
    uint64_t *indices;
    size_t n, part;
    TRY(challenges(e, &indices, &n, old, c, seed, n_challenges, &scratch));
    TRY(values_bytes(&part, old->nodes, indices, n, scratch));
    *bytes = sizeof magic + 3 * part;
    return ERR_OK;
}

enum err update_prove(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                      const struct update_replica *r, const uint8_t seed[32], uint32_t n_challenges,
                      struct scratch scratch)
{
    uint64_t *indices;
    size_t n, part;
    TRY(challenges(e, &indices, &n, r->old, &r->commitment, seed, n_challenges, &scratch));
    TRY(values_bytes(&part, r->old->nodes, indices, n, scratch));
    *len = sizeof magic + 3 * part;
    if (*len > cap) {
        return ERR_FULL;
    }
    memcpy(out, magic, sizeof magic);
    uint8_t *at = out + sizeof magic;
    TRY(values_prove(e, at, part, &part, &r->tree_data, r->data, indices, n, scratch));
    TRY(values_prove(e, at + part, part, &part, &r->tree_key, r->key, indices, n, scratch));
    return values_prove(e, at + 2 * part, part, &part, &r->tree_replica, r->replica, indices, n,
                        scratch);
}

enum err update_verify(const struct sha256_engine *e, const struct porep_commitment *old,
                       const struct update_commitment *c, const uint8_t seed[32],
                       uint32_t n_challenges, const uint8_t *proof, size_t len,
                       struct scratch scratch)
{
    uint64_t *indices;
    size_t n, part;
    struct profile p;
    TRY(profile_get(&p, old->profile));
    TRY(challenges(e, &indices, &n, old, c, seed, n_challenges, &scratch));
    TRY(values_bytes(&part, old->nodes, indices, n, scratch));
    if (len != sizeof magic + 3 * part) {
        return len < sizeof magic + 3 * part ? ERR_TRUNCATED : ERR_TRAILING;
    }
    if (memcmp(proof, magic, sizeof magic) != 0) {
        return ERR_VERSION;
    }
    const uint8_t *data = proof + sizeof magic, *key = data + part, *replica = key + part;
    TRY(values_verify(e, p.tree, c->comm_d, old->nodes, indices, n, data, part, scratch));
    TRY(values_verify(e, p.tree, old->comm_r_last, old->nodes, indices, n, key, part, scratch));
    TRY(values_verify(e, p.tree, c->comm_r_last, old->nodes, indices, n, replica, part, scratch));
    for (size_t i = 0; i < n; i++) {
        uint8_t want[32];
        update_encode(e, old, c->comm_d, want, key + 32 * i, data + 32 * i, indices[i], 1);
        if (memcmp(want, replica + 32 * i, 32) != 0) {
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}
