/* Genesis of a wire network: accounts with equal stakes for its first nodes, each registered. Link
 * `host`. */
#ifndef ORRERY_TESTS_SUPPORT_WIRE_GENESIS_H
#define ORRERY_TESTS_SUPPORT_WIRE_GENESIS_H

#include "node/chain/genesis.h"
#include "tests/support/wire.h"

enum { WIRE_GENESIS_BYTES = 65536 };

/* facts: network, time and parameters. The first `accounts` nodes get seeds for their account and
 * their VRF. genesis points into bytes; *state has one reference. */
void wire_genesis(struct wire *wire, struct genesis *genesis, const struct blob **state,
                  uint8_t bytes[WIRE_GENESIS_BYTES], struct genesis *facts, uint32_t accounts);

#endif
