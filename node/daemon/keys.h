/* The keys of one node: a file, sealed with a passphrase or readable by its owner alone, held by
 * one process at a time because two nodes with the same keys would sign against each other. */
#ifndef ORRERY_DAEMON_KEYS_H
#define ORRERY_DAEMON_KEYS_H

#include "node/base/bytes.h"
#include "node/base/err.h"

#define KEYS_MESSAGE_BYTES 512

/* Secret seeds. */
struct keys {
    uint8_t node[32], vrf[32], transport[32];
    uint8_t account[32]; /* zeros: the node relays and has no account */
    int lock;            /* the open file, locked */
    int claim;           /* a socket with the name of the node: copies of the file are seen too */
};

/* passphrase: of a sealed file; empty for one that is not. ERR_BUSY: another process holds these
 * keys; ERR_SIGNATURE: the passphrase is wrong; ERR_USAGE: others may read the file; ERR_INVALID:
 * not those of a node; ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT. message says why in a sentence. */
enum err keys_open(struct keys *keys, const char *path, struct span passphrase,
                   char message[KEYS_MESSAGE_BYTES]) MUST_CHECK;
/* Wipes them and lets go of the lock. */
void keys_close(struct keys *keys);

#endif
