#include "sim/hunt/edit.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/seam/buggify.h"
#include "sim/adversary/adversary.h"
#include "sim/fault/text.h"

#define MS UINT64_C(1000000)

size_t edit_parts(const struct scenario *s)
{
    return s->faults_count + s->loads_count + s->adversaries_count + s->buggify_count;
}

static uint32_t buggify_bits(const struct scenario *s)
{
    static const char *const names[] = {
#define BUGGIFY(name, text) #name,
#include "node/seam/buggify.def"
#undef BUGGIFY
    };
    uint32_t bits = 0;

    for (uint64_t i = 0; i < s->buggify_count; i++) {
        for (uint32_t k = 0; k < BUGGIFY_POINTS; k++) {
            bits |= strcmp(names[k], s->buggify[i]) == 0 ? (uint32_t)1 << k : 0;
        }
    }
    return bits;
}

static bool keep_apply(struct scenario *s, const uint8_t *keep)
{
    size_t faults = 0, loads = 0, liars = 0, points = 0;
    const uint8_t *keep_load = keep + s->faults_count;
    const uint8_t *keep_liar = keep_load + s->loads_count;
    const uint8_t *keep_point = keep_liar + s->adversaries_count;
    size_t before = edit_parts(s);

    for (size_t i = 0; i < s->faults_count; i++) {
        if (keep[i]) {
            s->faults[faults++] = s->faults[i];
        } else {
            free(s->faults[i].text);
        }
    }
    for (size_t i = 0; i < s->loads_count; i++) {
        if (keep_load[i]) {
            s->loads[loads++] = s->loads[i];
        } else {
            free(s->loads[i].group);
        }
    }
    for (size_t i = 0; i < s->adversaries_count; i++) {
        if (keep_liar[i]) {
            s->adversaries[liars++] = s->adversaries[i];
        } else {
            free(s->adversaries[i].text);
        }
    }
    for (size_t i = 0; i < s->buggify_count; i++) {
        if (keep_point[i]) {
            s->buggify[points++] = s->buggify[i];
        } else {
            free(s->buggify[i]);
        }
    }
    s->faults_count = faults;
    s->loads_count = loads;
    s->adversaries_count = liars;
    s->buggify_count = points;
    s->policy.buggify = buggify_bits(s);
    return before != edit_parts(s);
}

/* --- one fault line --- */

/* A line as what it means, with its sets as bits. Only nodes by number, all and rest are understood
 * (what a hunt draws); a line with names of places stays as it is. */
struct line {
    struct fault_timeline timeline;
    uint32_t nodes;
};

static bool line_read(struct line *line, const struct scenario *s, size_t i)
{
    struct fault_domains none = {0};
    struct fault_text_error error;

    line->nodes = (uint32_t)scenario_node_count(s);
    fault_timeline_init(&line->timeline, line->nodes);
    if (fault_entry_parse(&line->timeline, &error, &none, s->faults[i].text) != ERR_OK) {
        fault_timeline_free(&line->timeline);
        return false;
    }
    return true;
}

/* Puts the (changed) line in place of fault i and frees it. */
static void line_write(struct line *line, struct scenario *s, size_t i)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    invariant(out != NULL);
    fault_entry_print(out, &line->timeline, 0);
    invariant(fclose(out) == 0 && len > 0);
    text[len - 1] = 0; /* the newline */
    free(s->faults[i].text);
    s->faults[i].text = text;
    fault_timeline_free(&line->timeline);
}

uint64_t edit_fault_nodes(const struct scenario *s, size_t i)
{
    struct line line;
    uint64_t bits = 0;

    if (!line_read(&line, s, i)) {
        return 0;
    }
    const struct fault_set *set = &line.timeline.set[line.timeline.fault[0].a];
    for (uint32_t n = 0; n < line.nodes && n < 64; n++) {
        bits |= (uint64_t)fault_set_has(set, n) << n;
    }
    fault_timeline_free(&line.timeline);
    return bits;
}

