/* The commands of orreryctl, for the dispatcher, its help and the shells' completion. */
#ifndef ORRERY_CLIENT_COMMANDS_H
#define ORRERY_CLIENT_COMMANDS_H

#include <stddef.h>

struct ctl_command {
    const char *name, *text;
    int (*run)(int argc, char **argv);
    const char *words; /* what may follow: sub-commands and options */
};
const struct ctl_command *ctl_commands(size_t *count);

#endif
