/* Who lies, and how: filters between node_step and the world (spec: design 2, last bullet;
 * chain 1.4). A byzantine node runs the real code; a filter sees its events on their way in and its
 * effects on their way out, and may swallow, hold back, change or add to them. A strategy looks at
 * nothing but its own node (node/core/view.h), what came over its links, and its own keys;
 * colluders, the nodes of one line, know each other's numbers and keys and speak by messages
 * through the world alone (decision 25). Draws are named by (run seed, node, line, counter).
 *
 * A line of a scenario says who does what, when (docs/adversaries.md):
 *
 *   KIND TARGETS [WORD VALUE]... [at TIME] [for SPAN]
 *   silent stake 1/3 at 10 min for 5 min
 *   selfish group attackers gamma 1/2
 *   twins node 0 with node 4
 *
 * Targets are those of faults (sim/fault/text.h). Each kind is one file and one row of kinds.c. */
#ifndef ORRERY_SIM_ADVERSARY_ADVERSARY_H
#define ORRERY_SIM_ADVERSARY_ADVERSARY_H

#include <stdio.h>

#include "node/core/node.h"
#include "node/core/view.h"
#include "sim/fault/text.h"
#include "sim/record/deed.h"

enum { ADVERSARY_PARAMETERS_MAX = 5, ADVERSARY_LINES_MAX = 64 };

#define ADVERSARY_FOREVER UINT64_MAX

struct adversary_kind;

/* A value of a line; what it is depends on the parameter's type. */
struct adversary_value {
    uint64_t num, den;    /* a ratio, den 0: none; num: a time in ns, a count, a word's number */
    struct fault_set set; /* nodes; no ranges: none were given */
};

/* One line, read. */
struct adversary_line {
    const struct adversary_kind *kind;
    struct fault_set nodes;
    uint64_t at_ns, until_ns; /* true time, half open; ADVERSARY_FOREVER */
    struct adversary_value value[ADVERSARY_PARAMETERS_MAX];
};

/* ERR_SYNTAX, ERR_UNKNOWN, ERR_RANGE, ERR_INVALID, ERR_NO_MEMORY; error says it in words. */
MUST_CHECK enum err adversary_line_parse(struct adversary_line *line,
                                         struct fault_text_error *error,
                                         const struct fault_domains *domains, uint32_t node_count,
                                         const char *text);
/* Writes a line (with its newline) that reads back to the same: nodes by number, every parameter.
 */
void adversary_line_print(FILE *file, const struct adversary_line *line);
void adversary_line_free(struct adversary_line *line);

/* Words of the kinds in the order of the table, for drawing and messages; NULL past the last. */
const char *adversary_kind_word(uint32_t number);

/* What the strategies of a run share: seed, lines, keys. Immutable while the run lasts. */
struct adversaries;

struct adversaries_config {
    uint64_t seed;
    uint32_t nodes;
    const uint8_t (*accounts)[32]; /* [nodes] public keys, zeros: none; copied */
    const uint64_t *stake_tokens;  /* [nodes]; copied */
    struct shared *shared;
    /* Where a link leads: the node behind an address, UINT32_MAX: none. */
    uint32_t (*node_of)(const struct endpoint *endpoint, uint32_t count);
    /* A strategy's trace; called inside a step of this node. */
    void (*trace)(void *world, unsigned thread, uint32_t node, uint64_t now_ns,
                  const uint64_t *values);
    /* The keys of a node's account. */
    void (*seeds)(void *world, uint32_t node, uint8_t account_seed[32], uint8_t vrf_seed[32]);
    /* A node as PEERS tells of it: id and endpoint (docs/wire.md 9). */
    void (*peer)(void *world, uint32_t node, uint8_t item[50]);
    void *world;
};

/* Takes over the lines. */
struct adversaries *adversaries_new(const struct adversaries_config *config,
                                    struct adversary_line *lines, uint32_t count);
void adversaries_free(struct adversaries *all); /* accepts NULL */

/* True when the node may break a promise that honest nodes keep. */
bool adversaries_byzantine(const struct adversaries *all, uint32_t node);
/* When its part ends for good and it is as any other node: 0 for those that were never byzantine,
 * ADVERSARY_FOREVER when what it did lasts (evidence, twins). */
uint64_t adversaries_until_ns(const struct adversaries *all, uint32_t node);

/* The filter of one node; NULL: no line touches it. Owned by `all`. */
struct adversary;
struct adversary *adversaries_of(struct adversaries *all, uint32_t node);

/* One step of a filtered node. In this order: adversary_before, node_step if that said so,
 * adversary_after. */
struct adversary_moment {
    uint64_t now_ns; /* true time */
    unsigned thread;
    const struct node *node;
    const struct node_config *config;
    struct effects *out;
    struct arena *scratch;
};

/* The node starts a life: links and what was held back are gone. */
void adversary_start(struct adversary *adversary);
/* The event may be changed (a wake may become the arrival of a frame that was held back) or
 * swallowed: false. */
bool adversary_before(struct adversary *adversary, const struct adversary_moment *moment,
                      struct event *event);
void adversary_after(struct adversary *adversary, const struct adversary_moment *moment,
                     const struct event *event);
/* When it wants to be woken, in true time; ADVERSARY_FOREVER: never. */
uint64_t adversary_deadline_ns(const struct adversary *adversary);
/* Gives back every blob. */
void adversary_drop(struct adversary *adversary);

/* Twins: the node whose keys this one has, or itself. */
uint32_t adversary_lines_twin(const struct adversary_line *lines, uint32_t count, uint32_t node);

#endif
