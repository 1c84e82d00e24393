#include "sim/scenario/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "node/base/invariant.h"

static struct tree *tree_new(enum tree_kind kind, int line)
{
    struct tree *t = calloc(1, sizeof(*t));

    invariant(t != NULL);
    t->kind = kind;
    t->line = line;
    return t;
}

static char *copy(const char *text)
{
    char *c = strdup(text);

    invariant(c != NULL);
    return c;
}

void tree_free(struct tree *t)
{
    while (t != NULL) {
        struct tree *next = t->next;
        tree_free(t->first);
        free(t->key);
        free(t->value);
        free(t);
        t = next;
    }
}

static void append(struct tree *parent, struct tree *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
}

struct tree *tree_find(const struct tree *map, const char *key)
{
    for (struct tree *t = map->first; t != NULL; t = t->next) {
        if (t->key != NULL && strcmp(t->key, key) == 0) {
            return t;
        }
    }
    return NULL;
}

static enum err refuse(struct scenario_error *error, int line, enum err err, const char *text,
                       const char *what)
{
    error->line = line;
    snprintf(error->text, sizeof(error->text), "%s%s", text, what);
    return err;
}

static enum err convert(struct tree **out, struct scenario_error *error, yaml_document_t *doc,
                        yaml_node_t *node)
{
    int line = (int)node->start_mark.line + 1;

    if (node->type == YAML_SCALAR_NODE) {
        *out = tree_new(TREE_SCALAR, line);
        (*out)->value = copy((const char *)node->data.scalar.value);
        return ERR_OK;
    }
    *out = tree_new(node->type == YAML_MAPPING_NODE ? TREE_MAP : TREE_LIST, line);
    if (node->type == YAML_SEQUENCE_NODE) {
        for (yaml_node_item_t *i = node->data.sequence.items.start;
             i < node->data.sequence.items.top; i++) {
            struct tree *child = NULL;
            enum err err = convert(&child, error, doc, yaml_document_get_node(doc, *i));
            append(*out, child);
            TRY(err);
        }
        return ERR_OK;
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        yaml_node_t *key = yaml_document_get_node(doc, p->key);
        struct tree *child = NULL;
        if (key->type != YAML_SCALAR_NODE) {
            return refuse(error, line, ERR_SYNTAX, "a key must be plain text", "");
        }
        const char *name = (const char *)key->data.scalar.value;
        if (tree_find(*out, name) != NULL) {
            return refuse(error, (int)key->start_mark.line + 1, ERR_SYNTAX,
                          "this key is given twice: ", name);
        }
        enum err err = convert(&child, error, doc, yaml_document_get_node(doc, p->value));
        child->key = copy(name);
        child->line = (int)key->start_mark.line + 1;
        append(*out, child);
        TRY(err);
    }
    return ERR_OK;
}

enum err tree_read(struct tree **tree, struct scenario_error *error, const char *path)
{
    yaml_parser_t parser;
    yaml_document_t document;
    FILE *file = fopen(path, "rb");
    enum err err = ERR_OK;

    *tree = NULL;
    snprintf(error->file, sizeof(error->file), "%s", path);
    if (file == NULL) {
        return refuse(error, 0, ERR_NOT_FOUND, "cannot open: ", strerror(errno));
    }
    invariant(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, file);
    if (!yaml_parser_load(&parser, &document)) {
        err = refuse(error, (int)parser.problem_mark.line + 1, ERR_SYNTAX,
                     "not YAML: ", parser.problem != NULL ? parser.problem : "unreadable");
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&document);
        if (root == NULL || root->type != YAML_MAPPING_NODE) {
            err = refuse(error, 1, ERR_SYNTAX, "a scenario is a map of keys", "");
        } else {
            err = convert(tree, error, &document, root);
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    fclose(file);
    if (err != ERR_OK) {
        tree_free(*tree);
        *tree = NULL;
    }
    return err;
}

/* The item of a list called `part`: by index, or by its name: key. */
static struct tree *item(const struct tree *list, const char *part)
{
    char *end = NULL;
    unsigned long n = strtoul(part, &end, 10);

    for (struct tree *t = list->first; t != NULL; t = t->next) {
        const struct tree *name = t->kind == TREE_MAP ? tree_find(t, "name") : NULL;
        if (name != NULL && name->kind == TREE_SCALAR && strcmp(name->value, part) == 0) {
            return t;
        }
    }
    if (*end != 0 || end == part) {
        return NULL;
    }
    struct tree *t = list->first;
    while (t != NULL && n-- > 0) {
        t = t->next;
    }
    return t;
}

enum err tree_set(struct tree *root, struct scenario_error *error, const char *path,
                  const char *value)
{
    char part[128];
    struct tree *at = root;
    const char *rest = path;

    for (;;) {
        size_t len = strcspn(rest, ".");
        if (len == 0 || len >= sizeof(part)) {
            return refuse(error, 0, ERR_SYNTAX, "not a key: ", path);
        }
        memcpy(part, rest, len);
        part[len] = 0;
        struct tree *next = at->kind == TREE_MAP    ? tree_find(at, part)
                            : at->kind == TREE_LIST ? item(at, part)
                                                    : NULL;
        if (next == NULL && at->kind != TREE_MAP) {
            return refuse(error, 0, ERR_UNKNOWN, "nothing of that name in ", path);
        }
        if (next == NULL) {
            next = tree_new(TREE_MAP, 0);
            next->key = copy(part);
            append(at, next);
        }
        at = next;
        if (rest[len] == 0) {
            break;
        }
        rest += len + 1;
    }
    tree_free(at->first);
    at->first = at->last = NULL;
    free(at->value);
    at->kind = TREE_SCALAR;
    at->value = copy(value);
    at->line = 0;
    return ERR_OK;
}
