#include "sim/cli/expect.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "settings/nearest.h"
#include "sim/check/check.h"
#include "sim/cli/command.h"

/* A unit that a value may be written in, for metrics of one unit. */
static const struct {
    const char *metric, *name;
    double factor;
} units[] = {
    {"s", "ns", 1e-9},
    {"s", "us", 1e-6},
    {"s", "ms", 1e-3},
    {"s", "s", 1},
    {"s", "min", 60},
    {"s", "h", 3600},
    {"s", "d", 86400},
    {"byte", "B", 1},
    {"byte", "kB", 1e3},
    {"byte", "MB", 1e6},
    {"byte", "GB", 1e9},
    {"byte", "TB", 1e12},
    {"byte", "KiB", 1024},
    {"byte", "MiB", 1048576},
    {"byte", "GiB", 1073741824},
    {"byte", "TiB", 1099511627776},
    {"byte/s", "B/s", 1},
    {"byte/s", "kB/s", 1e3},
    {"byte/s", "MB/s", 1e6},
    {"byte/s", "GB/s", 1e9},
    {"byte/s", "KiB/s", 1024},
    {"byte/s", "MiB/s", 1048576},
    {"byte/s", "bit/s", 0.125},
    {"byte/s", "kbit/s", 125},
    {"byte/s", "Mbit/s", 125e3},
    {"byte/s", "Gbit/s", 125e6},
    {"1", "%", 0.01},
    {"1/s", "/s", 1},
    {"block", "blocks", 1},
};

/* What an expectation says, in the metric's unit; `least` alone unless op is `in`. */
struct condition {
    double least, most;
};

static const char *blanks(const char *text)
{
    return text + strspn(text, " ");
}

/* Decimal only: strtod would also take hexadecimal, "inf" and "nan". */
static bool number(double *value, const char **text)
{
    const char *p = blanks(*text);
    size_t digits = strspn(p + (*p == '-'), "0123456789.");
    char *end;

    if (digits == 0 || digits > 30) {
        return false;
    }
    *value = strtod(p, &end);
    *text = end;
    return end == p + (*p == '-') + digits;
}

