/* Results of pure functions, shared by every node on a host: ten thousand nodes check one signature
 * once. The key is a 128-bit digest of *all* inputs of the function; the value is at most
 * MEMO_VALUE_BYTES. The host may forget any entry at any time (and forgets everything when the memo
 * is off), so a result never depends on it: on and off give the same digest. A caller charges the
 * work (ctx_charge) whether or not the memo answers. */
#ifndef ORRERY_BASE_MEMO_H
#define ORRERY_BASE_MEMO_H

#include "node/base/blob.h"

#define MEMO_VALUE_BYTES 80 /* a VRF proof */

enum memo_kind {
    MEMO_BLOCK_ID, /* frame blob -> block id and decode verdict */
    MEMO_TX_ID,    /* transaction blob -> id, decode and signature verdict */
    MEMO_HEADER,   /* header and parent facts -> signature and VRF verdict, beta */
    MEMO_BETA,     /* vrf public key, alpha -> beta */
    MEMO_PROVE,    /* the same -> proof */
    MEMO_EXECUTE,  /* parent state root, block id -> err, state root */
    MEMO_VOTE,     /* vote bytes, voter key -> verdict */
    MEMO_PROPOSAL, /* proposal bytes, proposer key -> verdict */
    MEMO_DECISION, /* decision bytes, committee -> verdict */
    MEMO_PROOF,    /* storage proofs */
    MEMO_SIGN,     /* key and message -> signature */
    MEMO_VERIFY,   /* signature made here, key and message -> it is good */
    MEMO_VRF,      /* VRF public key, alpha and proof made here -> beta */
    MEMO_OTHER,
    MEMO_KINDS
};

struct memo_key {
    uint64_t id[2];
};

/* True and the value copied when the result is known. len must be the length that was put. */
bool memo_get(struct shared *shared, enum memo_kind kind, struct memo_key key, void *value,
              size_t len);
void memo_put(struct shared *shared, enum memo_kind kind, struct memo_key key, const void *value,
              size_t len);

/* A key from bytes: their SipHash-2-4-128 under a key that only this host knows (equal to blob.id
 * of a plain blob with these bytes). For results, never for consensus. */
struct memo_key memo_key_bytes(struct shared *shared, const void *data, size_t len);

#endif
