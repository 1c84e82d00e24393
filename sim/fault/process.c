#include "sim/fault/process.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/net/draw.h"

#define HOUR_NS 3600000000000u

/* Draws for one entry are numbered from 0. */
struct chooser {
    uint64_t key;
    uint32_t process;
    uint32_t entry;
    uint64_t next;
};

static uint64_t choose_below(struct chooser *chooser, uint64_t n)
{
    return draw_below(draw_at(chooser->key, chooser->process, chooser->entry, chooser->next++), n);
}

/* The candidates as a list, for picking by number. */
struct candidates {
    uint32_t count;
    uint32_t *node;
};

static enum err list_candidates(struct candidates *list, const struct node_bits *bits)
{
    list->count = 0;
    list->node = malloc(((size_t)bits->node_count + 1) * sizeof *list->node);
    if (list->node == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t node = 0; node < bits->node_count; node++) {
        if (node_bits_has(bits, node)) {
            list->node[list->count++] = node;
        }
    }
    return ERR_OK;
}

/* Floyd's algorithm: `count` different ones of the list, each subset as likely, in `count` draws.
 */
static void pick_nodes(struct node_bits *out, const struct candidates *list,
                       struct chooser *chooser, uint32_t count)
{
    uint32_t wanted = count < list->count ? count : list->count;
    for (uint32_t j = list->count - wanted; j < list->count; j++) {
        uint32_t node = list->node[choose_below(chooser, (uint64_t)j + 1)];
        node_bits_add(out, node_bits_has(out, node) ? list->node[j] : node);
    }
}

static void pick_share(struct node_bits *out, const struct candidates *list,
                       struct chooser *chooser, uint32_t num, uint32_t den)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (choose_below(chooser, den) < num) {
            node_bits_add(out, list->node[i]);
        }
    }
}

static void pick_domain(struct node_bits *out, const struct candidates *list,
                        struct chooser *chooser, const struct fault_domain *domain)
{
    uint32_t present = 0; /* values that have a candidate */
    for (uint32_t value = 0; value < domain->count; value++) {
        for (uint32_t i = 0; i < list->count; i++) {
            if (domain->of_node[list->node[i]] == value) {
                present++;
                break;
            }
        }
    }
    if (present == 0) {
        return;
    }
    uint64_t skip = choose_below(chooser, present);
    for (uint32_t value = 0; value < domain->count; value++) {
        bool any = false;
        for (uint32_t i = 0; i < list->count; i++) {
            if (domain->of_node[list->node[i]] == value) {
                any = true;
                if (skip == 0) {
                    node_bits_add(out, list->node[i]);
                }
            }
        }
        if (any && skip-- == 0) {
            return;
        }
    }
}

static bool process_valid(const struct fault_process *p)
{
    bool pick = p->pick == FAULT_PICK_DOMAIN ? p->domain != NULL
                : p->pick == FAULT_PICK_NODES
                    ? p->pick_num > 0
                    : p->pick_den > 0 && p->pick_num > 0 && p->pick_num <= p->pick_den;
    bool lasts = fault_kind_info(p->fault.kind)->lasts;
    return pick && p->rate_num > 0 && p->rate_den > 0 && p->least_ns <= p->most_ns &&
           p->most_ns >> 61 == 0 && p->until_ns >> 61 == 0 && (!lasts || p->least_ns > 0);
}

/* Mean gap in ns; 0 when the rate exceeds one per ns. */
static uint64_t mean_gap_ns(const struct fault_process *p)
{
    u128 gap = (u128)HOUR_NS * p->rate_den / p->rate_num;
    return gap >> 61 ? (uint64_t)1 << 61 : (uint64_t)gap;
}

static enum err expand_one(struct fault_timeline *timeline, const struct fault_process *p,
                           const struct candidates *list, struct node_bits *bits, uint64_t seed,
                           uint32_t number, uint32_t entry, uint64_t at_ns)
{
    struct chooser chooser = {draw_key(seed, DRAW_FAULT_TARGET), number, entry, 0};
    node_bits_clear(bits);
    switch (p->pick) {
    case FAULT_PICK_NODES:
        pick_nodes(bits, list, &chooser, p->pick_num);
        break;
    case FAULT_PICK_SHARE:
        pick_share(bits, list, &chooser, p->pick_num, p->pick_den);
        break;
    case FAULT_PICK_DOMAIN:
        pick_domain(bits, list, &chooser, p->domain);
        break;
    }
    struct fault fault = p->fault;
    uint64_t u = draw(seed, DRAW_FAULT_DURATION, number, entry, 0);
    fault.at_ns = at_ns;
    fault.until_ns = fault_kind_info(fault.kind)->lasts
                         ? at_ns + p->least_ns + draw_below(u, p->most_ns - p->least_ns + 1)
                         : at_ns;
    fault.b = FAULT_NO_SET;
    TRY(fault_timeline_set(timeline, &fault.a, bits));
    if (fault_kind_info(fault.kind)->sets == 2) {
        node_bits_complement(bits);
        TRY(fault_timeline_set(timeline, &fault.b, bits));
    }
    enum err err = fault_timeline_add(timeline, &fault);
    return err == ERR_INVALID ? ERR_RANGE : err;
}

