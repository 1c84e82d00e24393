/* Exact rules of block production against vectors: the published and recomputed numbers of 2018 and
 * NXT, and big-integer results of tests/support/make_production.py. The statistics are in
 * test_production_law.c. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/fixed.h"
#include "node/chain/params.h"
#include "node/chain/production.h"
#include "tests/support/vectors.h"

static struct params params_of(uint64_t target_ms, uint64_t retarget)
{
    struct params params;
    params_defaults(&params);
    params.target_ms = target_ms;
    params.retarget = retarget;
    if (retarget == RETARGET_SIRIUS2018) {
        params.production = PRODUCTION_SIRIUS2018;
    }
    const char *why;
    cr_assert_eq(params_check(&params, &why), ERR_OK, "%s", why);
    return params;
}

static void delay_row(const struct tsv *tsv)
{
    uint8_t beta[64];
    cr_assert_eq(hex_decode(beta, sizeof(beta), tsv->field[1]), 64);
    struct params params =
        params_of(tsv_u64(tsv, 5), tsv_u64(tsv, 4) ? RETARGET_NXT : RETARGET_SYMBOL);
    params.hit = tsv_u64(tsv, 2);
    params.shape = tsv_u64(tsv, 3);
    cr_assert_eq(production_hit(beta), tsv_u64(tsv, 8));
    uint64_t want = tsv_u64(tsv, 9);
    uint64_t delay;
    enum err err = production_delay_ms(&delay, &params, beta, tsv_u64(tsv, 6), tsv_u64(tsv, 7));
    cr_assert_eq(err, want > 0 ? ERR_OK : ERR_NOT_FOUND, "line %u", tsv->line);
    cr_assert(want == 0 || delay == want, "line %u", tsv->line);
}

static void symbol_row(const struct tsv *tsv)
{
    static struct ancestor ancestors[100];
    size_t count = tsv_u64(tsv, 2);
    char *at = tsv->field[4];
    for (size_t i = 0; i < count; i++) {
        ancestors[i].height = 1000 - i;
        ancestors[i].bt = strtoull(at, &at, 10);
        ancestors[i].ts_ms = strtoull(at + 1, &at, 10);
        at++;
    }
    struct params params = params_of(tsv_u64(tsv, 1), RETARGET_SYMBOL);
    cr_assert_eq(production_retarget(&params, ancestors, count, 0), tsv_u64(tsv, 3), "line %u",
                 tsv->line);
}

static void hash_row(const struct tsv *tsv)
{
    uint8_t a[64];
    uint8_t b[64];
    uint8_t want[64];
    uint8_t got[64];
    const char *kind = tsv->field[0];
    size_t len = hex_decode(want, sizeof(want), tsv->field[tsv->count - 1]);
    hex_decode(a, sizeof(a), tsv->field[1]);
    struct params params = params_of(15000, RETARGET_SYMBOL);
    if (strcmp(kind, "alpha") == 0) {
        production_alpha(got, a, tsv_u64(tsv, 2));
    } else if (strcmp(kind, "gs") == 0) {
        production_gs_child(got, a);
    } else if (strcmp(kind, "gs0") == 0) {
        production_gs_genesis(got, &params, a);
    } else {
        hex_decode(b, sizeof(b), tsv->field[2]);
        if (strcmp(kind, "gs2018") == 0) {
            production_gs_child_2018(got, a, b);
        } else {
            cr_assert_str_eq(kind, "novrf");
            production_beta_novrf(got, a, b);
        }
    }
    cr_assert_eq(memcmp(got, want, len), 0, "%s", kind);
}

Test(production, as_the_vectors)
{
    struct tsv *tsv = tsv_open("chain-production.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "delay") == 0) {
            delay_row(tsv);
        } else if (strcmp(tsv->field[0], "symbol") == 0) {
            symbol_row(tsv);
        } else {
            hash_row(tsv);
        }
        rows++;
    }
    tsv_close(tsv);
    cr_assert_eq(rows, 465);
}

Test(production, difficulties_of_nxt_and_2018)
{
    struct params nxt = params_of(60000, RETARGET_NXT);
    struct params sirius = params_of(15000, RETARGET_SIRIUS2018);
    struct tsv *tsv = tsv_open("chain-difficulty.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        uint64_t prev = tsv_u64(tsv, 1);
        uint64_t input = tsv_u64(tsv, 2);
        uint64_t want = tsv_u64(tsv, 3);
        uint64_t now = UINT64_C(1700000000000);
        struct ancestor a[4] = {{.height = 1001, .bt = prev}, {.bt = 1}, {.bt = 1}, {.bt = 1}};
        if (strcmp(tsv->field[0], "nxt") == 0) {
            a[0].ts_ms = now;
            a[3].ts_ms = now - 3000 * input;
            cr_assert_eq(production_retarget(&nxt, a, 4, 0), want, "line %u", tsv->line);
            a[3].ts_ms -= 2999; /* floors */
            cr_assert_eq(production_retarget(&nxt, a, 4, 0), want, "line %u", tsv->line);
            a[0].height = 1000; /* the previous height is odd */
            cr_assert_eq(production_retarget(&nxt, a, 4, 0), prev);
            a[0].height = 3; /* and here 2, which is not above 2 */
            cr_assert_eq(production_retarget(&nxt, a, 4, 0), prev);
        } else {
            a[2].ts_ms = now - input;
            a[1].ts_ms = a[0].ts_ms = a[2].ts_ms + 1;
            cr_assert_eq(production_retarget(&sirius, a, 3, now), want, "line %u", tsv->line);
        }
        rows++;
    }
    tsv_close(tsv);
    cr_assert_eq(rows, 84);
}

