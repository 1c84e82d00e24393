/* What the rules of production promise on average, by Monte Carlo with fixed seeds on the real
 * functions (spec: chain 1.1, 1.2, 1.4; tests/vectors/validation-sirius2018-blocktime.tsv). Bounds
 * are three standard errors. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "node/base/rng.h"
#include "node/chain/production.h"
#include "tests/support/vectors.h"

/* One race: everybody's delay for a fresh beta; the index of the smallest. The time scale is a
 * million steps, so that ties are rare. */
static size_t race(struct rng *rng, const struct params *params, const uint64_t *stake, size_t n,
                   uint64_t bt)
{
    size_t winner = n;
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t beta[64];
        uint64_t delay;
        rng_bytes(rng, beta, sizeof(beta));
        if (production_delay_ms(&delay, params, beta, stake[i], bt) == ERR_OK && delay < best) {
            best = delay;
            winner = i;
        }
    }
    cr_assert(winner < n);
    return winner;
}

static struct params defaults(void)
{
    struct params params;
    params_defaults(&params);
    return params;
}

/* bt at which n accounts of that total stake need about 2^20 ms. */
static uint64_t slow_bt(uint64_t total)
{
    return (UINT64_C(1) << 60) / total;
}

Test(law, exponential_race_is_proportional)
{
    static const uint64_t stake[] = {5, 10, 20, 40, 80, 160, 320, 365};
    enum { N = 8, RACES = 60000 };
    for (uint64_t shape = 1; shape <= 2; shape++) {
        struct params params = defaults();
        params.shape = shape;
        struct rng rng;
        rng_init_stream(&rng, 1, RNG_TEST, shape);
        unsigned wins[N] = {0};
        for (unsigned i = 0; i < RACES; i++) {
            wins[race(&rng, &params, stake, N, slow_bt(1000))]++;
        }
        double chi2 = 0;
        for (size_t i = 0; i < N; i++) {
            double expected = RACES * (double)stake[i] / 1000;
            chi2 += (wins[i] - expected) * (wins[i] - expected) / expected;
        }
        double p = gsl_cdf_chisq_Q(chi2, N - 1);
        cr_assert(p > 0.001, "shape %d: chi-square %.2f, p %.5f", (int)shape, chi2, p);
    }
}

static void uniform_case(uint64_t first, uint64_t other, size_t others, double want, unsigned races)
{
    uint64_t stake[101];
    struct params params = defaults();
    params.hit = HIT_UNIFORM;
    stake[0] = first;
    for (size_t i = 1; i <= others; i++) {
        stake[i] = other;
    }
    struct rng rng;
    rng_init_stream(&rng, 2, RNG_TEST, others);
    uint64_t bt = slow_bt(first + other * others);
    unsigned wins = 0;
    for (unsigned i = 0; i < races; i++) {
        wins += race(&rng, &params, stake, others + 1, bt) == 0;
    }
    double got = (double)wins / races;
    double error = sqrt(want * (1 - want) / races);
    cr_assert(fabs(got - want) < 3 * error, "(%d, %zu x %d): %.4f, not %.4f", (int)first, others,
              (int)other, got, want);
    double proportional = (double)first / (double)(first + other * others);
    cr_assert(got - proportional > 3 * error); /* the bias shows */
}

Test(law, uniform_race_favours_the_large)
{
    /* spec: chain 1.4, by Popov's integral */
    uniform_case(2, 1, 1, 0.75, 100000);
    uniform_case(10, 1, 10, 0.623809, 60000);
    uniform_case(30, 7, 10, 0.368655, 60000);
    uniform_case(400, 6, 100, 0.516634, 15000);
}

/* A chain of blocks under a rule: the last ancestors, newest first, and the statistics of the
 * intervals. */
struct run {
    struct ancestor past[RETARGET_WINDOW];
    size_t count;
    double sum, sum2, sum_bt;
    unsigned late; /* intervals above 60 s */
    unsigned blocks;
};

