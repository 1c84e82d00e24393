/* Wallets: NAME.keys is a keystore with one account, NAME.pub its public key in hex, so that names
 * can be used without the passphrase. */
#define _DEFAULT_SOURCE
#include "node/client/ctl_wallet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "node/client/ctl_node.h"
#include "node/crypto/secret.h"
#include "node/daemon/api_text.h"
#include "node/daemon/keystore.h"

enum { PASSPHRASE_BYTES_MAX = 1024, PATH_BYTES = 4096, WALLETS_MAX = 4096 };

static const char usage[] =
    "usage: orreryctl wallet new NAME\n"
    "       orreryctl wallet list\n"
    "       orreryctl wallet address NAME\n"
    "       orreryctl wallet export NAME             the secret seed in hex: whoever has it owns "
    "it\n"
    "       orreryctl wallet import NAME [--keys FILE]   a seed in hex from standard input, or "
    "the\n"
    "                                                account of a node's keystore\n"
    "\n"
    "  --passphrase-file FILE  its first line seals and opens (ORRERY_PASSPHRASE_FILE); else asked "
    "for\n"
    "  --no-passphrase         not sealed: for tests\n"
    "  --network N             of the address shown; else the node is asked (--node URL)\n"
    "  --json\n"
    "\n"
    "Wallets are files in ORRERY_WALLET, or ~/.orrery/wallet.\n";

struct wallet_options {
    struct ctl_node node;
    const char *passphrase, *network, *keys;
    bool bare;
};

/* --- files --- */

static bool wallet_path(char path[PATH_BYTES], const char *name, const char *ending)
{
    const char *folder = getenv("ORRERY_WALLET");
    const char *home = getenv("HOME");
    size_t len = strlen(name);
    int n;

    if (len == 0 || len > KEYSTORE_NAME_BYTES || name[0] == '.' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len) {
        return false;
    }
    if (folder != NULL && folder[0] != 0) {
        n = snprintf(path, PATH_BYTES, "%s/%s%s", folder, name, ending);
    } else {
        n = snprintf(path, PATH_BYTES, "%s/.orrery/wallet/%s%s", home == NULL ? "." : home, name,
                     ending);
    }
    return n > 0 && n < PATH_BYTES;
}

/* Makes the folders of a path, readable by their owner alone. */
static bool folders_make(const char *path)
{
    char part[PATH_BYTES];
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            (void)ctl_fail("%s: %s", part, strerror(errno));
            return false;
        }
    }
    return true;
}

bool ctl_wallet_key(uint8_t key[32], const char *name)
{
    char path[PATH_BYTES];
    char text[80] = "";
    if (!wallet_path(path, name, ".pub")) {
        return false;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool good = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    text[strcspn(text, "\n")] = 0;
    return good && ctl_hex(key, 32, text);
}

/* --- passphrases --- */

static volatile sig_atomic_t ended_by;

static void on_end(int number)
{
    ended_by = number;
}

/* Who interrupts the question gets his terminal back as it was. */
static bool terminal_line(char *line, size_t size, const char *prompt)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    enum { ENDS = sizeof(ends) / sizeof(ends[0]) };
    const struct sigaction end = {.sa_handler = on_end}; /* reading is broken off by it */
    struct sigaction were[ENDS];
    struct termios quiet;
    struct termios before;
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
        if (terminal != NULL) {
            (void)fclose(terminal);
        }
        (void)ctl_fail("no terminal to ask for the passphrase on; use --passphrase-file");
        return false;
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &end, &were[i]);
    }
    (void)fputs(prompt, terminal);
    (void)fflush(terminal);
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &quiet);
    bool good = fgets(line, (int)size, terminal) != NULL;
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    (void)fputs("\n", terminal);
    (void)fclose(terminal);
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &were[i], NULL);
    }
    if (ended_by != 0) {
        secret_wipe(line, size);
        (void)raise(ended_by);
    }
    line[strcspn(line, "\n")] = 0;
    return good;
}

/* twice: a new one, typed again. */
static bool passphrase_get(char out[PASSPHRASE_BYTES_MAX], const char *path, bool twice)
{
    char again[PASSPHRASE_BYTES_MAX];
    const char *given = path != NULL ? path : getenv("ORRERY_PASSPHRASE_FILE");
    out[0] = 0;
    if (given != NULL) {
        FILE *file = fopen(given, "re");
        bool good = file != NULL && fgets(out, PASSPHRASE_BYTES_MAX, file) != NULL;
        if (file != NULL) {
            (void)fclose(file);
        }
        out[strcspn(out, "\n")] = 0;
        if (!good || out[0] == 0) {
            (void)ctl_fail("%s: no passphrase in it", given);
            return false;
        }
        return true;
    }
    if (!terminal_line(out, PASSPHRASE_BYTES_MAX, "passphrase: ")) {
        return false;
    }
    if (twice) {
        bool same = terminal_line(again, sizeof(again), "once more: ") && strcmp(out, again) == 0;
        secret_wipe(again, sizeof(again));
        if (!same || out[0] == 0) {
            (void)ctl_fail(same ? "an empty passphrase seals nothing; see --no-passphrase"
                                : "the two differ");
            return false;
        }
    }
    return true;
}

