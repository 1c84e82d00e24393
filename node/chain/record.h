/* The node record: who a node is, where it listens, what it does (docs/wire.md 4). */
#ifndef ORRERY_CHAIN_RECORD_H
#define ORRERY_CHAIN_RECORD_H

#include "node/wire/codec.h"

#define RECORD_ENDPOINTS_MAX 4
#define RECORD_BYTES_MAX (32 + 1 + RECORD_ENDPOINTS_MAX * ENDPOINT_BYTES + 32 + 32 + 4 + 32)

enum role {
    ROLE_RELAY = 1 << 0,
    ROLE_STORAGE = 1 << 1,
    ROLE_STREAMING = 1 << 2,
    ROLE_EXECUTOR = 1 << 3,
    ROLE_VERIFIER = 1 << 4,
    ROLES_KNOWN = (1 << 5) - 1
};

/* A decoded record; pointers point into the encoding. */
struct node_record {
    struct span bytes; /* the whole encoding */
    const uint8_t *node_id;
    struct list endpoints; /* 1..4 of ENDPOINT_BYTES */
    const uint8_t *onion;
    const uint8_t *vrf;
    uint32_t roles;
    const uint8_t *metadata;
};

/* Reads a record that stands inside something larger. Errors stick to r: also ERR_RANGE for no
 * endpoint or an unknown role. */
void node_record_read(struct node_record *record, struct reader *r);

/* A record alone. */
enum err node_record_decode(struct node_record *record, struct span bytes) MUST_CHECK;

/* Writes the fields; bytes is not looked at. */
void node_record_write(struct writer *w, const struct node_record *record);

#endif