static void run_push(struct run *run, struct ancestor child)
{
    size_t keep = run->count < RETARGET_WINDOW ? run->count : RETARGET_WINDOW - 1;
    memmove(run->past + 1, run->past, keep * sizeof(run->past[0]));
    run->past[0] = child;
    run->count = keep + 1;
}

static void run_measure(struct run *run, double interval_s, uint64_t bt)
{
    run->sum += interval_s;
    run->sum2 += interval_s * interval_s;
    run->sum_bt += (double)bt;
    run->late += interval_s > 60;
    run->blocks++;
}

static double run_mean(const struct run *run)
{
    return run->sum / run->blocks;
}

static double run_sd(const struct run *run)
{
    double mean = run_mean(run);
    return sqrt(run->sum2 / run->blocks - mean * mean);
}

enum { WARM_UP = 1000 };

/* Our rule with one account that holds all stake: the law of the interval depends on the sum only.
 */
static void run_exp(struct run *run, const struct params *params, uint64_t stake, unsigned blocks,
                    uint64_t seed)
{
    struct rng rng;
    rng_init_stream(&rng, seed, RNG_TEST, 0);
    memset(run, 0, sizeof(*run));
    run_push(run, (struct ancestor){.bt = production_bt_genesis(params, stake)});
    for (unsigned i = 0; i < blocks + WARM_UP; i++) {
        uint8_t beta[64];
        uint64_t delay;
        uint64_t bt = production_retarget(params, run->past, run->count, 0);
        rng_bytes(&rng, beta, sizeof(beta));
        cr_assert_eq(production_delay_ms(&delay, params, beta, stake, bt), ERR_OK);
        run_push(run, (struct ancestor){.height = run->past[0].height + 1,
                                        .ts_ms = run->past[0].ts_ms + delay,
                                        .bt = bt});
        if (i >= WARM_UP) {
            run_measure(run, (double)delay / 1000, bt);
        }
    }
}

Test(law, intervals_of_shape_1)
{
    /* spec: chain 1.2: mean 15.05 s, sd 15.35, P(> 60 s) 2.0 % over 118,000 blocks */
    enum { BLOCKS = 118000 };
    struct params params = defaults();
    struct run run;
    run_exp(&run, &params, UINT64_C(9000000000), BLOCKS, 3);
    double error = 15.35 / sqrt(BLOCKS) * sqrt(2); /* of the difference of two such runs */
    cr_assert(fabs(run_mean(&run) - 15.05) < 3 * error, "mean %.3f", run_mean(&run));
    cr_assert(fabs(run_sd(&run) - 15.35) < 3 * 1.5 * error, "sd %.3f", run_sd(&run));
    double late = (double)run.late / BLOCKS;
    cr_assert(fabs(late - .020) < .002, "late %.4f", late);
}

Test(law, intervals_of_shape_2)
{
    /* Rayleigh gaps: sd/mean = sqrt(4/pi - 1) = .5227; equilibrium S bt T / 2^80 = pi/4. The
     * retarget corrects the mean of 60 noisy gaps, which moves both by a little: 1.5 %. */
    enum { BLOCKS = 60000 };
    const uint64_t stake = UINT64_C(9000000000);
    struct params params = defaults();
    params.shape = 2;
    struct run run;
    run_exp(&run, &params, stake, BLOCKS, 4);
    double mean = run_mean(&run);
    double level = run.sum_bt / run.blocks * (double)stake * 15000 / ldexp(1, 80);
    cr_assert(fabs(mean - 15) < .15, "mean %.3f", mean);
    cr_assert(fabs(run_sd(&run) / mean - .5227) < .015, "sd/mean %.4f", run_sd(&run) / mean);
    cr_assert(fabs(level / atan(1) - 1) < .015, "S bt T / 2^80 = %.4f", level);
    cr_assert(run.late <= 3, "late %u", run.late); /* P(> 4T) = 3.5e-6 */
}

/* The rule of 2018 with n accounts, all of whom try every parent; ties in one second by lot, as the
 * forks they make are settled by whoever comes next. Returns the share of blocks of account 0. */
