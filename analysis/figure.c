#include "analysis/figure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/base/invariant.h"

#define WIDTH 760
#define HEIGHT 410

void figure_data_next(struct figure *figure)
{
    fputs("\n\n", figure->data);
}

/* The label a fault was given, or its kind. */
static void fault_label(const struct run_fault *fault, char *label, size_t bytes)
{
    const char *as = NULL;
    const char *word = fault->text;

    for (const char *p = strstr(fault->text, " as "); p != NULL; p = strstr(p + 1, " as ")) {
        as = p + 4;
    }
    if (as != NULL) {
        snprintf(label, bytes, "%s", as);
        return;
    }
    /* "at 5 min for 1 min KIND ...": the first word that is neither time nor one of these two. */
    for (int skip = strstr(word, " for ") != NULL ? 6 : 3; skip > 0; skip--) {
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    snprintf(label, bytes, "%.*s", (int)strcspn(word, " "), word);
}

/* One machine's trouble is a tick, not a band: there may be hundreds. */
static bool fault_is_small(const struct run_fault *fault)
{
    const char *node = strstr(fault->text, " node ");

    if (strstr(fault->text, " as ") != NULL) {
        return false;
    }
    return node != NULL && strcspn(node + 6, ",-") >= strcspn(node + 6, " ");
}

static const char *fault_colour(const struct run_fault *fault)
{
    return strstr(fault->text, " cut ") != NULL      ? "#fdae6b"
           : strstr(fault->text, " outage ") != NULL ? "#bdbdbd"
                                                     : "#c7e9c0";
}

/* Where so many bands would paint the whole figure they make a strip along its upper edge, without
 * names. */
static bool bands_are_many(const struct run *run)
{
    size_t bands = 0;

    for (size_t i = 0; i < run->fault_count; i++) {
        bands += !fault_is_small(&run->faults[i]) && run->faults[i].from_s <= run->end_s;
    }
    return bands > 12;
}

void figure_faults(struct figure *figure)
{
    const struct run *run = figure->runs[0];
    bool many = bands_are_many(run);
    int object = 100;

    for (size_t i = 0; i < run->fault_count; i++) {
        const struct run_fault *fault = &run->faults[i];
        double from = fault->from_s / figure->time_unit_s;
        double to = (fault->to_s < run->end_s ? fault->to_s : run->end_s) / figure->time_unit_s;
        char label[64];
        if (fault->from_s > run->end_s) {
            continue;
        }
        if (fault_is_small(fault)) {
            fprintf(figure->script,
                    "set arrow %d from %.9g, graph 0 to %.9g, graph 0.02 nohead lc rgb '%s' back\n",
                    object++, from, from, FIGURE_GREY);
            continue;
        }
        fault_label(fault, label, sizeof(label));
        fprintf(figure->script,
                "set object %d rect from %.9g, graph %s to %.9g, graph 1%s fc rgb '%s' "
                "fs solid 0.35 noborder %s\n",
                object++, from, many ? "1.01" : "0", to, many ? ".04" : "", fault_colour(fault),
                many ? "noclip back" : "behind");
        if (!many) {
            fprintf(figure->script,
                    "set label %d \"%s\" at %.9g, graph 1.035 center font ',10' "
                    "textcolor rgb '#444444' noenhanced\n",
                    object++, label, (from + to) / 2);
        }
    }
}

void figure_time_axis(struct figure *figure)
{
    double end = 0;

    for (size_t i = 0; i < figure->run_count; i++) {
        end = fmax(end, figure->runs[i]->end_s);
    }
    fprintf(figure->script, "set xlabel 'virtual time (%s)'\nset xrange [0:%.9g]\n",
            figure->time_unit, end > 0 ? end / figure->time_unit_s : 1);
}

static void time_unit_choose(struct figure *figure)
{
    double end = figure->runs[0]->end_s;

    figure->time_unit_s = end > 36000 ? 3600 : end > 300 ? 60 : 1;
    figure->time_unit = end > 36000 ? "h" : end > 300 ? "min" : "s";
}

static void heads_write(struct figure *figure)
{
    const struct run *run = figure->runs[0];

    fprintf(figure->data, "# %s\n# scenario\t%s\n# seed", figure->title, run->name);
    for (size_t i = 0; i < figure->run_count; i++) {
        fprintf(figure->data, "\t%llu", (unsigned long long)figure->runs[i]->seed);
    }
    fprintf(figure->data, "\n# revision\t%s\n", run->revision);
    figure_style_write(figure->script, figure->name);
}

void figure_style_write(FILE *script, const char *name)
{
    fprintf(script,
            "reset session\n"
            "set terminal svg size %d,%d dynamic noenhanced font 'sans,12' background 'white'\n"
            "set output '%s.svg'\n"
            "set datafile separator tab\nset datafile commentschars '#'\nset encoding utf8\n"
            "set border 3 lc rgb '#555555'\nset tics nomirror out scale 0.6\n"
            "set grid ytics lc rgb '#e6e6e6' lw 1\n"
            "set key bmargin center horizontal maxrows 1 samplen 2 width -1\n"
            "set tmargin 2.2\nset rmargin 3\nset bmargin 5.4\nset style fill solid 0.35 noborder\n",
            WIDTH, HEIGHT, name);
}

static enum err figure_make(struct figure *figure, const struct figure_kind *kind,
                            const char *folder)
{
    char path[1200], script[1200];

    figure->name = kind->name;
    figure->title = kind->title;
    figure->caption[0] = 0;
    time_unit_choose(figure);
    snprintf(figure->file, sizeof(figure->file), "%s.tsv", kind->name);
    snprintf(path, sizeof(path), "%s/%s.tsv", folder, kind->name);
    snprintf(script, sizeof(script), "%s/%s.gp", folder, kind->name);
    figure->data = fopen(path, "w");
    figure->script = fopen(script, "w");
    bool failed = figure->data == NULL || figure->script == NULL;
    if (!failed) {
        heads_write(figure);
        figure->drawn = kind->draw(figure);
    }
    failed |= figure->data != NULL && fclose(figure->data) != 0;
    failed |= figure->script != NULL && fclose(figure->script) != 0;
    if (!figure->drawn) {
        remove(path);
        remove(script);
    }
    return failed ? ERR_IO : ERR_OK;
}

enum err figure_gnuplot(const char *const *figures, size_t count, const char *folder)
{
    char names[FIGURES_MAX][160];
    char *arguments[FIGURES_MAX + 2] = {"gnuplot"};
    int status = 0, used = 1;

    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "%s.gp", figures[i]);
        arguments[used++] = names[i];
    }
    if (used == 1) {
        return ERR_OK;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(folder) == 0) {
            execvp(arguments[0], arguments);
        }
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return ERR_UNKNOWN;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ERR_OK : ERR_UNKNOWN;
}

