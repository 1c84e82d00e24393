#include "sim/world/population.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/fixed.h"
#include "node/base/invariant.h"
#include "node/chain/record.h"
#include "node/crypto/hash.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "node/wire/codec.h"
#include "sim/net/draw.h"

#define NETWORK_PORT 7900

void population_seed(uint8_t seed[32], uint64_t run_seed, const char *purpose, uint64_t entity)
{
    uint8_t tail[16];

    store64(tail, run_seed);
    store64(tail + 8, entity);
    hash256_parts(
        seed, (struct span[]){span_of(purpose, strlen(purpose)), span_of(tail, sizeof(tail))}, 2);
}

void endpoint_of_node(struct endpoint *endpoint, uint32_t node)
{
    *endpoint = (struct endpoint){.address = {0xfd}, .port = NETWORK_PORT};
    for (int i = 0; i < 4; i++) {
        endpoint->address[15 - i] = (uint8_t)(node >> (8 * i));
    }
}

uint32_t node_of_endpoint(const struct endpoint *endpoint, uint32_t count)
{
    uint32_t node = 0;
    struct endpoint back;

    for (int i = 12; i < 16; i++) {
        node = node << 8 | endpoint->address[i];
    }
    endpoint_of_node(&back, node);
    return node < count && endpoint->port == NETWORK_PORT &&
                   memcmp(back.address, endpoint->address, 16) == 0
               ? node
               : UINT32_MAX;
}

