/* What the commands that talk to a node share: its REST interface over libcurl, names of accounts,
 * amounts, tables for people. */
#ifndef ORRERY_CLIENT_CTL_NODE_H
#define ORRERY_CLIENT_CTL_NODE_H

#include <jansson.h>

#include "node/base/bytes.h"
#include "node/client/ctl.h"

/* Beside CTL_OK, CTL_FAILED and CTL_REFUSED (the node or the chain says no). */
enum { CTL_UNREACHABLE = 3, CTL_TIMEOUT = 4 };

#define CTL_NODE_DEFAULT "http://127.0.0.1:3000"

struct ctl_node {
    const char *url; /* --node, ORRERY_NODE, or the default */
    bool json;       /* --json: answers as they came */
};
/* The two options every command with a node knows. */
#define CTL_NODE_OPTIONS(node)                                                                     \
    {"--node", &(node).url, NULL},                                                                 \
    {                                                                                              \
        "--json", NULL, &(node).json                                                               \
    }
void ctl_node_begin(struct ctl_node *node); /* before ctl_options */

/* One request. body NULL: none; taken over. *out: the answer, to be given back; NULL after an
 * error, which has been said on stderr. wanted: the status that is no error. Returns an exit code.
 */
int ctl_ask(const struct ctl_node *node, json_t **out, const char *method, const char *path,
            json_t *body, long wanted);
/* The same for GET; *status is not an error (0: unreachable, said on stderr). */
json_t *ctl_get(const struct ctl_node *node, long *status, const char *path);

/* --- values --- */
uint64_t ctl_json_u64(const json_t *object, const char *name);
json_t *ctl_json_path(const json_t *object, const char *path); /* "block.meta" */
/* A string, "" when there is none: without what could steer a terminal, for the node is not
 * trusted. */
const char *ctl_json_text(const json_t *object, const char *path);
bool ctl_json_hash(uint8_t out[32], const json_t *object, const char *path);

#define CTL_AMOUNT_BYTES 48
/* "12.5" tokens as atomic units; at most 6 decimals. */
bool ctl_amount(uint64_t *atomic, const char *text);
/* "1,234.5" */
const char *ctl_amount_text(char text[CTL_AMOUNT_BYTES], uint64_t atomic);

/* An account by wallet name, address or public key; says on stderr what is wrong. */
bool ctl_account(const struct ctl_node *node, uint8_t key[32], const char *who);
/* Number of the network and genesis hash, asked once. */
int ctl_network(const struct ctl_node *node, uint32_t *network, uint8_t genesis[32]);

/* --- output --- */
void ctl_print_json(const json_t *json);
/* "name   value" with the names in one column. */
void ctl_row(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether this is a state to wait for, NULL included; else says which are. */
bool ctl_wait_known(const char *group);
/* Waits until a transaction is in this group ("confirmed", "finalized") or failed. */
int ctl_wait(const struct ctl_node *node, const char *hash, const char *group, uint64_t timeout_s);

/* --- commands --- */
int ctl_wallet(int argc, char **argv);
int ctl_send(int argc, char **argv);
int ctl_bond(int argc, char **argv);
int ctl_unbond(int argc, char **argv);
int ctl_withdraw(int argc, char **argv);
int ctl_register(int argc, char **argv);
int ctl_status(int argc, char **argv);
int ctl_account_show(int argc, char **argv);
int ctl_block(int argc, char **argv);
int ctl_peers(int argc, char **argv);
int ctl_info(int argc, char **argv);
int ctl_faucet(int argc, char **argv);
int ctl_follow(int argc, char **argv);
int ctl_completion(int argc, char **argv);

#endif
