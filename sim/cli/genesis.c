/* orrery genesis: a genesis file from a stake list. */
#include "node/chain/genesis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/command.h"
#include "sim/cli/genesis_tool.h"

enum { OPTIONS_MAX = 64, OPTION_BYTES_MAX = 256 };

struct genesis_request {
    const char *list;
    const char *out;
    const char *lines[OPTIONS_MAX];
    char line[OPTIONS_MAX][OPTION_BYTES_MAX];
    size_t lines_count;
};

/* "--set target_ms=5000" becomes the line "set target_ms 5000", "--network 7" the line "network 7".
 */
static bool option_add(struct genesis_request *request, const char *word, const char *value)
{
    if (request->lines_count == OPTIONS_MAX) {
        return false;
    }
    char *line = request->line[request->lines_count];
    int n = snprintf(line, OPTION_BYTES_MAX, "%s %s", word, value);
    if (n < 0 || n >= OPTION_BYTES_MAX) {
        return false;
    }
    char *equals = strcmp(word, "set") == 0 ? strchr(line, '=') : NULL;
    if (equals != NULL) {
        *equals = ' ';
    }
    request->lines[request->lines_count++] = line;
    return true;
}

static int arguments(struct genesis_request *request, int argc, char **argv)
{
    static const char *const words[] = {"set", "network", "time", "seed", "governor"};
    for (int i = 1; i < argc; i++) {
        const char *word = NULL;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, words[k]) == 0) {
                word = words[k];
            }
        }
        bool out = strcmp(argv[i], "-o") == 0;
        if (word == NULL && !out) {
            if (argv[i][0] == '-' || request->list != NULL) {
                return command_usage("genesis", "unexpected argument '%s'", argv[i]);
            }
            request->list = argv[i];
            continue;
        }
        if (++i == argc) {
            return command_usage("genesis", "%s needs a value", argv[i - 1]);
        }
        if (out) {
            request->out = argv[i];
        } else if (!option_add(request, word, argv[i])) {
            return command_usage("genesis", "--%s %s: too many or too long", word, argv[i]);
        }
    }
    if (request->list == NULL || request->out == NULL) {
        return command_usage("genesis", "a stake list and -o FILE are needed");
    }
    return EXIT_OK;
}

static int genesis_save(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(bytes, 1, len, file) == len;
    good = (file == NULL || fclose(file) == 0) && good;
    if (!good) {
        perror(path);
    }
    return good ? EXIT_OK : EXIT_USAGE;
}

static void genesis_print(const uint8_t *bytes, size_t len)
{
    struct genesis genesis;
    if (genesis_decode(&genesis, span_of(bytes, len)) != ERR_OK) {
        return; /* the tool has just encoded and checked it */
    }
    printf("accounts %zu\nnodes %zu\nminted %llu.%06llu\nbonded %llu\n", genesis.accounts.count,
           genesis.node_count, (unsigned long long)(genesis.minted / TOKEN_ATOMIC),
           (unsigned long long)(genesis.minted % TOKEN_ATOMIC),
           (unsigned long long)genesis.bonded_tokens);
    printf("genesis ");
    for (size_t i = 0; i < sizeof(genesis.hash); i++) {
        printf("%02x", genesis.hash[i]);
    }
    printf("\n");
}

int command_genesis(int argc, char **argv)
{
    struct genesis_request request = {.list = NULL};
    int status = arguments(&request, argc, argv);
    if (status != EXIT_OK) {
        return status;
    }
    FILE *file = fopen(request.list, "r");
    if (file == NULL) {
        perror(request.list);
        return EXIT_USAGE;
    }
    const struct genesis_text text = {.name = request.list,
                                      .file = file,
                                      .options = request.lines,
                                      .option_count = request.lines_count};
    char message[GENESIS_MESSAGE_BYTES];
    uint8_t *bytes;
    size_t len;
    enum err err = genesis_tool_compile(&bytes, &len, message, &text);
    fclose(file);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_USAGE;
    }
    status = genesis_save(request.out, bytes, len);
    if (status == EXIT_OK) {
        genesis_print(bytes, len);
    }
    free(bytes);
    return status;
}