static enum err unit_apply(double *value, const char *unit, size_t len, const char *metric_unit)
{
    if (len == 0 || (strlen(metric_unit) == len && memcmp(unit, metric_unit, len) == 0)) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].metric, metric_unit) == 0 && strlen(units[i].name) == len &&
            memcmp(units[i].name, unit, len) == 0) {
            *value *= units[i].factor;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

/* One value from text up to its end or to "..". */
static enum err value_read(double *value, const char **text, const char *metric_unit)
{
    const char *p = *text;
    double under;

    /* "1..2" is 1 and 2: the first number ends before the points. */
    char copy[96];
    const char *points = strstr(p, "..");
    size_t len = points != NULL ? (size_t)(points - p) : strlen(p);
    if (len >= sizeof(copy)) {
        return ERR_SYNTAX;
    }
    memcpy(copy, p, len);
    copy[len] = 0;
    *text = p + len;
    p = copy;
    if (!number(value, &p)) {
        return ERR_SYNTAX;
    }
    p = blanks(p);
    if (*p == '/' && p[1] != 's') {
        p++;
        if (!number(&under, &p) || under <= 0) {
            return ERR_SYNTAX;
        }
        *value /= under;
        p = blanks(p);
    }
    len = strlen(p);
    while (len > 0 && p[len - 1] == ' ') {
        len--;
    }
    return unit_apply(value, p, len, metric_unit);
}

static enum err condition_read(struct condition *c, const struct scenario_expect *e,
                               const char *metric_unit)
{
    const char *p = e->value;

    TRY(value_read(&c->least, &p, metric_unit));
    c->most = c->least;
    if (strcmp(e->op, "in") == 0) {
        if (strncmp(p, "..", 2) != 0) {
            return ERR_SYNTAX;
        }
        p += 2;
        TRY(value_read(&c->most, &p, metric_unit));
    }
    if (*p != 0) {
        return ERR_SYNTAX;
    }
    return c->least <= c->most ? ERR_OK : ERR_RANGE;
}

static const struct metric *metric_find(const struct metric *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Fills condition, or error and returns why it does not read. */
static enum err expect_read(struct condition *condition, const struct metric **metric,
                            struct settings_error *error, const struct scenario_expect *e,
                            const struct metric *list, size_t count)
{
    *metric = metric_find(list, count, e->metric);
    error->line = e->line;
    if (*metric == NULL) {
        struct nearest near = {.word = e->metric};
        for (size_t i = 0; i < count; i++) {
            nearest_try(&near, list[i].name);
        }
        snprintf(error->text, sizeof(error->text), "no metric is called `%s`%s%s%s", e->metric,
                 near.best != NULL ? "; the nearest is `" : "", near.best != NULL ? near.best : "",
                 near.best != NULL ? "`" : "");
        return ERR_UNKNOWN;
    }
    enum err err = condition_read(condition, e, (*metric)->unit);
    if (err == ERR_UNKNOWN) {
        snprintf(error->text, sizeof(error->text),
                 "`%s: %s %s`: not a unit of this metric, whose own is `%s`", e->metric, e->op,
                 e->value, (*metric)->unit);
    } else if (err == ERR_RANGE) {
        snprintf(error->text, sizeof(error->text), "`%s: %s %s`: the first value is the larger",
                 e->metric, e->op, e->value);
    } else if (err != ERR_OK) {
        snprintf(error->text, sizeof(error->text),
                 "`%s: %s %s`: expected a condition as \"< 5 s\", \"in 14 s..16 s\" or \"= 0\"",
                 e->metric, e->op, e->value);
    }
    return err;
}

static bool same(double a, double b)
{
    double apart = a > b ? a - b : b - a;
    double size = (a < 0 ? -a : a) + (b < 0 ? -b : b);

    return apart <= 1e-9 * size;
}

static bool holds(const char *op, double value, const struct condition *c)
{
    if (strcmp(op, "in") == 0) {
        return value >= c->least && value <= c->most;
    }
    if (strcmp(op, "=") == 0) {
        return same(value, c->least);
    }
    bool equal = op[1] == '=';
    return op[0] == '<' ? value < c->least || (equal && value == c->least)
                        : value > c->least || (equal && value == c->least);
}

struct metric *expect_figures(size_t *count, struct metrics *metrics, const struct world *world)
{
    size_t of_metrics, all = 0;
    const struct metric *list = metrics_list(metrics, &of_metrics);
    struct metric one;

    while (checks_figure(NULL, all, &one)) {
        all++;
    }
    all += of_metrics;
    struct metric *figures = calloc(all, sizeof(*figures));
    invariant(figures != NULL);
    memcpy(figures, list, of_metrics * sizeof(*figures));
    for (size_t i = of_metrics; i < all; i++) {
        invariant(world_check_figure(world, i - of_metrics, &figures[i]));
    }
    *count = all;
    return figures;
}

enum err expect_check(const struct scenario *scenario, struct settings_error *error)
{
    static const uint64_t no_stake[1];
    struct metrics *metrics = metrics_new(1, no_stake, 0);
    const struct metric *metric;
    struct condition condition;
    size_t count;
    struct metric *figures = expect_figures(&count, metrics, NULL);
    enum err err = ERR_OK;

    snprintf(error->file, sizeof(error->file), "%s", scenario->file);
    for (uint64_t i = 0; i < scenario->expects_count && err == ERR_OK; i++) {
        err = expect_read(&condition, &metric, error, &scenario->expects[i], figures, count);
    }
    free(figures);
    metrics_free(metrics);
    return err;
}

int expect_evaluate(const struct scenario *scenario, const struct metric *figures, size_t count,
                    FILE *out)
{
    int code = EXIT_OK;

    for (uint64_t i = 0; i < scenario->expects_count; i++) {
        const struct scenario_expect *e = &scenario->expects[i];
        const struct metric *metric;
        struct settings_error error;
        struct condition condition;
        fprintf(out, "expect %s %s %s: ", e->metric, e->op, e->value);
        if (expect_read(&condition, &metric, &error, e, figures, count) != ERR_OK) {
            fprintf(out, "%s\n", error.text);
            code = EXIT_USAGE;
            continue;
        }
        bool met = metric->known && holds(e->op, metric->value, &condition);
        if (metric->known) {
            fprintf(out, "%.6g%s%s, %s\n", metric->value, metric->unit[0] == '1' ? "" : " ",
                    strcmp(metric->unit, "1") == 0 ? "" : metric->unit, met ? "ok" : "NOT MET");
        } else {
            fprintf(out, "nothing to measure it by, NOT MET\n");
        }
        code = !met && code == EXIT_OK ? EXIT_EXPECTATION : code;
    }
    return code;
}
