/* What a person or the node itself asks of the chain: bodies become signed transactions of the
 * node's own account. */
#ifndef ORRERY_CORE_SUBMIT_H
#define ORRERY_CORE_SUBMIT_H

#include "node/chain/chain.h"
#include "node/crypto/sign.h"
#include "node/seam/config.h"

#define SUBMIT_EXPIRY_BLOCKS 240 /* how long a transaction made here stays valid */

struct submit {
    bool has_account;
    struct sign_secret secret;
    /* Nonces that own evidence took: bit i stands for proofs_from + i. */
    uint64_t proofs_from, proofs;
    uint64_t tip; /* at which submit_gap looked last */
};

void submit_init(struct submit *submit, const struct node_config *config);

/* The transaction that a submit event asks for, with one reference for the caller. ERR_TRUNCATED,
 * ERR_RANGE: the data; ERR_NOT_FOUND: the node has no account to sign a body with. A ready
 * transaction is passed on unread: the pool checks it. */
enum err submit_tx(const struct submit *submit, struct ctx *c, struct chain *chain,
                   const struct blob **tx, const struct event *event) MUST_CHECK;

/* A transaction of the node itself with this type and body (evidence, attendance), which no block
 * above the height `expiry` takes, or NULL when the node has no account. One reference for the
 * caller. */
const struct blob *submit_own(struct submit *submit, struct ctx *c, struct chain *chain,
                              uint16_t type, struct span body, uint64_t expiry);

/* Evidence of this account that another proof has overtaken leaves its nonce open, and what the
 * account sent after it would wait until somebody takes it. When such is pooled: a transfer of
 * nothing to itself with that nonce, once for each tip; NULL: nothing waits. One reference for the
 * caller. */
const struct blob *submit_gap(struct submit *submit, struct ctx *c, struct chain *chain);

#endif