/* A set of `nodes` nodes without node `gone`; with `renumber` the nodes above it move down by one,
 * and the set is one of a run with a node less. False: nothing would be left. */
static bool set_without(struct fault_set *set, uint32_t nodes, uint32_t gone, bool renumber)
{
    struct node_bits bits;
    uint32_t count = 0;

    if (nodes == 1 || node_bits_make(&bits, nodes - renumber) != ERR_OK) {
        return false;
    }
    for (uint32_t n = 0; n < nodes; n++) {
        if (n != gone && fault_set_has(set, n)) {
            node_bits_add(&bits, renumber && n > gone ? n - 1 : n);
            count++;
        }
    }
    bool made = count > 0;
    if (made) {
        fault_set_free(set);
        made = fault_set_make(set, &bits) == ERR_OK;
    }
    node_bits_free(&bits);
    return made;
}

static bool fault_span(struct scenario *s, size_t i)
{
    struct line line;

    if (!line_read(&line, s, i)) {
        return false;
    }
    struct fault *f = &line.timeline.fault[0];
    uint64_t span = f->until_ns - f->at_ns;
    if (!fault_kind_info(f->kind)->lasts || f->until_ns == FAULT_FOREVER || span < 2 * MS) {
        fault_timeline_free(&line.timeline);
        return false;
    }
    f->until_ns = f->at_ns + span / 2 / MS * MS;
    line_write(&line, s, i);
    return true;
}

static bool fault_node(struct scenario *s, size_t i, uint32_t node)
{
    struct line line;

    if (!line_read(&line, s, i)) {
        return false;
    }
    uint32_t a = line.timeline.fault[0].a;
    if (!fault_set_has(&line.timeline.set[a], node) ||
        !set_without(&line.timeline.set[a], line.nodes, node, false)) {
        fault_timeline_free(&line.timeline);
        return false;
    }
    line_write(&line, s, i);
    return true;
}

uint64_t edit_fault_at_ns(const struct scenario *s, size_t i)
{
    struct line line;

    if (!line_read(&line, s, i)) {
        return UINT64_MAX;
    }
    uint64_t at_ns = line.timeline.fault[0].at_ns;
    fault_timeline_free(&line.timeline);
    return at_ns;
}

static bool fault_shift(struct scenario *s, size_t i, uint64_t by_ns)
{
    struct line line;

    if (!line_read(&line, s, i)) {
        return false;
    }
    struct fault *f = &line.timeline.fault[0];
    f->at_ns += by_ns;
    f->until_ns += f->until_ns == FAULT_FOREVER ? 0 : by_ns;
    line_write(&line, s, i);
    return true;
}

/* Faults stand in the order of their times. The gap before fault i becomes half as long, in whole
 * seconds where it is long. */
static bool fault_earlier(struct scenario *s, size_t i)
{
    struct line line;
    uint64_t before_ns = 0;
    uint64_t shift = 0;

    for (size_t k = i == 0 ? 0 : i - 1; k < s->faults_count; k++) {
        if (!line_read(&line, s, k)) {
            return false;
        }
        struct fault *f = &line.timeline.fault[0];
        if (k < i) {
            before_ns = f->at_ns;
            fault_timeline_free(&line.timeline);
            continue;
        }
        if (k == i) {
            uint64_t gap = f->at_ns > before_ns ? f->at_ns - before_ns : 0;
            shift = gap < 500 * MS ? 0 : gap / 2 / MS * MS;
        }
        if (shift == 0 || f->at_ns < shift) {
            fault_timeline_free(&line.timeline);
            return false;
        }
        f->at_ns -= shift;
        f->until_ns -= f->until_ns == FAULT_FOREVER ? 0 : shift;
        line_write(&line, s, k);
    }
    return shift > 0;
}

/* --- nodes --- */

