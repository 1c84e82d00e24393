/* Nothing at stake: the accounts of the line, owned by one hand, grow a private tree by signing on
 * every block of it, for signing costs nothing (Bagaria et al., arXiv 1910.02218). With
 * c-correlated randomness only the blocks at depths that c divides draw anew. What comes before the
 * c-th is one line, the block that comes first each time, for another would be signed by the same
 * draws; from the (c-1)-th on everybody's next block is one that draws anew, so there the tree
 * forks. In arrivals, that is blocks which the accounts' stake earns on one chain in that time, the
 * tree grows phi_c deep: phi_1 = e.
 *
 * The lowest node of the line holds the keys of all and the tree; the others keep quiet. Here an
 * account has one child per parent at its own time, so many small accounts stand for the Poisson
 * process of the model: with k of them phi falls short by about a 1/(e k)-th. The tree is cut to
 * the `forks` first blocks of each depth.
 *
 * Once the deepest branch undoes `confirmations` blocks of the others and is higher than theirs,
 * its blocks are made in earnest and let go. From then on, `give-up` blocks short of that, the tree
 * is given up: 1 decides there and then. A tree `depth` deep is left as it is, which measures how
 * long that takes. A new tree stands on a block that none stood on, so no two are made of the same
 * draws. */
#include <stdlib.h>

#include "sim/adversary/forge.h"
#include "sim/adversary/hold.h"

enum { NAS_C, NAS_FORKS, NAS_CONFIRMATIONS, NAS_GIVE_UP, NAS_DEPTH };
enum { NAS_DEPTH_MAX = 4096, NAS_STEP_MAX = 4096, NAS_OWN_MAX = 256 };
#define NS_PER_MS UINT64_C(1000000)

/* A block of the tree: what its children need, and who signed it. */
struct nas_block {
    uint8_t gs[32];
    uint64_t ts_ms, bt;
    uint32_t parent, account, depth;
};

/* A child whose time has not come. */
struct nas_child {
    uint64_t ts_ms;
    uint32_t parent, account;
};

struct nas {
    struct hold hold;
    bool planted;
    struct forge_parent root;
    uint64_t root_ms;
    uint64_t root_height_min; /* of the next one */
    uint64_t late_ms;         /* of the root when it was learnt, where all wait from then on */
    struct ancestor below[RETARGET_WINDOW]; /* of the root, itself first */
    size_t below_count;
    struct params params;
    struct forge_account *accounts;
    uint32_t account_count;
    uint64_t stake;
    struct nas_block *blocks;
    struct nas_child *heap; /* least ts first, then parent and account */
    size_t block_count, block_room, heap_count, heap_room;
    uint32_t best, best_depth;
    uint32_t width[NAS_DEPTH_MAX];
    uint64_t due_ns;
    uint32_t own_count;
    uint64_t own[NAS_OWN_MAX]; /* heads of the ids of what the node itself made: a ring */
};

static void nas_drop(struct act *a)
{
    struct nas *s = a->state;

    free(s->accounts);
    free(s->blocks);
    free(s->heap);
    s->accounts = NULL;
    s->blocks = NULL;
    s->heap = NULL;
}

static bool leads(const struct act *a)
{
    for (uint32_t node = 0; node < act_self(a); node++) {
        if (act_colluder(a, node)) {
            return false;
        }
    }
    return true;
}

/* --- the heap --- */

static bool before(const struct nas_child *x, const struct nas_child *y)
{
    if (x->ts_ms != y->ts_ms) {
        return x->ts_ms < y->ts_ms;
    }
    return x->parent != y->parent ? x->parent < y->parent : x->account < y->account;
}

