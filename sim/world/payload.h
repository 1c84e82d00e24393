/* What an engine event carries: 64 bits, no allocation. Low 4 bits: the kind. */
#ifndef ORRERY_WORLD_PAYLOAD_H
#define ORRERY_WORLD_PAYLOAD_H

#include "node/base/blob.h"
#include "node/base/invariant.h"

enum payload_kind {
    PAYLOAD_FRAME,      /* blob | link 6 | generation 10: has crossed the network */
    PAYLOAD_FRAME_IN,   /* the same, through the download queue */
    PAYLOAD_DATAGRAM,   /* blob */
    PAYLOAD_DIAL,       /* dialer's link 6 | generation 10 */
    PAYLOAD_ACCEPT,     /* dialer's link 6 | generation 10 | acceptor's link 6 | generation 10 */
    PAYLOAD_PROOF,      /* acceptor's link 6 | generation 10: the dialer's first frame comes */
    PAYLOAD_REFUSE,     /* dialer's link 6 | generation 10 | why 4 */
    PAYLOAD_END,        /* receiver's link 6 | generation 10 | why 4 */
    PAYLOAD_NO_WIRE,    /* request 32 | life 16: a CONNECT that found no way */
    PAYLOAD_WRITE_DONE, /* request 32 | err 8 | life 16 */
    PAYLOAD_READ_DONE,  /* life 16: the first pending read */
    PAYLOAD_POWER,      /* what 4, argument: start, stop, crash, wipe */
    PAYLOAD_LOAD,       /* index of the load */
    PAYLOAD_PROCESSOR,  /* life: the processor is free for the first waiting event */
    PAYLOAD_CLOCK       /* index of a timeline entry: a clock step */
};

#define GENERATION_MASK 0x3ffu

static inline enum payload_kind payload_kind(uint64_t payload)
{
    return (enum payload_kind)(payload & 15);
}

/* Blobs are aligned to 16 and lie below 2^48. */
static inline uint64_t payload_frame(const struct blob *blob, uint32_t link, uint32_t generation)
{
    uint64_t p = (uint64_t)(uintptr_t)blob;
    invariant((p & 15) == 0 && p >> 48 == 0);
    return p >> 4 << 20 | (uint64_t)(generation & GENERATION_MASK) << 10 | (uint64_t)link << 4 |
           PAYLOAD_FRAME;
}

static inline const struct blob *payload_blob(uint64_t payload)
{
    return (const struct blob *)(uintptr_t)(payload >> 20 << 4);
}

static inline uint32_t payload_link(uint64_t payload)
{
    return (uint32_t)(payload >> 4) & 63;
}

static inline uint32_t payload_generation(uint64_t payload)
{
    return (uint32_t)(payload >> 10) & GENERATION_MASK;
}

static inline uint32_t payload_argument(uint64_t payload)
{
    return (uint32_t)(payload >> 20);
}

static inline uint64_t payload_link_make(enum payload_kind kind, uint32_t link, uint32_t generation,
                                         uint32_t argument)
{
    return (uint64_t)argument << 20 | (uint64_t)(generation & GENERATION_MASK) << 10 |
           (uint64_t)link << 4 | (uint64_t)kind;
}

static inline uint64_t payload_make(enum payload_kind kind, uint64_t argument)
{
    return argument << 4 | (uint64_t)kind;
}

#endif
