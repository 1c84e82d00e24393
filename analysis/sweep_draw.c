/* Figures of a sweep: measured points with their intervals, published values as lines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/figure.h"
#include "analysis/page.h"
#include "analysis/sweep.h"
#include "node/base/invariant.h"

static const char *const colours[] = {FIGURE_BLUE, FIGURE_ORANGE, FIGURE_GREEN,
                                      FIGURE_GREY, "#762a83",     "#b2182b"};

#define COLOURS (sizeof(colours) / sizeof(colours[0]))

static bool same_curve(const struct sweep_row *a, const struct sweep_row *b)
{
    return a->series == b->series || strcmp(a->series, b->series) == 0;
}

static void value_write(FILE *data, double value)
{
    if (isnan(value)) {
        fputs("?", data);
    } else {
        fprintf(data, "%.9g", value);
    }
}

static size_t curves_count(const struct sweep_row *rows, size_t count)
{
    size_t curves = 1;

    for (size_t i = 1; i < count; i++) {
        curves += !same_curve(&rows[i], &rows[i - 1]);
    }
    return curves;
}

/* A block of lines for each curve. */
static void data_write(FILE *data, const struct sweep_row *rows, size_t count)
{
    fputs("x\tmean\tlow\thigh\tpublished\tlimit\tseeds\tseries\tlabel\n", data);
    for (size_t i = 0; i < count; i++) {
        const struct sweep_row *r = &rows[i];
        if (i > 0 && !same_curve(r, &rows[i - 1])) {
            fputs("\n\n", data);
        }
        bool interval = !isnan(r->low);
        fprintf(data, "%.9g\t%.9g\t%.9g\t%.9g\t", r->x, r->measured.mean,
                interval ? r->low : r->measured.mean, interval ? r->high : r->measured.mean);
        value_write(data, r->published);
        fputc('\t', data);
        value_write(data, r->limit);
        fprintf(data, "\t%zu\t%s\t%s\n", r->measured.count, r->series != NULL ? r->series : "",
                r->label);
    }
}

/* Names stand at 0, 1, ...; nothing lies between them. */
static void places_write(FILE *script, const struct sweep_row *rows, size_t places)
{
    fputs("set xtics (", script);
    for (size_t i = 0; i < places; i++) {
        fprintf(script, "%s\"%s\" %zu", i > 0 ? ", " : "", rows[i].label, i);
    }
    fprintf(script, ")\nset xrange [-0.5:%zu.5]\n", places - 1);
}

static void script_write(FILE *script, const struct grid_figure *f, const struct sweep_row *rows,
                         size_t count, bool numeric)
{
    bool published = *f->published != 0;
    size_t curves = curves_count(rows, count), at = 0;
    const char *joined = numeric ? "lines" : "";

    figure_style_write(script, f->name);
    fprintf(script,
            "set datafile missing '?'\n%sset xlabel \"%s\"\nset ylabel \"%s\"\n"
            "set key bmargin center horizontal maxrows 2 samplen 2\nset bmargin 6.8\n"
            "set offsets graph 0.04, graph 0.04, graph 0.06, graph 0.02\n",
            f->log ? "set logscale y\nset format y '%g'\n" : "",
            *f->x_label != 0 ? f->x_label : f->x, *f->y_label != 0 ? f->y_label : f->metric);
    if (!numeric) {
        places_write(script, rows, count / curves);
    }
    fputs("plot ", script);
    for (size_t c = 0; c < curves; c++) {
        const char *name = rows[at].series != NULL ? rows[at].series : "";
        const char *axis = rows[at].series != NULL ? f->series : "";
        const char *gap = *axis != 0 ? " " : "";
        double aside = numeric ? 0 : 0.12 * ((double)c - ((double)curves - 1) / 2);
        if (published) {
            fprintf(script,
                    "'%s.tsv' index %zu using ($1+%g):5 with %spoints pt 6 ps 1.3 lw 1.5 "
                    "lc rgb '%s' title \"published%s%s%s%s\", ",
                    f->name, c, aside, joined, colours[c % COLOURS], *axis != 0 ? ", " : "", axis,
                    gap, name);
        }
        if (*f->limit != 0) {
            fprintf(script,
                    "'%s.tsv' index %zu using ($1+%g):6 with %s lw 1.5 dt 2 lc rgb '%s' title "
                    "\"limit%s%s%s%s\", ",
                    f->name, c, aside, numeric ? "lines" : "points pt 2", colours[c % COLOURS],
                    *axis != 0 ? ", " : "", axis, gap, name);
        }
        fprintf(script,
                "'%s.tsv' index %zu using ($1+%g):2:3:4 with yerrorbars pt 7 ps 0.6 lw 1.4 "
                "lc rgb '%s' title \"measured%s%s%s%s\"%s",
                f->name, c, aside, colours[c % COLOURS], *axis != 0 ? ", " : "", axis, gap, name,
                c + 1 < curves ? ", " : "\n");
        while (at + 1 < count && same_curve(&rows[at], &rows[at + 1])) {
            at++;
        }
        at++;
    }
}

