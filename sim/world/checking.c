/* What the world tells the checks: who is who, what left the machines, which blocks are there. */
#include <stdlib.h>

#include "node/chain/chain_private.h"
#include "node/chain/execute.h"
#include "node/chain/relay_private.h"
#include "node/core/view.h"
#include "sim/world/internal.h"

#define VISITED_NODES_MAX 64
#define VISIT_NS UINT64_C(5000000000)
#define OVERDUE_NS UINT64_C(60000000000) /* a machine may be asleep, and batches are lazy */

bool world_forgetful(const struct world *w, uint32_t index)
{
    for (uint32_t i = 0; i < w->timeline.count; i++) {
        const struct fault *f = &w->timeline.fault[i];
        if ((f->kind == FAULT_WIPE || f->kind == FAULT_CORRUPT_DISK) &&
            fault_set_has(&w->timeline.set[f->a], index)) {
            return true;
        }
    }
    return w->scenario->groups[w->hosts[index].group].churn_wipe;
}

void world_checks_build(struct world *w)
{
    static const uint8_t none[32];
    uint64_t *stake = calloc(w->count, sizeof(*stake));
    uint64_t *byzantine = calloc(w->count, sizeof(*byzantine));
    bool *forget = calloc(w->count, sizeof(*forget));
    uint8_t(*accounts)[32] = calloc(w->count, sizeof(*accounts));

    invariant(stake != NULL && byzantine != NULL && forget != NULL && accounts != NULL);
    for (uint32_t i = 0; i < w->count; i++) {
        const struct member *m = &w->population.members[i];
        stake[i] = m->stake_tokens;
        byzantine[i] = adversaries_until_ns(w->adversaries, i);
        forget[i] = world_forgetful(w, i);
        if (memcmp(m->config.account_seed, none, 32) != 0) { /* twins too */
            memcpy(accounts[i], m->account, 32);
        }
    }
    struct checks_config config = {.scenario = w->scenario,
                                   .genesis = &w->population.genesis,
                                   .nodes = w->count,
                                   .stake_tokens = stake,
                                   .byzantine_until_ns = byzantine,
                                   .timeline = &w->timeline,
                                   .accounts = (const uint8_t(*)[32])accounts,
                                   .made_on = w->shared,
                                   .forgetful = forget};
    w->checks = checks_new(&config);
    free(accounts);
    free(forget);
    free(stake);
    free(byzantine);
}

void world_checks_hear(struct world *w)
{
    for (unsigned t = 0; t < w->threads; t++) {
        checks_heard(w->checks, w->workers[t].witness);
    }
}

/* May this node, which is up, sign a child of its tip? */
static bool may_produce(const struct world *w, uint32_t index, const struct chain *chain)
{
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));
    uint64_t stake;

    return signed_record_allows(&chain->producer.signed_before, tip->height + 1) &&
           stake_effective(&stake, w->shared, tip->state_root, chain_params(chain), tip->height,
                           w->population.members[index].account) == ERR_OK &&
           stake > 0;
}

bool world_barred(const struct world *w)
{
    bool any = false;

    for (uint32_t i = 0; i < w->count; i++) {
        const struct host *h = &w->hosts[i];
        const struct chain *chain = h->up ? node_chain(h->node) : NULL;
        /* Without a tree it reads its disk, or the run is over. */
        if (chain == NULL || chain->tree.count == 0 || !w->population.members[i].has_account) {
            continue;
        }
        if (may_produce(w, i, chain)) {
            return false;
        }
        any |= w->population.members[i].stake_tokens > 0;
    }
    return any;
}

/* Pooled transactions wait for a block above the tip; nothing else has any use for them. */
static void pool_look(struct house *house, const struct chain *chain, struct shared *shared)
{
    const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));

    for (uint32_t i = 0; i < chain->pool.used; i++) {
        const struct txpool_entry *e = &chain->pool.entries[i];
        struct account sender;
        if (e->tx == NULL || state_account(&sender, shared, tip->state_root, e->sender) != ERR_OK) {
            continue;
        }
        house->txs_mined += e->nonce < sender.nonce;
        house->txs_expired += e->expiry <= tip->height;
    }
}

static void house_look(struct house *house, struct world *w, struct host *h)
{
    const struct chain *chain = node_chain(h->node);
    const struct relay *relay = node_relay(h->node);
    uint64_t base = chain_entry(chain, chain_final(chain))->height;

    *house = (struct house){0};
    pool_look(house, chain, w->shared);
    for (uint32_t i = 0; i < chain->orphans.count; i++) {
        house->blocks_passed += chain->orphans.list[i].height <= base;
    }
    /* What is due goes with a flush, and how rare that is a scenario may say. */
    uint64_t patience_ns = OVERDUE_NS + 2 * h->config->policy->lazy_flush_ns;
    for (uint16_t at = relay->txs.here.first; at != TX_NONE; at = relay->txs.entries[at - 1].next) {
        if (relay->txs.entries[at - 1].due_ns + patience_ns > h->mono_last_ns) {
            break;
        }
        house->txs_overdue++;
    }
}

void world_checks_visit(struct world *w, uint64_t now_ns)
{
    if (w->count > VISITED_NODES_MAX || now_ns < w->visit_next_ns) {
        return;
    }
    w->visit_next_ns = now_ns + VISIT_NS;
    for (uint32_t i = 0; i < w->count; i++) {
        struct house house;
        if (w->hosts[i].up) {
            house_look(&house, w, &w->hosts[i]);
            checks_house(w->checks, i, now_ns, &house);
        }
    }
}

/* The blocks of the machine that has seen most become final, for the reference replay. */
void world_checks_replay(struct world *w)
{
    uint32_t best = 0;
    struct record_view views[64];
    uint8_t from[RECORD_KEY_BYTES_MAX] = {'b'};
    size_t from_len = 1;
    bool more = true;

    for (uint32_t i = 1; i < w->count; i++) {
        const struct member *m = &w->population.members[i];
        if (w->population.members[best].byzantine ||
            (!m->byzantine && w->hosts[i].final_height > w->hosts[best].final_height)) {
            best = i;
        }
    }
    checks_measure(w->checks, w->metrics);
    while (more) {
        size_t n = records_scan(&w->hosts[best].records, views, &more, span_of("b", 1),
                                span_of(from, from_len), 64, false);
        for (size_t i = 0; i < n; i++) {
            const struct blob *block = views[i].value;
            checks_replay_block(w->checks, span_of(block->data, block->len));
        }
        if (n > 0) {
            /* From right after the last key. */
            memcpy(from, views[n - 1].key.data, views[n - 1].key.len);
            from_len = views[n - 1].key.len + 1;
            from[from_len - 1] = 0;
        }
    }
}

void world_checks_jailed(struct world *w, uint64_t now_ns)
{
    bool *jailed = calloc(w->count, sizeof(*jailed));

    invariant(jailed != NULL);
    for (uint32_t i = 0; i < w->count && checks_violated(w->checks); i++) {
        if (!w->hosts[i].up || w->population.members[i].byzantine) {
            continue;
        }
        const struct chain *chain = node_chain(w->hosts[i].node);
        const struct tree_entry *tip = chain_entry(chain, chain_tip(chain));
        for (uint32_t m = 0; m < w->count; m++) {
            struct account account;
            const uint8_t *key = w->population.members[m].account; /* of twins the same */
            jailed[m] = state_account(&account, w->shared, tip->state_root, key) == ERR_OK &&
                        account.jailed_until != 0;
        }
        checks_jailed(w->checks, i, now_ns, tip->height, jailed);
    }
    free(jailed);
}
