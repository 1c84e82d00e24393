/* orreryctl db: the database of a node. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/client/ctl.h"
#include "node/daemon/store_tools.h"

static const char help[] =
    "usage: orreryctl db stat|check|repair FOLDER [--json]\n"
    "\n"
    "  stat     what is in it; also of a running daemon\n"
    "  check    reads and checks every record, state node and reference; exit code 2: damaged\n"
    "  repair   writes what is good into a new database; the old one stays as data.mdb.damaged.\n"
    "           What is missing comes back from the node's blocks, or from its peers\n";

static void figures_print(const struct store_figures *f, bool deep, bool json)
{
    const struct {
        const char *name;
        uint64_t value;
        bool deep;
    } rows[] = {{"format", f->format, false},
                {"file_bytes", f->file_bytes, false},
                {"used_bytes", f->used_bytes, false},
                {"records", f->records, false},
                {"record_bytes", f->record_bytes, false},
                {"blocks", f->blocks, false},
                {"first_height", f->first_height, false},
                {"decisions", f->decisions, false},
                {"votes", f->votes, false},
                {"peers", f->peers, false},
                {"state_nodes", f->state_nodes, false},
                {"state_bytes", f->state_bytes, false},
                {"final_height", f->final_height, false},
                {"signed_height", f->signed_height, false},
                {"damaged_records", f->damaged_records, true},
                {"damaged_nodes", f->damaged_nodes, true},
                {"missing_nodes", f->missing_nodes, true},
                {"wrong_references", f->wrong_references, true}};

    printf(json ? "{\"genesis\": \"" : "%-17s", "genesis");
    for (size_t i = 0; i < 32; i++) {
        printf("%02x", f->genesis[i]);
    }
    puts(json ? "\"," : "");
    bool first = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].deep && !deep) {
            continue;
        }
        if (json) {
            printf("%s \"%s\": %" PRIu64, first ? "" : ",\n", rows[i].name, rows[i].value);
        } else {
            printf("%-17s%" PRIu64 "\n", rows[i].name, rows[i].value);
        }
        first = false;
    }
    if (json) {
        puts("}");
    }
}

int ctl_db(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "--help";
    const char *path = NULL;
    bool json = false;
    const struct ctl_option options[] = {{"--json", NULL, &json}};
    struct store_figures figures;
    char message[STORE_MESSAGE_BYTES] = "";
    bool repair = strcmp(verb, "repair") == 0;
    bool check = strcmp(verb, "check") == 0;
    enum err err;

    if (strcmp(verb, "--help") == 0) {
        fputs(help, stdout);
        return argc > 1 ? CTL_OK : CTL_FAILED;
    }
    if (!repair && !check && strcmp(verb, "stat") != 0) {
        return ctl_fail("no command db %s; try --help", verb);
    }
    if (!ctl_options(argc - 1, argv + 1, options, 1, &path, 1)) {
        return CTL_FAILED;
    }
    err =
        repair ? store_repair(&figures, path, message) : store_look(&figures, path, check, message);
    if (err != ERR_OK) {
        (void)ctl_fail("%s", message);
        return err == ERR_CORRUPT ? CTL_REFUSED : CTL_FAILED;
    }
    figures_print(&figures, repair || check, json);
    if (figures.damaged_records + figures.damaged_nodes + figures.missing_nodes +
            figures.wrong_references !=
        0) {
        (void)ctl_fail("damaged: orreryctl db repair %s", path);
        return CTL_REFUSED;
    }
    return CTL_OK;
}
