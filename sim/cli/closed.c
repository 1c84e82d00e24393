/* orrery closed: a published law at the parameters given, so that other settings of it can be held
 * against a run. */
#include "analysis/closed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/command.h"

enum { ARGUMENTS_MAX = 4 };

static double selfish(const double *x)
{
    return closed_selfish_revenue(x[0], x[1]);
}

static double selfish_threshold(const double *x)
{
    return closed_selfish_threshold(x[0]);
}

static double double_spend(const double *x)
{
    return closed_double_spend(x[0], (unsigned)x[1]);
}

static double nakamoto(const double *x)
{
    return closed_double_spend_nakamoto(x[0], (unsigned)x[1]);
}

static double distinct(const double *x)
{
    return closed_committee_distinct((unsigned)x[0], (unsigned)x[1], (unsigned)x[2],
                                     (unsigned)x[3]);
}

static double seats(const double *x)
{
    return closed_committee_seats(x[0], (unsigned)x[1], (unsigned)x[2]);
}

static double sortition(const double *x)
{
    return closed_sortition_liveness(x[0], x[1], x[2]) + closed_sortition_safety(x[0], x[1], x[2]);
}

static double stale(const double *x)
{
    return closed_stale_rate(x[0], x[1]);
}

static double nas(const double *x)
{
    return closed_nas_growth((unsigned)x[0]);
}

static double nas_accounts(const double *x)
{
    return closed_nas_growth_accounts((unsigned)x[0]);
}

static double nas_passage(const double *x)
{
    return closed_nas_passage((unsigned)x[0], (unsigned)x[1], (unsigned)x[2]);
}

static double nas_race(const double *x)
{
    return closed_nas_race(x[0], (unsigned)x[1], (unsigned)x[2], (unsigned)x[3]);
}

static const struct {
    const char *name, *arguments;
    int count;
    double (*value)(const double *x);
} forms[] = {
    {"selfish-revenue", "ALPHA GAMMA", 2, selfish},
    {"selfish-threshold", "GAMMA", 1, selfish_threshold},
    {"double-spend", "SHARE CONFIRMATIONS", 2, double_spend},
    {"double-spend-nakamoto", "SHARE CONFIRMATIONS", 2, nakamoto},
    {"committee-distinct", "VALIDATORS BAD SEATS LEAST", 4, distinct},
    {"committee-seats", "SHARE SEATS LEAST", 3, seats},
    {"sortition", "TAU THRESHOLD HONEST", 3, sortition},
    {"stale-rate", "MEAN-DELAY INTERVAL", 2, stale},
    {"nas-growth", "C", 1, nas},
    {"nas-growth-accounts", "ACCOUNTS", 1, nas_accounts},
    {"nas-passage", "DEPTH ACCOUNTS C", 3, nas_passage},
    {"nas-race", "SHARE CONFIRMATIONS ACCOUNTS C", 4, nas_race},
};

int command_closed(int argc, char **argv)
{
    double x[ARGUMENTS_MAX];

    for (size_t i = 0; argc > 1 && i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(forms[i].name, argv[1]) != 0) {
            continue;
        }
        if (argc != 2 + forms[i].count) {
            return command_usage("closed", "%s takes %s", argv[1], forms[i].arguments);
        }
        for (int k = 0; k < forms[i].count; k++) {
            char *end;
            x[k] = strtod(argv[2 + k], &end);
            if (*end != 0 || !(x[k] >= 0) || x[k] > 1e9) {
                return command_usage("closed", "%s is not a number of this law", argv[2 + k]);
            }
        }
        double value = forms[i].value(x);
        if (isnan(value)) {
            return command_usage("closed", "outside what the law is stated for");
        }
        printf("%.10g\n", value);
        return EXIT_OK;
    }
    command_usage("closed", "which law? There are");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        fprintf(stderr, "  %-22s %s\n", forms[i].name, forms[i].arguments);
    }
    return EXIT_USAGE;
}
