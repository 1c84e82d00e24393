/* From a scenario to the virtual machines: keys, stakes, places, hardware, address books, genesis.
 * Everything is a pure function of the scenario and its seed. */
#ifndef ORRERY_WORLD_POPULATION_H
#define ORRERY_WORLD_POPULATION_H

#include "node/chain/genesis.h"
#include "sim/net/cities.h"
#include "sim/scenario/scenario.h"

#define ADDRESS_BOOK_PEERS 16 /* peers a new node knows, as a DNS seed would tell it */

struct member {
    struct node_config config;
    struct seed_peer seeds[ADDRESS_BOOK_PEERS];
    uint8_t node_id[32];
    uint8_t account[32];
    bool has_account;
    bool byzantine; /* a line of `adversaries:` names it */
    uint64_t stake_tokens, free_tokens;
    uint16_t group, city, region, profile, operator_index;
    uint32_t group_index;
    uint64_t join_ns;
    int64_t clock_offset_ns;
    int32_t clock_drift_ppb;
    uint32_t clock_swing_ns;
    uint64_t clock_swing_period_ns;
};

struct population {
    struct member *members;
    uint32_t count;
    uint32_t *group_first; /* [groups + 1] */
    struct genesis genesis;
    uint8_t *genesis_bytes;
    const struct blob *genesis_state; /* one reference */
    uint16_t operator_count;
    struct node_policy policies[LINKS_MAX + 1]; /* [k]: the scenario's with links_out = k */
};

/* ERR_INVALID with error filled: no producers, an unknown city or profile, stake beyond 2^36
 * tokens. */
enum err population_make(struct population *population, const struct scenario *scenario,
                         const struct cities *cities, struct shared *shared,
                         struct settings_error *error) MUST_CHECK;
void population_free(struct population *population, struct shared *shared);

/* The simulator's address of a node: fd00::index, port 7900; and back. UINT32_MAX: no node's
 * address. */
void endpoint_of_node(struct endpoint *endpoint, uint32_t node);
uint32_t node_of_endpoint(const struct endpoint *endpoint, uint32_t count);

/* A seed of 32 bytes for (run seed, purpose, entity). */
void population_seed(uint8_t seed[32], uint64_t run_seed, const char *purpose, uint64_t entity);

#endif
