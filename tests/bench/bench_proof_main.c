/* The measurement of `orrery bench proof` as a program of its own. */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/cli/bench_proof.h"

_Noreturn void invariant_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, expression);
    abort();
}

int main(int argc, char **argv)
{
    return bench_proof(argc, argv);
}
