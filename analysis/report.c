#include "analysis/report.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/page.h"
#include "analysis/statistics.h"
#include "node/base/invariant.h"

/* A number as people read it: units scaled, four digits. */
static void value_text(char *text, size_t bytes, double value, const char *unit)
{
    double size = fabs(value);

    if (strcmp(unit, "s") == 0 && size > 0 && size < 1) {
        snprintf(text, bytes, "%.3g ms", value * 1000);
    } else if (strcmp(unit, "s") == 0 && size >= 600) {
        snprintf(text, bytes, "%.3g min", value / 60);
    } else if (strcmp(unit, "byte/s") == 0) {
        snprintf(text, bytes, "%.4g kB/s", value / 1000);
    } else if (size >= 1e4 && size < 1e15 && value == floor(value)) {
        snprintf(text, bytes, "%.0f", value);
    } else {
        snprintf(text, bytes, "%.4g", value);
    }
    if ((strcmp(unit, "s") == 0 && (size >= 1 || size == 0) && size < 600) ||
        strcmp(unit, "1/s") == 0) {
        size_t used = strlen(text);
        snprintf(text + used, bytes - used, " %s", unit[0] == '1' ? "/s" : "s");
    }
}

/* "1" and "block" need no unit beside the number: the text says what is counted. */
static void value_put(FILE *out, double value, const char *unit)
{
    char text[64];

    value_text(text, sizeof(text), value, unit);
    page_text(out, text);
}

static enum err figures_put(FILE *out, const char *folder, const struct figure *figures,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(page_figure(out, folder, figures[i].name, figures[i].title, figures[i].caption));
    }
    return ERR_OK;
}

static const struct {
    const char *name, *label;
} tiles[] = {{"blocks", "blocks on the chain"},
             {"block_interval_mean", "mean time between blocks"},
             {"fork_rate", "of all blocks left behind"},
             {"propagation_p90", "until 90 % of nodes have a block"},
             {"finality_latency_p50", "until a checkpoint block is final"},
             {"final_lag_max", "longest without a checkpoint"},
             {"tx_final_latency_p50", "until a transaction is final"},
             {"bytes_per_node_s", "sent by a node"}};

static double mean_of(const struct run *const *runs, size_t count, const char *name, size_t *n,
                      struct estimate *e)
{
    double *values = calloc(count + 1, sizeof(*values));

    invariant(values != NULL);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct run_metric *metric = run_metric(runs[i], name);
        if (metric != NULL) {
            values[(*n)++] = metric->value;
        }
    }
    *e = *n > 0 ? estimate_of(values, *n) : (struct estimate){0};
    free(values);
    return e->mean;
}

static const char *unit_of(const struct run *const *runs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const struct run_metric *metric = run_metric(runs[i], name);
        if (metric != NULL) {
            return metric->unit;
        }
    }
    return "";
}

static void tiles_put(FILE *out, const struct run *const *runs, size_t count)
{
    fputs("<div class=\"tiles\">\n", out);
    for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++) {
        struct estimate e;
        size_t n;
        double mean = mean_of(runs, count, tiles[i].name, &n, &e);
        if (n == 0) {
            continue;
        }
        fputs("<div class=\"tile\"><b>", out);
        if (strcmp(tiles[i].name, "fork_rate") == 0) {
            fprintf(out, "%.2g %%", 100 * mean);
        } else {
            value_put(out, mean, unit_of(runs, count, tiles[i].name));
        }
        fputs("</b><span>", out);
        page_text(out, tiles[i].label);
        fputs("</span></div>\n", out);
    }
    fputs("</div>\n", out);
}

static void faults_put(FILE *out, const struct run *run)
{
    size_t single = 0;
    bool head = false;

    for (size_t i = 0; i < run->fault_count; i++) {
        const struct run_fault *fault = &run->faults[i];
        if (strstr(fault->text, " as ") == NULL) {
            single++;
            continue;
        }
        if (!head) {
            fputs("<h2>Faults</h2>\n<table><tr><th class=\"n\">from</th><th class=\"n\">to</th>"
                  "<th>what</th></tr>\n",
                  out);
            head = true;
        }
        fprintf(out, "<tr><td class=\"n\">%.4g min</td><td class=\"n\">%.4g min</td><td>",
                fault->from_s / 60, fault->to_s / 60);
        page_text(out, fault->text);
        fputs("</td></tr>\n", out);
    }
    if (head) {
        fputs("</table>\n", out);
    }
    if (single > 0) {
        fprintf(out,
                "<p class=\"sub\">%s%zu without a name: <code>orrery export RUN faults</code>."
                "</p>\n",
                head ? "And " : "Faults: ", single);
    }
}

