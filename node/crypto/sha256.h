/* SHA-256 (FIPS 180-4) at the speed of the machine: one stream, four streams interleaved, sixteen
 * streams side by side (spec: storage-proofs 8). Labels of a replica are a chain and want one fast
 * stream; replicas in lockstep and trees are independent messages and want many.
 *
 * An engine is a constant table of kernels. The host asks sha256_engine_best() once (it executes
 * CPUID, which traps in a virtual machine) and hands the pointer to whoever hashes. Every engine
 * gives the same bytes. */
#ifndef ORRERY_CRYPTO_SHA256_H
#define ORRERY_CRYPTO_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHA256_BYTES = 32,
    SHA256_BLOCK_BYTES = 64,
    SHA256_WIDE = 16, /* streams of the widest kernel */
};

struct sha256_engine {
    const char *name;
    /* Compresses n_blocks blocks of 64 bytes into state. */
    void (*blocks)(uint32_t state[8], const uint8_t *data, size_t n_blocks);
    /* The same for 4 and 16 independent states; data[i] has n_blocks blocks for state i. */
    void (*blocks4)(uint32_t states[4][8], const uint8_t *const data[4], size_t n_blocks);
    void (*blocks16)(uint32_t states[16][8], const uint8_t *const data[16], size_t n_blocks);
};

/* The fastest engine this processor can run; never NULL. */
const struct sha256_engine *sha256_engine_best(void);

/* Engines this processor can run, slowest first: the index counts from 0, NULL ends the list. The
 * first is libsodium's portable code. */
const struct sha256_engine *sha256_engine_at(unsigned index);

void sha256_state_init(uint32_t state[8]);
/* The digest of a state: eight big-endian words. */
void sha256_state_store(uint8_t out[32], const uint32_t state[8]);

/* A message in pieces. */
struct sha256 {
    uint32_t state[8];
    uint64_t total; /* bytes so far */
    uint8_t buf[64];
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const struct sha256_engine *e, const void *data, size_t len);
void sha256_final(struct sha256 *h, const struct sha256_engine *e, uint8_t out[32]);
void sha256_once(const struct sha256_engine *e, uint8_t out[32], const void *data, size_t len);

/* Rows: message i is `prefix` (one byte, none if negative), then parts[0][i * part_bytes ..], then
 * parts[1][i * part_bytes ..], and so on; all messages have one length. A Merkle leaf, a Merkle
 * node (prefix 1, one part of 64 bytes) and a replica's column (one part per layer) are rows. */
struct sha256_rows {
    int prefix;
    size_t n_parts;
    size_t part_bytes;
    const uint8_t *const *parts;
};

/* out[32 * i] = SHA-256(row first + i) for i < n, with as many streams as pay. */
void sha256_rows_hash(const struct sha256_engine *e, uint8_t *out, const struct sha256_rows *rows,
                      uint64_t first, size_t n);

/* Compressions needed for a message of len bytes. */
static inline uint64_t sha256_compressions(uint64_t len)
{
    return (len + 8) / 64 + 1;
}

#endif
