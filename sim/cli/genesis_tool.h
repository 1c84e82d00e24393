/* A genesis from a text that a person can write (docs/wire.md 5). One thing per line, words between
 * blanks or tabs, '#' begins a comment:
 *
 *   network N                     time MS (since 1970)          seed KEY          governor KEY
 *   set PARAMETER VALUE           names of node/chain/params.def, values in their units
 *   KEY FREE BONDED               an account; amounts in tokens, up to six decimals
 *   node KEY ROLES ENDPOINT[,ENDPOINT] [NODE_ID VRF_KEY [ONION_KEY]]
 *
 * KEY is 64 hex digits or seed:TEXT, whose secret anybody can derive: for tests and test networks.
 * ROLES is - or a list such as relay,storage. ENDPOINT is 10.0.0.1:7900 or [::1]:7900. A node of a
 * seed:TEXT account needs no keys. The order of lines is free. */
#ifndef ORRERY_CLI_GENESIS_TOOL_H
#define ORRERY_CLI_GENESIS_TOOL_H

#include <stdio.h>

#include "node/base/bytes.h"
#include "node/base/err.h"

#define GENESIS_MESSAGE_BYTES 512

/* A text: a file (called name in messages), then lines of the command line (called "option"). */
struct genesis_text {
    const char *name;
    FILE *file;
    const char *const *options;
    size_t option_count;
};

/* Makes an encoded genesis from the text; free it with free(). On error message says why, with
 * "name:line: " where a line is to blame: ERR_SYNTAX, ERR_RANGE, ERR_UNKNOWN, ERR_DUPLICATE,
 * ERR_NO_MEMORY, ERR_IO, or what genesis_encode refuses. */
enum err genesis_tool_compile(uint8_t **out, size_t *len, char message[GENESIS_MESSAGE_BYTES],
                              const struct genesis_text *text) MUST_CHECK;

/* The secret seed that seed:TEXT stands for: H("xpx/dev/<what>/1" || text), what being account,
 * node or vrf. */
void genesis_tool_seed(uint8_t seed[32], const char *what, const char *text);

#endif
