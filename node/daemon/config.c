#include "node/daemon/config.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/chain/record.h"
#include "settings/table.h"

#define SECONDS(n) ((uint64_t)(n)*1000000000)

/* A file as it is written; made into a daemon_config when it is whole. */
struct file_seed {
    char *endpoint, *node, *transport;
    int line;
};

struct file_trusted {
    uint64_t height;
    char *id;
};

struct file_rest {
    char *listen, *name;
    uint32_t connections_max, sockets_max;
    struct faucet_config faucet;
};

struct file {
    char *data, *genesis, *keys, *passphrase, *advertise, *trace;
    char **listen;
    uint64_t listen_count;
    struct file_seed *seeds;
    uint64_t seeds_count;
    char **roles;
    uint64_t roles_count;
    int sync, log;
    struct file_trusted trusted;
    struct node_policy policy;
    struct link_limits limits;
    struct file_rest rest;
};

static const char *const sync_choices[] = {"genesis", "checkpoint", "snapshot", NULL};
static const char *const log_choices[] = {"error", "warn", "info", "debug", NULL};
static const char *const role_names[] = {"relay", "storage", "streaming", "executor", "verifier"};

static const struct key seed_keys[] = {
    TEXT(file_seed, "endpoint", endpoint, NULL, "address and port, as '192.0.2.1:7900'"),
    TEXT(file_seed, "node", node, "", "its node id; none: whoever answers is believed"),
    TEXT(file_seed, "transport", transport, "",
         "its transport key (orreryctl keys show), so that it learns ours sealed; none: asked for"),
};

static const struct key trusted_keys[] = {
    QUANTITY(file_trusted, "height", height, UNIT_NONE, "0", 0, MANY, "of the block"),
    TEXT(file_trusted, "id", id, "", "its id, 64 hex digits"),
};

static const struct key policy_keys[] = {
#include "node/seam/policy.def"
};

static const struct key limits_keys[] = {
    QUANTITY(link_limits, "links", links_max, UNIT_NONE, "256", 1, 65536,
             "sockets that finished their handshake"),
    QUANTITY(link_limits, "per_network", links_prefix_max, UNIT_NONE, "32", 1, 65536,
             "of one /16 (IPv4) or /32 (IPv6)"),
    QUANTITY(link_limits, "handshakes", handshakes_max, UNIT_NONE, "64", 1, 65536, "at once"),
    QUANTITY(link_limits, "handshakes_per_network", handshakes_prefix_max, UNIT_NONE, "8", 1, 65536,
             "at once"),
    QUANTITY(link_limits, "handshake_timeout", handshake_ns, UNIT_TIME, "5 s", 1000000, YEAR,
             "all of it"),
    QUANTITY(link_limits, "message_timeout", message_ns, UNIT_TIME, "10 s", 1000000, YEAR,
             "from the first byte of a message to its last"),
    QUANTITY(link_limits, "stall_timeout", stall_ns, UNIT_TIME, "20 s", 1000000, YEAR,
             "for a peer that does not read"),
    QUANTITY(link_limits, "connect_timeout", connect_ns, UNIT_TIME, "5 s", 1000000, YEAR,
             "for a peer that does not answer a dial"),
    QUANTITY(link_limits, "send_queue", send_bytes_max, UNIT_BYTES, "32 MiB", 1 << 20, UINT32_MAX,
             "waiting for one peer; more ends the link"),
    BOOL(link_limits, "local_exempt", local_exempt, "yes",
         "loopback and private networks are not counted by network"),
};

static const struct key faucet_keys[] = {
    TEXT(faucet_config, "keys", keys, "", "keystore of the paying account; none: no faucet"),
    QUANTITY(faucet_config, "amount", amount, UNIT_TOKENS, "100", 1, MANY,
             "most for an address in a window"),
    QUANTITY(faucet_config, "balance", balance, UNIT_TOKENS, "1000", 1, MANY,
             "an address that has so much gets nothing"),
    QUANTITY(faucet_config, "window", window_ns, UNIT_TIME, "24 h", 1000000, YEAR,
             "by the clock of this node"),
    QUANTITY(faucet_config, "asks", asks, UNIT_NONE, "10", 0, UINT32_MAX,
             "of one client address in a window; 0: no limit"),
};

static const struct key rest_keys[] = {
    TEXT(file_rest, "listen", listen, "127.0.0.1:3000", "address and port; none: no REST"),
    TEXT(file_rest, "name", name, "", "friendlyName of /node/info"),
    QUANTITY(file_rest, "connections", connections_max, UNIT_NONE, "1024", 16, 65536,
             "at once, WebSockets included"),
    QUANTITY(file_rest, "websockets", sockets_max, UNIT_NONE, "512", 0, 65536, "at once"),
    MAP("faucet", faucet_keys, offsetof(struct file_rest, faucet), "of a test network"),
};

