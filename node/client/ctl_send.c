/* Commands that make a transaction: send, bond, unbond, withdraw, register; and the faucet. */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/chain/record.h"
#include "node/chain/tx.h"
#include "node/client/ctl_node.h"
#include "node/client/ctl_wallet.h"
#include "node/crypto/hash.h"
#include "node/crypto/vrf.h"
#include "node/daemon/api_text.h"
#include "node/daemon/keystore.h"
#include "node/daemon/log.h"

enum { EXPIRY_BLOCKS = 240, FEE_ROOM = 4, BODY_BYTES_MAX = 2048, MEMO_BYTES_MAX = 1024 };
enum { FEE_UNASKED_MAX = 1000000 }; /* a token */

static const char usage[] =
    "usage: orreryctl send WALLET TO AMOUNT [--memo TEXT]\n"
    "       orreryctl bond|unbond|withdraw WALLET AMOUNT\n"
    "       orreryctl register WALLET KEYS ENDPOINT [--roles relay,storage,...] [--update]\n"
    "       orreryctl faucet TO [AMOUNT]\n"
    "\n"
    "AMOUNT is in tokens (12.5). TO is a wallet's name, an address or a public key. KEYS is the\n"
    "keystore of the node that WALLET will own; its vrf key makes blocks after two epochs.\n"
    "--keys-passphrase-file FILE opens it, if it is sealed otherwise than the wallet.\n"
    "\n"
    "  --wait STATE            unconfirmed, confirmed or finalized\n"
    "  --timeout SECONDS       of the wait; 120\n"
    "  --fee AMOUNT            most that may be charged; four times the size at the tip's price\n"
    "  --passphrase-file FILE  its first line opens the wallet (ORRERY_PASSPHRASE_FILE)\n"
    "  --node URL              REST interface of the node (ORRERY_NODE)\n"
    "  --json                  answers as they came\n";

struct order {
    struct ctl_node node;
    const char *wait, *timeout, *fee, *passphrase, *memo, *roles, *keys_passphrase;
    bool update;
    uint64_t timeout_s;
    uint32_t network;
    uint8_t genesis[32];
    struct sign_secret wallet;
};

/* Reads options and up to n positional arguments, `least` of which must be there. */
static int order_begin(struct order *o, int argc, char **argv, const char **positional, size_t n)
{
    *o = (struct order){.timeout = "120"};
    ctl_node_begin(&o->node);
    const struct ctl_option options[] = {CTL_NODE_OPTIONS(o->node),
                                         {"--wait", &o->wait, NULL},
                                         {"--timeout", &o->timeout, NULL},
                                         {"--fee", &o->fee, NULL},
                                         {"--memo", &o->memo, NULL},
                                         {"--passphrase-file", &o->passphrase, NULL},
                                         {"--roles", &o->roles, NULL},
                                         {"--update", NULL, &o->update},
                                         {"--keys-passphrase-file", &o->keys_passphrase, NULL}};
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return -1;
    }
    if (!ctl_options(argc, argv, options, sizeof(options) / sizeof(options[0]), positional, n)) {
        return CTL_FAILED;
    }
    if (!ctl_u64(&o->timeout_s, o->timeout)) {
        return ctl_fail("--timeout %s is no number of seconds", o->timeout);
    }
    return ctl_wait_known(o->wait) ? CTL_OK : CTL_FAILED;
}

static void hex_text(char *out, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02X", data[i]);
    }
}

/* What the chain has to say before a transaction can be made: nonce, height, price. */
static int facts_ask(struct order *o, struct tx *tx, uint64_t *price)
{
    char hex[65];
    char path[128];
    long status;
    json_t *json;

    int code = ctl_ask(&o->node, &json, "GET", "/chain/height", NULL, 200);
    if (code != CTL_OK) {
        return code;
    }
    uint64_t height = ctl_json_u64(json, "height");
    json_decref(json);
    (void)snprintf(path, sizeof(path), "/block/%" PRIu64, height);
    code = ctl_ask(&o->node, &json, "GET", path, NULL, 200);
    if (code != CTL_OK) {
        return code;
    }
    *price = ctl_json_u64(json, "block.feeMultiplier");
    *price = *price == 0 ? 1 : *price;
    json_decref(json);
    hex_text(hex, o->wallet.public_key, 32);
    (void)snprintf(path, sizeof(path), "/account/%s", hex);
    json = ctl_get(&o->node, &status, path);
    tx->nonce = status == 200 ? ctl_json_u64(json, "account.nextNonce") : 0;
    tx->expiry = height + EXPIRY_BLOCKS;
    json_decref(json);
    return status == 0 ? CTL_UNREACHABLE : CTL_OK;
}

