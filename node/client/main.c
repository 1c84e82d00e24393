/* orreryctl: the dispatcher. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"
#include "node/client/commands.h"
#include "node/client/ctl.h"
#include "node/crypto/crypto.h"

_Noreturn void invariant_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "orreryctl: a bug: %s:%d: %s\n", file, line, expression);
    abort();
}

int main(int argc, char **argv)
{
    size_t n;
    const struct ctl_command *commands = ctl_commands(&n);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        printf("usage: orreryctl COMMAND [ARGUMENT]...\n\n");
        for (size_t i = 0; i < n; i++) {
            printf("  %-10s %s\n", commands[i].name, commands[i].text);
        }
        printf("\norreryctl COMMAND --help says more.\n");
        return argc < 2 ? CTL_FAILED : CTL_OK;
    }
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error, like a full disk */
    enum err err = crypto_self_test();
    if (err != ERR_OK) {
        return ctl_fail("the crypto library is broken or unpatched: %s", err_text(err));
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int code = commands[i].run(argc - 1, argv + 1);
            return fflush(stdout) == 0 && ferror(stdout) == 0
                       ? code
                       : ctl_fail("not all of the output could be written");
        }
    }
    return ctl_fail("no command %s; try --help", argv[1]);
}
