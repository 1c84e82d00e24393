/* bench_phold [threads [events]]: what `orrery bench phold` runs, without the rest. */
#include <stdlib.h>

#include "sim/cli/bench_phold.h"

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2;
    uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    return bench_phold(stdout, threads, events);
}