static enum err gnuplot_run(const struct figure *figures, size_t count, const char *folder)
{
    const char *names[FIGURES_MAX];
    size_t drawn = 0;

    for (size_t i = 0; i < count; i++) {
        if (figures[i].drawn) {
            names[drawn++] = figures[i].name;
        }
    }
    return figure_gnuplot(names, drawn, folder);
}

static bool wanted(const struct figure_kind *kind, bool many, const char *const *names,
                   size_t name_count)
{
    for (size_t i = 0; i < name_count; i++) {
        if (strcmp(names[i], kind->name) == 0) {
            return kind->many == many;
        }
    }
    return name_count == 0 && kind->many == many;
}

enum err figures_draw(struct figure *figures, size_t *count, const struct run *const *runs,
                      size_t run_count, const char *folder, const char *const *names,
                      size_t name_count)
{
    size_t kinds, known = 0;
    const struct figure_kind *kind = figure_kinds(&kinds);

    invariant(kinds <= FIGURES_MAX && run_count > 0);
    *count = 0;
    for (size_t i = 0; i < kinds; i++) {
        if (!wanted(&kind[i], run_count > 1, names, name_count)) {
            continue;
        }
        known++;
        struct figure *figure = &figures[*count];
        *figure = (struct figure){.runs = runs, .run_count = run_count};
        TRY(figure_make(figure, &kind[i], folder));
        *count += figure->drawn;
    }
    if (known < name_count) {
        return ERR_NOT_FOUND;
    }
    return gnuplot_run(figures, *count, folder);
}
