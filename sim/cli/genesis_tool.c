#define _POSIX_C_SOURCE 200809L
#include "sim/cli/genesis_tool.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "node/chain/genesis.h"
#include "node/crypto/hash.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"

enum { WORDS_MAX = 8, LINE_BYTES_MAX = 1024 };

struct genesis_entry {
    struct genesis_account account;
    unsigned line;
};

struct node_entry {
    uint8_t owner[32];
    uint8_t record[RECORD_BYTES_MAX];
    size_t len;
    unsigned line;
};

/* One text being read. */
struct list_reader {
    const char *name;
    char *message;
    unsigned line;
    char *word[WORDS_MAX];
    size_t words;
    struct genesis facts;
    bool has_time;
    bool has_seed;
    struct genesis_entry *accounts;
    size_t account_count, account_room;
    struct node_entry *nodes;
    size_t node_count, node_room;
};

__attribute__((format(printf, 3, 4))) static enum err fail(struct list_reader *t, enum err err,
                                                           const char *format, ...)
{
    char why[GENESIS_MESSAGE_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (t->line > 0) {
        snprintf(t->message, GENESIS_MESSAGE_BYTES, "%s:%u: %s", t->name, t->line, why);
    } else {
        snprintf(t->message, GENESIS_MESSAGE_BYTES, "%s: %s", t->name, why);
    }
    return err;
}

void genesis_tool_seed(uint8_t seed[32], const char *what, const char *text)
{
    const struct span parts[] = {SPAN_TEXT("xpx/dev/"), span_of(what, strlen(what)),
                                 SPAN_TEXT("/1"), span_of(text, strlen(text))};
    hash256_parts(seed, parts, 4);
}

/* The text after "seed:", or NULL. */
static const char *seed_text(const char *word)
{
    return strncmp(word, "seed:", 5) == 0 ? word + 5 : NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum err parse_hex(struct list_reader *t, uint8_t out[32], const char *word)
{
    bool good = strlen(word) == 64;
    for (size_t i = 0; good && i < 32; i++) {
        int high = hex_digit(word[2 * i]);
        int low = hex_digit(word[2 * i + 1]);
        good = high >= 0 && low >= 0;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return good ? ERR_OK
                : fail(t, ERR_SYNTAX, "'%.70s' is neither 64 hex digits nor seed:TEXT", word);
}

/* A key that signs: of an account, or of a node when what is "node". */
static enum err parse_key(struct list_reader *t, uint8_t key[32], const char *what,
                          const char *word)
{
    const char *text = seed_text(word);
    if (text == NULL) {
        return parse_hex(t, key, word);
    }
    if (*text == 0) {
        return fail(t, ERR_SYNTAX, "no text after seed:");
    }
    uint8_t seed[32];
    struct sign_secret secret;
    genesis_tool_seed(seed, what, text);
    sign_keypair(&secret, seed);
    memcpy(key, secret.public_key, 32);
    sign_secret_wipe(&secret);
    return ERR_OK;
}

static enum err parse_u64(struct list_reader *t, uint64_t *value, const char *word)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(word, &end, 10);
    if (!isdigit((unsigned char)word[0]) || *end != 0) {
        return fail(t, ERR_SYNTAX, "'%s' is no whole number", word);
    }
    if (errno == ERANGE) {
        return fail(t, ERR_RANGE, "%s is too large", word);
    }
    *value = v;
    return ERR_OK;
}

/* Tokens with up to six decimals, to atomic units. */
static enum err parse_amount(struct list_reader *t, uint64_t *atomic, const char *word)
{
    uint64_t value = 0;
    uint64_t unit = 0; /* worth of the next decimal; 0 before the point */
    size_t digits = 0;
    for (const char *at = word; *at != 0; at++) {
        if (*at == '.' && unit == 0 && digits > 0) {
            value *= TOKEN_ATOMIC;
            unit = TOKEN_ATOMIC;
            digits = 0;
            continue;
        }
        if (!isdigit((unsigned char)*at) || unit == 1) {
            return fail(t, ERR_SYNTAX, "'%s' is no amount (tokens, at most six decimals)", word);
        }
        uint64_t digit = (uint64_t)(*at - '0');
        digits++;
        unit /= 10;
        value = unit > 0 ? value + digit * unit : 10 * value + digit;
        if (unit == 0 && value >= TOKENS_MAX) {
            return fail(t, ERR_RANGE, "%s is more than all tokens there can be", word);
        }
    }
    if (digits == 0) {
        return fail(t, ERR_SYNTAX, "'%s' is no amount", word);
    }
    *atomic = unit == 0 && strchr(word, '.') == NULL ? value * TOKEN_ATOMIC : value;
    return ERR_OK;
}

/* Room for one more item of size bytes, zeroed. */
static void *grow(struct list_reader *t, void **items, size_t *count, size_t *room, size_t size)
{
    if (*count == *room) {
        size_t more = *room > 0 ? 2 * *room : 64;
        void *grown = realloc(*items, more * size);
        if (grown == NULL) {
            (void)fail(t, ERR_NO_MEMORY, "out of memory");
            return NULL;
        }
        *items = grown;
        *room = more;
    }
    void *item = (uint8_t *)*items + *count * size;
    memset(item, 0, size);
    ++*count;
    return item;
}

static enum err account_line(struct list_reader *t)
{
    if (t->words != 3) {
        return fail(t, ERR_SYNTAX,
                    "expected KEY FREE BONDED, or network, time, seed, governor, set, node");
    }
    void *items = t->accounts;
    struct genesis_entry *entry =
        grow(t, &items, &t->account_count, &t->account_room, sizeof(*entry));
    t->accounts = items;
    if (entry == NULL) {
        return ERR_NO_MEMORY;
    }
    entry->line = t->line;
    TRY(parse_key(t, entry->account.key, "account", t->word[0]));
    TRY(parse_amount(t, &entry->account.free, t->word[1]));
    TRY(parse_amount(t, &entry->account.bonded, t->word[2]));
    if (entry->account.free + entry->account.bonded == 0) {
        return fail(t, ERR_RANGE, "an account of nothing");
    }
    return ERR_OK;
}

static enum err set_line(struct list_reader *t)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    if (t->words != 3) {
        return fail(t, ERR_SYNTAX, "expected set PARAMETER VALUE");
    }
    uint64_t value;
    TRY(parse_u64(t, &value, t->word[2]));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, t->word[1]) != 0) {
            continue;
        }
        if (params_set(&t->facts.params, table[i].code, value) != ERR_OK) {
            return fail(t, ERR_RANGE, "%s is %llu to %llu %s", table[i].name,
                        (unsigned long long)table[i].least, (unsigned long long)table[i].most,
                        table[i].unit);
        }
        return ERR_OK;
    }
    return fail(t, ERR_UNKNOWN, "no parameter is called '%s'", t->word[1]);
}

