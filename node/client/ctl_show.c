/* Commands that ask a node and show what it says: info, account, block, peers, status. */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/client/ctl_node.h"

static const char usage[] =
    "usage: orreryctl info\n"
    "       orreryctl account WHO            a wallet's name, an address or a public key\n"
    "       orreryctl block HEIGHT|tip|final\n"
    "       orreryctl peers\n"
    "       orreryctl status TX [--wait unconfirmed|confirmed|finalized] [--timeout SECONDS]\n"
    "\n"
    "  --node URL   REST interface of the node (ORRERY_NODE; " CTL_NODE_DEFAULT ")\n"
    "  --json       the answer as it came\n";

static bool help(int argc, char **argv)
{
    bool wanted = argc > 1 && strcmp(argv[1], "--help") == 0;

    if (wanted) {
        fputs(usage, stdout);
    }
    return wanted;
}

/* Reads the arguments of a command that shows what a node says. False: it is over, with *code. */
static bool begin(struct ctl_node *node, int *code, int argc, char **argv, const char **positional,
                  size_t n_positional)
{
    const struct ctl_option options[] = {CTL_NODE_OPTIONS(*node)};

    ctl_node_begin(node);
    *code = CTL_OK;
    if (help(argc, argv)) {
        return false;
    }
    *code = ctl_options(argc, argv, options, 2, positional, n_positional) ? CTL_OK : CTL_FAILED;
    return *code == CTL_OK;
}

static const char *date(char text[32], uint64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t n = gmtime_r(&seconds, &tm) == NULL ? 0 : strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm);
    if (n == 0) {
        return "no date";
    }
    (void)snprintf(text + n, 32 - n, ".%03u", (unsigned)(ms % 1000));
    return text;
}

int ctl_info(int argc, char **argv)
{
    struct ctl_node node;
    json_t *info = NULL;
    json_t *health = NULL;
    long status;
    int code;

    if (!begin(&node, &code, argc, argv, NULL, 0)) {
        return code;
    }
    code = ctl_ask(&node, &info, "GET", "/node/info", NULL, 200);
    if (code != CTL_OK) {
        return code;
    }
    health = ctl_get(&node, &status, "/node/health");
    if (node.json) {
        (void)json_object_set(info, "health", health);
        ctl_print_json(info);
    } else {
        ctl_row("node", "%s", ctl_json_text(info, "friendlyName"));
        ctl_row("node id", "%s", ctl_json_text(info, "publicKey"));
        ctl_row("account", "%s", ctl_json_text(info, "account"));
        ctl_row("version", "%s", ctl_json_text(info, "version"));
        ctl_row("network", "%" PRIu64, ctl_json_u64(info, "networkIdentifier"));
        ctl_row("genesis", "%s", ctl_json_text(info, "genesisHash"));
        ctl_row("height", "%" PRIu64, ctl_json_u64(health, "height"));
        ctl_row("final height", "%" PRIu64, ctl_json_u64(health, "finalizedHeight"));
        ctl_row("peers", "%" PRIu64, ctl_json_u64(health, "peers"));
        ctl_row("state", "%s",
                json_is_true(json_object_get(health, "synchronized")) ? "synchronized"
                                                                      : "catching up");
    }
    json_decref(info);
    json_decref(health);
    return CTL_OK;
}

static void account_print(const json_t *answer)
{
    const json_t *a = json_object_get(answer, "account");
    const json_t *mosaic = json_array_get(json_object_get(a, "mosaics"), 0);
    const json_t *unbonding = json_object_get(a, "unbonding");
    char text[CTL_AMOUNT_BYTES];
    uint64_t waiting = 0;

    for (size_t i = 0; i < json_array_size(unbonding); i++) {
        waiting += ctl_json_u64(json_array_get(unbonding, i), "amount");
    }
    ctl_row("address", "%s", ctl_json_text(a, "address"));
    ctl_row("public key", "%s", ctl_json_text(a, "publicKey"));
    ctl_row("balance", "%s", ctl_amount_text(text, ctl_json_u64(mosaic, "amount")));
    ctl_row("final balance", "%s", ctl_amount_text(text, ctl_json_u64(a, "finalizedBalance")));
    ctl_row("bonded", "%s", ctl_amount_text(text, ctl_json_u64(a, "bonded")));
    ctl_row("unbonding", "%s", ctl_amount_text(text, waiting));
    ctl_row("withdrawable", "%s", ctl_amount_text(text, ctl_json_u64(a, "withdrawable")));
    ctl_row("effective stake", "%" PRIu64, ctl_json_u64(a, "importance"));
    ctl_row("sent", "%" PRIu64, ctl_json_u64(a, "nonce"));
    if (ctl_json_u64(a, "jailedUntil") != 0) {
        ctl_row("jailed until epoch", "%" PRIu64, ctl_json_u64(a, "jailedUntil"));
    }
    if (json_object_get(a, "node") != NULL) {
        ctl_row("node", "%s", ctl_json_text(a, "node"));
    }
    ctl_row("at height", "%" PRIu64, ctl_json_u64(answer, "height"));
}

static void hex_text(char out[65], const uint8_t key[32])
{
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(out + 2 * i, 3, "%02X", key[i]);
    }
}

