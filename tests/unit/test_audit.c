/* Vectors: tests/vectors/storage-reputation-storj.json (Storj's settings and test scenarios). */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "node/proof/audit.h"
#include "tests/support/vectors.h"

static json_t *vectors(void)
{
    char path[1024];
    vectors_path(path, sizeof path, "storage-reputation-storj.json");
    json_t *json = json_load_file(path, 0, NULL);
    cr_assert_not_null(json);
    return json;
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static double q40(uint64_t v)
{
    return ldexp((double)v, -40);
}

Test(audit, published_constants)
{
    json_t *json = vectors();
    const json_t *d = json_object_get(json, "defaults");
    const struct audit_params *p = audit_params_storj();
    cr_assert_float_eq((double)p->lambda.num / (double)p->lambda.den, number(d, "audit_lambda"),
                       1e-12);
    cr_assert_float_eq((double)p->disqualify_at.num / (double)p->disqualify_at.den,
                       number(d, "audit_dq"), 1e-12);
    cr_assert_float_eq((double)p->unknown_lambda.num / (double)p->unknown_lambda.den,
                       number(d, "unknown_lambda"), 1e-12);
    cr_assert_float_eq((double)p->suspend_at.num / (double)p->suspend_at.den,
                       number(d, "unknown_suspend_threshold"), 1e-12);
    cr_assert_eq(p->alpha0, (uint32_t)number(d, "initial_alpha"));
    cr_assert_eq(p->beta0, (uint32_t)number(d, "initial_beta"));
    cr_assert_eq(p->unknown_alpha0, (uint32_t)number(d, "unknown_initial_alpha"));
    cr_assert_eq(p->grace_h, (uint64_t)number(d, "suspension_grace_hours"));
    cr_assert_eq(p->vetting_audits, (uint32_t)number(d, "vetting_audits"));
    cr_assert_eq(p->vetting_age_h, (uint64_t)number(d, "vetting_min_age_hours"));
    cr_assert_eq(p->window_h, (uint64_t)number(d, "online_window_hours"));
    cr_assert_eq(p->tracking_h, (uint64_t)number(d, "tracking_period_hours"));
    cr_assert_eq(p->offline_grace_h, (uint64_t)number(d, "offline_grace_hours"));
    cr_assert_eq(p->reverify_max, (uint32_t)number(d, "max_reverify"));
    json_decref(json);
}

Test(audit, batches_equal_the_closed_form_and_the_sequence)
{
    json_t *json = vectors(), *row;
    size_t i;
    json_array_foreach(json_object_get(json, "batch_equals_sequential"), i, row)
    {
        uint32_t fail = (uint32_t)number(row, "fail"), ok = (uint32_t)number(row, "success");
        uint32_t unknown = (uint32_t)number(row, "unknown");
        struct ratio lambda = {(uint64_t)llround(number(row, "lambda") * 100), 100};
        struct ratio unknown_lambda = {(uint64_t)llround(number(row, "unknown_lambda") * 100), 100};
        struct audit_beta a, u, step;
        audit_beta_init(&a, 1000, 0);
        audit_beta_init(&u, 1, 0);
        step = a;
        audit_beta_update(&a, lambda, 1, fail, ok);
        audit_beta_update(&u, unknown_lambda, 1, unknown, ok);
        cr_assert_float_eq(q40(a.alpha), number(row, "alpha"), 1e-8, "%zu", i);
        cr_assert_float_eq(q40(a.beta), number(row, "beta"), 1e-8);
        cr_assert_float_eq(q40(u.alpha), number(row, "u_alpha"), 1e-8);
        cr_assert_float_eq(q40(u.beta), number(row, "u_beta"), 1e-8);
        for (uint32_t k = 0; k < fail; k++) {
            audit_beta_update(&step, lambda, 1, 1, 0);
        }
        for (uint32_t k = 0; k < ok; k++) {
            audit_beta_update(&step, lambda, 1, 0, 1);
        }
        cr_assert_eq(step.alpha, a.alpha);
        cr_assert_eq(step.beta, a.beta);
    }
    cr_assert_eq(i, 7);
    json_decref(json);
}

Test(audit, forty_one_failures_disqualify)
{
    json_t *json = vectors();
    const json_t *want = json_object_get(json, "consecutive_failures_to_disqualify_from_default");
    const struct audit_params *p = audit_params_storj();
    struct audit_host h;
    audit_host_init(&h, p, 0);
    struct audit_batch one = {.failures = 1};
    int n = 0;
    while (audit_host_status(&h, p, 0) != AUDIT_DISQUALIFIED) {
        audit_host_update(&h, p, &one, 0);
        n++;
    }
    cr_assert_eq(n, (int)number(want, "n"));
    cr_assert_float_eq(q40(h.audit.alpha), number(want, "alpha"), 1e-8);
    cr_assert_float_eq((double)audit_beta_score_q32(&h.audit) / 4294967296.0, number(want, "score"),
                       1e-9);
    json_decref(json);
}

Test(audit, unknown_errors_suspend_and_successes_lift_it)
{
    json_t *json = vectors(), *row;
    const struct audit_params *p = audit_params_storj();
    struct audit_host h;
    audit_host_init(&h, p, 0);
    size_t i;
    json_array_foreach(json_object_get(json, "unknown_suspend_sequence"), i, row)
    {
        bool unknown = json_string_value(json_object_get(row, "event"))[0] == 'u';
        struct audit_batch b = {.unknowns = unknown, .successes = !unknown};
        audit_host_update(&h, p, &b, i);
        cr_assert_float_eq((double)audit_beta_score_q32(&h.unknown) / 4294967296.0,
                           number(row, "score"), 1e-9);
        cr_assert_eq(h.suspended, json_is_true(json_object_get(row, "suspended")));
    }
    json_decref(json);
    struct audit_params strict = *p;
    strict.suspension_disqualifies = true;
    struct audit_batch bad = {.unknowns = 1};
    audit_host_init(&h, &strict, 0);
    audit_host_update(&h, &strict, &bad, 0);
    cr_assert_eq(audit_host_status(&h, &strict, 0), AUDIT_SUSPENDED);
    audit_host_update(&h, &strict, &bad, 168);
    cr_assert_eq(audit_host_status(&h, &strict, 168), AUDIT_SUSPENDED);
    audit_host_update(&h, &strict, &bad, 169);
    cr_assert_eq(audit_host_status(&h, &strict, 169), AUDIT_DISQUALIFIED);
}

/* The published event list: minutes, whether online, the score after it. */
Test(audit, online_score_over_windows)
{
    static const struct {
        uint64_t minute;
        bool online, stale;
        double score;
    } events[] = {{2, false, false, 1.0},  {20, true, false, 1.0},  {62, false, false, 0.5},
                  {80, true, false, 0.5},  {30, true, true, 0.5},   {120, true, false, 0.5},
                  {165, true, false, 0.5}, {181, true, false, 0.75}};
    json_t *json = vectors(), *row;
    struct audit_window windows[4];
    struct audit_online h = {.windows = windows, .cap_windows = 4, .window = 60, .tracking = 120};
    size_t i;
    json_array_foreach(json_object_get(json_object_get(json, "online_score"), "events"), i, row)
    {
        enum err err = audit_online_add(&h, events[i].minute, events[i].online);
        cr_assert_eq(err, events[i].stale ? ERR_STALE : ERR_OK, "%zu", i);
        cr_assert_eq(json_integer_value(json_array_get(row, 1)), events[i].online);
        if (!events[i].stale) {
            cr_assert_float_eq(json_number_value(json_array_get(row, 2)), events[i].score, 1e-9);
        }
        cr_assert_float_eq((double)audit_online_score_q32(&h) / 4294967296.0, events[i].score,
                           1e-9);
    }
    cr_assert_eq(i, 8);
    json_decref(json);
}

Test(audit, steady_state_tolerates_under_four_percent)
{
    const struct audit_params *p = audit_params_storj();
    for (int per_mille = 20; per_mille <= 60; per_mille += 20) {
        struct audit_beta b;
        audit_beta_init(&b, p->alpha0, p->beta0);
        bool fell = false;
        for (int i = 0; i < 20000; i++) {
            bool fails = i * per_mille / 1000 != (i + 1) * per_mille / 1000;
            audit_beta_update(&b, p->lambda, p->weight, fails, !fails);
            fell |= audit_beta_at_most(&b, p->disqualify_at);
        }
        cr_assert_eq(fell, per_mille >= 40, "%d", per_mille);
    }
}

Test(audit, variance_shrinks_with_evidence)
{
    struct audit_beta few = {(uint64_t)3 << 40, (uint64_t)1 << 40};
    struct audit_beta many = {(uint64_t)300 << 40, (uint64_t)100 << 40};
    cr_assert_eq(audit_beta_score_q32(&few), audit_beta_score_q32(&many));
    cr_assert_float_eq((double)audit_beta_variance_q32(&few) / 4294967296.0, 3.0 / (16.0 * 5.0),
                       1e-8);
    cr_assert_float_eq((double)audit_beta_variance_q32(&many) / 4294967296.0,
                       30000.0 / (160000.0 * 401.0), 1e-8);
}
