/* The commands of `orrery`. Each takes its own arguments (argv[0] is the command) and returns the
 * exit code of docs/command-line.md. */
#ifndef ORRERY_CLI_COMMAND_H
#define ORRERY_CLI_COMMAND_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 1,       /* usage, scenario, files */
    EXIT_INVARIANT = 2,   /* an invariant broke */
    EXIT_EXPECTATION = 3, /* an expectation or liveness was not reached */
    EXIT_DIFFERENT = 4    /* two runs differ */
};

struct command {
    const char *name;
    const char *usage; /* arguments, one line */
    const char *text;  /* one line */
    const char *help;  /* options, many lines */
    int (*run)(int argc, char **argv);
};

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* Prints "orrery COMMAND: text" and a hint at --help; returns EXIT_USAGE. */
int command_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

int command_run(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_hunt(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_list(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_export(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_closed(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_report(int argc, char **argv);
int command_genesis(int argc, char **argv);
int command_chain(int argc, char **argv);
int command_population(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_reference(int argc, char **argv);

#endif