static void heap_push(struct nas *s, struct nas_child child)
{
    if (s->heap_count == s->heap_room) {
        s->heap_room = s->heap_room == 0 ? 4096 : 2 * s->heap_room;
        s->heap = realloc(s->heap, s->heap_room * sizeof(*s->heap));
        invariant(s->heap != NULL);
    }
    size_t i = s->heap_count++;
    while (i > 0 && before(&child, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = child;
}

static struct nas_child heap_pop(struct nas *s)
{
    struct nas_child top = s->heap[0];
    struct nas_child last = s->heap[--s->heap_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_count) {
            break;
        }
        child += child + 1 < s->heap_count && before(&s->heap[child + 1], &s->heap[child]);
        if (!before(&s->heap[child], &last)) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/* --- the tree --- */

static uint64_t child_bt(const struct nas *s, uint32_t index)
{
    struct ancestor list[RETARGET_WINDOW];
    size_t count = 0;

    if (s->params.retarget == RETARGET_FIXED) {
        return s->blocks[index].bt;
    }
    for (; index != 0 && count < RETARGET_WINDOW; index = s->blocks[index].parent) {
        const struct nas_block *b = &s->blocks[index];
        list[count++] =
            (struct ancestor){.height = s->root.height + b->depth, .ts_ms = b->ts_ms, .bt = b->bt};
    }
    for (size_t i = 0; i < s->below_count && count < RETARGET_WINDOW; i++) {
        list[count++] = s->below[i];
    }
    return production_retarget(&s->params, list, count, 0);
}

/* ERR_NOT_FOUND: this account never signs a child there. */
static enum err child_draw(struct forge_draw *draw, struct act *a, const struct nas *s,
                           uint32_t parent, uint32_t account)
{
    const struct nas_block *b = &s->blocks[parent];

    return forge_draw_for(draw, a, &s->params, b->gs, s->root.height + b->depth, b->ts_ms,
                          child_bt(s, parent), &s->accounts[account]);
}

/* What comes now at this depth comes too late to be kept. */
static bool full(const struct act *a, const struct nas *s, uint32_t depth)
{
    return depth >= NAS_DEPTH_MAX || s->width[depth] >= a->line->value[NAS_FORKS].num;
}

static void expand(struct act *a, struct nas *s, uint32_t parent)
{
    bool forks = (s->blocks[parent].depth + UINT64_C(1)) % a->line->value[NAS_C].num == 0;
    struct nas_child first = {.ts_ms = UINT64_MAX};
    struct forge_draw draw;

    if (full(a, s, s->blocks[parent].depth + 1)) {
        return;
    }
    for (uint32_t i = 0; i < s->account_count; i++) {
        if (child_draw(&draw, a, s, parent, i) != ERR_OK) {
            continue;
        }
        struct nas_child child = {.ts_ms = draw.ts_ms, .parent = parent, .account = i};
        if (forks) {
            heap_push(s, child);
        } else if (before(&child, &first)) {
            first = child;
        }
    }
    if (!forks && first.ts_ms != UINT64_MAX) {
        heap_push(s, first);
    }
}

static uint32_t block_add(struct nas *s, const struct nas_block *block)
{
    if (s->block_count == s->block_room) {
        s->block_room = s->block_room == 0 ? 1024 : 2 * s->block_room;
        s->blocks = realloc(s->blocks, s->block_room * sizeof(*s->blocks));
        invariant(s->blocks != NULL);
    }
    s->blocks[s->block_count] = *block;
    return (uint32_t)s->block_count++;
}

/* What the stake would have earned on one chain from the root to this date, in thousandths. */
static uint64_t arrivals(const struct nas *s, uint64_t ts_ms)
{
    return (uint64_t)(((u128)(ts_ms - s->root_ms) * s->stake * s->blocks[0].bt * 1000) >> 80);
}

/* The tree is over; the next one needs a higher block to stand on. */
static void fell(struct nas *s, uint64_t root_height_min)
{
    s->planted = false;
    s->root_height_min = root_height_min;
}

static void come(struct act *a, struct nas *s, const struct nas_child *child)
{
    uint32_t depth = s->blocks[child->parent].depth + 1;
    struct forge_draw draw;

    if (full(a, s, depth) || child_draw(&draw, a, s, child->parent, child->account) != ERR_OK) {
        return;
    }
    struct nas_block block = {.ts_ms = draw.ts_ms,
                              .bt = draw.bt,
                              .parent = child->parent,
                              .account = child->account,
                              .depth = depth};
    production_gs_child(block.gs, draw.beta);
    uint32_t index = block_add(s, &block);
    s->width[depth]++;
    if (depth > s->best_depth) {
        s->best_depth = depth;
        s->best = index;
        act_trace(a, DEED_DEPTH, depth, arrivals(s, draw.ts_ms));
    }
    if (depth == a->line->value[NAS_DEPTH].num) {
        act_trace(a, DEED_GROWN, depth, arrivals(s, draw.ts_ms));
        fell(s, s->root.height + 1);
        return;
    }
    expand(a, s, index);
}

/* A block that the node itself made, beside the tree: it stays at home. */
static bool secret(const struct act *a, const uint8_t id[32])
{
    const struct nas *s = a->state;

    for (uint32_t i = 0; i < NAS_OWN_MAX && i < s->own_count; i++) {
        if (s->own[i] == load64(id)) {
            return true;
        }
    }
    return false;
}

/* --- planting and letting go --- */

/* The newest block of the node's chain that the others know. */
static uint32_t public_tip(const struct act *a)
{
    const struct chain *chain = node_chain(a->node);
    uint32_t at = chain_tip(chain);

    while (at != chain_final(chain) && secret(a, chain_entry(chain, at)->id)) {
        at = chain_entry(chain, at)->parent;
    }
    return at;
}

static void root_take(struct act *a, struct nas *s, uint32_t entry)
{
    const struct chain *chain = node_chain(a->node);
    const struct tree_entry *e = chain_entry(chain, entry);

    forge_parent_of(&s->root, e);
    s->root_ms = e->ts_ms;
    s->below_count = 0;
    for (uint32_t at = entry; at != TREE_NONE && s->below_count < RETARGET_WINDOW;
         at = chain_entry(chain, at)->parent) {
        const struct tree_entry *b = chain_entry(chain, at);
        s->below[s->below_count++] =
            (struct ancestor){.height = b->height, .ts_ms = b->ts_ms, .bt = b->bt};
    }
}

static void plant(struct act *a, struct nas *s)
{
    uint32_t entry = public_tip(a);
    const struct tree_entry *e = chain_entry(node_chain(a->node), entry);

    if (e->height < s->root_height_min ||
        state_params(&s->params, a->c.shared, e->state_root) != ERR_OK ||
        s->params.production != PRODUCTION_EXP) {
        return; /* the 2018 rule binds one timestamp to no proof: not modelled */
    }
    root_take(a, s, entry);
    free(s->accounts);
    s->accounts = forge_accounts(a, &s->account_count, &s->stake, &s->params, &s->root);
    s->block_count = 0;
    s->heap_count = 0;
    s->best = 0;
    s->best_depth = 0;
    memset(s->width, 0, sizeof(s->width));
    struct nas_block root = {.bt = e->bt};
    memcpy(root.gs, s->root.gs, 32);
    root.ts_ms = s->root.ts_ms;
    block_add(s, &root);
    expand(a, s, 0);
    s->late_ms = a->c.config->policy->delay_from == DELAY_FROM_LEARNING && a->c.wall_ms > e->ts_ms
                     ? a->c.wall_ms - e->ts_ms
                     : 0;
    s->planted = true;
    act_trace(a, DEED_ATTEMPT, s->root.height + 1, s->account_count);
}

/* Makes the branch to `best` in earnest and gives it to the own node, which serves and relays it.
 */
static void let_go(struct act *a, struct nas *s)
{
    uint64_t links = act_links(a, false);
    uint32_t path[NAS_STEP_MAX];
    uint32_t length = 0;
    struct forge_parent parent = s->root;
    struct forged before = {.block = NULL}; /* keeps the state that the next one builds on */

    for (uint32_t at = s->best; at != 0 && length < NAS_STEP_MAX; at = s->blocks[at].parent) {
        path[length++] = at;
    }
    while (length-- > 0 && links != 0) {
        const struct nas_block *b = &s->blocks[path[length]];
        struct forge_draw draw;
        struct forged forged;
        if (child_draw(&draw, a, s, b->parent, b->account) != ERR_OK ||
            forge_child_by(&forged, a, &s->params, &parent, &draw, &s->accounts[b->account], NULL,
                           0) != ERR_OK) {
            break;
        }
        const struct blob *compact = forge_compact(a, forged.id, forged.block);
        if (compact != NULL) { /* what seems to come from a peer is not sent back to it */
            act_send(a, links & -links, compact);
            act_deliver(a, (uint32_t)__builtin_ctzll(links), compact, a->now_ns);
        }
        blob_drop(a->c.shared, compact);
        uint64_t above = load64(parent.id);
        memcpy(parent.id, forged.id, 32);
        memcpy(parent.gs, forged.gs, 32);
        memcpy(parent.state_root, forged.state_root, 32);
        parent.height++;
        parent.ts_ms = b->ts_ms;
        act_trace(a, DEED_RELEASED, parent.height, 0);
        ctx_trace(&a->c, TRACE_block_produced, parent.height, load64(forged.id), above,
                  draw.delay_ms, 0, forged.block->len);
        forged_drop(&before, a->c.shared);
        before = forged;
    }
    forged_drop(&before, a->c.shared);
}

static void judge(struct act *a, struct nas *s)
{
    uint64_t mine = s->root.height + s->best_depth;
    uint64_t theirs = s->hold.public_height;
    uint64_t undone = theirs > s->root.height ? theirs - s->root.height : 0;

    bool confirmed = undone >= a->line->value[NAS_CONFIRMATIONS].num;

    if (confirmed && mine > theirs) {
        let_go(a, s);
        act_trace(a, DEED_SUCCESS, undone, mine - theirs);
        fell(s, mine + 1); /* on a block that all begin on at once */
    } else if ((confirmed && theirs + 1 >= mine + a->line->value[NAS_GIVE_UP].num) ||
               chain_find(node_chain(a->node), s->root.id) == TREE_NONE) {
        act_trace(a, DEED_GAVE_UP, theirs > mine ? theirs - mine : 0, undone);
        fell(s, theirs);
    }
}

static void nas_after(struct act *a)
{
    struct nas *s = a->state;
    uint32_t steps = 0;

    s->due_ns = ADVERSARY_FOREVER;
    if (!leads(a) || act_links(a, false) == 0) {
        return;
    }
    if (!s->planted) {
        plant(a, s);
    }
    while (s->planted && s->heap_count > 0 && s->heap[0].ts_ms + s->late_ms <= a->c.wall_ms &&
           steps++ < NAS_STEP_MAX) {
        struct nas_child child = heap_pop(s);
        come(a, s, &child);
    }
    if (s->planted) {
        judge(a, s);
    }
    if (s->planted && s->heap_count > 0) {
        uint64_t ts = s->heap[0].ts_ms + s->late_ms;
        s->due_ns = a->now_ns + (ts > a->c.wall_ms ? (ts - a->c.wall_ms) * NS_PER_MS : 1);
    } else {
        s->due_ns = a->now_ns + 1000 * NS_PER_MS;
    }
}

static uint64_t nas_deadline_ns(const void *state)
{
    return ((const struct nas *)state)->due_ns;
}

/* --- what the node itself makes stays at home --- */

static void nas_traced(struct act *a, enum trace_kind kind, const uint64_t *value)
{
    struct nas *s = a->state;

    if (kind == TRACE_block_produced) {
        s->own[s->own_count++ % NAS_OWN_MAX] = value[1];
    }
}

static enum pass nas_recv(struct act *a, uint32_t link, const struct blob **frame)
{
    struct nas *s = a->state;

    hold_recv(&s->hold, a, link, *frame);
    return PASS_ON;
}

static enum pass nas_send(struct act *a, uint32_t link, const struct blob **frame)
{
    struct nas *s = a->state;
    struct frame_block_ihave have;
    struct block_seen block;

    if (act_block(&block, *frame)) {
        return secret(a, block.id) ? PASS_NOT : PASS_ON;
    }
    if (frame_block_ihave_decode(&have, span_of((*frame)->data, (*frame)->len)) == ERR_OK) {
        return secret(a, have.block) ? PASS_NOT : PASS_ON;
    }
    return hold_send(&s->hold, a, link, frame);
}

extern const struct adversary_kind adversary_nothing_at_stake;
const struct adversary_kind adversary_nothing_at_stake = {
    .word = "nothing-at-stake",
    .text = "grows a private tree by signing on every block of it",
    .parameter = {{"c", PARAMETER_COUNT, "1", NULL, 0},
                  {"forks", PARAMETER_COUNT, "200", NULL, 0},
                  {"confirmations", PARAMETER_COUNT, "6", NULL, 0},
                  {"give-up", PARAMETER_COUNT, "1000000", NULL, 0},
                  {"depth", PARAMETER_COUNT, "1000000", NULL, 0}},
    .state_bytes = sizeof(struct nas),
    .lasting = true,
    .drop = nas_drop,
    .recv = nas_recv,
    .send = nas_send,
    .traced = nas_traced,
    .after = nas_after,
    .deadline_ns = nas_deadline_ns};
