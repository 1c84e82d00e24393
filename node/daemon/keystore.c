#include "node/daemon/keystore.h"

#include "node/crypto/hash.h"
#include "node/crypto/secret.h"

static const uint8_t magic[8] = {'X', 'P', 'X', 'K', 'E', 'Y', 'S', '1'};

enum { AT_SEALED = 8, AT_PASSES = 9, AT_MEMORY = 13, AT_SALT = 17, AT_NONCE = 33, AT_LEN = 57 };
_Static_assert(AT_LEN + 4 == KEYSTORE_HEAD_BYTES, "head of a keystore");

const struct seal_cost keystore_cost = {.passes = 3, .memory_kib = 65536};

struct keystore_entry *keystore_find(struct keystore *keystore, enum keystore_kind kind,
                                     const char *name)
{
    for (size_t i = 0; i < keystore->count; i++) {
        struct keystore_entry *entry = &keystore->entries[i];
        if (entry->kind == kind && (name == NULL || strcmp(entry->name, name) == 0)) {
            return entry;
        }
    }
    return NULL;
}

static bool name_good(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return len <= KEYSTORE_NAME_BYTES;
}

enum err keystore_add(struct keystore *keystore, enum keystore_kind kind, const char *name,
                      const uint8_t seed[32])
{
    if (!name_good(name, strlen(name))) {
        return ERR_SYNTAX;
    }
    if (keystore_find(keystore, kind, name) != NULL) {
        return ERR_DUPLICATE;
    }
    if (keystore->count == KEYSTORE_ENTRIES_MAX) {
        return ERR_FULL;
    }
    struct keystore_entry *entry = &keystore->entries[keystore->count++];
    entry->kind = kind;
    memset(entry->name, 0, sizeof(entry->name));
    memcpy(entry->name, name, strlen(name));
    memcpy(entry->seed, seed, 32);
    return ERR_OK;
}

void keystore_wipe(struct keystore *keystore)
{
    secret_wipe(keystore, sizeof(*keystore));
}

bool keystore_sealed(struct span bytes)
{
    return bytes.len > KEYSTORE_HEAD_BYTES && bytes.data[AT_SEALED] == 1;
}

static enum err entries_decode(struct keystore *keystore, const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;

    while (at < end) {
        char name[KEYSTORE_NAME_BYTES + 1] = "";
        if (end - at < 2 || at[0] < KEYSTORE_NODE || at[0] > KEYSTORE_ACCOUNT ||
            at[1] > KEYSTORE_NAME_BYTES || (size_t)(end - at) < 2u + at[1] + 32u) {
            return ERR_CORRUPT;
        }
        memcpy(name, at + 2, at[1]);
        if (strlen(name) != at[1] ||
            keystore_add(keystore, (enum keystore_kind)at[0], name, at + 2 + at[1]) != ERR_OK) {
            return ERR_CORRUPT;
        }
        at += 2 + at[1] + 32;
    }
    return ERR_OK;
}

static enum err plain_check(struct span bytes)
{
    static const uint8_t zeros[AT_LEN - AT_PASSES];
    uint8_t hash[HASH_BYTES];

    hash256(hash, bytes.data, bytes.len - SEAL_TAG_BYTES);
    return memcmp(hash, bytes.data + bytes.len - SEAL_TAG_BYTES, SEAL_TAG_BYTES) == 0 &&
                   memcmp(bytes.data + AT_PASSES, zeros, sizeof(zeros)) == 0
               ? ERR_OK
               : ERR_CORRUPT;
}

enum err keystore_decode(struct keystore *keystore, struct span bytes, struct span passphrase)
{
    uint8_t body[KEYSTORE_BYTES_MAX];
    uint8_t key[SEAL_KEY_BYTES];

    keystore->count = 0;
    if (bytes.len < KEYSTORE_HEAD_BYTES + SEAL_TAG_BYTES || bytes.len > KEYSTORE_BYTES_MAX ||
        memcmp(bytes.data, magic, sizeof(magic) - 1) != 0) {
        return ERR_CORRUPT;
    }
    if (bytes.data[7] != magic[7]) {
        return ERR_VERSION;
    }
    size_t len = bytes.len - KEYSTORE_HEAD_BYTES;
    if (bytes.data[AT_SEALED] > 1 || load32(bytes.data + AT_LEN) != len) {
        return ERR_CORRUPT;
    }
    if (bytes.data[AT_SEALED] == 0) {
        TRY(plain_check(bytes));
        return entries_decode(keystore, bytes.data + KEYSTORE_HEAD_BYTES, len - SEAL_TAG_BYTES);
    }
    if (passphrase.len == 0) {
        return ERR_USAGE;
    }
    struct seal_cost cost = {load32(bytes.data + AT_PASSES), load32(bytes.data + AT_MEMORY)};
    TRY(seal_key(key, passphrase, bytes.data + AT_SALT, cost));
    enum err err = seal_open(body, bytes.data + KEYSTORE_HEAD_BYTES, len,
                             span_of(bytes.data, KEYSTORE_HEAD_BYTES), bytes.data + AT_NONCE, key);
    if (err == ERR_OK) {
        err = entries_decode(keystore, body, len - SEAL_TAG_BYTES);
    }
    secret_wipe(key, sizeof(key));
    secret_wipe(body, sizeof(body));
    return err;
}

enum err keystore_encode(uint8_t *out, size_t *len, const struct keystore *keystore,
                         struct span passphrase, struct seal_cost cost)
{
    uint8_t body[KEYSTORE_ENTRIES_MAX * KEYSTORE_ENTRY_BYTES_MAX];
    uint8_t key[SEAL_KEY_BYTES];
    size_t body_len = 0;
    enum err err = ERR_OK;

    for (size_t i = 0; i < keystore->count; i++) {
        const struct keystore_entry *entry = &keystore->entries[i];
        size_t name_len = strlen(entry->name);
        body[body_len] = (uint8_t)entry->kind;
        body[body_len + 1] = (uint8_t)name_len;
        memcpy(body + body_len + 2, entry->name, name_len);
        memcpy(body + body_len + 2 + name_len, entry->seed, 32);
        body_len += 2 + name_len + 32;
    }
    memset(out, 0, KEYSTORE_HEAD_BYTES);
    memcpy(out, magic, sizeof(magic));
    store32(out + AT_LEN, (uint32_t)(body_len + SEAL_TAG_BYTES));
    *len = KEYSTORE_HEAD_BYTES + body_len + SEAL_TAG_BYTES;
    if (passphrase.len == 0) {
        uint8_t hash[HASH_BYTES];
        memcpy(out + KEYSTORE_HEAD_BYTES, body, body_len);
        hash256(hash, out, *len - SEAL_TAG_BYTES);
        memcpy(out + *len - SEAL_TAG_BYTES, hash, SEAL_TAG_BYTES);
    } else {
        out[AT_SEALED] = 1;
        store32(out + AT_PASSES, cost.passes);
        store32(out + AT_MEMORY, cost.memory_kib);
        err = keystore_random(out + AT_SALT, SEAL_SALT_BYTES + SEAL_NONCE_BYTES);
        if (err == ERR_OK) {
            err = seal_key(key, passphrase, out + AT_SALT, cost);
        }
        if (err == ERR_OK) {
            seal_close(out + KEYSTORE_HEAD_BYTES, body, body_len, span_of(out, KEYSTORE_HEAD_BYTES),
                       out + AT_NONCE, key);
        }
        secret_wipe(key, sizeof(key));
    }
    secret_wipe(body, sizeof(body));
    return err;
}