enum err fault_process_expand(struct fault_timeline *timeline, const struct fault_process *p,
                              const struct quantile *exponential, uint64_t seed, uint32_t number)
{
    uint64_t gap_ns = process_valid(p) ? mean_gap_ns(p) : 0;
    if (gap_ns == 0) {
        return ERR_RANGE;
    }
    struct candidates list;
    struct node_bits bits;
    TRY(node_bits_make(&bits, timeline->node_count));
    enum err err = list_candidates(&list, p->candidates);
    uint64_t at_ns = p->from_ns;
    for (uint32_t entry = 0; err == ERR_OK && list.count > 0; entry++) {
        uint64_t u = draw(seed, DRAW_FAULT_GAP, number, entry, 0);
        uint64_t step_ns = quantile_sample(exponential, u, gap_ns);
        if (at_ns >= p->until_ns || step_ns >= p->until_ns - at_ns) {
            break;
        }
        at_ns += step_ns;
        err = expand_one(timeline, p, &list, &bits, seed, number, entry, at_ns);
    }
    free(list.node);
    node_bits_free(&bits);
    return err;
}

/* One word of the arguments and what follows it. */
struct words {
    const char *start;
    const char *at;
    struct fault_text_error *error;
};

static size_t next_word(struct words *w)
{
    w->at += strspn(w->at, " \t");
    return strcspn(w->at, " \t");
}

static enum err words_fail(struct words *w, enum err err, const char *text)
{
    w->error->column = (unsigned)(w->at - w->start) + 1;
    snprintf(w->error->text, sizeof w->error->text, "%s", text);
    return err;
}

static bool word_is(const struct words *w, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(w->at, word, n) == 0;
}

/* "N" or "P/Q" after `nodes` or `share`. */
static enum err read_pick(struct words *w, struct fault_process *process)
{
    size_t n = next_word(w);
    char *end;
    unsigned long num = n > 0 && *w->at != '-' ? strtoul(w->at, &end, 10) : 0;
    unsigned long den = 1;
    if (num > 0 && process->pick == FAULT_PICK_SHARE && *end == '/') {
        den = strtoul(end + 1, &end, 10);
    }
    if (num == 0 || den == 0 || end != w->at + n || num > UINT32_MAX || den > UINT32_MAX) {
        return words_fail(w, ERR_SYNTAX, "expected a number of nodes or a share as in 3/10");
    }
    process->pick_num = (uint32_t)num;
    process->pick_den = (uint32_t)den;
    w->at += n;
    return ERR_OK;
}

/* The value after `by`: up to one of the flags or the end. */
static enum err read_by(struct words *w, struct fault *fault)
{
    char value[64];
    w->at += strspn(w->at, " \t");
    size_t n = strlen(w->at);
    static const char *const flags[] = {" one-way", " silent"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const char *flag = strstr(w->at, flags[i]);
        if (flag != NULL && (size_t)(flag - w->at) < n) {
            n = (size_t)(flag - w->at);
        }
    }
    if (n >= sizeof value) {
        return words_fail(w, ERR_SYNTAX, "value too long");
    }
    memcpy(value, w->at, n);
    value[n] = 0;
    unsigned before = (unsigned)(w->at - w->start);
    enum err err = fault_argument_parse(fault, w->error, value);
    w->error->column += err != ERR_OK ? before : 0;
    w->at += n;
    return err;
}

static enum err read_word(struct words *w, struct fault_process *process,
                          const struct fault_domains *domains, size_t n, bool *has_by)
{
    if (word_is(w, n, "nodes") || word_is(w, n, "share")) {
        process->pick = *w->at == 'n' ? FAULT_PICK_NODES : FAULT_PICK_SHARE;
        w->at += n;
        return read_pick(w, process);
    }
    if (word_is(w, n, "by")) {
        *has_by = true;
        w->at += n;
        return read_by(w, &process->fault);
    }
    if (word_is(w, n, "one-way") && process->fault.kind == FAULT_CUT) {
        process->fault.one_way = true;
        w->at += n;
        return ERR_OK;
    }
    if (word_is(w, n, "silent") && process->fault.kind == FAULT_CORRUPT_DISK) {
        process->fault.silent = true;
        w->at += n;
        return ERR_OK;
    }
    for (uint32_t i = 0; i < domains->domain_count; i++) {
        if (word_is(w, n, domains->domain[i].word)) {
            process->pick = FAULT_PICK_DOMAIN;
            process->domain = &domains->domain[i];
            w->at += n;
            return ERR_OK;
        }
    }
    return words_fail(w, ERR_UNKNOWN, "unknown word, or one that does not fit the kind");
}

enum err fault_process_parse(struct fault_process *process, struct fault_text_error *error,
                             const struct fault_domains *domains, const char *kind,
                             const char *arguments)
{
    *error = (struct fault_text_error){0};
    *process = (struct fault_process){.pick = FAULT_PICK_NODES, .pick_num = 1, .pick_den = 1};
    struct words w = {arguments, arguments, error};
    if (fault_kind_find(&process->fault.kind, kind) != ERR_OK) {
        return words_fail(&w, ERR_UNKNOWN, "unknown kind of fault");
    }
    if (process->fault.kind == FAULT_OUTAGE && domains->domain_count > 0) {
        process->pick = FAULT_PICK_DOMAIN;
        process->domain = &domains->domain[0];
    }
    bool has_by = false;
    for (size_t n = next_word(&w); n > 0; n = next_word(&w)) {
        TRY(read_word(&w, process, domains, n, &has_by));
    }
    if (!has_by && fault_kind_info(process->fault.kind)->argument != FAULT_ARGUMENT_NONE) {
        return words_fail(&w, ERR_SYNTAX, "this kind needs 'by' and a value");
    }
    return ERR_OK;
}
