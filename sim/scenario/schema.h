/* The one table of scenario keys: reading, checking, defaults, used.yaml and the reference page all
 * come from it. */
#ifndef ORRERY_SCENARIO_SCHEMA_H
#define ORRERY_SCENARIO_SCHEMA_H

#include "sim/scenario/unit.h"

enum key_kind {
    KEY_TEXT,     /* char * */
    KEY_QUANTITY, /* uint64_t in the unit's base */
    KEY_RATIO,    /* struct ratio */
    KEY_BOOL,     /* bool */
    KEY_ENUM,     /* int: one of choices */
    KEY_TEXTS,    /* char **, count behind it: a list of plain text */
    KEY_NUMBERS,  /* uint64_t *, count behind it */
    KEY_MAP,      /* the keys of sub, in the same struct at offset */
    KEY_LIST,     /* an array of structs of item_bytes, count behind it, each the keys of sub */
    KEY_PLACES,   /* a map of name: ratio */
    KEY_FAULTS,   /* struct scenario_fault *, count behind it: a list of lines */
    KEY_EXPECTS,  /* a map of metric: condition */
    KEY_CHAIN,    /* params.def */
    KEY_NAME      /* as KEY_TEXT; names the item of a list */
};

struct key {
    const char *name;
    enum key_kind kind;
    enum unit_kind unit;
    size_t offset;
    size_t bytes;         /* of the integer at offset (4 or 8); item size of a list */
    const char *value;    /* default as it would be written; NULL: must be given */
    uint64_t least, most; /* of a ratio: least 1: above 0; most 1: at most 1 */
    const char *const *choices;
    const struct key *sub;
    size_t sub_count;
    size_t line_offset; /* of a list: where an item keeps its line */
    const char *text;   /* one line for the reference */
};

const struct key *schema_root(size_t *count);

/* A parameter of params.def as a scenario writes it: "target" (time) for target_ms. */
struct chain_key {
    char name[40];
    enum unit_kind unit;
    uint64_t factor;            /* value of the parameter x factor = base unit */
    const char *const *choices; /* for those that choose; else NULL */
};
void schema_chain_key(struct chain_key *key, const struct param_info *info);

#endif
