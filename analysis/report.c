#include "analysis/report.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/statistics.h"
#include "node/base/invariant.h"

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;margin:2rem auto;"
    "max-width:56rem;padding:0 1rem}"
    "h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.6rem 0 .4rem}"
    "p.sub{color:#666;margin:0 0 1.2rem;font-size:.92rem}"
    "p.question{font-size:1.05rem;margin:.4rem 0 1rem}"
    "p.bad{background:#fde0dd;border-left:4px solid #c51b8a;padding:.5rem .8rem}"
    "figure{margin:0 0 .4rem}figure svg{width:100%;height:auto}"
    "figcaption{font-size:.9rem;color:#444;margin:.2rem 0 0}"
    "table{border-collapse:collapse;font-size:.88rem;width:100%}"
    "th{text-align:left;border-bottom:2px solid #ccc;padding:.25rem .6rem .25rem 0}"
    "td{border-bottom:1px solid #eee;padding:.22rem .6rem .22rem 0;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "td.u{color:#666;white-space:nowrap}code{font-size:.92em}"
    "div.tiles{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}"
    "div.tile{border:1px solid #ddd;border-radius:6px;padding:.5rem .8rem;min-width:9rem;flex:1}"
    "div.tile b{display:block;font-size:1.3rem;font-weight:600}"
    "div.tile span{font-size:.82rem;color:#666}"
    "details{margin:.6rem 0}pre{background:#f6f6f6;padding:.8rem;overflow:auto;font-size:.8rem}"
    "footer{margin:3rem 0 1rem;color:#777;font-size:.82rem;word-break:break-all}";

static void text_put(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

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
    text_put(out, text);
}

/* gnuplot gives the same ids in every file; on one page they must differ. */
static void svg_line_put(FILE *out, const char *line, const char *name)
{
    static const char *const before[] = {"id='", "id=\"", "href='#"};

    while (*line != 0) {
        size_t used = 0;
        for (size_t i = 0; i < sizeof(before) / sizeof(before[0]) && used == 0; i++) {
            if (strncmp(line, before[i], strlen(before[i])) == 0) {
                used = strlen(before[i]);
            }
        }
        if (used > 0) {
            fprintf(out, "%.*s%s-", (int)used, line, name);
            line += used;
        } else {
            fputc(*line++, out);
        }
    }
}

/* The svg element of a file, without what stands before it and without gnuplot's name as a title.
 */
static enum err svg_put(FILE *out, const char *path, const struct figure *figure)
{
    FILE *in = fopen(path, "r");
    char line[8192];
    bool inside = false;

    if (in == NULL) {
        return ERR_IO;
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, "<svg", 4) == 0) {
            inside = true;
            fputs("<svg role=\"img\" aria-label=\"", out);
            text_put(out, figure->title);
            fputs("\"\n", out);
        } else if (inside && strncmp(line, "<title", 6) != 0 && strncmp(line, "<desc", 5) != 0) {
            svg_line_put(out, line, figure->name);
        }
    }
    fclose(in);
    return inside ? ERR_OK : ERR_IO;
}

static enum err figures_put(FILE *out, const char *folder, const struct figure *figures,
                            size_t count)
{
    char path[1300];

    for (size_t i = 0; i < count; i++) {
        fputs("<h2>", out);
        text_put(out, figures[i].title);
        fprintf(out, "</h2>\n<figure id=\"%s\">\n", figures[i].name);
        snprintf(path, sizeof(path), "%s/%s.svg", folder, figures[i].name);
        TRY(svg_put(out, path, &figures[i]));
        fputs("<figcaption>", out);
        text_put(out, figures[i].caption);
        fputs("</figcaption>\n</figure>\n", out);
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
        text_put(out, tiles[i].label);
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
        text_put(out, fault->text);
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
        text_put(out, metric->text);
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
    text_put(out, text);
    fputs("</p>\n", out);
    free(text);
}

static void head_put(FILE *out, const struct run *const *runs, size_t count)
{
    const struct run *run = runs[0];

    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
          out);
    text_put(out, run->name);
    fprintf(out, "</title>\n<style>%s</style></head><body>\n<h1>", style);
    text_put(out, run->name);
    fputs("</h1>\n<p class=\"sub\">", out);
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
            text_put(out, runs[i]->why);
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
    text_put(out, runs[0]->scenario);
    fputs("</pre></details>\n<footer>", out);
    for (size_t i = 0; i < run_count; i++) {
        fprintf(out, "seed %llu, digest %s<br>", (unsigned long long)runs[i]->seed,
                runs[i]->digest);
    }
    fputs("revision ", out);
    text_put(out, runs[0]->revision);
    fputs(", compiler ", out);
    text_put(out, runs[0]->compiler);
    fputs("</footer>\n</body></html>\n", out);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return err != ERR_OK ? err : failed ? ERR_IO : ERR_OK;
}