static void numbers_put(FILE *out, const struct run *const *runs, size_t count)
{
    const struct run *names = runs[0];

    for (size_t i = 1; i < count; i++) {
        names = runs[i]->metric_count > names->metric_count ? runs[i] : names;
    }
    fputs("<h2>Numbers</h2>\n<table><tr><th>name</th>", out);
    fputs(count > 1 ? "<th class=\"n\">mean</th><th class=\"n\">95 % interval (t)</th>"
                      "<th class=\"n\">95 % interval (bootstrap)</th>"
                    : "<th class=\"n\">value</th>",
          out);
    fputs("<th>unit</th><th>meaning</th></tr>\n", out);
    for (size_t i = 0; i < names->metric_count; i++) {
        const struct run_metric *metric = &names->metrics[i];
        struct estimate e;
        size_t n;
        double mean = mean_of(runs, count, metric->name, &n, &e);
        fprintf(out, "<tr><td><code>%s</code></td><td class=\"n\">%.5g</td>", metric->name, mean);
        if (count > 1 && n > 1) {
            fprintf(out, "<td class=\"n\">%.4g to %.4g</td><td class=\"n\">%.4g to %.4g</td>",
                    e.t_low, e.t_high, e.boot_low, e.boot_high);
        } else if (count > 1) {
            fputs("<td class=\"n\">one seed</td><td></td>", out);
        }
        fprintf(out, "<td class=\"u\">%s</td><td>",
                metric->unit[0] == '1' && metric->unit[1] == 0 ? "" : metric->unit);
        page_text(out, metric->text);
        fputs("</td></tr>\n", out);
    }
    fputs("</table>\n", out);
}

/* The question of the scenario, from used.yaml. */
static void question_put(FILE *out, const struct run *run)
{
    const char *line = strstr(run->scenario, "question:");

    if (line == NULL || (line != run->scenario && line[-1] != '\n')) {
        return;
    }
    line += strlen("question:");
    line += strspn(line, " '\"");
    size_t len = strcspn(line, "\n");
    while (len > 0 && strchr("'\" ", line[len - 1]) != NULL) {
        len--;
    }
    char *text = strndup(line, len);
    invariant(text != NULL);
    fputs("<p class=\"question\">", out);
    page_text(out, text);
    fputs("</p>\n", out);
    free(text);
}

static void head_put(FILE *out, const struct run *const *runs, size_t count)
{
    const struct run *run = runs[0];

    page_head(out, run->name);
    fputs("<p class=\"sub\">", out);
    if (count > 1) {
        fprintf(out, "%zu seeds: %llu to %llu", count, (unsigned long long)runs[0]->seed,
                (unsigned long long)runs[count - 1]->seed);
    } else {
        fprintf(out, "seed %llu", (unsigned long long)run->seed);
    }
    fprintf(out, " · %zu nodes · %.4g min of virtual time", run->node_count, run->end_s / 60);
    if (run->warmup_s > 0) {
        fprintf(out, " · numbers from %.3g min on", run->warmup_s / 60);
    }
    fputs("</p>\n", out);
    question_put(out, run);
    for (size_t i = 0; i < count; i++) {
        if (!runs[i]->complete) {
            fprintf(out, "<p class=\"bad\">Seed %llu is incomplete: ",
                    (unsigned long long)runs[i]->seed);
            page_text(out, runs[i]->why);
            fputs(".</p>\n", out);
        }
    }
}

enum err report_write(const char *folder, const char *figures_folder, const struct figure *figures,
                      size_t figure_count, const struct run *const *runs, size_t run_count)
{
    char path[1300];

    snprintf(path, sizeof(path), "%s/report.html", folder);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        return ERR_IO;
    }
    head_put(out, runs, run_count);
    tiles_put(out, runs, run_count);
    enum err err = figures_put(out, figures_folder, figures, figure_count);
    faults_put(out, runs[0]);
    numbers_put(out, runs, run_count);
    fputs("<details><summary>The scenario, every parameter</summary><pre>", out);
    page_text(out, runs[0]->scenario);
    fputs("</pre></details>\n<footer>", out);
    for (size_t i = 0; i < run_count; i++) {
        fprintf(out, "seed %llu, digest %s<br>", (unsigned long long)runs[i]->seed,
                runs[i]->digest);
    }
    fputs("revision ", out);
    page_text(out, runs[0]->revision);
    fputs(", compiler ", out);
    page_text(out, runs[0]->compiler);
    fputs("</footer>\n</body></html>\n", out);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return err != ERR_OK ? err : failed ? ERR_IO : ERR_OK;
}
