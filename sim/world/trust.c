/* What the operator of a newcomer trusts: a checkpoint that the network decided a while ago, as a
 * web page or a friend would name it. Looked up between slots, from what nodes traced in the run's
 * one order, so threads make no difference. */
#include "node/wire/codec.h"
#include "sim/world/internal.h"

/* The whole id of a block of which a trace tells the first 8 bytes: from the records of the node
 * that decided on it. */
static bool id_find(uint8_t id[32], const struct host *h, uint64_t height, uint64_t head)
{
    uint8_t prefix[9] = {'b'};
    struct record_view views[16];
    bool more;

    for (int i = 0; i < 8; i++) {
        prefix[1 + i] = (uint8_t)(height >> (56 - 8 * i));
    }
    struct span key = span_of(prefix, sizeof(prefix));
    size_t n = records_scan(&h->records, views, &more, key, span_of(NULL, 0), 16, false);
    for (size_t i = 0; i < n; i++) {
        if (views[i].key.len == sizeof(prefix) + 32 &&
            load64(views[i].key.data + sizeof(prefix)) == head) {
            memcpy(id, views[i].key.data + sizeof(prefix), 32);
            return true;
        }
    }
    return false;
}

/* Honest, and no newcomer that went by genesis alone: such a one may itself have been told a false
 * history, and an operator asks those who were there when the network decided for the first time.
 */
static bool witness(const struct world *w, const struct trace_row *row)
{
    const struct member *m = &w->population.members[row->node];
    bool early = w->trust_count == 0 || m->join_ns <= w->trust_first_ns;

    return !m->byzantine && (early || m->config.sync != SYNC_FROM_GENESIS);
}

void trust_rows(struct world *w, const struct trace_row *rows, size_t count)
{
    uint64_t epoch_blocks = w->scenario->chain.epoch_blocks;

    for (size_t i = 0; i < count; i++) {
        const uint64_t *v = rows[i].value;
        const struct trust *newest = &w->trust[w->trust_count % TRUST_KEPT];
        if (rows[i].kind != TRACE_checkpoint_decided || !witness(w, &rows[i]) ||
            v[1] % epoch_blocks != 0 || v[1] <= newest->height) {
            continue;
        }
        struct trust found = {.decided_ns = rows[i].time_ns, .height = v[1]};
        if (id_find(found.id, &w->hosts[rows[i].node], v[1], v[2])) {
            w->trust_first_ns = w->trust_count == 0 ? found.decided_ns : w->trust_first_ns;
            w->trust[++w->trust_count % TRUST_KEPT] = found;
        }
    }
}

void trust_give(struct world *w, uint32_t index, uint64_t now_ns)
{
    struct node_config *config = &w->population.members[index].config;

    /* Peers serve the states of the last epochs only: short ones make an old friend useless. */
    uint64_t epoch_ns =
        w->scenario->chain.epoch_blocks * w->scenario->chain.target_ms * UINT64_C(1000000);
    uint64_t age_ns = epoch_ns < TRUST_AGE_NS ? epoch_ns : TRUST_AGE_NS;

    if (config->sync == SYNC_FROM_GENESIS) {
        return;
    }
    for (uint32_t back = 0; back < TRUST_KEPT && back < w->trust_count; back++) {
        const struct trust *t = &w->trust[(w->trust_count - back) % TRUST_KEPT];
        if (t->decided_ns + age_ns <= now_ns) {
            config->trusted_height = t->height;
            memcpy(config->trusted_id, t->id, 32);
            return;
        }
    }
}
