/* Faults are data: a list of (time, duration, kind, targets, argument), drawn from the seed or
 * written by hand, sorted, immutable while a run lasts, stored with it. Whether something is broken
 * is a pure function of that list and the time, asked for by whoever acts; the few kinds that act
 * at an instant (crash, restart, ...) are for the world loop to schedule: it walks the list once.
 * spec: design 4
 *
 * Times are half open: an entry is active at t when at_ns <= t < until_ns. Entries overlap freely:
 * delays add, chances to be lost combine as independent, factors multiply, a cut lasts until the
 * last of the cuts that touch it ends. */
#ifndef ORRERY_SIM_FAULT_TIMELINE_H
#define ORRERY_SIM_FAULT_TIMELINE_H

#include "sim/fault/set.h"
#include "sim/net/link.h"

#define FAULT_FOREVER UINT64_MAX
#define FAULT_NO_SET UINT32_MAX

enum {
    FAULT_LABEL_BYTES = 32,
    FAULTS_MAX = 1 << 20,
    FAULT_FACTOR_MAX = 1 << 20,
};

/* What an argument is. */
enum fault_argument {
    FAULT_ARGUMENT_NONE,
    FAULT_ARGUMENT_TIME,        /* value_ns > 0 */
    FAULT_ARGUMENT_STEP,        /* value_ns, either sign */
    FAULT_ARGUMENT_PROBABILITY, /* num / den <= 1 */
    FAULT_ARGUMENT_FACTOR,      /* num / den > 0: times as slow */
    FAULT_ARGUMENT_COUNT,       /* value_ns holds a count >= 1 */
};

/* kind, word in the text form, sets of nodes, lasts (else an instant), argument.
 *   crash     the nodes stop; they start again from disk at the end (or at a restart)
 *   outage    the same for a domain (a city, a region, an operator); kept apart for the figures
 *   wipe      a crash that loses the disk
 *   restart   ends every crash of the nodes now
 *   cut       no message from set a to set b, nor back unless one_way
 *   break     reliable links between a and b are reset
 *   clog      every message to or from the nodes takes longer by the argument
 *   loss      every segment or datagram to or from the nodes is lost with the probability
 *   duplicate every datagram to or from the nodes comes twice with the probability
 *   slow-net  the access links of the nodes take factor times as long
 *   slow-cpu, slow-disk  work takes factor times as long
 *   full-disk writes fail with ERR_NO_SPACE
 *   torn-disk a crash meanwhile applies part of the batch that was being written
 *   corrupt-disk  that many stored values are damaged; `silent`: without the disk noticing
 *   step-clock    the wall clock jumps */
#define FAULT_KINDS(X)                                                                             \
    X(CRASH, "crash", 1, true, FAULT_ARGUMENT_NONE)                                                \
    X(OUTAGE, "outage", 1, true, FAULT_ARGUMENT_NONE)                                              \
    X(WIPE, "wipe", 1, true, FAULT_ARGUMENT_NONE)                                                  \
    X(RESTART, "restart", 1, false, FAULT_ARGUMENT_NONE)                                           \
    X(CUT, "cut", 2, true, FAULT_ARGUMENT_NONE)                                                    \
    X(BREAK, "break", 2, false, FAULT_ARGUMENT_NONE)                                               \
    X(CLOG, "clog", 1, true, FAULT_ARGUMENT_TIME)                                                  \
    X(LOSS, "loss", 1, true, FAULT_ARGUMENT_PROBABILITY)                                           \
    X(DUPLICATE, "duplicate", 1, true, FAULT_ARGUMENT_PROBABILITY)                                 \
    X(SLOW_NET, "slow-net", 1, true, FAULT_ARGUMENT_FACTOR)                                        \
    X(SLOW_CPU, "slow-cpu", 1, true, FAULT_ARGUMENT_FACTOR)                                        \
    X(SLOW_DISK, "slow-disk", 1, true, FAULT_ARGUMENT_FACTOR)                                      \
    X(FULL_DISK, "full-disk", 1, true, FAULT_ARGUMENT_NONE)                                        \
    X(TORN_DISK, "torn-disk", 1, true, FAULT_ARGUMENT_NONE)                                        \
    X(CORRUPT_DISK, "corrupt-disk", 1, false, FAULT_ARGUMENT_COUNT)                                \
    X(STEP_CLOCK, "step-clock", 1, false, FAULT_ARGUMENT_STEP)

enum fault_kind {
#define X(name, word, sets, lasts, argument) FAULT_##name,
    FAULT_KINDS(X)
#undef X
        FAULT_KIND_COUNT
};

struct fault_kind_info {
    const char *word;
    unsigned sets;
    bool lasts;
    enum fault_argument argument;
};

const struct fault_kind_info *fault_kind_info(enum fault_kind kind);

/* ERR_NOT_FOUND. */
MUST_CHECK enum err fault_kind_find(enum fault_kind *kind, const char *word);

struct fault {
    uint64_t at_ns;
    uint64_t until_ns; /* FAULT_FOREVER; at_ns for an instant */
    enum fault_kind kind;
    uint32_t a; /* sets of the timeline, by number */
    uint32_t b; /* FAULT_NO_SET for kinds with one */
    bool one_way;
    bool silent;
    int64_t value_ns;
    uint32_t num;
    uint32_t den;
    char label[FAULT_LABEL_BYTES]; /* for figures; may be empty */
};