static enum err parse_roles(struct list_reader *t, uint32_t *roles, char *word)
{
    static const char *const names[] = {"relay", "storage", "streaming", "executor", "verifier"};
    *roles = 0;
    char *rest = NULL;
    for (char *name = strtok_r(word, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strcmp(name, names[i]) == 0) {
                bit = UINT32_C(1) << i;
            }
        }
        if (bit == 0 && strcmp(name, "-") != 0) {
            return fail(t, ERR_UNKNOWN, "no role is called '%s'", name);
        }
        *roles |= bit;
    }
    return ERR_OK;
}

/* "10.0.0.1:7900" or "[::1]:7900". */
static enum err parse_endpoint(struct list_reader *t, uint8_t out[ENDPOINT_BYTES], char *word)
{
    char *colon = strrchr(word, ':');
    uint64_t port = 0;
    if (colon == NULL) {
        return fail(t, ERR_SYNTAX, "'%s' is no ADDRESS:PORT", word);
    }
    *colon = 0;
    TRY(parse_u64(t, &port, colon + 1));
    size_t len = strlen(word);
    bool good;
    if (word[0] == '[' && word[len - 1] == ']') {
        word[len - 1] = 0;
        good = inet_pton(AF_INET6, word + 1, out) == 1;
    } else {
        memset(out, 0, 10);
        memset(out + 10, 0xff, 2);
        good = inet_pton(AF_INET, word, out + 12) == 1;
    }
    if (!good || port == 0 || port > UINT16_MAX) {
        return fail(t, ERR_SYNTAX, "'%s' is no address, or its port is not 1 to 65535", word);
    }
    out[16] = (uint8_t)(port >> 8);
    out[17] = (uint8_t)port;
    return ERR_OK;
}