static enum err refuse(struct settings_error *error, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err refuse(struct settings_error *error, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    error->line = line;
    return ERR_INVALID;
}

/* k^-exponent in Q32 for k >= 1. */
static uint64_t zipf_q32(uint64_t k, struct ratio exponent)
{
    uint64_t log_q32 = fixed_log2(k, 32);
    uint64_t fall = (uint64_t)((u128)log_q32 * exponent.num / exponent.den);

    return fall >= (uint64_t)32 << 32 ? 0 : fixed_exp2(((uint64_t)32 << 32) - fall);
}

/* A share around 2^32 with the given deviation, never below 2^-12 of the mean: the sum of twelve
 * uniform draws less six is normal to within 0.005 of its distribution function. */
static uint64_t normal_q32(uint64_t key, uint32_t group, uint32_t index, struct ratio deviation)
{
    int64_t z_q32 = -6 * ((int64_t)1 << 32);
    for (uint64_t k = 0; k < 12; k++) {
        z_q32 += (int64_t)(draw_at(key, group, index, k) >> 32);
    }
    __extension__ typedef __int128 wide;
    wide share = ((wide)1 << 32) + (wide)z_q32 * (wide)deviation.num / (wide)deviation.den;
    return share < 1 << 20 ? 1 << 20 : (uint64_t)share;
}

static u128 stake_share(const struct scenario_group *group, uint16_t index, uint64_t i,
                        uint64_t seed)
{
    switch (group->stake_law) {
    case STAKE_ZIPF:
        return zipf_q32(i + 1, group->zipf);
    case STAKE_NORMAL:
        return normal_q32(draw_key(seed, DRAW_STAKE), index, (uint32_t)i, group->deviation);
    default:
        return 1;
    }
}

static enum err group_stakes(struct member *members, const struct scenario_group *group,
                             uint16_t index, uint64_t seed, struct settings_error *error)
{
    u128 sum = 0;

    if (group->stake_law == STAKE_LIST && group->stake_list_count != group->count) {
        return refuse(error, group->line, "group %s has %llu nodes and %llu stakes", group->name,
                      (unsigned long long)group->count,
                      (unsigned long long)group->stake_list_count);
    }
    for (uint64_t i = 0; i < group->count; i++) {
        sum += stake_share(group, index, i, seed);
    }
    for (uint64_t i = 0; i < group->count; i++) {
        u128 share = stake_share(group, index, i, seed);
        members[i].stake_tokens = group->stake_law == STAKE_LIST
                                      ? group->stake_list[i]
                                      : (uint64_t)(group->stake_total * share / sum);
        if (group->stake_law == STAKE_NORMAL && members[i].stake_tokens == 0) {
            members[i].stake_tokens = 1; /* four deviations below the mean: next to nothing */
        }
    }
    return ERR_OK;
}

static enum err group_places(struct member *members, const struct scenario_group *group,
                             const struct cities *cities, uint64_t seed,
                             struct settings_error *error)
{
    uint64_t weight[CITIES_MAX] = {0};
    uint32_t share[CITIES_REGIONS_MAX] = {0};
    bool regions = false;
    uint32_t at;

    if (cities == NULL || cities->count == 0) {
        return ERR_OK;
    }
    for (uint64_t i = 0; i < group->places_count; i++) {
        const struct scenario_place *place = &group->places[i];
        uint64_t part = (place->weight.num << 20) / place->weight.den;
        if (cities_find_region(cities, &at, place->where) == ERR_OK) {
            share[at] += (uint32_t)part;
            regions = true;
        } else if (cities_find(cities, &at, place->where) == ERR_OK) {
            weight[at] += part;
        } else {
            return refuse(error, group->line, "group %s: no region or city is called %s",
                          group->name, place->where);
        }
    }
    if (group->places_count == 0) {
        cities_weights_population(cities, weight);
    } else if (regions) {
        cities_weights_shares(cities, weight, share);
    }
    uint16_t *city = malloc(group->count * sizeof(*city) + 1);
    invariant(city != NULL);
    enum err err = cities_place(cities, city, group->count, weight, seed);
    for (uint64_t i = 0; i < group->count && err == ERR_OK; i++) {
        members[i].city = city[i];
        members[i].region = (uint16_t)cities->city[city[i]].region;
    }
    free(city);
    return err == ERR_OK
               ? ERR_OK
               : refuse(error, group->line, "group %s: its places have no weight", group->name);
}

static enum err profile_find(uint16_t *index, const struct scenario *scenario, const char *name,
                             struct settings_error *error)
{
    for (uint64_t i = 0; i < scenario->profiles_count; i++) {
        if (strcmp(scenario->profiles[i].name, name) == 0) {
            *index = (uint16_t)i;
            return ERR_OK;
        }
    }
    return refuse(error, 0, "no profile is called %s", name);
}

static int64_t uniform_both(uint64_t u, uint64_t most)
{
    return (int64_t)draw_below(u, 2 * most + 1) - (int64_t)most;
}

static enum err group_hardware(struct member *members, uint16_t index,
                               const struct scenario *scenario, struct settings_error *error)
{
    const struct scenario_group *group = &scenario->groups[index];
    uint16_t usual = 0;
    uint16_t slow = 0;

    TRY(profile_find(&usual, scenario, group->profile, error));
    if (group->slow_count > 0) {
        TRY(profile_find(&slow, scenario, group->slow_profile, error));
    }
    if (group->slow_count > group->count) {
        return refuse(error, group->line, "group %s: more slow nodes than nodes", group->name);
    }
    for (uint64_t i = 0; i < group->count; i++) {
        struct member *m = &members[i];
        uint32_t id = (uint32_t)i;
        m->profile = i + group->slow_count >= group->count ? slow : usual;
        m->clock_offset_ns =
            uniform_both(draw(scenario->seed, DRAW_CLOCK, index, id, 0), group->clock_skew_ns);
        m->clock_drift_ppb = (int32_t)uniform_both(draw(scenario->seed, DRAW_CLOCK, index, id, 1),
                                                   group->clock_drift_ppb);
        m->clock_swing_ns = (uint32_t)draw_below(draw(scenario->seed, DRAW_CLOCK, index, id, 3),
                                                 group->clock_swing_ns + 1);
        m->clock_swing_period_ns = group->clock_swing_period_ns -
                                   draw_below(draw(scenario->seed, DRAW_CLOCK, index, id, 4),
                                              group->clock_swing_period_ns / 2 + 1);
        m->join_ns = group->join_ns + draw_below(draw(scenario->seed, DRAW_CLOCK, index, id, 2),
                                                 group->join_spread_ns + 1);
        m->operator_index =
            (uint16_t)(group->operators_count == 0 ? 0 : i % group->operators_count);
    }
    return ERR_OK;
}

/* The scenario's policy, with as many links as the group's law of degrees gives this node. */
static const struct node_policy *policy_of(struct population *p, const struct member *m,
                                           const struct scenario *scenario)
{
    const struct scenario_group *group = &scenario->groups[m->group];
    uint64_t sum = 0;
    uint32_t degree = 0;

    for (uint64_t i = 0; i < group->degrees_count; i++) {
        sum += group->degrees[i];
    }
    if (sum == 0) {
        return &scenario->policy;
    }
    uint64_t at = draw_below(draw(scenario->seed, DRAW_DEGREE, m->group, m->group_index, 0), sum);
    while (at >= group->degrees[degree]) {
        at -= group->degrees[degree++];
    }
    struct node_policy *policy = &p->policies[degree + 1];
    *policy = scenario->policy;
    policy->links_out = degree + 1;
    return policy;
}

/* Keys, addresses and the peers a node knows at birth. */
static void member_configure(struct population *p, uint32_t index, const struct scenario *scenario)
{
    struct member *m = &p->members[index];
    const struct scenario_group *group = &scenario->groups[m->group];
    struct node_config *config = &m->config;
    struct sign_secret secret;

    m->has_account = group->kind == GROUP_PRODUCER || group->free_each > 0;
    m->free_tokens = group->free_each;
    config->genesis = &p->genesis;
    config->policy = policy_of(p, m, scenario);
    population_seed(config->node_seed, scenario->seed, "orrery node key", index);
    sign_keypair(&secret, config->node_seed);
    memcpy(m->node_id, secret.public_key, 32);
    if (m->has_account) {
        population_seed(config->account_seed, scenario->seed, "orrery account key", index);
        population_seed(config->vrf_seed, scenario->seed, "orrery vrf key", index);
        sign_keypair(&secret, config->account_seed);
        memcpy(m->account, secret.public_key, 32);
    }
    sign_secret_wipe(&secret);
    endpoint_of_node(&config->endpoint, index);
    config->roles = ROLE_RELAY;
    config->sync = group->sync;
    config->seeds = m->seeds;
}

static void address_books(struct population *p, uint64_t seed)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct member *m = &p->members[i];
        uint64_t key = draw_key(seed, DRAW_TOPOLOGY);
        for (uint64_t k = 0; k < ADDRESS_BOOK_PEERS && p->count > 1; k++) {
            uint32_t other = (uint32_t)draw_below(draw_at(key, i, 0, k), p->count - 1);
            other += other >= i;
            struct seed_peer *peer = &m->seeds[m->config.seed_count++];
            memcpy(peer->node_id, p->members[other].node_id, 32);
            peer->endpoint = p->members[other].config.endpoint;
        }
    }
}

