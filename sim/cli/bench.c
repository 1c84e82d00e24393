#include "sim/cli/bench.h"

#include <stdbool.h>
#include <string.h>

#include "sim/cli/bench_phold.h"
#include "sim/cli/bench_proof.h"
#include "sim/cli/command.h"

static int bench_phold_two(FILE *out)
{
    return bench_phold(out, 2, 4000000) == 0 ? EXIT_OK : EXIT_DIFFERENT;
}

static const struct {
    const char *name;
    int (*run)(FILE *out);
    bool brief; /* under a minute: runs when none is named */
} benches[] = {
    {"phold", bench_phold_two, true}, {"messages", bench_messages, true},
    {"steps", bench_steps, true},     {"threads", bench_threads, true},
    {"memo", bench_memo, false},      {"record", bench_record, true},
    {"scale", bench_scale, false},    {"profile", bench_profile, false},
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

int command_bench(int argc, char **argv)
{
    int worst = EXIT_OK;

    if (argc > 1 && strcmp(argv[1], "proof") == 0) {
        return bench_proof(argc - 1, argv + 1); /* has options of its own */
    }

    for (int k = 1; k < argc; k++) {
        size_t i = 0;
        while (i < BENCHES && strcmp(benches[i].name, argv[k]) != 0) {
            i++;
        }
        if (i == BENCHES) {
            return command_usage("bench", "no benchmark is called %s", argv[k]);
        }
    }
    for (size_t i = 0; i < BENCHES; i++) {
        bool wanted = argc == 1 && benches[i].brief;
        for (int k = 1; k < argc; k++) {
            wanted |= strcmp(benches[i].name, argv[k]) == 0;
        }
        if (wanted) {
            int code = benches[i].run(stdout);
            worst = code > worst ? code : worst;
            fflush(stdout);
        }
    }
    return worst;
}