/* Node id and VRF key: given, or derived from a seed:TEXT owner. */
static enum err node_keys(struct list_reader *t, uint8_t node_id[32], uint8_t vrf[32])
{
    const char *text = seed_text(t->word[1]);
    if (t->words >= 6) {
        TRY(parse_hex(t, node_id, t->word[4]));
        TRY(parse_hex(t, vrf, t->word[5]));
        return vrf_public_check(vrf) == ERR_OK
                   ? ERR_OK
                   : fail(t, ERR_INVALID, "the VRF key is no valid point");
    }
    if (text == NULL || t->words == 5) {
        return fail(t, ERR_SYNTAX, "a node whose account is given in hex needs NODE_ID VRF_KEY");
    }
    uint8_t seed[32];
    struct vrf_secret secret;
    TRY(parse_key(t, node_id, "node", t->word[1]));
    genesis_tool_seed(seed, "vrf", text);
    vrf_keypair(&secret, seed);
    memcpy(vrf, secret.public_key, 32);
    vrf_secret_wipe(&secret);
    return ERR_OK;
}

static enum err node_line(struct list_reader *t)
{
    if (t->words < 4 || t->words > 7) {
        return fail(t, ERR_SYNTAX,
                    "expected node KEY ROLES ENDPOINTS [NODE_ID VRF_KEY [ONION_KEY]]");
    }
    void *items = t->nodes;
    struct node_entry *entry = grow(t, &items, &t->node_count, &t->node_room, sizeof(*entry));
    t->nodes = items;
    if (entry == NULL) {
        return ERR_NO_MEMORY;
    }
    entry->line = t->line;
    uint8_t ends[RECORD_ENDPOINTS_MAX][ENDPOINT_BYTES];
    uint8_t keys[4][32] = {{0}}; /* node id, VRF, onion, metadata */
    struct node_record record = {.node_id = keys[0],
                                 .endpoints = {.data = ends[0]},
                                 .vrf = keys[1],
                                 .onion = keys[2],
                                 .metadata = keys[3]};
    TRY(parse_key(t, entry->owner, "account", t->word[1]));
    TRY(node_keys(t, keys[0], keys[1]));
    if (t->words == 7) {
        TRY(parse_hex(t, keys[2], t->word[6]));
    }
    TRY(parse_roles(t, &record.roles, t->word[2]));
    char *rest = NULL;
    for (char *end = strtok_r(t->word[3], ",", &rest); end != NULL;
         end = strtok_r(NULL, ",", &rest)) {
        if (record.endpoints.count == RECORD_ENDPOINTS_MAX) {
            return fail(t, ERR_RANGE, "more than %d endpoints", RECORD_ENDPOINTS_MAX);
        }
        TRY(parse_endpoint(t, ends[record.endpoints.count++], end));
    }
    struct writer w;
    writer_init(&w, entry->record, sizeof(entry->record));
    node_record_write(&w, &record);
    enum err err = writer_end(&w, &entry->len);
    return err == ERR_OK && record.endpoints.count > 0
               ? ERR_OK
               : fail(t, ERR_SYNTAX, "a node needs an endpoint");
}

static enum err text_line(struct list_reader *t)
{
    const char *first = t->word[0];
    uint64_t value;
    if (strcmp(first, "set") == 0) {
        return set_line(t);
    }
    if (strcmp(first, "node") == 0) {
        return node_line(t);
    }
    bool one = strcmp(first, "network") == 0 || strcmp(first, "time") == 0 ||
               strcmp(first, "seed") == 0 || strcmp(first, "governor") == 0;
    if (!one) {
        return account_line(t);
    }
    if (t->words != 2) {
        return fail(t, ERR_SYNTAX, "expected %s and one value", first);
    }
    switch (first[0]) {
    case 'n':
        TRY(parse_u64(t, &value, t->word[1]));
        t->facts.network = (uint32_t)value;
        return value <= UINT32_MAX ? ERR_OK
                                   : fail(t, ERR_RANGE, "a network is a number of 32 bits");
    case 't':
        t->has_time = true;
        return parse_u64(t, &t->facts.ts_ms, t->word[1]);
    case 's':
        t->has_seed = true;
        if (seed_text(t->word[1]) != NULL) {
            genesis_tool_seed(t->facts.seed, "genesis", seed_text(t->word[1]));
            return ERR_OK;
        }
        return parse_hex(t, t->facts.seed, t->word[1]);
    default:
        return parse_key(t, t->facts.governor, "account", t->word[1]);
    }
}

/* One line, which is changed. */
static enum err line_read(struct list_reader *t, char *line)
{
    line[strcspn(line, "#")] = 0;
    t->words = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        if (t->words == WORDS_MAX) {
            return fail(t, ERR_SYNTAX, "too many words");
        }
        t->word[t->words++] = word;
    }
    return t->words > 0 ? text_line(t) : ERR_OK;
}