/* Made by init, set, add..., seal; then read only. The arrays are its own. */
struct fault_timeline {
    uint32_t node_count;
    uint32_t count;
    uint32_t set_count;
    uint32_t fault_room;
    uint32_t set_room;
    bool sealed;
    struct fault *fault; /* by at_ns once sealed, then in the order of adding */
    struct fault_set *set;
    /* Between two changes the set of active entries is constant. */
    uint32_t interval_count;
    uint64_t *start_ns; /* [interval_count + 1]; the first is 0, the last UINT64_MAX */
    uint32_t *kinds;    /* [interval_count] one bit per kind of active entry */
    uint32_t *first;    /* [interval_count + 1] into active */
    uint32_t *active;   /* entries, ascending within an interval */
};

void fault_timeline_init(struct fault_timeline *timeline, uint32_t node_count);
void fault_timeline_free(struct fault_timeline *timeline);

/* Keeps a copy of a set of nodes; *number is its name in this timeline. */
MUST_CHECK enum err fault_timeline_set(struct fault_timeline *timeline, uint32_t *number,
                                       const struct node_bits *bits);

/* Copies an entry. ERR_INVALID: its sets, times or argument do not fit the kind. ERR_FULL. */
MUST_CHECK enum err fault_timeline_add(struct fault_timeline *timeline, const struct fault *fault);

/* Sorts and indexes; nothing can be added after. ERR_FULL when entries overlap so much that the
 * index would exceed 64 M words. */
MUST_CHECK enum err fault_timeline_seal(struct fault_timeline *timeline);

/* Remembers the interval of the last question; one per thread, zeroed at first. It makes no
 * difference to the answers. */
struct fault_cursor {
    uint32_t interval;
};

uint32_t fault_interval_search(const struct fault_timeline *timeline, uint64_t t_ns);

static inline uint32_t fault_interval(const struct fault_timeline *timeline,
                                      struct fault_cursor *cursor, uint64_t t_ns)
{
    uint32_t i = cursor->interval;
    if (t_ns < timeline->start_ns[i] || t_ns >= timeline->start_ns[i + 1]) {
        i = fault_interval_search(timeline, t_ns);
        cursor->interval = i;
    }
    return i;
}

#define FAULT_BIT(kind) ((uint32_t)1 << (kind))
#define FAULT_NETWORK_BITS                                                                         \
    (FAULT_BIT(FAULT_CUT) | FAULT_BIT(FAULT_CLOG) | FAULT_BIT(FAULT_LOSS) |                        \
     FAULT_BIT(FAULT_DUPLICATE) | FAULT_BIT(FAULT_SLOW_NET))

/* Is any entry of these kinds active, wherever? The question to ask first. */
static inline bool fault_any(const struct fault_timeline *timeline, struct fault_cursor *cursor,
                             uint64_t t_ns, uint32_t kind_bits)
{
    return timeline->kinds[fault_interval(timeline, cursor, t_ns)] & kind_bits;
}

/* Is the node a target of an active entry of this kind (of one set)? *fault (may be NULL) is the
 * number of the first. */
bool fault_active(const struct fault_timeline *timeline, struct fault_cursor *cursor,
                  uint32_t *fault, enum fault_kind kind, uint32_t node, uint64_t t_ns);

/* Is the node held down by a crash, outage or wipe that no restart has ended? */
bool fault_down(const struct fault_timeline *timeline, struct fault_cursor *cursor, uint32_t node,
                uint64_t t_ns);

/* Until when no message passes from src to dst: 0 when it passes at t, FAULT_FOREVER, or the first
 * later time at which it passes (cuts that follow on one another count as one). */
uint64_t fault_cut_until(const struct fault_timeline *timeline, struct fault_cursor *cursor,
                         uint32_t src, uint32_t dst, uint64_t t_ns);

/* All that faults do to the directed pair at t. False, and *out is calm, when nothing. Meant for
 * link_send:
 *   struct link_conditions c;
 *   link_send(..., fault_conditions(tl, &cursor, &c, src, dst, now) ? &c : NULL, ...) */
bool fault_conditions_slow(const struct fault_timeline *timeline, struct fault_cursor *cursor,
                           struct link_conditions *out, uint32_t src, uint32_t dst, uint64_t t_ns);

static inline bool fault_conditions(const struct fault_timeline *timeline,
                                    struct fault_cursor *cursor, struct link_conditions *out,
                                    uint32_t src, uint32_t dst, uint64_t t_ns)
{
    return fault_any(timeline, cursor, t_ns, FAULT_NETWORK_BITS) &&
           fault_conditions_slow(timeline, cursor, out, src, dst, t_ns);
}

/* How many times as slow the node's processor, disk or access link (FAULT_SLOW_*) is at t, in Q16;
 * 1 << 16 without a fault. Between 1 and 2^32 - 1. */
uint32_t fault_factor_q16(const struct fault_timeline *timeline, struct fault_cursor *cursor,
                          enum fault_kind kind, uint32_t node, uint64_t t_ns);

/* When work that takes work_ns without a fault and begins at begin_ns is done: the part that a
 * fault of this kind befalls takes that many times as long, what is left when it ends no more.
 * UINT64_MAX - 1: not in any time that there is. begin_ns < UINT64_MAX. */
uint64_t fault_work_until(const struct fault_timeline *timeline, enum fault_kind kind,
                          uint32_t node, uint64_t begin_ns, uint64_t work_ns);

/* The time after which no entry begins or ends; 0 for an empty list. FAULT_FOREVER entries count by
 * their beginning. Liveness is asked for after it. */
uint64_t fault_last_change_ns(const struct fault_timeline *timeline);

#endif
