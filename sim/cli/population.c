/* orrery population: the nodes of a scenario as files, so that daemons can be given the same
 * genesis, keys, places and address books. */
#include "sim/world/population.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/command.h"
#include "sim/cli/experiment.h"
#include "sim/store/store.h"

enum { SETTINGS_MAX = 64 };

struct population_request {
    const char *scenario, *folder;
    const char *settings[SETTINGS_MAX];
    size_t settings_count;
};

static int arguments(struct population_request *request, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "-o") == 0 && more) {
            request->folder = argv[++i];
        } else if (strcmp(argv[i], "--set") == 0 && more &&
                   request->settings_count < SETTINGS_MAX) {
            request->settings[request->settings_count++] = argv[++i];
        } else if (argv[i][0] != '-' && request->scenario == NULL) {
            request->scenario = argv[i];
        } else {
            return command_usage("population", "unexpected argument '%s'", argv[i]);
        }
    }
    return request->scenario != NULL && request->folder != NULL
               ? EXIT_OK
               : command_usage("population", "a scenario and -o FOLDER are needed");
}

/* A file that only its owner reads: it will hold secrets. */
static FILE *file_make(const char *folder, const char *name)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *out = file < 0 || fchmod(file, 0600) != 0 ? NULL : fdopen(file, "wb");
    if (out == NULL) {
        perror(path);
    }
    return out;
}

static int file_close(FILE *out)
{
    bool good = ferror(out) == 0;
    good = fclose(out) == 0 && good;
    if (!good) {
        perror("orrery population");
    }
    return good ? EXIT_OK : EXIT_USAGE;
}

static void hex(FILE *out, const uint8_t bytes[32])
{
    fputc('\t', out);
    for (int i = 0; i < 32; i++) {
        fprintf(out, "%02x", bytes[i]);
    }
}

static void member_print(FILE *out, const struct population *p, uint32_t index,
                         const struct scenario *scenario, const struct cities *cities)
{
    const struct member *m = &p->members[index];
    const struct scenario_profile *profile = &scenario->profiles[m->profile];
    char address[INET6_ADDRSTRLEN];
    uint8_t transport[32];

    inet_ntop(AF_INET6, m->config.endpoint.address, address, sizeof(address));
    fprintf(out, "%u\t%s\t%u\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, index, address,
            m->config.endpoint.port, cities->city[m->city].name, profile->up_bits_per_s,
            profile->down_bits_per_s, profile->access_ns);
    hex(out, m->node_id);
    hex(out, m->account);
    hex(out, m->config.node_seed);
    hex(out, m->config.vrf_seed);
    population_seed(transport, scenario->seed, "orrery transport key", index);
    hex(out, transport);
    hex(out, m->config.account_seed);
    for (size_t k = 0; k < m->config.seed_count; k++) {
        fprintf(out, "%c%u", k == 0 ? '\t' : ',',
                node_of_endpoint(&m->seeds[k].endpoint, p->count));
    }
    fputc('\n', out);
}

static int files_write(const struct population *p, const struct scenario *scenario,
                       const struct cities *cities, const char *folder)
{
    FILE *out = file_make(folder, "genesis.bin");

    if (out == NULL) {
        return EXIT_USAGE;
    }
    fwrite(p->genesis.bytes.data, 1, p->genesis.bytes.len, out);
    int status = file_close(out);
    out = file_make(folder, "nodes.tsv");
    if (out == NULL || status != EXIT_OK) {
        return EXIT_USAGE;
    }
    fputs("node\taddress\tport\tcity\tup (bit/s)\tdown (bit/s)\taccess (ns)\tid\taccount\t"
          "node seed\tvrf seed\ttransport seed\taccount seed\tknows\n",
          out);
    for (uint32_t i = 0; i < p->count; i++) {
        member_print(out, p, i, scenario, cities);
    }
    status = file_close(out);
    printf("nodes %u\ngenesis", p->count);
    hex(stdout, p->genesis.hash);
    printf("\n");
    return status;
}

static int population_write(const struct scenario *scenario, const struct cities *cities,
                            const char *folder)
{
    struct store_config config = {.memo_off = true, .memo_entries = 16};
    struct shared *shared = store_new(&config);
    struct settings_error error = {0};
    struct population population;
    int status = EXIT_USAGE;

    if (shared == NULL ||
        population_make(&population, scenario, cities, shared, &error) != ERR_OK) {
        settings_error_print(&error);
    } else {
        status = files_write(&population, scenario, cities, folder);
        population_free(&population, shared);
    }
    store_free(shared);
    return status;
}

int command_population(int argc, char **argv)
{
    struct population_request request = {.scenario = NULL};
    struct settings_error error = {0};
    struct cities_error where = {0};
    struct scenario *scenario;
    struct cities cities;
    char path[3][4096];
    static const char *const names[3] = {"cities.tsv", "cities-rtt.tsv", "cities-mdev.tsv"};

    int status = arguments(&request, argc, argv);
    if (status != EXIT_OK) {
        return status;
    }
    if (scenario_load(&scenario, &error, request.scenario, request.settings,
                      request.settings_count) != ERR_OK) {
        settings_error_print(&error);
        return EXIT_USAGE;
    }
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/regions/%s", scenario->data, names[i]);
    }
    if (scenario->network.latency != LATENCY_CITIES) {
        status = command_usage("population", "network.latency must be cities");
    } else if (cities_load(&cities, &where, path[0], path[1], path[2]) != ERR_OK) {
        status = command_usage("population", "%s:%u: %s", where.path, where.line, where.text);
    } else {
        status = experiment_folder(request.folder) == ERR_OK
                     ? population_write(scenario, &cities, request.folder)
                     : EXIT_USAGE;
        cities_free(&cities);
    }
    scenario_free(scenario);
    return status;
}