static bool file_sealed(const char *path)
{
    uint8_t bytes[KEYSTORE_BYTES_MAX];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? 0 : read(file, bytes, sizeof(bytes));
    if (file >= 0) {
        (void)close(file);
    }
    return n > 0 && keystore_sealed(span_of(bytes, (size_t)n));
}

/* --- opening and saving --- */

bool ctl_keystore_open(struct keystore *keystore, const char *path, const char *passphrase_file)
{
    char passphrase[PASSPHRASE_BYTES_MAX] = "";
    char message[KEYSTORE_MESSAGE_BYTES] = "";

    if (file_sealed(path) && !passphrase_get(passphrase, passphrase_file, false)) {
        return false;
    }
    enum err err = keystore_load(keystore, path, span_of(passphrase, strlen(passphrase)), message);
    secret_wipe(passphrase, sizeof(passphrase));
    if (err != ERR_OK) {
        (void)ctl_fail("%s", message);
    }
    return err == ERR_OK;
}

static bool seed_load(uint8_t seed[32], const char *path, const char *passphrase_file)
{
    struct keystore keystore;

    if (!ctl_keystore_open(&keystore, path, passphrase_file)) {
        return false;
    }
    const struct keystore_entry *entry = keystore_find(&keystore, KEYSTORE_ACCOUNT, NULL);
    if (entry == NULL) {
        (void)ctl_fail("%s holds no account", path);
    } else {
        memcpy(seed, entry->seed, 32);
    }
    bool good = entry != NULL;
    keystore_wipe(&keystore);
    return good;
}

bool ctl_wallet_open(struct sign_secret *secret, const char *name, const char *passphrase_file)
{
    char path[PATH_BYTES];
    uint8_t key[32];
    uint8_t seed[32];

    if (!wallet_path(path, name, ".keys") || !ctl_wallet_key(key, name)) {
        (void)ctl_fail("no wallet %s; see orreryctl wallet list", name);
        return false;
    }
    if (!seed_load(seed, path, passphrase_file)) {
        return false;
    }
    sign_keypair(secret, seed);
    secret_wipe(seed, sizeof(seed));
    if (memcmp(secret->public_key, key, 32) != 0) {
        (void)ctl_fail("wallet %s: its public key belongs to another one", name);
        return false;
    }
    return true;
}