static double run_2018(struct run *run, const uint64_t *balance, size_t n, unsigned blocks,
                       uint64_t seed)
{
    struct params params = defaults();
    params.production = PRODUCTION_SIRIUS2018;
    params.retarget = RETARGET_SIRIUS2018;
    struct rng rng;
    uint8_t gs[32];
    unsigned top = 0;
    rng_init_stream(&rng, seed, RNG_TEST, n);
    rng_bytes(&rng, gs, sizeof(gs));
    memset(run, 0, sizeof(*run));
    run_push(run, (struct ancestor){.bt = production_bt_genesis(&params, 1)});
    for (unsigned i = 0; i < blocks + WARM_UP; i++) {
        uint64_t best = UINT64_MAX;
        uint64_t bt = 0;
        uint64_t ties = 0;
        size_t winner = 0;
        uint8_t next[32];
        for (size_t k = 0; k < n; k++) {
            uint8_t signer[32] = {(uint8_t)k, 1};
            uint8_t child[32];
            uint64_t seconds;
            uint64_t difficulty;
            production_gs_child_2018(child, gs, signer);
            if (production_2018_delay_s(&seconds, &difficulty, &params, child, balance[k],
                                        run->past, run->count) != ERR_OK ||
                seconds > best) {
                continue;
            }
            ties = seconds == best ? ties + 1 : 1;
            if (ties == 1 || rng_below(&rng, ties) == 0) {
                winner = k;
                bt = difficulty;
                memcpy(next, child, 32);
            }
            best = seconds;
        }
        cr_assert(best < UINT64_MAX);
        memcpy(gs, next, 32);
        run_push(run, (struct ancestor){.height = run->past[0].height + 1,
                                        .ts_ms = run->past[0].ts_ms + 1000 * best,
                                        .bt = bt});
        if (i >= WARM_UP) {
            run_measure(run, (double)best, bt);
            top += winner == 0;
        }
    }
    return (double)top / blocks;
}

Test(law, block_times_of_2018)
{
    enum { REFERENCE_BLOCKS = 199000 };
    const double total = 8999999998000000.0;
    struct tsv *tsv = tsv_open("validation-sirius2018-blocktime.tsv");
    unsigned rows = 0;
    while (tsv_next(tsv)) {
        static uint64_t balance[100];
        static struct run run;
        size_t n = tsv_u64(tsv, 0);
        bool zipf = strcmp(tsv->field[2], "zipf1") == 0;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += zipf ? 1.0 / (double)(i + 1) : 1;
        }
        for (size_t i = 0; i < n; i++) {
            double part = (zipf ? 1.0 / (double)(i + 1) : 1) / sum;
            balance[i] = (uint64_t)(total * tsv_double(tsv, 1) * part);
        }
        unsigned blocks = n > 20 ? 12000 : 60000;
        double top = run_2018(&run, balance, n, blocks, 5 + rows);
        double sd = tsv_double(tsv, 4);
        double both = sqrt(1.0 / blocks + 1.0 / REFERENCE_BLOCKS);
        cr_assert(fabs(run_mean(&run) - tsv_double(tsv, 3)) < 3 * sd * both, "line %u: mean %.3f",
                  tsv->line, run_mean(&run));
        /* of the sd of an almost exponential law (kurtosis 9) the error is sqrt(8)/2 sd / sqrt(n)
         */
        cr_assert(fabs(run_sd(&run) - sd) < 3 * 1.42 * sd * both, "line %u: sd %.3f", tsv->line,
                  run_sd(&run));
        double share = tsv_double(tsv, 8);
        double error = sqrt(share * (1 - share)) * both;
        cr_assert(fabs(top - share) < 3 * error, "line %u: top %.4f, not %.4f", tsv->line, top,
                  share);
        double d = run.sum_bt / run.blocks;
        cr_assert(fabs(d / tsv_double(tsv, 6) - 1) < .03, "line %u: D %.2f", tsv->line, d);
        rows++;
    }
    tsv_close(tsv);
    cr_assert_eq(rows, 5);
}