/* groups_count: there is no such node. */
static uint64_t group_of(const struct scenario *s, size_t node, size_t *within)
{
    uint64_t i = 0;

    for (; i < s->groups_count && node >= s->groups[i].count; i++) {
        node -= s->groups[i].count;
    }
    *within = node;
    return i;
}

static void line_drop(struct scenario_fault *lines, uint64_t *count, size_t i)
{
    free(lines[i].text);
    --*count;
    memmove(&lines[i], &lines[i + 1], (*count - i) * sizeof(*lines));
}

static bool faults_without(struct scenario *s, uint32_t node)
{
    for (size_t i = 0; i < s->faults_count;) {
        struct line line;
        if (!line_read(&line, s, i)) {
            return false;
        }
        struct fault *f = &line.timeline.fault[0];
        bool whole = set_without(&line.timeline.set[f->a], line.nodes, node, true);
        if (whole && f->b != FAULT_NO_SET && f->b != f->a) {
            whole = set_without(&line.timeline.set[f->b], line.nodes, node, true);
        }
        if (!whole) { /* it was about this node alone */
            fault_timeline_free(&line.timeline);
            line_drop(s->faults, &s->faults_count, i);
            continue;
        }
        line.timeline.node_count = line.nodes - 1;
        line_write(&line, s, i++);
    }
    return true;
}

static bool liars_without(struct scenario *s, uint32_t node)
{
    struct fault_domains none = {0};
    struct fault_text_error why;
    uint32_t nodes = (uint32_t)scenario_node_count(s);

    for (size_t i = 0; i < s->adversaries_count;) {
        struct adversary_line line;
        if (adversary_line_parse(&line, &why, &none, nodes, s->adversaries[i].text) != ERR_OK) {
            return false;
        }
        bool whole = set_without(&line.nodes, nodes, node, true);
        for (unsigned k = 0; k < ADVERSARY_PARAMETERS_MAX && whole; k++) {
            struct fault_set *set = &line.value[k].set;
            whole = set->count == 0 || set_without(set, nodes, node, true);
        }
        if (whole) {
            char *text = NULL;
            size_t len = 0;
            FILE *out = open_memstream(&text, &len);
            invariant(out != NULL);
            adversary_line_print(out, &line);
            invariant(fclose(out) == 0 && len > 0);
            text[len - 1] = 0;
            free(s->adversaries[i].text);
            s->adversaries[i++].text = text;
        } else {
            line_drop(s->adversaries, &s->adversaries_count, i);
        }
        adversary_line_free(&line);
    }
    return true;
}

static bool node_remove(struct scenario *s, size_t node)
{
    size_t within;
    uint64_t g = group_of(s, node, &within);
    struct scenario_group *group = &s->groups[g];

    if (g == s->groups_count || (group->count < 2 && group->kind == GROUP_PRODUCER) ||
        !liars_without(s, (uint32_t)node) || !faults_without(s, (uint32_t)node)) {
        return false;
    }
    if (group->count == 1) {
        scenario_group_remove(s, g);
        return true;
    }
    if (group->stake_law == STAKE_LIST && group->kind == GROUP_PRODUCER) {
        group->stake_list_count--;
        memmove(&group->stake_list[within], &group->stake_list[within + 1],
                (group->stake_list_count - within) * sizeof(*group->stake_list));
    }
    group->count--;
    group->slow_count = group->slow_count > group->count ? group->count : group->slow_count;
    return true;
}

/* --- values --- */

static bool value(uint64_t *at, uint64_t to)
{
    bool changed = *at != to;

    *at = to;
    return changed;
}

static bool value32(uint32_t *at, uint32_t to)
{
    bool changed = *at != to;

    *at = to;
    return changed;
}

static bool no_loss(struct scenario *s)
{
    return value(&s->network.loss.num, 0);
}

static bool no_duplicate(struct scenario *s)
{
    return value(&s->network.duplicate.num, 0);
}

static bool no_jitter(struct scenario *s)
{
    bool changed = s->network.jitter || s->network.latency != LATENCY_CONSTANT;

    s->network.jitter = false;
    s->network.latency = LATENCY_CONSTANT;
    return changed;
}