static bool pub_save(const char *name, const uint8_t key[32])
{
    char path[PATH_BYTES];
    (void)wallet_path(path, name, ".pub");
    FILE *file = fopen(path, "we");
    for (size_t i = 0; file != NULL && i < 32; i++) {
        (void)fprintf(file, "%02X", key[i]);
    }
    if (file == NULL || fputc('\n', file) == EOF || fclose(file) != 0) {
        (void)ctl_fail("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static int wallet_save(const struct wallet_options *o, const char *name, const uint8_t seed[32],
                       uint8_t key[32])
{
    char path[PATH_BYTES];
    char passphrase[PASSPHRASE_BYTES_MAX] = "";
    char message[KEYSTORE_MESSAGE_BYTES] = "";
    struct keystore keystore = {.count = 0};
    struct sign_secret secret;

    if (!wallet_path(path, name, ".keys")) {
        return ctl_fail("%s is no name for a wallet: letters, digits, . _ -", name);
    }
    if (access(path, F_OK) == 0) {
        return ctl_fail("there is a wallet %s already", name);
    }
    if (!folders_make(path) || (!o->bare && !passphrase_get(passphrase, o->passphrase, true))) {
        return CTL_FAILED;
    }
    sign_keypair(&secret, seed);
    memcpy(key, secret.public_key, 32);
    sign_secret_wipe(&secret);
    enum err err = keystore_add(&keystore, KEYSTORE_ACCOUNT, name, seed);
    if (err == ERR_OK) {
        err =
            keystore_save(&keystore, path, span_of(passphrase, strlen(passphrase)), false, message);
    }
    keystore_wipe(&keystore);
    secret_wipe(passphrase, sizeof(passphrase));
    if (err != ERR_OK) {
        return ctl_fail("%s", message[0] != 0 ? message : err_text(err));
    }
    return pub_save(name, key) ? CTL_OK : CTL_FAILED;
}

/* --- showing --- */

static bool network_of(const struct wallet_options *o, uint32_t *network)
{
    uint8_t genesis[32];
    uint64_t number;
    if (o->network != NULL) {
        bool good = ctl_u64(&number, o->network) && number <= UINT32_MAX;
        *network = good ? (uint32_t)number : 0;
        return good;
    }
    return ctl_network(&o->node, network, genesis) == CTL_OK;
}

static json_t *wallet_json(const char *name, const uint8_t key[32], bool known, uint32_t network)
{
    char address[ADDRESS_CHARS + 1];
    json_t *json = json_pack("{s:s, s:o}", "name", name, "publicKey", json_hash(key));
    if (known) {
        address_make(address, network, key);
        (void)json_object_set_new(json, "address", json_string(address));
    }
    return json;
}

static int wallet_show(const struct wallet_options *o, const char *name, const uint8_t key[32])
{
    uint32_t network = 0;
    bool known = network_of(o, &network);
    json_t *json = wallet_json(name, key, known, network);
    if (o->node.json) {
        ctl_print_json(json);
    } else {
        ctl_row("wallet", "%s", name);
        ctl_row("public key", "%s", ctl_json_text(json, "publicKey"));
        ctl_row("address", "%s",
                known ? ctl_json_text(json, "address") : "(the network is not known)");
    }
    json_decref(json);
    return CTL_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_pub(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".pub") == 0;
}

static int wallet_list(const struct wallet_options *o)
{
    char folder[PATH_BYTES];
    struct dirent **entries = NULL;
    uint32_t network = 0;
    json_t *list = json_array();

    (void)wallet_path(folder, "x", "");
    *strrchr(folder, '/') = 0;
    int count = scandir(folder, &entries, is_pub, by_name);
    bool known = count > 0 && network_of(o, &network);
    for (int i = 0; i < count; i++) {
        char name[KEYSTORE_NAME_BYTES + 1] = "";
        uint8_t key[32];
        size_t len = strlen(entries[i]->d_name) - 4;
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, entries[i]->d_name);
        if (ctl_wallet_key(key, name)) {
            (void)json_array_append_new(list, wallet_json(name, key, known, network));
        }
        free(entries[i]);
    }
    free(entries);
    if (o->node.json) {
        ctl_print_json(list);
    } else {
        size_t i;
        json_t *one;
        printf("%-16s %s\n", "wallet", known ? "address" : "public key");
        json_array_foreach(list, i, one)
        {
            printf("%-16s %s\n", ctl_json_text(one, "name"),
                   ctl_json_text(one, known ? "address" : "publicKey"));
        }
    }
    json_decref(list);
    return CTL_OK;
}

/* --- commands --- */

static int wallet_new(const struct wallet_options *o, const char *name)
{
    uint8_t seed[32];
    uint8_t key[32];
    if (keystore_random(seed, sizeof(seed)) != ERR_OK) {
        return ctl_fail("no randomness");
    }
    int code = wallet_save(o, name, seed, key);
    secret_wipe(seed, sizeof(seed));
    return code != CTL_OK ? code : wallet_show(o, name, key);
}

static int wallet_import(const struct wallet_options *o, const char *name)
{
    uint8_t seed[32];
    uint8_t key[32];
    char line[80] = "";
    if (o->keys != NULL) {
        if (!seed_load(seed, o->keys, NULL)) {
            return CTL_FAILED;
        }
    } else {
        bool good = fgets(line, sizeof(line), stdin) != NULL;
        line[strcspn(line, "\n")] = 0;
        good = good && ctl_hex(seed, 32, line);
        secret_wipe(line, sizeof(line));
        if (!good) {
            return ctl_fail("standard input holds no seed of 64 hex digits");
        }
    }
    int code = wallet_save(o, name, seed, key);
    secret_wipe(seed, sizeof(seed));
    return code != CTL_OK ? code : wallet_show(o, name, key);
}

static int wallet_export(const struct wallet_options *o, const char *name)
{
    char path[PATH_BYTES];
    uint8_t seed[32];
    if (!wallet_path(path, name, ".keys") || access(path, F_OK) != 0) {
        return ctl_fail("no wallet %s", name);
    }
    if (!seed_load(seed, path, o->passphrase)) {
        return CTL_FAILED;
    }
    if (o->node.json) {
        json_t *json = json_pack("{s:s, s:o}", "name", name, "seed", json_hash(seed));
        ctl_print_json(json);
        json_decref(json);
    } else {
        ctl_hex_print(seed, sizeof(seed));
    }
    secret_wipe(seed, sizeof(seed));
    return CTL_OK;
}

int ctl_wallet(int argc, char **argv)
{
    struct wallet_options o = {.passphrase = NULL};
    const char *name = NULL;
    uint8_t key[32];

    ctl_node_begin(&o.node);
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? CTL_FAILED : CTL_OK;
    }
    const char *what = argv[1];
    const struct ctl_option options[] = {CTL_NODE_OPTIONS(o.node),
                                         {"--passphrase-file", &o.passphrase, NULL},
                                         {"--network", &o.network, NULL},
                                         {"--keys", &o.keys, NULL},
                                         {"--no-passphrase", NULL, &o.bare}};
    bool list = strcmp(what, "list") == 0;
    if (!ctl_options(argc - 1, argv + 1, options, 6, &name, list ? 0 : 1)) {
        return CTL_FAILED;
    }
    if (list) {
        return wallet_list(&o);
    }
    if (strcmp(what, "new") == 0) {
        return wallet_new(&o, name);
    }
    if (strcmp(what, "import") == 0) {
        return wallet_import(&o, name);
    }
    if (strcmp(what, "export") == 0) {
        return wallet_export(&o, name);
    }
    if (strcmp(what, "address") == 0) {
        return ctl_wallet_key(key, name) ? wallet_show(&o, name, key)
                                         : ctl_fail("no wallet %s", name);
    }
    return ctl_fail("no command wallet %s; try orreryctl wallet --help", what);
}
