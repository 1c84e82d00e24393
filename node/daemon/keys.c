#include "node/daemon/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/crypto/secret.h"
#include "node/crypto/sign.h"
#include "node/daemon/keystore.h"

/* A copy of the file is the same node too: the name of the node is taken on this machine as an
 * abstract socket, which goes with the process. -1: somebody has it. */
static int node_claim(const uint8_t node_seed[32])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sign_secret secret;
    int at = 1; /* a first byte of zero: no file */

    sign_keypair(&secret, node_seed);
    at += snprintf(address.sun_path + at, sizeof(address.sun_path) - (size_t)at, "orrery-node-");
    for (size_t i = 0; i < SIGN_PUBLIC_BYTES; i++) {
        at += snprintf(address.sun_path + at, sizeof(address.sun_path) - (size_t)at, "%02x",
                       secret.public_key[i]);
    }
    sign_secret_wipe(&secret);
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file >= 0 && bind(file, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)at)) != 0) {
        close(file);
        return -1;
    }
    return file;
}

static enum err seeds_take(struct keys *keys, struct keystore *keystore, const char *path,
                           char message[KEYS_MESSAGE_BYTES])
{
    const struct keystore_entry *node = keystore_find(keystore, KEYSTORE_NODE, NULL);
    const struct keystore_entry *vrf = keystore_find(keystore, KEYSTORE_VRF, NULL);
    const struct keystore_entry *transport = keystore_find(keystore, KEYSTORE_TRANSPORT, NULL);
    const struct keystore_entry *account = keystore_find(keystore, KEYSTORE_ACCOUNT, NULL);

    if (node == NULL || vrf == NULL || transport == NULL) {
        snprintf(message, KEYS_MESSAGE_BYTES,
                 "%s: not the keys of a node (a wallet?): orreryctl keys new makes some", path);
        return ERR_INVALID;
    }
    memcpy(keys->node, node->seed, 32);
    memcpy(keys->vrf, vrf->seed, 32);
    memcpy(keys->transport, transport->seed, 32);
    if (account != NULL) {
        memcpy(keys->account, account->seed, 32);
    }
    return ERR_OK;
}

enum err keys_open(struct keys *keys, const char *path, struct span passphrase,
                   char message[KEYS_MESSAGE_BYTES])
{
    struct keystore keystore;

    *keys = (struct keys){.claim = -1};
    keys->lock = open(path, O_RDONLY | O_CLOEXEC);
    if (keys->lock < 0) {
        snprintf(message, KEYS_MESSAGE_BYTES, "%s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    enum err err = ERR_OK;
    if (flock(keys->lock, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
        snprintf(message, KEYS_MESSAGE_BYTES, "%s: cannot be locked: %s", path, strerror(errno));
    }
    if (err == ERR_OK) {
        err = keystore_read(&keystore, keys->lock, path, passphrase, message);
        if (err == ERR_OK) {
            err = seeds_take(keys, &keystore, path, message);
        }
        keystore_wipe(&keystore);
    }
    if (err == ERR_OK) {
        keys->claim = node_claim(keys->node);
        err = keys->claim < 0 ? ERR_BUSY : ERR_OK;
    }
    if (err == ERR_BUSY) {
        snprintf(message, KEYS_MESSAGE_BYTES,
                 "%s: another process runs with these keys; two would sign against each other",
                 path);
    }
    if (err != ERR_OK) {
        keys_close(keys);
    }
    return err;
}

void keys_close(struct keys *keys)
{
    if (keys->lock > 0) {
        close(keys->lock);
    }
    if (keys->claim > 0) {
        close(keys->claim);
    }
    secret_wipe(keys, sizeof(*keys));
}
