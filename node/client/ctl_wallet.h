/* Accounts of a person: one file each in a folder, sealed with a passphrase. */
#ifndef ORRERY_CLIENT_CTL_WALLET_H
#define ORRERY_CLIENT_CTL_WALLET_H

#include "node/client/ctl.h"
#include "node/crypto/sign.h"

struct keystore;

/* The public key of a wallet by its name; false when there is none. Needs no passphrase. */
bool ctl_wallet_key(uint8_t key[32], const char *name);
/* The key pair; asks for the passphrase (--passphrase-file, ORRERY_PASSPHRASE_FILE, or the
 * terminal). Says on stderr what is wrong. */
bool ctl_wallet_open(struct sign_secret *secret, const char *name, const char *passphrase_file);
/* Any keystore, the same way. The caller wipes it. */
bool ctl_keystore_open(struct keystore *keystore, const char *path, const char *passphrase_file);

#endif
