/* A YAML file as a plain tree that remembers lines, before anything is made of it. libyaml parses;
 * here keys are only kept in order, so that an unknown or doubled key can be reported where it
 * stands. */
#ifndef ORRERY_SETTINGS_DOCUMENT_H
#define ORRERY_SETTINGS_DOCUMENT_H

#include "node/base/bytes.h"
#include "settings/error.h"

enum document_kind { DOCUMENT_SCALAR, DOCUMENT_LIST, DOCUMENT_MAP };

struct document {
    enum document_kind kind;
    char *key;   /* in a map */
    char *value; /* of a scalar */
    int line;    /* 0: from the command line */
    bool used;
    struct document *first, *last, *next;
};

/* ERR_NOT_FOUND, ERR_SYNTAX (also a key given twice). */
enum err document_read(struct document **document, struct settings_error *error,
                       const char *path) MUST_CHECK;
void document_free(struct document *document);

size_t document_children(const struct document *parent);
struct document *document_find(const struct document *map, const char *key);
/* Sets "a.b.c" to a scalar, or to a list or map in YAML's flow form ("[x, y]"), making maps on the
 * way; a list is entered by index or by the name: of its items, and the index behind the last makes
 * another. ERR_UNKNOWN, ERR_SYNTAX. */
enum err document_set(struct document *root, struct settings_error *error, const char *path,
                      const char *value) MUST_CHECK;

#endif