static const struct key file_keys[] = {
    TEXT(file, "data", data, NULL, "folder of the database; made when it is missing"),
    TEXT(file, "genesis", genesis, NULL, "file of the network to take part in"),
    TEXT(file, "keys", keys, NULL, "keystore of this node: orreryctl keys new"),
    TEXT(file, "passphrase", passphrase, "", "file whose first line opens the keystore"),
    TEXTS(file, "listen", listen, "addresses and ports for links and datagrams"),
    TEXT(file, "advertise", advertise, "",
         "where others reach this node; none: the first of listen"),
    LIST(file, "seeds", seeds, seed_keys, struct file_seed, "where to begin"),
    TEXTS(file, "roles", roles, "relay, storage, streaming, executor, verifier"),
    ENUM(file, "sync", sync, sync_choices, "genesis",
         "where the chain begins: checkpoint and snapshot need `trusted`"),
    MAP("trusted", trusted_keys, offsetof(struct file, trusted), "a final block that you trust"),
    ENUM(file, "log", log, log_choices, "info", "least level that is written"),
    TEXT(file, "trace", trace, "", "file for what this node does, one line each; grows for ever"),
    MAP("policy", policy_keys, offsetof(struct file, policy), "of this node; not consensus"),
    MAP("limits", limits_keys, offsetof(struct file, limits), "of links"),
    MAP("rest", rest_keys, offsetof(struct file, rest), "REST, WebSocket and metrics"),
};

static enum err hex_read(uint8_t out[32], const char *text, const char *name, int line,
                         struct settings_error *error)
{
    static const char digits[] = "0123456789abcdef";

    memset(out, 0, 32);
    if (text[0] == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < 64; i++) {
        char c = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]);
        const char *digit = c == 0 ? NULL : strchr(digits, c);
        if (digit == NULL || (i == 63 && text[64] != 0)) {
            return settings_refuse(error, line, ERR_SYNTAX, "`%s` is not 64 hex digits", name);
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (uint8_t)(digit - digits));
    }
    return ERR_OK;
}

static enum err address_read(struct endpoint *out, const char *text, const char *name, int line,
                             struct settings_error *error)
{
    *out = (struct endpoint){.port = 0};
    if (text[0] == 0) {
        return ERR_OK;
    }
    return endpoint_parse(out, text) == ERR_OK && out->port != 0
               ? ERR_OK
               : settings_refuse(error, line, ERR_SYNTAX,
                                 "`%s`: '%s' is no address such as 192.0.2.1:7900 or [::1]:7900",
                                 name, text);
}

static int line_of(const struct document *root, const char *key)
{
    const struct document *t = document_find(root, key);
    return t == NULL ? 1 : t->line;
}

/* Takes text over: a path that starts at the folder of the file at `path`. */
static char *path_from(const char *path, char *text)
{
    const char *slash = strrchr(path, '/');
    if (text[0] == 0 || text[0] == '/' || slash == NULL) {
        return text;
    }
    size_t folder = (size_t)(slash - path) + 1;
    size_t len = strlen(text) + 1;
    char *joined = malloc(folder + len);
    invariant(joined != NULL);
    memcpy(joined, path, folder);
    memcpy(joined + folder, text, len);
    free(text);
    return joined;
}

static enum err seeds_take(struct daemon_config *config, const struct file *file,
                           struct settings_error *error)
{
    config->seeds = calloc(file->seeds_count + 1, sizeof(*config->seeds));
    config->seed_transport = calloc(file->seeds_count + 1, sizeof(*config->seed_transport));
    invariant(config->seeds != NULL && config->seed_transport != NULL);
    for (size_t i = 0; i < file->seeds_count; i++) {
        const struct file_seed *seed = &file->seeds[i];
        uint8_t *transport = config->seed_transport[config->seed_count];
        struct seed_peer *peer = &config->seeds[config->seed_count++];
        TRY(address_read(&peer->endpoint, seed->endpoint, "endpoint", seed->line, error));
        TRY(hex_read(peer->node_id, seed->node, "node", seed->line, error));
        TRY(hex_read(transport, seed->transport, "transport", seed->line, error));
        if (seed->transport[0] != 0 && seed->node[0] == 0) {
            return settings_refuse(error, seed->line, ERR_SYNTAX, "`transport` without `node`");
        }
        if (peer->endpoint.port == 0) {
            return settings_refuse(error, seed->line, ERR_SYNTAX, "a seed needs an `endpoint`");
        }
    }
    return ERR_OK;
}

