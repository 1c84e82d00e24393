/* What a handler receives inside one step: time, randomness, scratch, and the calls that append
 * effects. Nothing happens until the step returns. */
#ifndef ORRERY_SEAM_CTX_H
#define ORRERY_SEAM_CTX_H

#include "node/base/rng.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "node/seam/seam.h"

struct ctx {
    uint64_t mono_ns;
    uint64_t wall_ms;
    struct effects *out;
    struct arena *scratch; /* until the step returns */
    struct rng *rng;       /* the node's own */
    struct shared *shared;
    const struct node_config *config;
    uint32_t *next_request; /* numbers CONNECT, READ and WRITE; never 0 */
};

/* Sends a frame on a link; keeps the caller's reference untouched. */
void ctx_send(struct ctx *c, uint32_t link, const struct blob *frame);

/* The same for a frame that stands for more bytes than it has (an experiment whose blocks have a
 * size and no content). */
void ctx_send_declared(struct ctx *c, uint32_t link, const struct blob *frame,
                       uint32_t declared_bytes);

/* Sends encoded bytes on every link of the mask (bit i = link i), as one blob. */
void ctx_send_bytes(struct ctx *c, uint64_t link_mask, struct span frame);

void ctx_datagram(struct ctx *c, const struct endpoint *to, struct span frame);

/* Opens a link; LINK_UP or LINK_DOWN(link = LINK_NONE) will carry the returned request. */
uint32_t ctx_connect(struct ctx *c, const struct endpoint *to, const uint8_t peer[32]);
void ctx_close(struct ctx *c, uint32_t link);

/* Asks for up to limit records whose keys begin with prefix, from key `from` (or the start);
 * READ_DONE carries the request. */
uint32_t ctx_read(struct ctx *c, struct span prefix, struct span from, uint32_t limit,
                  bool backwards);

/* A batch: begin, any number of put / delete, then commit. commit returns the request whose
 * WRITE_DONE says the batch is durable; commit_quiet is answered, with request 0, only when it
 * failed. Batches become durable in the order of their commits. */
#define WRITE_OPS_MAX 512
struct write_batch {
    struct record_op *ops;
    size_t count;
};
void ctx_write_begin(struct ctx *c, struct write_batch *batch);
void ctx_write_put(struct ctx *c, struct write_batch *batch, struct span key, struct span value);
void ctx_write_put_blob(struct ctx *c, struct write_batch *batch, struct span key,
                        const struct blob *value);
void ctx_write_delete(struct ctx *c, struct write_batch *batch, struct span key);
uint32_t ctx_write_commit(struct ctx *c, struct write_batch *batch);
void ctx_write_commit_quiet(struct ctx *c, struct write_batch *batch);

void ctx_reply(struct ctx *c, uint64_t request, enum err err, struct span data);

/* Values in the order of trace.def's columns; missing ones are 0. ctx_trace(c, TRACE_tip_changed,
 * height, id, ...). */
void ctx_trace_values(struct ctx *c, enum trace_kind kind, size_t count, const uint64_t *values);
#define ctx_trace(c, kind, ...)                                                                    \
    ctx_trace_values(c, kind, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                \
                     (uint64_t[]){__VA_ARGS__})

/* Signs and charges the work. The same key signs the same message with the same bytes, so a
 * signature that this host made before is found again (a transcript that is fed twice, a shared
 * store); and whoever shares the host's memo need not check it. */
void ctx_sign(struct ctx *c, uint8_t signature[SIGN_BYTES], const struct sign_secret *secret,
              const struct sign_message *message);

/* sign_verify, unless ctx_sign made the signature on this host. The caller charges COST_VERIFY. */
MUST_CHECK enum err ctx_sign_verify(struct shared *shared, const uint8_t signature[SIGN_BYTES],
                                    const uint8_t public_key[SIGN_PUBLIC_BYTES],
                                    const struct sign_message *message);

/* vrf_prove and vrf_verify, which remember in the same way. Prove charges COST_VRF_PROVE, the
 * caller of verify COST_VRF_VERIFY. */
MUST_CHECK enum err ctx_vrf_prove(struct ctx *c, uint8_t proof[VRF_PROOF_BYTES],
                                  const struct vrf_secret *secret, struct span alpha);
MUST_CHECK enum err ctx_vrf_verify(struct shared *shared, uint8_t beta[VRF_BETA_BYTES],
                                   const uint8_t public_key[VRF_PUBLIC_BYTES],
                                   const uint8_t proof[VRF_PROOF_BYTES], struct span alpha);

static inline void ctx_charge(struct ctx *c, enum cost cost, uint64_t count)
{
    c->out->charge[cost] += count;
}

#endif