static int by_account(const void *a, const void *b)
{
    return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, 32);
}

static void member_record_write(struct writer *w, const struct member *m, uint64_t run_seed,
                                uint32_t index)
{
    static const uint8_t zero[32];
    struct vrf_secret vrf;
    uint8_t onion[32];
    uint8_t endpoint[ENDPOINT_BYTES];

    vrf_keypair(&vrf, m->config.vrf_seed);
    population_seed(onion, run_seed, "orrery onion key", index);
    memcpy(endpoint, m->config.endpoint.address, 16);
    endpoint[16] = (uint8_t)(m->config.endpoint.port >> 8);
    endpoint[17] = (uint8_t)m->config.endpoint.port;
    struct node_record record = {.node_id = m->node_id,
                                 .endpoints = {.data = endpoint, .count = 1},
                                 .onion = onion,
                                 .vrf = vrf.public_key,
                                 .roles = ROLE_RELAY,
                                 .metadata = zero};
    node_record_write(w, &record);
    vrf_secret_wipe(&vrf);
}

struct genesis_lists {
    struct genesis_account *accounts;
    struct genesis_node *nodes;
    size_t account_count, node_count;
    uint8_t *records;
    size_t records_len;
};

static void genesis_lists(struct genesis_lists *lists, const struct population *p,
                          const struct params *params, uint64_t run_seed)
{
    const uint8_t **order = malloc((size_t)p->count * sizeof(*order));
    size_t n = 0;
    size_t record_bytes = 256;

    lists->accounts = calloc(p->count, sizeof(*lists->accounts));
    lists->nodes = calloc(p->count, sizeof(*lists->nodes));
    lists->records = malloc((size_t)p->count * record_bytes);
    invariant(order != NULL && lists->accounts != NULL && lists->nodes != NULL &&
              lists->records != NULL);
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->members[i].has_account) {
            order[n++] = p->members[i].account;
        }
    }
    qsort(order, n, sizeof(*order), by_account);
    for (size_t k = 0; k < n; k++) {
        const struct member *m =
            (const struct member *)(const void *)(order[k] - offsetof(struct member, account));
        struct genesis_account *account = &lists->accounts[lists->account_count++];
        memcpy(account->key, m->account, 32);
        /* The 2018 rule draws by free balance; finality always counts bonds. */
        bool by_free = params->production == PRODUCTION_SIRIUS2018;
        account->free = (m->free_tokens + (by_free ? m->stake_tokens : 0)) * 1000000;
        account->bonded = by_free && params->finality == 0 ? 0 : m->stake_tokens * 1000000;
        if (m->stake_tokens > 0) {
            struct writer w;
            uint8_t *at = lists->records + lists->records_len;
            writer_init(&w, at, record_bytes);
            member_record_write(&w, m, run_seed, (uint32_t)(m - p->members));
            struct genesis_node *node = &lists->nodes[lists->node_count++];
            memcpy(node->owner, m->account, 32);
            node->record = span_of(at, writer_len(&w));
            lists->records_len += writer_len(&w);
        }
    }
    free(order);
}