static enum err text_read(struct list_reader *t, const struct genesis_text *text)
{
    char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof(line), text->file) != NULL) {
        t->line++;
        if (strchr(line, '\n') == NULL && !feof(text->file)) {
            return fail(t, ERR_RANGE, "a line is at most %d bytes", LINE_BYTES_MAX - 2);
        }
        TRY(line_read(t, line));
    }
    t->line = 0;
    if (ferror(text->file)) {
        return fail(t, ERR_IO, "cannot be read");
    }
    t->name = "option";
    for (size_t i = 0; i < text->option_count; i++) {
        if (strlen(text->options[i]) >= sizeof(line)) {
            return fail(t, ERR_RANGE, "too long");
        }
        memcpy(line, text->options[i], strlen(text->options[i]) + 1);
        TRY(line_read(t, line));
    }
    t->name = text->name;
    if (!t->has_time || !t->has_seed) {
        return fail(t, ERR_SYNTAX, "no line '%s'", t->has_time ? "seed KEY" : "time MS");
    }
    const char *why;
    if (params_check(&t->facts.params, &why) != ERR_OK) {
        return fail(t, ERR_INVALID, "%s", why);
    }
    return ERR_OK;
}

/* Both entry kinds begin with their 32-byte key. */
static int entry_order(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static enum err entries_sort(struct list_reader *t)
{
    if (t->account_count > 0) {
        qsort(t->accounts, t->account_count, sizeof(t->accounts[0]), entry_order);
    }
    if (t->node_count > 0) {
        qsort(t->nodes, t->node_count, sizeof(t->nodes[0]), entry_order);
    }
    for (size_t i = 1; i < t->account_count; i++) {
        if (memcmp(t->accounts[i - 1].account.key, t->accounts[i].account.key, 32) == 0) {
            unsigned a = t->accounts[i - 1].line;
            unsigned b = t->accounts[i].line;
            t->line = a > b ? a : b;
            return fail(t, ERR_DUPLICATE, "the account of line %u again", a < b ? a : b);
        }
    }
    for (size_t i = 0; i < t->node_count; i++) {
        struct node_entry *node = &t->nodes[i];
        t->line = node->line;
        if (i > 0 && memcmp(node[-1].owner, node->owner, 32) == 0) {
            return fail(t, ERR_DUPLICATE, "a second node of one account");
        }
        if (t->account_count == 0 || bsearch(node->owner, t->accounts, t->account_count,
                                             sizeof(t->accounts[0]), entry_order) == NULL) {
            return fail(t, ERR_UNKNOWN, "no line gives the account of this node");
        }
    }
    t->line = 0;
    return ERR_OK;
}

static enum err text_encode(uint8_t **out, size_t *len, struct list_reader *t)
{
    size_t capacity =
        4096 + t->account_count * GENESIS_ACCOUNT_BYTES + t->node_count * (32 + RECORD_BYTES_MAX);
    struct genesis_account *accounts = calloc(t->account_count + 1, sizeof(*accounts));
    struct genesis_node *nodes = calloc(t->node_count + 1, sizeof(*nodes));
    uint8_t *bytes = malloc(capacity);
    enum err err = ERR_NO_MEMORY;
    if (accounts != NULL && nodes != NULL && bytes != NULL) {
        for (size_t i = 0; i < t->account_count; i++) {
            accounts[i] = t->accounts[i].account;
        }
        for (size_t i = 0; i < t->node_count; i++) {
            memcpy(nodes[i].owner, t->nodes[i].owner, 32);
            nodes[i].record = span_of(t->nodes[i].record, t->nodes[i].len);
        }
        err = genesis_encode(bytes, capacity, len, &t->facts, accounts, t->account_count, nodes,
                             t->node_count);
    }
    free(accounts);
    free(nodes);
    if (err != ERR_OK) {
        free(bytes);
        const char *hint = err == ERR_INVALID ? " (does anybody hold stake?)" : "";
        return fail(t, err, "no valid genesis: %s%s", err_text(err), hint);
    }
    *out = bytes;
    return ERR_OK;
}

enum err genesis_tool_compile(uint8_t **out, size_t *len, char message[GENESIS_MESSAGE_BYTES],
                              const struct genesis_text *text)
{
    struct list_reader t = {.name = text->name, .message = message};
    params_defaults(&t.facts.params);
    message[0] = 0;
    *out = NULL;
    *len = 0;
    enum err err = text_read(&t, text);
    if (err == ERR_OK) {
        err = entries_sort(&t);
    }
    if (err == ERR_OK) {
        err = text_encode(out, len, &t);
    }
    free(t.accounts);
    free(t.nodes);
    return err;
}