Test(production, first_blocks_of_2018_divide_by_their_number)
{
    /* Decision 11: n = min(3, parent height), their genesis having height 1. 45 s after genesis the
     * first child sees an average of 45 s, a second one 22 s. */
    struct params sirius = params_of(15000, RETARGET_SIRIUS2018);
    struct ancestor first[1] = {{.height = 0, .ts_ms = 0, .bt = 1500}};
    cr_assert_eq(production_retarget(&sirius, first, 1, 16000), 1600);
    cr_assert_eq(production_retarget(&sirius, first, 1, 15999), 1500);
    struct ancestor second[2] = {{.height = 1, .ts_ms = 30000, .bt = 1500}, {.height = 0}};
    cr_assert_eq(production_retarget(&sirius, second, 2, 32000), 1600);
    cr_assert_eq(production_retarget(&sirius, second, 2, 31999), 1500);
}

Test(production, hits_of_2018)
{
    struct tsv *tsv = tsv_open("chain-hit.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "sirius2018") != 0) {
            continue; /* Symbol's hit is none of our modes */
        }
        uint8_t gs[32];
        hex_decode(gs, sizeof(gs), tsv->field[1]);
        uint64_t hit = strtoull(tsv->field[2], NULL, 10);
        /* Legal iff hit < target: the target hit is not enough, the next one is. */
        cr_assert(!production_2018_hits(gs, 1, 1, hit));
        if (hit < UINT64_MAX) {
            cr_assert(production_2018_hits(gs, 1, 1, hit + 1));
            cr_assert(production_2018_hits(gs, hit + 1, 1, 1));
        } else {
            cr_assert(production_2018_hits(gs, UINT64_C(1) << 32, 2, UINT64_C(1) << 32));
        }
        rows++;
    }
    tsv_close(tsv);
    cr_assert_eq(rows, 3);
}

Test(production, first_legal_second_of_2018)
{
    struct params sirius = params_of(15000, RETARGET_SIRIUS2018);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t gs[32];
        uint8_t signer[32] = {(uint8_t)i, (uint8_t)(i >> 8)};
        memset(gs, 7, 32);
        production_gs_child_2018(gs, gs, signer);
        struct ancestor a[3] = {{.height = 9, .ts_ms = 100000 + 1000 * (i % 40), .bt = 140 + i},
                                {.ts_ms = 90000},
                                {.ts_ms = 80000}};
        uint64_t balance = UINT64_C(90000000000000) >> i % 12;
        uint64_t t = 1; /* the definition, second by second */
        while (t < 100000 &&
               !production_2018_hits(gs, balance, t,
                                     production_retarget(&sirius, a, 3, a[0].ts_ms + 1000 * t))) {
            t++;
        }
        uint64_t seconds;
        uint64_t difficulty;
        enum err err = production_2018_delay_s(&seconds, &difficulty, &sirius, gs, balance, a, 3);
        if (t < 100000) {
            cr_assert_eq(err, ERR_OK);
            cr_assert_eq(seconds, t);
            cr_assert_eq(difficulty, production_retarget(&sirius, a, 3, a[0].ts_ms + 1000 * t));
        }
        cr_assert_eq(production_2018_delay_s(&seconds, &difficulty, &sirius, gs, 0, a, 3),
                     ERR_NOT_FOUND);
    }
}

