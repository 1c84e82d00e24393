#include "analysis/closed.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "node/base/invariant.h"

double closed_selfish_revenue(double alpha, double gamma)
{
    double a = alpha;
    if (!(a >= 0) || a > 1 || !(gamma >= 0 && gamma <= 1)) {
        return NAN;
    }
    if (a >= 0.5) {
        return 1;
    }
    double both = a * (1 - a) * (1 - a) * (4 * a + gamma * (1 - 2 * a)) - a * a * a;
    return both / (1 - a * (1 + (2 - a) * a));
}

double closed_selfish_threshold(double gamma)
{
    return (1 - gamma) / (3 - 2 * gamma);
}

double closed_double_spend(double q, unsigned z)
{
    double p = 1 - q;
    double fails = 0;
    if (!(q > 0) || q > 1) {
        return NAN;
    }
    if (q >= 0.5 || z == 0) {
        return 1;
    }
    double ways = 1; /* C(m + z - 1, m) */
    for (unsigned m = 0; m <= z; m++) {
        fails += ways * (pow(p, z) * pow(q, m) - pow(p, m) * pow(q, z));
        ways *= (double)(m + z) / (m + 1);
    }
    return 1 - fails;
}

double closed_double_spend_nakamoto(double q, unsigned z)
{
    double p = 1 - q;
    double fails = 0;
    if (!(q > 0) || q > 1) {
        return NAN;
    }
    if (q >= 0.5) {
        return 1;
    }
    for (unsigned k = 0; k <= z; k++) {
        fails += gsl_ran_poisson_pdf(k, z * q / p) * (1 - pow(q / p, z - k));
    }
    return 1 - fails;
}

double closed_committee_distinct(unsigned all, unsigned bad, unsigned seats, unsigned least)
{
    if (bad > all || seats > all) {
        return NAN;
    }
    return least == 0 ? 1 : gsl_cdf_hypergeometric_Q(least - 1, bad, all - bad, seats);
}

double closed_committee_seats(double share, unsigned seats, unsigned least)
{
    return least == 0 ? 1 : gsl_cdf_binomial_Q(least - 1, share, seats);
}

double closed_sortition_liveness(double tau, double threshold, double honest)
{
    return gsl_cdf_poisson_P((unsigned)floor(threshold * tau), honest * tau);
}

double closed_sortition_safety(double tau, double threshold, double honest)
{
    double sum = 0;
    double limit = 2 * threshold * tau;
    for (unsigned bad = 0; 2.0 * bad <= 2 * limit; bad++) {
        double left = floor(limit - 2.0 * bad);
        double q = left < 0 ? 1 : gsl_cdf_poisson_Q((unsigned)left, honest * tau);
        sum += gsl_ran_poisson_pdf(bad, (1 - honest) * tau) * q;
    }
    return sum;
}

double closed_fork_rate(double per_second, double integral)
{
    return 1 - pow(1 - per_second, integral);
}

double closed_stale_rate(double mean_delay_s, double interval_s)
{
    return -expm1(-mean_delay_s / interval_s);
}

/* The largest value of f(t) over t > 0, one hump: golden section over ln t. */
static double hump(double (*f)(double t, double k), double k)
{
    double low = -7, high = 7;
    const double part = 0.6180339887498949;
    for (int i = 0; i < 200; i++) {
        double a = high - part * (high - low);
        double b = low + part * (high - low);
        if (f(exp(a), k) < f(exp(b), k)) {
            low = a;
        } else {
            high = b;
        }
    }
    return f(exp((low + high) / 2), k);
}

static double rate_correlated(double t, double c)
{
    return (log(t) + (c - 1) * log1p(t)) / t;
}

static double rate_accounts(double t, double accounts)
{
    return log(t + 1 / accounts) / t;
}

double closed_nas_growth(unsigned c)
{
    return c == 0 ? NAN : c / hump(rate_correlated, c);
}

double closed_nas_growth_accounts(unsigned accounts)
{
    return accounts == 0 ? NAN : accounts == 1 ? 1 : 1 / hump(rate_accounts, accounts);
}

double closed_nas_threshold(double growth)
{
    return 1 / (1 + growth);
}

enum { NAS_STEPS_PER_UNIT = 200 };

/* S_k(t): no block k deeper than this one by t after it; F = 1 - S. A block whose child changes the
 * randomness has children at rate 1, or one at rate 1/n for each of n accounts, each the root of a
 * tree that must be less deep; any other has one child, after a time of mean 1:
 *   S_k(t) = exp(-integral_0^t F_{k-1}(s) ds)                                 without limit
 *   S_k(t) = (1 - (1/n) integral_0^t e^{-(t-s)/n} F_{k-1}(s) ds)^n            n accounts
 *   F_k(t) = integral_0^t e^{-(t-s)} F_{k-1}(s) ds                            one child
 * By trapezoids, from the blocks above the last depth down to the root. */
static double *nas_reached(size_t *count, unsigned depth, unsigned accounts, unsigned c)
{
    double step = 1.0 / NAS_STEPS_PER_UNIT;
    double *f = NULL; /* F of the depth before, then of this one */

    *count = (size_t)((accounts == 1 || c > 1 ? 2.5 : 1.2) * depth + 20) * NAS_STEPS_PER_UNIT + 1;
    f = calloc(*count, sizeof(*f));
    invariant(f != NULL);
    for (size_t i = 0; i < *count; i++) {
        f[i] = 1;
    }
    for (unsigned k = 1; k <= depth; k++) {
        bool line = (depth - k) % c != c - 1;
        double n = line ? 1 : accounts;
        double decay = n > 0 ? exp(-step / n) : 1;
        double sum = 0, before = f[0];
        f[0] = 0;
        for (size_t i = 1; i < *count; i++) {
            sum = sum * decay + step * (before * decay + f[i]) / 2;
            before = f[i];
            f[i] = 1 - (n > 0 ? pow(fmax(0, 1 - sum / n), n) : exp(-sum));
        }
    }
    return f;
}

double closed_nas_passage(unsigned depth, unsigned accounts, unsigned c)
{
    size_t count;
    double mean = 0;

    if (depth == 0 || depth > 200 || c == 0) {
        return NAN;
    }
    double *f = nas_reached(&count, depth, accounts, c);
    for (size_t i = 1; i < count; i++) {
        mean += (1 - (f[i - 1] + f[i]) / 2) / NAS_STEPS_PER_UNIT;
    }
    free(f);
    return mean;
}

double closed_nas_race(double share, unsigned confirmations, unsigned accounts, unsigned c)
{
    size_t count;
    double wins = 0;

    if (!(share > 0 && share < 1) || confirmations == 0 || confirmations > 199 || c == 0) {
        return NAN;
    }
    double *f = nas_reached(&count, confirmations + 1, accounts, c);
    double low = 0;
    for (size_t i = 1; i < count; i++) {
        double t = (double)i / NAS_STEPS_PER_UNIT;
        double high = gsl_cdf_gamma_P(t * (1 - share) / share, confirmations, 1);
        wins += (f[i - 1] + f[i]) / 2 * (high - low);
        low = high;
    }
    free(f);
    return wins + (1 - low); /* later than the table every tree is as deep */
}
