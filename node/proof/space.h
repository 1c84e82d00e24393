/* Proof of space at onboarding: plots, the answers they give per beacon, and the register of free
 * space that shrinks when space is leased. spec: storage-proofs 3; history 2.3.
 *
 * A plot is a replica of zero data (porep.h with data = NULL) under the profile pos-sdr or pos-rd:
 * what is stored are the labels of the last layer. Its init proof is the replica's spot-check proof
 * with the profile's interactive challenge count. Its identity binds host key, verifier set and
 * beacon, so that a plot cannot be shown to others or made in advance. Afterwards each beacon asks
 * for `post_challenges` labels of one unit (space_answer).
 *
 * Leasing: the unit leaves the register and the contract's data are encoded over it (update.h).
 * Return: the graph is run again; the unit comes back with the commitment it had. */
#ifndef ORRERY_PROOF_SPACE_H
#define ORRERY_PROOF_SPACE_H

#include "node/proof/porep.h"

enum {
    SPACE_UNITS_MAX = 1 << 20,
};

/* The identity of unit `number` of a host: prover = SHA-256("xpx/space/1" | host | verifier set |
 * beacon), ticket = beacon. */
void space_identity(const struct sha256_engine *e, struct porep_identity *out,
                    const uint8_t host[32], const uint8_t verifier_set[32],
                    const uint8_t beacon[32], uint64_t number);

/* The register of one host's free units, ascending by number. The caller owns the arrays. */
struct space_unit {
    uint64_t number;
    uint8_t comm_r[32];
};

struct space_register {
    struct space_unit *units;
    size_t n_units, cap_units;
};

/* ERR_DUPLICATE if the number is there, ERR_FULL. */
MUST_CHECK enum err space_add(struct space_register *r, const struct space_unit *unit);
/* Takes a unit out for leasing; ERR_NOT_FOUND. */
MUST_CHECK enum err space_lease(struct space_register *r, struct space_unit *out, uint64_t number);
/* Puts a leased unit back; ERR_INVALID unless its commitment is the one it had. */
MUST_CHECK enum err space_return(struct space_register *r, const struct space_unit *leased,
                                 const uint8_t comm_r_again[32]);
/* Root over (le64 number | comm_r) of the free units: what the chain holds. */
MUST_CHECK enum err space_root(const struct sha256_engine *e, const struct space_register *r,
                               uint8_t root[32], struct scratch scratch);

/* Which unit a beacon asks: le64(SHA-256("xpx/spick/1" | host | beacon)) mod n_units. */
size_t space_pick(const struct sha256_engine *e, const struct space_register *r,
                  const uint8_t host[32], const uint8_t beacon[32]);

size_t space_scratch_bytes(uint32_t n_labels);

/* The answer: n_labels labels of the plot at the beacon's places, as values.h. */
MUST_CHECK enum err space_answer(const struct sha256_engine *e, uint8_t *out, size_t cap,
                                 size_t *len, const struct porep_replica *plot,
                                 const uint8_t beacon[32], uint32_t n_labels,
                                 struct scratch scratch);
MUST_CHECK enum err space_answer_verify(const struct sha256_engine *e,
                                        const struct porep_commitment *c, const uint8_t beacon[32],
                                        uint32_t n_labels, const uint8_t *answer, size_t len,
                                        struct scratch scratch);

#endif
