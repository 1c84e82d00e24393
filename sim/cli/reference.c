#include "sim/cli/command.h"
#include "sim/scenario/scenario.h"

int command_reference(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return command_usage("reference", "takes no arguments");
    }
    scenario_reference(stdout);
    return EXIT_OK;
}
