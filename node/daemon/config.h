/* node.yaml as a struct (docs/running-a-node.md; the table is in config.c). Relative paths start at
 * the file's folder. */
#ifndef ORRERY_DAEMON_CONFIG_H
#define ORRERY_DAEMON_CONFIG_H

#include <stdio.h>

#include "node/daemon/host.h"
#include "node/daemon/log.h"
#include "settings/error.h"

struct faucet_config {
    char *keys;               /* keystore of the paying account; "": there is no faucet */
    uint64_t amount, balance; /* atomic units */
    uint64_t window_ns;
    uint64_t asks; /* of one client address per window; 0: no limit */
};

struct rest_config {
    struct endpoint listen;                /* port 0: no REST */
    char *name;                            /* friendlyName */
    uint32_t connections_max, sockets_max; /* as in http_options */
    struct faucet_config faucet;
};

struct daemon_config {
    char *data;       /* folder of the database */
    char *genesis;    /* file */
    char *keys;       /* keystore file */
    char *passphrase; /* file that holds the passphrase; "": the keystore has none */
    struct endpoint listen[HOST_LISTEN_MAX];
    size_t listen_count;
    struct endpoint advertise;     /* where others reach this node */
    struct seed_peer *seeds;       /* node ids may be zero: whoever answers */
    uint8_t (*seed_transport)[32]; /* of each; zero: not known */
    size_t seed_count;
    uint32_t roles;
    enum sync_choice sync;
    uint64_t trusted_height;
    uint8_t trusted_id[32];
    enum log_level log;
    char *trace; /* file; "": none */
    struct node_policy policy;
    struct link_limits limits;
    struct rest_config rest;
};

/* ERR_NOT_FOUND, ERR_SYNTAX, ERR_UNKNOWN, ERR_RANGE; error says where and why. Call config_free
 * also after an error. */
enum err config_read(struct daemon_config *config, const char *path,
                     struct settings_error *error) MUST_CHECK;
void config_free(struct daemon_config *config);

/* Every key as rows of a Markdown table. */
void config_reference(FILE *out);

#endif
