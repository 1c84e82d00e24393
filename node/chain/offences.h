/* Evidence found here that waits to be submitted: two signed objects of one key that convict it
 * (docs/wire.md 4; spec: chain 1.5, decision 15). Each offence is handed out once: one of a kind
 * for a key and an instance (S1, S2) or height (H). */
#ifndef ORRERY_CHAIN_OFFENCES_H
#define ORRERY_CHAIN_OFFENCES_H

#include "node/chain/block.h"
#include "node/chain/certificate.h"
#include "node/seam/ctx.h"
#include "node/seam/limits.h"

enum {
    OFFENCES_SEEN = 256, /* remembered, so that none is handed out twice */
    OFFENCE_BYTES_MAX = 1 + 2 * (2 + HEADER_BYTES),
};

struct offence {
    uint16_t len;
    uint8_t body[OFFENCE_BYTES_MAX];
};

struct offences {
    uint32_t first, count;
    uint32_t seen_at;
    uint64_t seen[OFFENCES_SEEN]; /* a digest of offender, kind and time */
    struct offence list[OFFENCES_MAX];
};

/* Two votes of the voter with this key; signatures were checked. */
void offences_add_votes(struct offences *offences, struct ctx *c, enum evidence_kind kind,
                        const uint8_t key[32], const struct vote *a, const struct vote *b);
/* Two headers of one signer and height, signatures checked. */
void offences_add_headers(struct offences *offences, struct ctx *c, const uint8_t a[HEADER_BYTES],
                          const uint8_t b[HEADER_BYTES]);
/* Two valid decisions of one instance with different values: everybody they convict. */
void offences_add_decisions(struct offences *offences, struct ctx *c,
                            const struct committee *committee, struct span a, struct span b);

/* The oldest evidence body, valid until the next call; false: none. */
bool offences_next(struct offences *offences, struct span *body);

#endif