Test(production, limits)
{
    struct params params = params_of(15000, RETARGET_SYMBOL);
    uint8_t beta[64] = {0};
    uint64_t delay;
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 0, 1), ERR_NOT_FOUND);
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, 0), ERR_RANGE);
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, BT_LIMIT), ERR_RANGE);
    cr_assert_eq(production_delay_ms(&delay, &params, beta, STAKE_LIMIT, 1), ERR_RANGE);
    cr_assert_eq(production_delay_ms(&delay, &params, beta, STAKE_LIMIT - 1, BT_LIMIT - 1), ERR_OK);
    cr_assert_eq(delay, 1);
    /* The edges of decision 10, met exactly: bt that makes d the last legal one, and one less. */
    u128 effort = (u128)fixed_nln(production_hit(beta)) << 32;
    uint64_t bt = (uint64_t)(effort / (DELAY_MS_LIMIT - 1)) + 1;
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, bt), ERR_OK);
    cr_assert_eq(delay, DELAY_MS_LIMIT - 1);
    bt = (uint64_t)(effort / (DELAY_MS_LIMIT - 1));
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, bt), ERR_NOT_FOUND);
    params.shape = 2;
    u128 most = (u128)DELAY_MS_MOST_SHAPE2 * DELAY_MS_MOST_SHAPE2;
    bt = (uint64_t)(effort * 15000 / most) + 1;
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, bt), ERR_OK);
    cr_assert_eq(delay, DELAY_MS_MOST_SHAPE2);
    bt = (uint64_t)(effort * 15000 / most);
    cr_assert_eq(production_delay_ms(&delay, &params, beta, 1, bt), ERR_NOT_FOUND);
}

Test(production, first_targets_and_scores)
{
    struct params params = params_of(15000, RETARGET_SYMBOL);
    /* spec: chain 1.2: a total stake of 9e9 gives about 9e9, 1000 tokens 8e16 */
    cr_assert_eq(production_bt_genesis(&params, UINT64_C(9000000000)), UINT64_C(8955006071));
    cr_assert_eq(production_bt_genesis(&params, 1000) / UINT64_C(1000000000000000), 80);
    cr_assert_eq(production_bt_genesis(&params, 1), BT_LIMIT - 1);
    cr_assert(production_score(&params, 65536) == (u128)1 << 64);
    struct ancestor alone = {.bt = 12345678};
    cr_assert_eq(production_retarget(&params, &alone, 1, 0), 12345678); /* n = 1 keeps bt */
    params = params_of(60000, RETARGET_NXT);
    cr_assert_eq(production_bt_genesis(&params, 1000), 153722867);
    cr_assert(production_score(&params, 153722867) == UINT64_C(120000000219)); /* NXT's first */
    params = params_of(15000, RETARGET_SIRIUS2018);
    cr_assert_eq(production_bt_genesis(&params, 1000), 1000);
    cr_assert(production_score(&params, 1) == (u128)1 << 64);
}

Test(params, table_and_relations)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    struct params params;
    params_defaults(&params);
    const char *why;
    cr_assert_eq(params_check(&params, &why), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        uint16_t code = table[i].code;
        cr_assert(i == 0 || code > table[i - 1].code); /* genesis writes them ascending */
        cr_assert_eq(params_get(&params, code), table[i].value);
        cr_assert_eq(params_set(&params, code, table[i].least), ERR_OK);
        cr_assert_eq(params_get(&params, code), table[i].least);
        cr_assert_eq(params_set(&params, code, table[i].most), ERR_OK);
        cr_assert_eq(params_get(&params, code), table[i].most);
        cr_assert_eq(params_set(&params, code, table[i].most + 1), ERR_RANGE);
        if (table[i].least > 0) {
            cr_assert_eq(params_set(&params, code, table[i].least - 1), ERR_RANGE);
        }
    }
    cr_assert_eq(params_set(&params, 0, 1), ERR_UNKNOWN);
    params_defaults(&params);
    params.epoch_blocks = 241;
    cr_assert_eq(params_check(&params, &why), ERR_INVALID);
    params_defaults(&params);
    params.production = PRODUCTION_SIRIUS2018;
    cr_assert_eq(params_check(&params, &why), ERR_INVALID);
    cr_assert(!params_changeable(4)); /* retarget: bt would change its unit */
    cr_assert(params_changeable(16));
    cr_assert(!params_changeable(999));
}
