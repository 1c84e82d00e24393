/* orrery: the laboratory. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/crypto/crypto.h"
#include "settings/nearest.h"
#include "sim/cli/command.h"
#include "sim/cli/plant.h"

_Noreturn void invariant_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "orrery: a bug of ours, please report it: %s:%d: %s\n", file, line, expression);
    abort();
}

#define COMMAND(name_, usage_, text_, help_)                                                       \
    {                                                                                              \
        .name = #name_, .usage = usage_, .text = text_, .help = help_, .run = command_##name_      \
    }

static const struct command commands[] = {
    COMMAND(run, "SCENARIO [OPTION]...", "run a scenario and write its results",
            "SCENARIO is a folder with scenario.yaml, or a .yaml file.\n\n"
            "  --seed N            seed of the run (default: the scenario's)\n"
            "  --seeds A..B        one run per seed, as many at a time as there are cores\n"
            "  --nodes N           scale all groups to N nodes together\n"
            "  --duration D        virtual time, as \"10 min\"\n"
            "  --set KEY=VALUE     any parameter, as chain.target=\"1 s\" or\n"
            "                      adversaries.0=\"silent stake 1/3\"; may repeat\n"
            "  -o DIR              results go to DIR/SEED/ (default: out/NAME)\n"
            "  --threads T         threads of one run (default: all cores); no part of the result\n"
            "  --no-memo           compute every pure result again; no part of the result\n"
            "  --export-chain FILE writes the final chain: docs/chain-file.md\n"
            "  --no-record         write no run.h5; no part of the result\n"
            "  --no-report         draw no figures\n"
            "  --quiet             no progress\n\n"
            "Writes run.h5, used.yaml and summary.txt. Prints the seed first and the digest last.\n"
            "Exit: 0 ok, 1 usage or scenario, 2 an invariant broke, 3 an expectation or liveness\n"
            "was not reached.\n"),
    COMMAND(
        replay, "RUN [OPTION]...", "run again what a folder holds and print the transcript",
        "RUN is a folder that `orrery run` wrote (with used.yaml), or a scenario file, as a hunt\n"
        "leaves it: then the verdict comes last.\n\n"
        "  --node N            only this node\n"
        "  --from T --to T     only this span, as \"90 s\"\n"),
    COMMAND(hunt, "SCENARIO [OPTION]...", "draw swarms of faults from seeds until something breaks",
            "SCENARIO is the base that every run varies, as scenarios/hunt/chain.\n\n"
            "  --runs N            how many runs (default: 100)\n"
            "  --seed S            of the first; each run has the next (default: 1)\n"
            "  --jobs J            processes at a time (default: all cores)\n"
            "  --beyond            draw more than the protocol promises to survive: loss must be\n"
            "                      detected, its makers convicted\n"
            "  --first             end at the first failure\n"
            "  --no-shrink         keep failures as they were drawn\n"
            "  --shrink-runs N     most runs to shrink one failure (default: 400)\n"
            "  --shrink FILE       no campaign: make this failing scenario smaller\n"
            "  --inevitable FILE   no campaign: from when on could this failure not be avoided?\n"
            "  --continuations N   other futures that are tried at each time (default: 20)\n"
            "  --set KEY=VALUE     of the base scenario, or of FILE; may repeat\n"
            "  -o DIR              where failures go (default: out/hunt)\n"
            "  --quiet             no progress\n\n"
            "Exit: 0 nothing failed, 1 usage, 2 something failed, 3 a probe was never reached; of\n"
            "--shrink and --inevitable: 3 FILE does not fail.\n"),
    COMMAND(diff, "RUN RUN", "name the first event at which two runs part",
            "Compares the fingerprints of each epoch, then replays the first epoch that differs.\n"
            "Exit: 0 the same, 4 different.\n"),
    COMMAND(list, "[FOLDER]", "list scenarios with their questions", ""),
    COMMAND(
        sweep, "GRID [-o DIR] [OPTION]...", "run a grid of parameters and seeds",
        "  -o DIR            results (out/NAME); each run in DIR/pPOINT/SEED\n"
        "  --seeds A..B      instead of the grid's\n"
        "  --set KEY=VALUE   a setting of every run\n"
        "  --jobs N          processes on this machine (one per core)\n"
        "  --resume          keep complete runs of the same parameters, run the others\n"
        "  --quiet           no progress\n"
        "GRID is a grid file, or a folder with a grid.yaml.\n"
        "Under mpirun or srun the ranks share the runs. Exit code 3: a published value is not\n"
        "met; when runs failed, the largest code of theirs. docs/sweeps.md says what a grid file\n"
        "holds.\n"),
    COMMAND(export, "RUN TABLE", "print a table of a run as tab-separated text",
            "Without TABLE: lists the tables. The header carries scenario, seed and revision.\n"),
    COMMAND(
        stats, "RUN... [--against RUN...]", "statistics across seeds, one value per seed",
        "RUN is a folder of one seed, or one with many. Means with 95 % intervals (Student's t\n"
        "and bootstrap), each metric of summary.txt. --against compares two sets of runs; they\n"
        "are called different only where the intervals do not overlap.\n"),
    COMMAND(closed, "LAW NUMBER...", "a published law at these parameters", "Without LAW: all.\n"),
    COMMAND(plot, "RUN [FIGURE]...", "draw figures of a run as SVG", "Without FIGURE: all.\n"),
    COMMAND(report, "RUN... [-o FOLDER]", "write report.html with all figures",
            "One run, or many seeds with intervals.\n"),
    COMMAND(genesis, "STAKES -o FILE [OPTION]...", "make a genesis file from a stake list",
            "The form of the list stands at the top of sim/cli/genesis_tool.h.\n"),
    COMMAND(chain, "import FILE", "hold a chain file against the rules, block by block",
            "FILE is from `orrery run --export-chain` or `orreryctl chain export`.\n"
            "Exit: 0 good, 1 not such a file, 2 a rule is broken.\n"),
    COMMAND(population, "SCENARIO -o FOLDER [--set KEY=VALUE]...",
            "write genesis, keys and address books of a scenario's nodes",
            "FOLDER gets genesis.bin and nodes.tsv, with the secret seeds, so that daemons can be\n"
            "the same network (tests/host/conformance.py). network.latency must be cities.\n"),
    COMMAND(bench, "[NAME]...", "measure the engine, the world and the chain on this machine",
            "Names: phold, messages, steps, memo, record, threads, scale, proof, profile. Without\n"
            "one: the short ones. profile prints the cost: map of a scenario. Ratios are within "
            "one run.\n"),
    COMMAND(reference, "", "print the reference of all scenario parameters (Markdown)", ""),
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

int command_usage(const char *name, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "orrery %s: ", name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry `orrery %s --help`.\n", name);
    return EXIT_USAGE;
}

static int help(void)
{
    puts("orrery: a laboratory for the Sirius network\n\nusage: orrery COMMAND ...\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-11s %s\n", commands[i].name, commands[i].text);
    }
    puts("\n`orrery COMMAND --help` says more. `./orrery test` runs the tests, `./orrery testnet` "
         "a\n"
         "network of real nodes on this machine.\n"
         "Exit codes: 0 ok, 1 usage or scenario error, 2 an invariant broke, 3 an expectation or\n"
         "liveness not reached, 4 two runs differ.");
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help();
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    const struct command *command = command_find(argv[1]);
    if (command == NULL) {
        struct nearest near = {.word = argv[1]};
        for (size_t i = 0; i < COMMANDS; i++) {
            nearest_try(&near, commands[i].name);
        }
        fprintf(stderr,
                "orrery: no command is called %s; the nearest is %s\nTry `orrery --help`.\n",
                argv[1], near.best);
        return EXIT_USAGE;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("usage: orrery %s %s\n\n%s.\n\n%s", command->name, command->usage, command->text,
                   command->help);
            return EXIT_OK;
        }
    }
    if (crypto_self_test() != ERR_OK) {
        fputs("orrery: the cryptographic self test failed: an unpatched libsodium?\n", stderr);
        return EXIT_USAGE;
    }
    return plant_from_environment() ? command->run(argc - 1, argv + 1) : EXIT_USAGE;
}