static enum err addresses_take(struct daemon_config *config, const struct file *file,
                               const struct document *root, struct settings_error *error)
{
    int line = line_of(root, "listen");

    if (file->listen_count > HOST_LISTEN_MAX) {
        return settings_refuse(error, line, ERR_RANGE, "`listen` has more than %d addresses",
                               HOST_LISTEN_MAX);
    }
    for (size_t i = 0; i < file->listen_count; i++) {
        TRY(address_read(&config->listen[config->listen_count++], file->listen[i], "listen", line,
                         error));
    }
    TRY(address_read(&config->advertise, file->advertise, "advertise", line_of(root, "advertise"),
                     error));
    if (config->advertise.port == 0 && config->listen_count > 0) {
        config->advertise = config->listen[0];
    }
    return address_read(&config->rest.listen, file->rest.listen, "rest.listen",
                        line_of(root, "rest"), error);
}

static enum err roles_take(struct daemon_config *config, const struct file *file,
                           const struct document *root, struct settings_error *error)
{
    config->roles = file->roles_count == 0 ? ROLE_RELAY : 0;
    for (size_t i = 0; i < file->roles_count; i++) {
        uint32_t known = config->roles;
        for (size_t r = 0; r < COUNT(role_names); r++) {
            config->roles |= strcmp(file->roles[i], role_names[r]) == 0 ? 1u << r : 0;
        }
        if (config->roles == known) {
            return settings_refuse(error, line_of(root, "roles"), ERR_UNKNOWN,
                                   "`%s` is no role, or is given twice", file->roles[i]);
        }
    }
    return ERR_OK;
}

static void texts_take(struct daemon_config *config, struct file *file, const char *path)
{
    config->data = path_from(path, file->data);
    config->genesis = path_from(path, file->genesis);
    config->keys = path_from(path, file->keys);
    config->passphrase = path_from(path, file->passphrase);
    config->trace = path_from(path, file->trace);
    config->rest.name = file->rest.name;
    config->rest.connections_max = file->rest.connections_max;
    config->rest.sockets_max = file->rest.sockets_max;
    config->rest.faucet = file->rest.faucet;
    config->rest.faucet.keys = path_from(path, file->rest.faucet.keys);
    file->data = file->genesis = file->keys = file->passphrase = file->trace = NULL;
    file->rest.name = file->rest.faucet.keys = NULL;
}

static enum err file_take(struct daemon_config *config, struct file *file,
                          const struct document *root, const char *path,
                          struct settings_error *error)
{
    texts_take(config, file, path);
    config->policy = file->policy;
    config->limits = file->limits;
    config->log = (enum log_level)file->log;
    config->sync = (enum sync_choice)file->sync;
    config->trusted_height = file->trusted.height;
    TRY(seeds_take(config, file, error));
    TRY(addresses_take(config, file, root, error));
    TRY(roles_take(config, file, root, error));
    TRY(hex_read(config->trusted_id, file->trusted.id, "trusted.id", line_of(root, "trusted"),
                 error));
    if (config->sync != SYNC_FROM_GENESIS &&
        (config->trusted_height == 0 || file->trusted.id[0] == 0)) {
        return settings_refuse(error, line_of(root, "sync"), ERR_SYNTAX,
                               "`sync` needs height and id of a final block as `trusted`");
    }
    return ERR_OK;
}

enum err config_read(struct daemon_config *config, const char *path, struct settings_error *error)
{
    struct document *root = NULL;
    struct file file = {.data = NULL};

    memset(config, 0, sizeof(*config));
    enum err err = document_read(&root, error, path);
    if (err == ERR_OK) {
        err = settings_read(&file, file_keys, COUNT(file_keys), root, "a node", error);
    }
    if (err == ERR_OK) {
        err = file_take(config, &file, root, path, error);
    }
    settings_free(&file, file_keys, COUNT(file_keys));
    document_free(root);
    return err;
}

void config_free(struct daemon_config *config)
{
    free(config->data);
    free(config->genesis);
    free(config->keys);
    free(config->passphrase);
    free(config->trace);
    free(config->seeds);
    free(config->seed_transport);
    free(config->rest.name);
    free(config->rest.faucet.keys);
    memset(config, 0, sizeof(*config));
}

void config_reference(FILE *out)
{
    settings_reference(out, "", file_keys, COUNT(file_keys));
}