static bool near(struct scenario *s)
{
    return s->network.latency == LATENCY_CONSTANT && value(&s->network.constant_ns, 10 * MS);
}

static bool good_clocks(struct scenario *s)
{
    bool changed = false;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        changed |= value(&s->groups[i].clock_skew_ns, 0);
        changed |= value(&s->groups[i].clock_drift_ppb, 0);
        changed |= value(&s->groups[i].clock_swing_ns, 0);
    }
    return changed;
}

static bool no_churn(struct scenario *s)
{
    bool changed = false;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        changed |= s->groups[i].churn;
        s->groups[i].churn = false;
    }
    return changed;
}

static bool one_profile(struct scenario *s)
{
    bool changed = false;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        struct scenario_group *g = &s->groups[i];
        changed |= value(&g->slow_count, 0);
        if (strcmp(g->profile, s->profiles[0].name) != 0) {
            free(g->profile);
            g->profile = strdup(s->profiles[0].name);
            invariant(g->profile != NULL);
            changed = true;
        }
    }
    return changed;
}

static bool equal_stakes(struct scenario *s)
{
    bool changed = false;

    for (uint64_t i = 0; i < s->groups_count; i++) {
        for (uint64_t k = 0; k < s->groups[i].stake_list_count; k++) {
            changed |= value(&s->groups[i].stake_list[k], 1000);
        }
    }
    return changed;
}

static bool whole_committee(struct scenario *s)
{
    bool changed = s->chain.committee != 0;

    s->chain.committee = 0;
    return changed;
}

static bool large_blocks(struct scenario *s)
{
    bool changed = s->chain.block_txs_max != 6000;

    s->chain.block_txs_max = 6000;
    return changed;
}

static bool usual_links(struct scenario *s)
{
    return (int)value32(&s->policy.links_out, 8) | (int)value32(&s->policy.mesh_links, 8);
}

static bool usual_pool(struct scenario *s)
{
    return (int)value32(&s->policy.pool_txs_max, 4096) |
           (int)value32(&s->policy.pool_sender_max, 64);
}

static bool usual_flush(struct scenario *s)
{
    return (int)value(&s->policy.vote_flush_ns, 25 * MS) |
           (int)value(&s->policy.lazy_flush_ns, 5000 * MS);
}

static bool usual_have(struct scenario *s)
{
    return value(&s->policy.vote_have_ns, 2000 * MS);
}

static bool usual_ping(struct scenario *s)
{
    return value(&s->policy.ping_ns, 15000 * MS);
}

static bool (*const simple[])(struct scenario *) = {
    no_churn,    no_loss,     no_duplicate, no_jitter,       near,
    good_clocks, one_profile, equal_stakes, whole_committee, large_blocks,
    usual_links, usual_pool,  usual_flush,  usual_have,      usual_ping,
};

size_t edit_simple_count(void)
{
    return sizeof(simple) / sizeof(simple[0]);
}

bool edit_apply(struct scenario *s, const struct edit *e)
{
    switch (e->kind) {
    case EDIT_KEEP:
        s->seed = e->value;
        return keep_apply(s, e->keep);
    case EDIT_DURATION:
        return e->value < s->duration_ns && value(&s->duration_ns, e->value);
    case EDIT_NODE:
        return node_remove(s, e->item);
    case EDIT_SIMPLE:
        return simple[e->item](s);
    case EDIT_FAULT_SPAN:
        return e->item < s->faults_count && fault_span(s, e->item);
    case EDIT_FAULT_NODE:
        return e->item < s->faults_count && fault_node(s, e->item, e->node);
    case EDIT_FAULT_SHIFT:
        return e->item < s->faults_count && fault_shift(s, e->item, e->value);
    case EDIT_FAULT_EARLIER:
        return e->item < s->faults_count && fault_earlier(s, e->item);
    }
    return false;
}