static int tx_announce(const struct order *o, const uint8_t *bytes, size_t len)
{
    char *hex = malloc(2 * len + 1);
    json_t *answer;
    if (hex == NULL) {
        return ctl_fail("out of memory");
    }
    hex_text(hex, bytes, len);
    json_t *body = json_pack("{s:s}", "payload", hex);
    free(hex);
    int code = ctl_ask(&o->node, &answer, "PUT", "/transaction", body, 202);
    if (code != CTL_OK) {
        return code;
    }
    char hash[65];
    (void)snprintf(hash, sizeof(hash), "%s", ctl_json_text(answer, "hash"));
    if (o->node.json && o->wait == NULL) {
        ctl_print_json(answer);
    } else if (!o->node.json) {
        ctl_row("transaction", "%s", hash);
        fflush(stdout);
    }
    json_decref(answer);
    return o->wait == NULL ? CTL_OK : ctl_wait(&o->node, hash, o->wait, o->timeout_s);
}

/* Signs and announces a transaction of the wallet with this body. */
static int tx_send(struct order *o, uint16_t type, struct span body)
{
    uint8_t bytes[TX_LEAST_BYTES + BODY_BYTES_MAX];
    struct tx tx = {.type = type, .body = body};
    uint64_t price;
    size_t len;

    int code = facts_ask(o, &tx, &price);
    if (code != CTL_OK) {
        return code;
    }
    uint64_t units = (TX_LEAST_BYTES + body.len) * FEE_ROOM; /* of the price */
    tx.fee_max = units * price;
    if (o->fee != NULL && !ctl_amount(&tx.fee_max, o->fee)) {
        return ctl_fail("--fee %s is no amount of tokens", o->fee);
    }
    if (o->fee == NULL && price > FEE_UNASKED_MAX / units) { /* nobody agreed to that */
        return ctl_fail("the node says that this costs more than a token; --fee AMOUNT allows it");
    }
    if (tx_build(bytes, sizeof(bytes), &len, &tx, o->genesis, &o->wallet) != ERR_OK) {
        return ctl_fail("the transaction is too long");
    }
    return tx_announce(o, bytes, len);
}

/* Opens the wallet and learns the network. */
static int order_open(struct order *o, const char *wallet)
{
    int code = ctl_network(&o->node, &o->network, o->genesis);
    if (code != CTL_OK) {
        return code;
    }
    return ctl_wallet_open(&o->wallet, wallet, o->passphrase) ? CTL_OK : CTL_FAILED;
}

int ctl_send(int argc, char **argv)
{
    struct order o;
    const char *words[3] = {NULL};
    uint8_t body[BODY_BYTES_MAX];
    uint8_t to[32];
    uint64_t amount;
    struct writer w;
    size_t len;

    int code = order_begin(&o, argc, argv, words, 3);
    if (code != CTL_OK) {
        return code < 0 ? CTL_OK : code;
    }
    if (!ctl_amount(&amount, words[2])) {
        return ctl_fail("%s is no amount of tokens", words[2]);
    }
    if (!ctl_account(&o.node, to, words[1])) {
        return CTL_FAILED;
    }
    size_t memo = o.memo == NULL ? 0 : strlen(o.memo);
    if (memo > MEMO_BYTES_MAX) {
        return ctl_fail("a memo has at most %d bytes", MEMO_BYTES_MAX);
    }
    writer_init(&w, body, sizeof(body));
    writer_raw(&w, to, 32);
    writer_u64(&w, amount);
    writer_bytes(&w, span_of(o.memo, memo), MEMO_BYTES_MAX);
    if (writer_end(&w, &len) != ERR_OK) {
        return ctl_fail("the transaction is too long");
    }
    code = order_open(&o, words[0]);
    return code != CTL_OK ? code : tx_send(&o, TX_transfer, span_of(body, len));
}

static int amount_send(int argc, char **argv, uint16_t type)
{
    struct order o;
    const char *words[2] = {NULL};
    uint8_t body[8];
    uint64_t amount;

    int code = order_begin(&o, argc, argv, words, 2);
    if (code != CTL_OK) {
        return code < 0 ? CTL_OK : code;
    }
    if (!ctl_amount(&amount, words[1]) || amount == 0) {
        return ctl_fail("%s is no amount of tokens", words[1]);
    }
    store64(body, amount);
    code = order_open(&o, words[0]);
    return code != CTL_OK ? code : tx_send(&o, type, span_of(body, 8));
}

int ctl_bond(int argc, char **argv)
{
    return amount_send(argc, argv, TX_bond);
}

int ctl_unbond(int argc, char **argv)
{
    return amount_send(argc, argv, TX_unbond);
}

int ctl_withdraw(int argc, char **argv)
{
    return amount_send(argc, argv, TX_withdraw);
}

/* --- register --- */

static bool roles_parse(uint32_t *roles, const char *text)
{
    static const char *const names[] = {"relay", "storage", "streaming", "executor", "verifier"};
    *roles = 0;
    while (*text != 0) {
        size_t len = strcspn(text, ",");
        uint32_t before = *roles;
        for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
                *roles |= 1u << i;
            }
        }
        if (*roles == before) {
            (void)ctl_fail("--roles: no role %.*s", (int)len, text);
            return false;
        }
        text += len + (text[len] == ',');
    }
    return true;
}