static enum err figure_files(const struct sweep *sweep, const struct grid_figure *f,
                             const char *folder)
{
    const struct grid *g = sweep->grid;
    size_t count;
    struct sweep_row *rows = sweep_rows(&count, sweep, f);
    char path[1300];

    snprintf(path, sizeof(path), "%s/%s.tsv", folder, f->name);
    FILE *data = fopen(path, "w");
    snprintf(path, sizeof(path), "%s/%s.gp", folder, f->name);
    FILE *script = fopen(path, "w");
    bool ok = data != NULL && script != NULL;
    if (ok) {
        fprintf(data, "# %s\n# sweep\t%s\n# %s\n", f->title, g->name, f->source);
        data_write(data, rows, count);
        script_write(script, f, rows, count,
                     grid_axis_is_numeric(&g->axes[grid_axis_find(g, f->x)]));
    }
    ok = data != NULL && fclose(data) == 0 && ok;
    ok = script != NULL && fclose(script) == 0 && ok;
    free(rows);
    return ok ? ERR_OK : ERR_IO;
}

/* NaN: "too few seeds". */
static void interval_put(FILE *out, double low, double high)
{
    if (isnan(low)) {
        fputs("<td class=\"n\">too few seeds</td>", out);
    } else {
        fprintf(out, "<td class=\"n\">%.5g to %.5g</td>", low, high);
    }
}

static void rows_put(FILE *out, const struct sweep *sweep, const struct grid_figure *f)
{
    static const char *const steps[] = {"lower", "not different", "higher"};
    size_t count;
    struct sweep_row *rows = sweep_rows(&count, sweep, f);

    fputs("<details><summary>The numbers</summary><table><tr><th class=\"n\">", out);
    page_text(out, f->x);
    fputs("</th><th>", out);
    page_text(out, f->series);
    fputs("</th><th class=\"n\">mean</th><th class=\"n\">95 % interval</th>"
          "<th class=\"n\">bootstrap</th><th class=\"n\">seeds</th><th class=\"n\">published</th>"
          "<th></th><th>than the one before</th></tr>\n",
          out);
    for (size_t i = 0; i < count; i++) {
        const struct sweep_row *r = &rows[i];
        fputs("<tr><td class=\"n\">", out);
        page_text(out, r->label);
        fputs("</td><td>", out);
        page_text(out, r->series != NULL ? r->series : "");
        fprintf(out, "</td><td class=\"n\">%.5g</td>", r->measured.mean);
        interval_put(out, r->low, r->high);
        interval_put(out, r->measured.boot_low, r->measured.boot_high);
        fprintf(out, "<td class=\"n\">%zu</td>", r->measured.count);
        if (isnan(r->published)) {
            fputs("<td></td><td></td>", out);
        } else {
            fprintf(out, "<td class=\"n\">%.5g</td><td>%s</td>", r->published,
                    r->met ? "met" : "<b>not met</b>");
        }
        bool first = i == 0 || !same_curve(r, &rows[i - 1]);
        bool few = !first && (isnan(r->measured.t_low) || isnan(rows[i - 1].measured.t_low));
        fprintf(out, "<td>%s</td></tr>\n", first ? "" : few ? "too few seeds" : steps[r->step + 1]);
    }
    fputs("</table></details>\n", out);
    free(rows);
}

static enum err page_write(const struct sweep *sweep, const char *folder, const char *figures)
{
    const struct grid *g = sweep->grid;
    char path[1300], caption[900], elsewhere[200];

    snprintf(path, sizeof(path), "%s/report.html", folder);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        return ERR_IO;
    }
    page_head(out, g->name);
    fprintf(out, "<p class=\"sub\">%zu points, %zu runs</p>\n<p class=\"question\">", g->points,
            sweep->run_count);
    page_text(out, g->question);
    fputs("</p>\n", out);
    enum err err = ERR_OK;
    for (size_t i = 0; i < g->figures_count && err == ERR_OK; i++) {
        const struct grid_figure *f = &g->figures[i];
        sweep_elsewhere(elsewhere, g, f);
        snprintf(caption, sizeof(caption),
                 "Points: mean over seeds, one value each, with its 95 %% interval (%s)%s%s.%s"
                 "%.300s%s",
                 *f->trials != 0 ? "Wilson's, of all trials" : "Student's t",
                 *elsewhere != 0 ? ", at " : "", elsewhere,
                 *f->published != 0 ? " Lines: published, " : "", f->source,
                 *f->published != 0 ? "." : "");
        err = page_figure(out, figures, f->name, f->title, caption);
        rows_put(out, sweep, f);
    }
    fputs("<details><summary>The grid</summary><pre>", out);
    page_text(out, g->text);
    fputs("</pre></details>\n</body></html>\n", out);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return err != ERR_OK ? err : failed ? ERR_IO : ERR_OK;
}

enum err sweep_draw(const struct sweep *sweep, const char *folder)
{
    const struct grid *g = sweep->grid;
    const char *names[FIGURES_MAX];
    char figures[1200];

    invariant(g->figures_count <= FIGURES_MAX);
    snprintf(figures, sizeof(figures), "%s/figures", folder);
    if (mkdir(figures, 0777) != 0) {
        struct stat st;
        if (stat(figures, &st) != 0 || !S_ISDIR(st.st_mode)) {
            return ERR_IO;
        }
    }
    for (size_t i = 0; i < g->figures_count; i++) {
        TRY(figure_files(sweep, &g->figures[i], figures));
        names[i] = g->figures[i].name;
    }
    TRY(figure_gnuplot(names, g->figures_count, figures));
    return page_write(sweep, folder, figures);
}
