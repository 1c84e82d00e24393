/* node.yaml as a struct (docs/running-a-node.md lists every key). Relative paths are relative to
 * the file. */
#ifndef ORRERY_DAEMON_CONFIG_H
#define ORRERY_DAEMON_CONFIG_H

#include "node/daemon/host.h"
#include "node/daemon/log.h"

struct config_error {
    char text[512]; /* "node.yaml:12: ..." */
};

struct daemon_config {
    char *data;       /* folder of the database; made when it is missing */
    char *genesis;    /* file */
    char *keys;       /* keystore file */
    char *passphrase; /* file that holds the passphrase; "": the keystore has none */
    struct endpoint listen[HOST_LISTEN_MAX];
    size_t listen_count;
    struct endpoint advertise; /* where others reach this node; port 0: the first of listen */
    struct seed_peer *seeds;   /* node ids may be zero: whoever answers */
    size_t seed_count;
    uint32_t roles;
    enum sync_choice sync;
    uint64_t trusted_height;
    uint8_t trusted_id[32];
    enum log_level log;
    struct node_policy policy;
    struct link_limits limits;
    struct {
        struct endpoint listen; /* port 0: no REST */
        char *name;             /* friendlyName */
        bool faucet;
        uint64_t faucet_amount, faucet_balance, faucet_window_ms;
    } rest;
};

/* Errors carry file, line and the nearest known key. The caller frees config also after an error.
 */
enum err config_read(struct daemon_config *config, const char *path,
                     struct config_error *error) MUST_CHECK;
void config_free(struct daemon_config *config);

#endif