/* The body of register_node: record, signature of the node, proof of its vrf key. */
static bool body_make(const struct order *o, struct keystore *keystore,
                      const struct endpoint *endpoint, uint32_t roles, uint8_t *out, size_t *len)
{
    uint8_t zeros[32] = {0};
    uint8_t at[ENDPOINT_BYTES];
    uint8_t alpha[TX_NODE_ALPHA_BYTES];
    uint8_t proof[VRF_PROOF_BYTES];
    uint8_t beta[VRF_BETA_BYTES];
    uint8_t sig[SIGN_BYTES];
    struct sign_secret node;
    struct vrf_secret vrf;
    struct sign_message message;
    struct writer w;
    size_t record;
    const struct keystore_entry *node_seed = keystore_find(keystore, KEYSTORE_NODE, NULL);
    const struct keystore_entry *vrf_seed = keystore_find(keystore, KEYSTORE_VRF, NULL);

    if (node_seed == NULL || vrf_seed == NULL) {
        return false;
    }
    sign_keypair(&node, node_seed->seed);
    vrf_keypair(&vrf, vrf_seed->seed);
    memcpy(at, endpoint->address, 16);
    at[16] = (uint8_t)(endpoint->port >> 8);
    at[17] = (uint8_t)endpoint->port;
    const struct node_record facts = {.node_id = node.public_key,
                                      .endpoints = {.data = at, .count = 1},
                                      .onion = zeros,
                                      .vrf = vrf.public_key,
                                      .roles = roles,
                                      .metadata = zeros};
    writer_init(&w, out, BODY_BYTES_MAX);
    node_record_write(&w, &facts);
    record = writer_len(&w);
    tx_node_message(&message, o->genesis, o->wallet.public_key, span_of(out, record));
    sign_make(sig, &node, &message);
    writer_raw(&w, sig, SIGN_BYTES);
    tx_node_alpha(alpha, o->genesis, o->wallet.public_key);
    sign_secret_wipe(&node);
    bool good = vrf_prove(proof, beta, &vrf, span_of(alpha, sizeof(alpha))) == ERR_OK;
    writer_raw(&w, proof, VRF_PROOF_BYTES);
    vrf_secret_wipe(&vrf);
    return good && writer_end(&w, len) == ERR_OK;
}

int ctl_register(int argc, char **argv)
{
    struct order o;
    const char *words[3] = {NULL};
    uint8_t body[BODY_BYTES_MAX];
    struct endpoint endpoint;
    struct keystore keystore;
    uint32_t roles = ROLE_RELAY;
    size_t len;

    int code = order_begin(&o, argc, argv, words, 3);
    if (code != CTL_OK) {
        return code < 0 ? CTL_OK : code;
    }
    if (endpoint_parse(&endpoint, words[2]) != ERR_OK || endpoint.port == 0) {
        return ctl_fail("%s is no endpoint such as 192.0.2.1:7900", words[2]);
    }
    if (o.roles != NULL && !roles_parse(&roles, o.roles)) {
        return CTL_FAILED;
    }
    code = order_open(&o, words[0]);
    if (code != CTL_OK) {
        return code;
    }
    /* Not as a node takes them: the one that is registered runs with them. */
    if (!ctl_keystore_open(&keystore, words[1], o.keys_passphrase)) {
        return CTL_FAILED;
    }
    bool good = body_make(&o, &keystore, &endpoint, roles, body, &len);
    keystore_wipe(&keystore);
    if (!good) {
        return ctl_fail("%s: no registration could be made of these keys: are they a node's?",
                        words[1]);
    }
    return tx_send(&o, o.update ? TX_update_node : TX_register_node, span_of(body, len));
}

/* --- faucet --- */

int ctl_faucet(int argc, char **argv)
{
    struct order o;
    const char *words[2] = {NULL};
    uint8_t key[32];
    char hex[65];
    char text[CTL_AMOUNT_BYTES];
    uint64_t amount;
    json_t *answer;
    /* The amount may be left out: the command line is looked at for a second word. */
    size_t n = argc > 2 && argv[2][0] != '-' ? 2 : 1;

    int code = order_begin(&o, argc, argv, words, n);
    if (code != CTL_OK) {
        return code < 0 ? CTL_OK : code;
    }
    if (!ctl_account(&o.node, key, words[0])) {
        return CTL_FAILED;
    }
    hex_text(hex, key, 32);
    json_t *body = json_pack("{s:s}", "recipient", hex);
    if (n == 2) {
        if (!ctl_amount(&amount, words[1])) {
            json_decref(body);
            return ctl_fail("%s is no amount of tokens", words[1]);
        }
        (void)json_object_set_new(body, "amount", json_u64(amount));
    }
    code = ctl_ask(&o.node, &answer, "POST", "/faucet", body, 202);
    if (code != CTL_OK) {
        return code;
    }
    char hash[65];
    (void)snprintf(hash, sizeof(hash), "%s", ctl_json_text(answer, "hash"));
    if (o.node.json && o.wait == NULL) {
        ctl_print_json(answer);
    } else if (!o.node.json) {
        ctl_row("transaction", "%s", hash);
        ctl_row("amount", "%s", ctl_amount_text(text, ctl_json_u64(answer, "amount")));
        fflush(stdout);
    }
    json_decref(answer);
    return o.wait == NULL ? CTL_OK : ctl_wait(&o.node, hash, o.wait, o.timeout_s);
}