static enum err genesis_make(struct population *p, const struct scenario *scenario,
                             struct shared *shared, struct settings_error *error)
{
    struct genesis_lists lists = {0};
    struct genesis facts = {.network = scenario->network_id,
                            .ts_ms = scenario->date_ms + scenario->head_start_ns / 1000000,
                            .params = scenario->chain};
    size_t capacity = 65536 + (size_t)p->count * 512;
    size_t len = 0;

    population_seed(facts.seed, scenario->seed, "orrery genesis", 0);
    genesis_lists(&lists, p, &scenario->chain, scenario->seed);
    p->genesis_bytes = malloc(capacity);
    invariant(p->genesis_bytes != NULL);
    enum err err = genesis_encode(p->genesis_bytes, capacity, &len, &facts, lists.accounts,
                                  lists.account_count, lists.nodes, lists.node_count);
    free(lists.accounts);
    free(lists.nodes);
    free(lists.records);
    if (err == ERR_OK) {
        err = genesis_decode(&p->genesis, span_of(p->genesis_bytes, len));
    }
    if (err == ERR_OK) {
        size_t scratch_bytes = (size_t)64 << 20;
        struct arena scratch;
        void *memory = malloc(scratch_bytes);
        invariant(memory != NULL);
        arena_init(&scratch, memory, scratch_bytes);
        err = genesis_build_state(&p->genesis, &p->genesis_state, shared, &scratch);
        free(memory);
    }
    return err == ERR_OK ? ERR_OK : refuse(error, 0, "genesis: %s", err_text(err));
}

enum err population_make(struct population *p, const struct scenario *scenario,
                         const struct cities *cities, struct shared *shared,
                         struct settings_error *error)
{
    uint32_t first = 0;

    memset(p, 0, sizeof(*p));
    snprintf(error->file, sizeof(error->file), "%s", scenario->file);
    p->count = (uint32_t)scenario_node_count(scenario);
    p->members = calloc((size_t)p->count + 1, sizeof(*p->members));
    p->group_first = calloc(scenario->groups_count + 1, sizeof(*p->group_first));
    if (p->members == NULL || p->group_first == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint16_t g = 0; g < scenario->groups_count; g++) {
        const struct scenario_group *group = &scenario->groups[g];
        struct member *members = p->members + first;
        uint64_t place_seed = draw(scenario->seed, DRAW_PLACE, g, 0, 0);
        p->group_first[g] = first;
        for (uint32_t i = 0; i < group->count; i++) {
            members[i].group = g;
            members[i].group_index = i;
        }
        if (group->kind == GROUP_PRODUCER) {
            TRY(group_stakes(members, group, g, scenario->seed, error));
        }
        TRY(group_places(members, group, cities, place_seed, error));
        TRY(group_hardware(members, g, scenario, error));
        first += (uint32_t)group->count;
    }
    p->group_first[scenario->groups_count] = first;
    for (uint32_t i = 0; i < p->count; i++) {
        member_configure(p, i, scenario);
    }
    address_books(p, scenario->seed);
    return genesis_make(p, scenario, shared, error);
}

void population_free(struct population *p, struct shared *shared)
{
    blob_drop(shared, p->genesis_state);
    free(p->genesis_bytes);
    free(p->members);
    free(p->group_first);
}
