/* orrery list: the scenarios of a folder with the question each answers. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/scenario/scenario.h"

#define COLUMNS 78

/* Folders that hold a scenario.yaml, and .yaml files. */
static bool is_scenario(const char *folder, const char *name)
{
    char path[700];
    size_t len = strlen(name);

    if (name[0] == '.') {
        return false;
    }
    if (len > 5 && strcmp(name + len - 5, ".yaml") == 0) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/%s/scenario.yaml", folder, name);
    return access(path, F_OK) == 0;
}

/* Words of a text, broken before COLUMNS, each line indented by four. */
static void paragraph(const char *text)
{
    size_t column = 0;

    while (*(text += strspn(text, " ")) != 0) {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > COLUMNS) {
            putchar('\n');
            column = 0;
        }
        int width = printf("%s%.*s", column == 0 ? "    " : " ", (int)len, text);
        column += width > 0 ? (size_t)width : 0;
        text += len;
    }
    putchar('\n');
}

/* False when the scenario does not read; the reason is on stderr. */
static bool show(const char *folder, const char *name)
{
    char path[700];
    struct scenario *s;
    struct settings_error error = {0};

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (scenario_load(&s, &error, path, NULL, 0) != ERR_OK) {
        settings_error_print(&error);
        return false;
    }
    printf("%s  (%llu nodes, %llu s)\n", name, (unsigned long long)scenario_node_count(s),
           (unsigned long long)(s->duration_ns / 1000000000));
    paragraph(s->question);
    scenario_free(s);
    return true;
}

int command_list(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "scenarios";
    struct dirent **entries;
    bool whole = true;
    int shown = 0;

    if (argc > 2) {
        return command_usage("list", "takes one folder");
    }
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        return command_usage("list", "cannot read %s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        if (is_scenario(folder, entries[i]->d_name)) {
            whole &= show(folder, entries[i]->d_name);
            shown++;
        }
        free(entries[i]);
    }
    free(entries);
    if (shown == 0) {
        return command_usage("list", "%s holds no scenario", folder);
    }
    return whole ? EXIT_OK : EXIT_USAGE;
}
