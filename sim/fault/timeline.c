#include "sim/fault/timeline.h"

#include <stdlib.h>

#include "node/base/invariant.h"

enum { ACTIVE_MAX = 1 << 26, FACTOR_ONE = 1 << 16 };

static const struct fault_kind_info kind_info[FAULT_KIND_COUNT] = {
#define X(name, word, sets, lasts, argument) [FAULT_##name] = {word, sets, lasts, argument},
    FAULT_KINDS(X)
#undef X
};

const struct fault_kind_info *fault_kind_info(enum fault_kind kind)
{
    invariant((unsigned)kind < FAULT_KIND_COUNT);
    return &kind_info[kind];
}

enum err fault_kind_find(enum fault_kind *kind, const char *word)
{
    for (unsigned i = 0; i < FAULT_KIND_COUNT; i++) {
        if (strcmp(kind_info[i].word, word) == 0) {
            *kind = (enum fault_kind)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

void fault_timeline_init(struct fault_timeline *tl, uint32_t node_count)
{
    *tl = (struct fault_timeline){.node_count = node_count};
}

void fault_timeline_free(struct fault_timeline *tl)
{
    for (uint32_t i = 0; i < tl->set_count; i++) {
        fault_set_free(&tl->set[i]);
    }
    free(tl->set);
    free(tl->fault);
    free(tl->start_ns);
    free(tl->kinds);
    free(tl->first);
    free(tl->active);
    *tl = (struct fault_timeline){0};
}

/* Room for one more element; the new array or NULL. */
static void *grown(void *array, uint32_t count, uint32_t *room, size_t element_bytes)
{
    if (count < *room) {
        return array;
    }
    uint32_t more = *room == 0 ? 16 : *room * 2;
    void *larger = realloc(array, more * element_bytes);
    if (larger != NULL) {
        *room = more;
    }
    return larger;
}

enum err fault_timeline_set(struct fault_timeline *tl, uint32_t *number,
                            const struct node_bits *bits)
{
    invariant(!tl->sealed && bits->node_count == tl->node_count);
    if (tl->set_count == 2 * FAULTS_MAX) {
        return ERR_FULL;
    }
    struct fault_set *sets = grown(tl->set, tl->set_count, &tl->set_room, sizeof *sets);
    if (sets == NULL) {
        return ERR_NO_MEMORY;
    }
    tl->set = sets;
    TRY(fault_set_make(&tl->set[tl->set_count], bits));
    *number = tl->set_count++;
    return ERR_OK;
}

static bool argument_fits(const struct fault *fault, enum fault_argument argument)
{
    switch (argument) {
    case FAULT_ARGUMENT_NONE:
        return fault->value_ns == 0 && fault->num == 0;
    case FAULT_ARGUMENT_TIME:
        return fault->value_ns > 0 && fault->value_ns >> 61 == 0;
    case FAULT_ARGUMENT_STEP:
        return fault->value_ns != 0 && fault->value_ns > -((int64_t)1 << 61) &&
               fault->value_ns < (int64_t)1 << 61;
    case FAULT_ARGUMENT_PROBABILITY:
        return fault->den > 0 && fault->num <= fault->den;
    case FAULT_ARGUMENT_FACTOR:
        return fault->den > 0 && fault->num > 0 && fault->num <= FAULT_FACTOR_MAX &&
               fault->den <= FAULT_FACTOR_MAX;
    case FAULT_ARGUMENT_COUNT:
        return fault->value_ns > 0;
    }
    return false;
}

enum err fault_timeline_add(struct fault_timeline *tl, const struct fault *fault)
{
    invariant(!tl->sealed);
    if ((unsigned)fault->kind >= FAULT_KIND_COUNT) {
        return ERR_INVALID;
    }
    const struct fault_kind_info *info = &kind_info[fault->kind];
    bool times = info->lasts ? fault->until_ns > fault->at_ns : fault->until_ns == fault->at_ns;
    bool sets = fault->a < tl->set_count &&
                (info->sets == 2 ? fault->b < tl->set_count : fault->b == FAULT_NO_SET);
    bool flags = (!fault->one_way || fault->kind == FAULT_CUT) &&
                 (!fault->silent || fault->kind == FAULT_CORRUPT_DISK);
    if (!times || !sets || !flags || fault->at_ns >> 62 != 0 ||
        !argument_fits(fault, info->argument) ||
        memchr(fault->label, 0, sizeof fault->label) == NULL) {
        return ERR_INVALID;
    }
    if (tl->count == FAULTS_MAX) {
        return ERR_FULL;
    }
    struct fault *faults = grown(tl->fault, tl->count, &tl->fault_room, sizeof *faults);
    if (faults == NULL) {
        return ERR_NO_MEMORY;
    }
    tl->fault = faults;
    tl->fault[tl->count++] = *fault;
    return ERR_OK;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Stable merge sort by time: qsort is not stable, and the order of adding must show. */
static void sort_faults(struct fault *fault, struct fault *scratch, uint32_t count)
{
    if (count < 2) {
        return;
    }
    uint32_t half = count / 2;
    sort_faults(fault, scratch, half);
    sort_faults(fault + half, scratch, count - half);
    memcpy(scratch, fault, half * sizeof *fault);
    uint32_t i = 0;
    uint32_t j = half;
    for (uint32_t k = 0; i < half; k++) {
        bool right = j < count && fault[j].at_ns < scratch[i].at_ns;
        fault[k] = right ? fault[j++] : scratch[i++];
    }
}

static bool lasts(const struct fault *fault)
{
    return kind_info[fault->kind].lasts;
}

/* Fills start_ns and interval_count from the beginnings and ends of the lasting entries. */
static enum err index_times(struct fault_timeline *tl)
{
    tl->start_ns = malloc((2 * (size_t)tl->count + 2) * sizeof *tl->start_ns);
    if (tl->start_ns == NULL) {
        return ERR_NO_MEMORY;
    }
    size_t n = 0;
    tl->start_ns[n++] = 0;
    for (uint32_t i = 0; i < tl->count; i++) {
        if (lasts(&tl->fault[i])) {
            tl->start_ns[n++] = tl->fault[i].at_ns;
            tl->start_ns[n++] = tl->fault[i].until_ns;
        }
    }
    tl->start_ns[n++] = UINT64_MAX;
    qsort(tl->start_ns, n, sizeof *tl->start_ns, compare_u64);
    size_t distinct = 1;
    for (size_t i = 1; i < n; i++) {
        if (tl->start_ns[i] != tl->start_ns[distinct - 1]) {
            tl->start_ns[distinct++] = tl->start_ns[i];
        }
    }
    tl->interval_count = (uint32_t)(distinct - 1);
    return ERR_OK;
}

static enum err index_active(struct fault_timeline *tl)
{
    tl->kinds = calloc(tl->interval_count, sizeof *tl->kinds);
    tl->first = calloc((size_t)tl->interval_count + 1, sizeof *tl->first);
    uint32_t *open = malloc(((size_t)tl->count + 1) * sizeof *open);
    enum err err = tl->kinds != NULL && tl->first != NULL && open != NULL ? ERR_OK : ERR_NO_MEMORY;
    uint32_t open_count = 0;
    uint32_t next = 0;
    uint32_t used = 0;
    uint32_t room = 0;
    for (uint32_t i = 0; err == ERR_OK && i < tl->interval_count; i++) {
        uint64_t now_ns = tl->start_ns[i];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < open_count; k++) {
            if (tl->fault[open[k]].until_ns > now_ns) {
                open[kept++] = open[k];
            }
        }
        open_count = kept;
        for (; next < tl->count && tl->fault[next].at_ns <= now_ns; next++) {
            if (lasts(&tl->fault[next])) {
                open[open_count++] = next;
            }
        }
        if (used + open_count > ACTIVE_MAX) {
            err = ERR_FULL;
            break;
        }
        for (uint32_t k = 0; k < open_count; k++) {
            uint32_t *active = grown(tl->active, used, &room, sizeof *active);
            if (active == NULL) {
                err = ERR_NO_MEMORY;
                break;
            }
            tl->active = active;
            tl->active[used++] = open[k];
            tl->kinds[i] |= FAULT_BIT(tl->fault[open[k]].kind);
        }
        tl->first[i + 1] = used;
    }
    free(open);
    return err;
}

enum err fault_timeline_seal(struct fault_timeline *tl)
{
    invariant(!tl->sealed);
    struct fault *scratch = malloc(((size_t)tl->count + 1) * sizeof *scratch);
    if (scratch == NULL) {
        return ERR_NO_MEMORY;
    }
    sort_faults(tl->fault, scratch, tl->count);
    free(scratch);
    TRY(index_times(tl));
    TRY(index_active(tl));
    tl->sealed = true;
    return ERR_OK;
}

uint32_t fault_interval_search(const struct fault_timeline *tl, uint64_t t_ns)
{
    invariant(tl->sealed && t_ns != UINT64_MAX);
    uint32_t low = 0;
    uint32_t high = tl->interval_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (tl->start_ns[middle] <= t_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static bool in_set(const struct fault_timeline *tl, uint32_t set, uint32_t node)
{
    return fault_set_has(&tl->set[set], node);
}

bool fault_active(const struct fault_timeline *tl, struct fault_cursor *cursor, uint32_t *fault,
                  enum fault_kind kind, uint32_t node, uint64_t t_ns)
{
    uint32_t i = fault_interval(tl, cursor, t_ns);
    if ((tl->kinds[i] & FAULT_BIT(kind)) == 0) {
        return false;
    }
    for (uint32_t k = tl->first[i]; k < tl->first[i + 1]; k++) {
        const struct fault *f = &tl->fault[tl->active[k]];
        if (f->kind == kind && in_set(tl, f->a, node)) {
            if (fault != NULL) {
                *fault = tl->active[k];
            }
            return true;
        }
    }
    return false;
}

/* Did a restart of the node come after entry `crash`, up to t? */
static bool restarted(const struct fault_timeline *tl, uint32_t crash, uint32_t node, uint64_t t_ns)
{
    for (uint32_t i = crash + 1; i < tl->count && tl->fault[i].at_ns <= t_ns; i++) {
        if (tl->fault[i].kind == FAULT_RESTART && in_set(tl, tl->fault[i].a, node)) {
            return true;
        }
    }
    return false;
}

bool fault_down(const struct fault_timeline *tl, struct fault_cursor *cursor, uint32_t node,
                uint64_t t_ns)
{
    static const uint32_t bits =
        FAULT_BIT(FAULT_CRASH) | FAULT_BIT(FAULT_OUTAGE) | FAULT_BIT(FAULT_WIPE);
    uint32_t i = fault_interval(tl, cursor, t_ns);
    if ((tl->kinds[i] & bits) == 0) {
        return false;
    }
    for (uint32_t k = tl->first[i]; k < tl->first[i + 1]; k++) {
        const struct fault *f = &tl->fault[tl->active[k]];
        if ((FAULT_BIT(f->kind) & bits) != 0 && in_set(tl, f->a, node) &&
            !restarted(tl, tl->active[k], node, t_ns)) {
            return true;
        }
    }
    return false;
}

static bool cuts(const struct fault_timeline *tl, const struct fault *f, uint32_t src, uint32_t dst)
{
    return (in_set(tl, f->a, src) && in_set(tl, f->b, dst)) ||
           (!f->one_way && in_set(tl, f->b, src) && in_set(tl, f->a, dst));
}

uint64_t fault_cut_until(const struct fault_timeline *tl, struct fault_cursor *cursor, uint32_t src,
                         uint32_t dst, uint64_t t_ns)
{
    uint32_t i = fault_interval(tl, cursor, t_ns);
    uint64_t until_ns = 0;
    for (;;) {
        uint64_t longest_ns = 0;
        if (tl->kinds[i] & FAULT_BIT(FAULT_CUT)) {
            for (uint32_t k = tl->first[i]; k < tl->first[i + 1]; k++) {
                const struct fault *f = &tl->fault[tl->active[k]];
                if (f->kind == FAULT_CUT && f->until_ns > longest_ns && cuts(tl, f, src, dst)) {
                    longest_ns = f->until_ns;
                }
            }
        }
        if (longest_ns == 0) {
            return until_ns;
        }
        until_ns = longest_ns;
        if (until_ns == FAULT_FOREVER) {
            return FAULT_FOREVER;
        }
        i = fault_interval_search(tl, until_ns);
    }
}

static uint32_t factor_times(uint32_t q16, const struct fault *f)
{
    uint64_t product = (uint64_t)((u128)q16 * f->num / f->den);
    return product == 0 ? 1 : product > UINT32_MAX ? UINT32_MAX : (uint32_t)product;
}

static uint64_t combine_q32(uint64_t p, const struct fault *f)
{
    uint64_t q = draw_probability(f->num, f->den);
    return DRAW_CERTAIN - (uint64_t)((u128)(DRAW_CERTAIN - p) * (DRAW_CERTAIN - q) >> 32);
}

bool fault_conditions_slow(const struct fault_timeline *tl, struct fault_cursor *cursor,
                           struct link_conditions *out, uint32_t src, uint32_t dst, uint64_t t_ns)
{
    uint32_t i = fault_interval(tl, cursor, t_ns);
    bool found = false;
    *out = LINK_CALM;
    out->up_num = out->up_den = out->down_num = out->down_den = FACTOR_ONE;
    for (uint32_t k = tl->first[i]; k < tl->first[i + 1]; k++) {
        const struct fault *f = &tl->fault[tl->active[k]];
        if ((FAULT_BIT(f->kind) & FAULT_NETWORK_BITS & ~FAULT_BIT(FAULT_CUT)) == 0) {
            continue;
        }
        bool at_src = in_set(tl, f->a, src);
        bool at_dst = in_set(tl, f->a, dst);
        found |= at_src || at_dst;
        if (f->kind == FAULT_SLOW_NET) {
            out->up_num = at_src ? factor_times(out->up_num, f) : out->up_num;
            out->down_num = at_dst ? factor_times(out->down_num, f) : out->down_num;
        } else if (!at_src && !at_dst) {
            continue;
        } else if (f->kind == FAULT_CLOG) {
            uint64_t sum_ns = out->clog_ns + (uint64_t)f->value_ns;
            out->clog_ns = sum_ns >> 61 ? (uint64_t)1 << 61 : sum_ns;
        } else if (f->kind == FAULT_LOSS) {
            out->loss_q32 = combine_q32(out->loss_q32, f);
        } else {
            out->duplicate_q32 = combine_q32(out->duplicate_q32, f);
        }
    }
    if (tl->kinds[i] & FAULT_BIT(FAULT_CUT)) {
        out->cut_until_ns = fault_cut_until(tl, cursor, src, dst, t_ns);
        out->cut_back_until_ns = fault_cut_until(tl, cursor, dst, src, t_ns);
        found |= out->cut_until_ns != 0 || out->cut_back_until_ns != 0;
    }
    return found;
}

static uint32_t factor_within(const struct fault_timeline *tl, uint32_t interval,
                              enum fault_kind kind, uint32_t node)
{
    uint32_t factor = FACTOR_ONE;
    if ((tl->kinds[interval] & FAULT_BIT(kind)) == 0) {
        return factor;
    }
    for (uint32_t k = tl->first[interval]; k < tl->first[interval + 1]; k++) {
        const struct fault *f = &tl->fault[tl->active[k]];
        if (f->kind == kind && in_set(tl, f->a, node)) {
            factor = factor_times(factor, f);
        }
    }
    return factor;
}

uint32_t fault_factor_q16(const struct fault_timeline *tl, struct fault_cursor *cursor,
                          enum fault_kind kind, uint32_t node, uint64_t t_ns)
{
    return factor_within(tl, fault_interval(tl, cursor, t_ns), kind, node);
}

uint64_t fault_work_until(const struct fault_timeline *tl, enum fault_kind kind, uint32_t node,
                          uint64_t begin_ns, uint64_t work_ns)
{
    uint32_t i = fault_interval_search(tl, begin_ns);

    for (;; i++) {
        uint32_t factor = factor_within(tl, i, kind, node);
        uint64_t left_ns = tl->start_ns[i + 1] - begin_ns;
        u128 takes_ns = (u128)work_ns * factor >> 16;
        if (takes_ns <= left_ns || i + 1 == tl->interval_count) {
            return takes_ns > left_ns ? UINT64_MAX - 1 : begin_ns + (uint64_t)takes_ns;
        }
        work_ns -= (uint64_t)(((u128)left_ns << 16) / factor);
        begin_ns = tl->start_ns[i + 1];
    }
}

uint64_t fault_last_change_ns(const struct fault_timeline *tl)
{
    uint64_t last_ns = 0;
    for (uint32_t i = 0; i < tl->count; i++) {
        const struct fault *f = &tl->fault[i];
        uint64_t end_ns = f->until_ns == FAULT_FOREVER ? f->at_ns : f->until_ns;
        last_ns = end_ns > last_ns ? end_ns : last_ns;
    }
    return last_ns;
}
