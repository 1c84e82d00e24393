/* A YAML file as a plain tree that remembers lines, before anything is made of it. libyaml parses;
 * here keys are only kept in order, so that an unknown or doubled key can be reported where it
 * stands. */
#ifndef ORRERY_SCENARIO_TREE_H
#define ORRERY_SCENARIO_TREE_H

#include "sim/scenario/scenario.h"

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree {
    enum tree_kind kind;
    char *key;   /* in a map */
    char *value; /* of a scalar */
    int line;    /* 0: from the command line */
    bool used;
    struct tree *first, *last, *next;
};

/* ERR_NOT_FOUND, ERR_SYNTAX (also a key given twice). */
enum err tree_read(struct tree **tree, struct scenario_error *error, const char *path) MUST_CHECK;
void tree_free(struct tree *tree);

struct tree *tree_find(const struct tree *map, const char *key);
/* Sets "a.b.c" to a scalar, making maps on the way; a list is entered by index or by the name: of
 * its items. ERR_UNKNOWN, ERR_SYNTAX. */
enum err tree_set(struct tree *root, struct scenario_error *error, const char *path,
                  const char *value) MUST_CHECK;

#endif
