/* Keystore files: the secret seeds of a node or of a wallet.
 *
 *   magic "XPXKEYS1" | sealed u8 | passes u32 | memory_kib u32 | salt 16 | nonce 24 | len u32 |
 * body
 *
 * sealed 1: the body is XChaCha20-Poly1305 of the entries under the Argon2id key of the passphrase,
 * everything before it is authenticated too. sealed 0: the entries, then the first 16 bytes of
 * H(all before); passes, memory, salt and nonce are zero. An entry: kind u8 | name_len u8 | name |
 * seed 32. Integers are little endian. */
#ifndef ORRERY_DAEMON_KEYSTORE_H
#define ORRERY_DAEMON_KEYSTORE_H

#include "node/crypto/seal.h"

#define KEYSTORE_NAME_BYTES 32
#define KEYSTORE_ENTRIES_MAX 256
#define KEYSTORE_HEAD_BYTES (8 + 1 + 4 + 4 + SEAL_SALT_BYTES + SEAL_NONCE_BYTES + 4)
#define KEYSTORE_ENTRY_BYTES_MAX (2 + KEYSTORE_NAME_BYTES + 32)
#define KEYSTORE_BYTES_MAX                                                                         \
    (KEYSTORE_HEAD_BYTES + KEYSTORE_ENTRIES_MAX * KEYSTORE_ENTRY_BYTES_MAX + SEAL_TAG_BYTES)
#define KEYSTORE_MESSAGE_BYTES 512

enum keystore_kind { KEYSTORE_NODE = 1, KEYSTORE_VRF, KEYSTORE_TRANSPORT, KEYSTORE_ACCOUNT };

struct keystore_entry {
    enum keystore_kind kind;
    char name[KEYSTORE_NAME_BYTES + 1]; /* printable ASCII without blanks; may be empty */
    uint8_t seed[32];
};

struct keystore {
    size_t count;
    struct keystore_entry entries[KEYSTORE_ENTRIES_MAX];
};

/* 64 MiB, 3 passes: a quarter of a second. */
extern const struct seal_cost keystore_cost;

/* The entry of a kind (and name, unless NULL), or NULL. */
struct keystore_entry *keystore_find(struct keystore *keystore, enum keystore_kind kind,
                                     const char *name);
/* ERR_FULL; ERR_DUPLICATE: kind and name are there; ERR_SYNTAX: not a name. */
enum err keystore_add(struct keystore *keystore, enum keystore_kind kind, const char *name,
                      const uint8_t seed[32]) MUST_CHECK;
void keystore_wipe(struct keystore *keystore);

/* Whether the bytes say that a passphrase opens them. */
bool keystore_sealed(struct span bytes);
/* ERR_SIGNATURE: the passphrase is wrong or the file was changed; ERR_CORRUPT, ERR_VERSION,
 * ERR_RANGE (cost), ERR_NO_MEMORY; ERR_USAGE: a passphrase is needed. */
enum err keystore_decode(struct keystore *keystore, struct span bytes,
                         struct span passphrase) MUST_CHECK;
/* An empty passphrase: not sealed. out takes KEYSTORE_BYTES_MAX. ERR_IO: no randomness. */
enum err keystore_encode(uint8_t *out, size_t *len, const struct keystore *keystore,
                         struct span passphrase, struct seal_cost cost) MUST_CHECK;

/* Reads an open file; message says why not, in a sentence. ERR_USAGE also when others than its
 * owner may read it. */
enum err keystore_read(struct keystore *keystore, int file, const char *path,
                       struct span passphrase, char message[KEYSTORE_MESSAGE_BYTES]) MUST_CHECK;
/* Opens, reads, closes. */
enum err keystore_load(struct keystore *keystore, const char *path, struct span passphrase,
                       char message[KEYSTORE_MESSAGE_BYTES]) MUST_CHECK;
/* Readable by its owner alone; the old file stays until the new one is whole and on the disk.
 * replace false: ERR_DUPLICATE when there is one. */
enum err keystore_save(const struct keystore *keystore, const char *path, struct span passphrase,
                       bool replace, char message[KEYSTORE_MESSAGE_BYTES]) MUST_CHECK;

/* Fresh seeds of a node: node, vrf, transport and, if asked for, account. */
enum err keystore_make_node(struct keystore *keystore, bool account) MUST_CHECK;
enum err keystore_random(uint8_t *out, size_t len) MUST_CHECK;

#endif