int ctl_account_show(int argc, char **argv)
{
    struct ctl_node node;
    const char *who;
    uint8_t key[32];
    char hex[65];
    char path[96];
    json_t *json;
    int code;

    if (!begin(&node, &code, argc, argv, &who, 1)) {
        return code;
    }
    if (!ctl_account(&node, key, who)) {
        return CTL_FAILED;
    }
    hex_text(hex, key);
    (void)snprintf(path, sizeof(path), "/account/%s", hex);
    code = ctl_ask(&node, &json, "GET", path, NULL, 200);
    if (code == CTL_OK && node.json) {
        ctl_print_json(json);
    } else if (code == CTL_OK) {
        account_print(json);
    }
    json_decref(json);
    return code;
}

static void block_print(const json_t *json)
{
    char text[CTL_AMOUNT_BYTES];
    char when[32];
    ctl_row("height", "%" PRIu64, ctl_json_u64(json, "block.height"));
    ctl_row("hash", "%s", ctl_json_text(json, "meta.hash"));
    ctl_row("date", "%s", date(when, ctl_json_u64(json, "block.timestamp")));
    ctl_row("signer", "%s", ctl_json_text(json, "block.beneficiary"));
    ctl_row("transactions", "%" PRIu64, ctl_json_u64(json, "meta.numTransactions"));
    ctl_row("size", "%" PRIu64 " bytes", ctl_json_u64(json, "meta.size"));
    ctl_row("fees", "%s", ctl_amount_text(text, ctl_json_u64(json, "meta.totalFee")));
    ctl_row("parent", "%s", ctl_json_text(json, "block.previousBlockHash"));
    ctl_row("state", "%s", ctl_json_text(json, "block.stateHash"));
    ctl_row("final", "%s", json_is_true(ctl_json_path(json, "meta.finalized")) ? "yes" : "no");
}

int ctl_block(int argc, char **argv)
{
    struct ctl_node node;
    const char *which;
    uint64_t height;
    char path[64];
    json_t *json;
    int code;

    if (!begin(&node, &code, argc, argv, &which, 1)) {
        return code;
    }
    if (strcmp(which, "tip") == 0 || strcmp(which, "final") == 0) {
        code = ctl_ask(&node, &json, "GET", which[0] == 't' ? "/chain/height" : "/chain/finalized",
                       NULL, 200);
        if (code != CTL_OK) {
            return code;
        }
        height = ctl_json_u64(json, "height");
        json_decref(json);
    } else if (!ctl_u64(&height, which)) {
        return ctl_fail("%s is no height", which);
    }
    (void)snprintf(path, sizeof(path), "/block/%" PRIu64, height);
    code = ctl_ask(&node, &json, "GET", path, NULL, 200);
    if (code == CTL_OK && node.json) {
        ctl_print_json(json);
    } else if (code == CTL_OK) {
        block_print(json);
    }
    json_decref(json);
    return code;
}

int ctl_peers(int argc, char **argv)
{
    struct ctl_node node;
    json_t *json;
    size_t i;
    json_t *peer;
    int code;

    if (!begin(&node, &code, argc, argv, NULL, 0)) {
        return code;
    }
    code = ctl_ask(&node, &json, "GET", "/node/peers", NULL, 200);
    if (code != CTL_OK) {
        return code;
    }
    if (node.json) {
        ctl_print_json(json);
    } else {
        printf("%-16s  %-21s %-4s %9s %9s %9s %12s %12s\n", "node", "host:port", "way", "height",
               "final", "seconds", "received", "sent");
        json_array_foreach(json, i, peer)
        {
            char host[64];
            (void)snprintf(host, sizeof(host), "%s:%" PRIu64, ctl_json_text(peer, "host"),
                           ctl_json_u64(peer, "port"));
            printf("%.16s  %-21s %-4s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %12" PRIu64
                   " %12" PRIu64 "\n",
                   ctl_json_text(peer, "publicKey"), host,
                   json_is_true(json_object_get(peer, "dialed")) ? "out" : "in",
                   ctl_json_u64(peer, "height"), ctl_json_u64(peer, "finalizedHeight"),
                   ctl_json_u64(peer, "seconds"), ctl_json_u64(peer, "receivedBytes"),
                   ctl_json_u64(peer, "sentBytes"));
        }
    }
    json_decref(json);
    return CTL_OK;
}

int ctl_status(int argc, char **argv)
{
    struct ctl_node node;
    const char *tx;
    const char *wait = NULL;
    const char *timeout = "120";
    uint64_t timeout_s;
    uint8_t id[32];
    char path[128];
    json_t *json;

    ctl_node_begin(&node);
    const struct ctl_option options[] = {
        CTL_NODE_OPTIONS(node), {"--wait", &wait, NULL}, {"--timeout", &timeout, NULL}};
    if (help(argc, argv)) {
        return CTL_OK;
    }
    if (!ctl_options(argc, argv, options, 4, &tx, 1)) {
        return CTL_FAILED;
    }
    if (!ctl_hex(id, 32, tx)) {
        return ctl_fail("%s is no transaction id", tx);
    }
    if (!ctl_u64(&timeout_s, timeout)) {
        return ctl_fail("--timeout %s is no number of seconds", timeout);
    }
    if (wait != NULL) {
        return ctl_wait(&node, tx, wait, timeout_s);
    }
    (void)snprintf(path, sizeof(path), "/transaction/%s/status", tx);
    int code = ctl_ask(&node, &json, "GET", path, NULL, 200);
    if (code == CTL_OK && node.json) {
        ctl_print_json(json);
    } else if (code == CTL_OK) {
        ctl_row("status", "%s", ctl_json_text(json, "group"));
        ctl_row("reason", "%s", ctl_json_text(json, "status"));
        if (json_object_get(json, "height") != NULL) {
            ctl_row("height", "%" PRIu64, ctl_json_u64(json, "height"));
        }
    }
    json_decref(json);
    return code;
}
