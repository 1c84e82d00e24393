/* A Feistel network: round function BLAKE2b-512 of (right, key), its first eight bytes. The
 * expander has three rounds (spec: storage-proofs 2.1), challenges of pdp.h four. A graph needs 24
 * and more of these hashes a node, so eight inputs go through side by side where the processor can.
 */
#ifndef ORRERY_PROOF_FEISTEL_H
#define ORRERY_PROOF_FEISTEL_H

#include <stddef.h>
#include <stdint.h>

/* Sends each of index[0..n) once through the network on 2 * half_bits bits, one round per key. */
void feistel_permute(const uint64_t *keys, unsigned rounds, unsigned half_bits, uint64_t *index,
                     size_t n);

#endif
