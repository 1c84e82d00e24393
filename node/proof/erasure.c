#include "node/proof/erasure.h"

#include <isa-l/erasure_code.h>

#include "node/base/invariant.h"

enum {
    TABLE_BYTES = 32, /* ISA-L's expansion of one coefficient */
    VERIFY_WINDOW = 4096,
};

static const struct erasure_profile profiles[] = {
    {"16/32", 16, 32, 24}, {"29/80", 29, 80, 35}, {"10/30", 10, 30, 25},
    {"10/14", 10, 14, 12}, {"4/6", 4, 6, 5},
};

const struct erasure_profile *erasure_profile_at(unsigned index)
{
    return index < sizeof profiles / sizeof *profiles ? &profiles[index] : NULL;
}

enum err erasure_profile_find(struct erasure_profile *out, const char *name)
{
    for (unsigned i = 0; erasure_profile_at(i) != NULL; i++) {
        const char *a = profiles[i].name, *b = name;
        while (*a != 0 && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            *out = profiles[i];
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

static bool code_ok(unsigned k, unsigned n)
{
    return k >= 1 && k <= n && n <= ERASURE_SHARDS_MAX;
}

size_t erasure_memory_bytes(unsigned k, unsigned n)
{
    if (!code_ok(k, n)) {
        return 0;
    }
    return scratch_need((size_t)n * k, 1) + scratch_need((size_t)(n - k) * k, TABLE_BYTES);
}

enum err erasure_init(struct erasure *c, unsigned k, unsigned n, struct scratch *scratch)
{
    if (!code_ok(k, n)) {
        return ERR_RANGE;
    }
    *c = (struct erasure){.k = k, .n = n};
    c->matrix = scratch_take(scratch, (size_t)n * k, 1);
    c->tables = scratch_take(scratch, (size_t)(n - k) * k, TABLE_BYTES);
    if (c->matrix == NULL || c->tables == NULL) {
        return ERR_NO_MEMORY;
    }
    gf_gen_cauchy1_matrix(c->matrix, (int)n, (int)k);
    if (n > k) {
        ec_init_tables((int)k, (int)(n - k), c->matrix + (size_t)k * k, c->tables);
    }
    return ERR_OK;
}

/* ISA-L takes int lengths and pointers without const. */
static void encode(unsigned k, unsigned rows, const uint8_t *tables, size_t len,
                   const uint8_t *const *in, uint8_t *const *out)
{
    enum { CHUNK = 1 << 30 };
    unsigned char *from[ERASURE_SHARDS_MAX], *to[ERASURE_SHARDS_MAX];
    for (size_t at = 0; at < len && rows > 0; at += CHUNK) {
        for (unsigned i = 0; i < k; i++) {
            from[i] = (unsigned char *)(uintptr_t)in[i] + at;
        }
        for (unsigned i = 0; i < rows; i++) {
            to[i] = out[i] + at;
        }
        int now = (int)(len - at < CHUNK ? len - at : CHUNK);
        ec_encode_data(now, (int)k, (int)rows, (unsigned char *)(uintptr_t)tables, from, to);
    }
}

void erasure_encode(const struct erasure *c, size_t len, const uint8_t *const *data,
                    uint8_t *const *parity)
{
    encode(c->k, c->n - c->k, c->tables, len, data, parity);
}

size_t erasure_plan_bytes(const struct erasure *c)
{
    size_t k = c->k;
    return 3 * scratch_need(k * k, 1) + scratch_need((c->n - k) * k, TABLE_BYTES + 1) + 64;
}

enum err erasure_plan_make(const struct erasure *c, struct erasure_plan *plan, const bool *healthy,
                           struct scratch *scratch)
{
    size_t k = c->k, have = 0;
    *plan = (struct erasure_plan){0};
    for (unsigned i = 0; i < c->n; i++) {
        if (!healthy[i]) {
            plan->lost[plan->n_lost++] = (uint8_t)i;
        } else if (have < k) {
            plan->sources[have++] = (uint8_t)i;
        }
    }
    if (have < k) {
        return ERR_UNKNOWN;
    }
    plan->tables = scratch_take(scratch, plan->n_lost * k, TABLE_BYTES);
    struct scratch work = *scratch;
    uint8_t *picked = scratch_take(&work, k, k), *inverse = scratch_take(&work, k, k);
    uint8_t *rows = scratch_take(&work, plan->n_lost, k);
    if (plan->tables == NULL || picked == NULL || inverse == NULL || rows == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < k; i++) {
        memcpy(picked + i * k, c->matrix + plan->sources[i] * k, k);
    }
    int singular = gf_invert_matrix(picked, inverse, (int)k);
    invariant(singular == 0); /* any k rows of [I; Cauchy] are independent */
    for (unsigned l = 0; l < plan->n_lost; l++) {
        const uint8_t *row = c->matrix + plan->lost[l] * k;
        for (size_t j = 0; j < k; j++) {
            uint8_t sum = 0;
            for (size_t i = 0; i < k; i++) {
                sum ^= gf_mul(row[i], inverse[i * k + j]);
            }
            rows[l * k + j] = sum;
        }
    }
    if (plan->n_lost > 0) {
        ec_init_tables((int)k, (int)plan->n_lost, rows, plan->tables);
    }
    return ERR_OK;
}

void erasure_rebuild(const struct erasure *c, const struct erasure_plan *plan, size_t len,
                     uint8_t *const *shards)
{
    const uint8_t *from[ERASURE_SHARDS_MAX];
    uint8_t *to[ERASURE_SHARDS_MAX];
    for (unsigned i = 0; i < c->k; i++) {
        from[i] = shards[plan->sources[i]];
    }
    for (unsigned i = 0; i < plan->n_lost; i++) {
        to[i] = shards[plan->lost[i]];
    }
    encode(c->k, plan->n_lost, plan->tables, len, from, to);
}

size_t erasure_verify_bytes(const struct erasure *c)
{
    return scratch_need(c->n - c->k, VERIFY_WINDOW);
}

enum err erasure_verify(const struct erasure *c, size_t len, const uint8_t *const *shards,
                        struct scratch scratch)
{
    unsigned rows = c->n - c->k;
    uint8_t *window = scratch_take(&scratch, rows, VERIFY_WINDOW);
    if (window == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t at = 0; at < len; at += VERIFY_WINDOW) {
        size_t now = len - at < VERIFY_WINDOW ? len - at : VERIFY_WINDOW;
        const uint8_t *from[ERASURE_SHARDS_MAX];
        uint8_t *to[ERASURE_SHARDS_MAX];
        for (unsigned i = 0; i < c->k; i++) {
            from[i] = shards[i] + at;
        }
        for (unsigned i = 0; i < rows; i++) {
            to[i] = window + (size_t)i * VERIFY_WINDOW;
        }
        erasure_encode(c, now, from, to);
        for (unsigned i = 0; i < rows; i++) {
            if (memcmp(to[i], shards[c->k + i] + at, now) != 0) {
                return ERR_CORRUPT;
            }
        }
    }
    return ERR_OK;
}
