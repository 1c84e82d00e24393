/* Tables of keys. Reading, checking, defaults, printing and the reference page of a settings file
 * all come from one table; the struct it fills belongs to the caller. */
#ifndef ORRERY_SETTINGS_SCHEMA_H
#define ORRERY_SETTINGS_SCHEMA_H

#include <stddef.h>
#include <stdio.h>

#include "settings/document.h"
#include "settings/unit.h"

enum key_kind {
    KEY_TEXT,     /* char * */
    KEY_QUANTITY, /* uint64_t in the unit's base */
    KEY_RATIO,    /* struct ratio */
    KEY_BOOL,     /* bool */
    KEY_ENUM,     /* int: one of choices */
    KEY_NAME,     /* as KEY_TEXT; names the item of a list */
    KEY_TEXTS,    /* char **, count behind it: a list of plain text */
    KEY_NUMBERS,  /* uint64_t *, count behind it */
    KEY_MAP,      /* the keys of sub, in the same struct at offset */
    KEY_LIST,     /* an array of structs of bytes each, count behind it, each the keys of sub */
    KEY_FORM      /* what no kind above can say: its own functions */
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
    const struct key_form *form;
    const char *text; /* one line for the reference */
};

/* A value with a grammar of its own. `base` is the struct that holds the key at key->offset. */
struct key_form {
    const char *describes; /* for the reference: "map of name: weight" */
    enum err (*read)(void *base, const struct key *key, struct document *t,
                     struct settings_error *error);
    void (*print)(FILE *out, const void *base, const struct key *key, int depth);
    void (*free)(void *base, const struct key *key);
    void (*reference)(FILE *out, const char *prefix); /* NULL: no keys below it */
};

/* Fills base (zeroed by the caller) from map: every key of the table, from the map or from its
 * default; anything else in the map is ERR_UNKNOWN with the nearest key. `where` names the map in
 * errors: "a scenario". What has been read is freed by settings_free, also after an error. */
enum err settings_read(void *base, const struct key *keys, size_t count, struct document *map,
                       const char *where, struct settings_error *error) MUST_CHECK;
/* The same keys as YAML that reads back to the same values. */
void settings_print(FILE *out, const void *base, const struct key *keys, size_t count);
void settings_free(void *base, const struct key *keys, size_t count);
/* Rows of a Markdown table: key, value, default, meaning. */
void settings_reference(FILE *out, const char *prefix, const struct key *keys, size_t count);

/* For forms. */
enum err settings_scalar(const struct document *t, const char *name,
                         struct settings_error *error) MUST_CHECK;
/* ERR_SYNTAX, ERR_RANGE, ERR_UNKNOWN; at holds what key->kind says (a scalar kind). */
enum err settings_value(void *at, const struct key *key, const char *value, int line,
                        struct settings_error *error) MUST_CHECK;
enum err settings_text(char **at, const char *name, const char *value, int line,
                       struct settings_error *error) MUST_CHECK;
enum err settings_choice(int *at, const char *const *choices, const char *name, const char *value,
                         int line, struct settings_error *error) MUST_CHECK;
/* "WHERE has no key `K`; the nearest is `N`"; nearest may be NULL. */
enum err settings_unknown(struct settings_error *error, const struct document *t, const char *where,
                          const char *nearest) MUST_CHECK;
/* Zeroed, never NULL, one item longer than asked. */
void *settings_many(size_t count, size_t bytes);
char *settings_copy(const char *text);

void settings_indent(FILE *out, int depth);
void settings_quoted(FILE *out, const char *text); /* in single quotes, on one line */
void settings_ratio(FILE *out, const struct ratio *ratio);
void settings_choices(FILE *out, const char *const *choices);

#endif
