#include "node/proof/space.h"

#include "node/base/invariant.h"
#include "node/proof/u64set.h"
#include "node/proof/values.h"

void space_identity(const struct sha256_engine *e, struct porep_identity *out,
                    const uint8_t host[32], const uint8_t verifier_set[32],
                    const uint8_t beacon[32], uint64_t number)
{
    static const char domain[] = "xpx/space/1";
    *out = (struct porep_identity){.number = number};
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, host, 32);
    sha256_update(&h, e, verifier_set, 32);
    sha256_update(&h, e, beacon, 32);
    sha256_final(&h, e, out->prover);
    memcpy(out->ticket, beacon, 32);
}

/* The first unit whose number is not below. */
static size_t place(const struct space_register *r, uint64_t number)
{
    size_t low = 0, high = r->n_units;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->units[mid].number < number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

enum err space_add(struct space_register *r, const struct space_unit *unit)
{
    size_t at = place(r, unit->number);
    if (at < r->n_units && r->units[at].number == unit->number) {
        return ERR_DUPLICATE;
    }
    if (r->n_units == r->cap_units) {
        return ERR_FULL;
    }
    memmove(&r->units[at + 1], &r->units[at], (r->n_units - at) * sizeof *r->units);
    r->units[at] = *unit;
    r->n_units++;
    return ERR_OK;
}

enum err space_lease(struct space_register *r, struct space_unit *out, uint64_t number)
{
    size_t at = place(r, number);
    if (at == r->n_units || r->units[at].number != number) {
        return ERR_NOT_FOUND;
    }
    *out = r->units[at];
    r->n_units--;
    memmove(&r->units[at], &r->units[at + 1], (r->n_units - at) * sizeof *r->units);
    return ERR_OK;
}

enum err space_return(struct space_register *r, const struct space_unit *leased,
                      const uint8_t comm_r_again[32])
{
    if (memcmp(leased->comm_r, comm_r_again, 32) != 0) {
        return ERR_INVALID;
    }
    return space_add(r, leased);
}

enum err space_root(const struct sha256_engine *e, const struct space_register *r, uint8_t root[32],
                    struct scratch scratch)
{
    uint8_t *rows = scratch_take(&scratch, r->n_units, 40);
    uint8_t *nodes = scratch_take(&scratch, tree_bytes(r->n_units, 0), 1);
    if (rows == NULL || nodes == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < r->n_units; i++) {
        store64(rows + 40 * i, r->units[i].number);
        memcpy(rows + 40 * i + 8, r->units[i].comm_r, 32);
    }
    struct tree t = {.hash = TREE_SHA256, .leaves = r->n_units, .nodes = nodes};
    struct tree_source source = tree_source_file(rows, 40 * r->n_units, 40);
    tree_build(e, &t, &source);
    memcpy(root, tree_root(&t), 32);
    return ERR_OK;
}

size_t space_pick(const struct sha256_engine *e, const struct space_register *r,
                  const uint8_t host[32], const uint8_t beacon[32])
{
    static const char domain[] = "xpx/spick/1";
    invariant(r->n_units > 0);
    uint8_t digest[32];
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, host, 32);
    sha256_update(&h, e, beacon, 32);
    sha256_final(&h, e, digest);
    return (size_t)(load64(digest) % r->n_units);
}

size_t space_scratch_bytes(uint32_t n_labels)
{
    return scratch_need(n_labels, 8) + values_scratch_bytes(n_labels);
}

static enum err places(const struct sha256_engine *e, uint64_t **indices, size_t *n,
                       const struct porep_commitment *c, const uint8_t beacon[32],
                       uint32_t n_labels, struct scratch *scratch)
{
    if (n_labels < 1 || n_labels > POREP_CHALLENGES_MAX || c->nodes < POREP_NODES_MIN) {
        return ERR_RANGE;
    }
    *indices = scratch_take(scratch, n_labels, 8);
    if (*indices == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n_labels; i++) {
        (*indices)[i] = porep_challenge(e, c->replica_id, beacon, i, c->nodes);
    }
    *n = u64set_make(*indices, n_labels);
    return ERR_OK;
}

enum err space_answer(const struct sha256_engine *e, uint8_t *out, size_t cap, size_t *len,
                      const struct porep_replica *plot, const uint8_t beacon[32], uint32_t n_labels,
                      struct scratch scratch)
{
    uint64_t *indices;
    size_t n;
    TRY(places(e, &indices, &n, &plot->commitment, beacon, n_labels, &scratch));
    return values_prove(e, out, cap, len, &plot->tree_r, plot->replica, indices, n, scratch);
}

enum err space_answer_verify(const struct sha256_engine *e, const struct porep_commitment *c,
                             const uint8_t beacon[32], uint32_t n_labels, const uint8_t *answer,
                             size_t len, struct scratch scratch)
{
    uint64_t *indices;
    size_t n;
    struct profile p;
    TRY(profile_get(&p, c->profile));
    TRY(places(e, &indices, &n, c, beacon, n_labels, &scratch));
    return values_verify(e, p.tree, c->comm_r_last, c->nodes, indices, n, answer, len, scratch);
}
