#define _POSIX_C_SOURCE 200809L
#include "settings/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

#include "node/base/invariant.h"

static struct document *document_new(enum document_kind kind, int line)
{
    struct document *t = calloc(1, sizeof(*t));

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

void document_free(struct document *t)
{
    while (t != NULL) {
        struct document *next = t->next;
        document_free(t->first);
        free(t->key);
        free(t->value);
        free(t);
        t = next;
    }
}

static void append(struct document *parent, struct document *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
}

struct document *document_find(const struct document *map, const char *key)
{
    for (struct document *t = map->first; t != NULL; t = t->next) {
        if (t->key != NULL && strcmp(t->key, key) == 0) {
            return t;
        }
    }
    return NULL;
}

size_t document_children(const struct document *t)
{
    size_t n = 0;

    for (const struct document *c = t->first; c != NULL; c = c->next) {
        n++;
    }
    return n;
}

static enum err refuse(struct settings_error *error, int line, enum err err, const char *text,
                       const char *what)
{
    error->line = line;
    snprintf(error->text, sizeof(error->text), "%s%s", text, what);
    return err;
}

/* An alias can name its own parent, or one list many times over: what is made of it must end. */
#define DEPTH_MAX 16
#define ITEMS_MAX 2000000

struct conversion {
    yaml_document_t *yaml;
    struct settings_error *error;
    unsigned depth;
    uint64_t items;
};

static enum err convert(struct document **out, struct conversion *x, yaml_node_t *node);

static enum err convert_list(struct document *list, struct conversion *x, yaml_node_t *node)
{
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        struct document *child = NULL;
        enum err err = convert(&child, x, yaml_document_get_node(x->yaml, *i));
        if (child != NULL) {
            append(list, child);
        }
        TRY(err);
    }
    return ERR_OK;
}

static enum err convert_map(struct document *map, struct conversion *x, yaml_node_t *node)
{
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        yaml_node_t *key = yaml_document_get_node(x->yaml, p->key);
        struct document *child = NULL;
        if (key->type != YAML_SCALAR_NODE) {
            return refuse(x->error, map->line, ERR_SYNTAX, "a key must be plain text", "");
        }
        const char *name = (const char *)key->data.scalar.value;
        int line = (int)key->start_mark.line + 1;
        if (document_find(map, name) != NULL) {
            return refuse(x->error, line, ERR_SYNTAX, "this key is given twice: ", name);
        }
        enum err err = convert(&child, x, yaml_document_get_node(x->yaml, p->value));
        if (child != NULL) {
            child->key = copy(name);
            child->line = line;
            append(map, child);
        }
        TRY(err);
    }
    return ERR_OK;
}

static enum err convert(struct document **out, struct conversion *x, yaml_node_t *node)
{
    int line = (int)node->start_mark.line + 1;

    if (++x->items > ITEMS_MAX || x->depth >= DEPTH_MAX) {
        return refuse(x->error, line, ERR_RANGE, "too many values, or too deep", "");
    }
    if (node->type == YAML_SCALAR_NODE) {
        *out = document_new(DOCUMENT_SCALAR, line);
        (*out)->value = copy((const char *)node->data.scalar.value);
        return ERR_OK;
    }
    *out = document_new(node->type == YAML_MAPPING_NODE ? DOCUMENT_MAP : DOCUMENT_LIST, line);
    x->depth++;
    enum err err =
        (*out)->kind == DOCUMENT_MAP ? convert_map(*out, x, node) : convert_list(*out, x, node);
    x->depth--;
    return err;
}

enum err document_read(struct document **document, struct settings_error *error, const char *path)
{
    yaml_parser_t parser;
    yaml_document_t yaml;
    FILE *file = fopen(path, "rb");
    enum err err = ERR_OK;

    *document = NULL;
    snprintf(error->file, sizeof(error->file), "%s", path);
    if (file == NULL) {
        return refuse(error, 0, ERR_NOT_FOUND, "cannot open: ", strerror(errno));
    }
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        fclose(file);
        return refuse(error, 0, ERR_SYNTAX, "is a folder", "");
    }
    invariant(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, file);
    if (!yaml_parser_load(&parser, &yaml)) {
        err = refuse(error, (int)parser.problem_mark.line + 1, ERR_SYNTAX,
                     "not YAML: ", parser.problem != NULL ? parser.problem : "unreadable");
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&yaml);
        if (root == NULL || root->type != YAML_MAPPING_NODE) {
            err = refuse(error, 1, ERR_SYNTAX, "a settings file is a map of keys", "");
        } else {
            struct conversion x = {.yaml = &yaml, .error = error};
            err = convert(document, &x, root);
        }
        yaml_document_delete(&yaml);
    }
    yaml_parser_delete(&parser);
    fclose(file);
    if (err != ERR_OK) {
        document_free(*document);
        *document = NULL;
    }
    return err;
}

/* A list or a map of one line, in YAML's flow form: "[a, b]". */
static enum err flow_read(struct document **document, struct settings_error *error,
                          const char *text)
{
    struct conversion x = {.error = error};
    yaml_document_t yaml;
    yaml_parser_t parser;
    enum err err;

    *document = NULL;
    invariant(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (!yaml_parser_load(&parser, &yaml)) {
        err = refuse(error, 0, ERR_SYNTAX, "not YAML: ", text);
    } else {
        x.yaml = &yaml;
        err = convert(document, &x, yaml_document_get_root_node(&yaml));
        yaml_document_delete(&yaml);
    }
    yaml_parser_delete(&parser);
    if (err != ERR_OK) {
        document_free(*document);
        *document = NULL;
    }
    return err;
}

static void lines_clear(struct document *t)
{
    for (; t != NULL; t = t->next) {
        t->line = 0;
        lines_clear(t->first);
    }
}

/* The item of a list called `part`: by index, or by its name: key. */
static struct document *item(const struct document *list, const char *part)
{
    char *end = NULL;
    unsigned long n = strtoul(part, &end, 10);

    for (struct document *t = list->first; t != NULL; t = t->next) {
        const struct document *name = t->kind == DOCUMENT_MAP ? document_find(t, "name") : NULL;
        if (name != NULL && name->kind == DOCUMENT_SCALAR && strcmp(name->value, part) == 0) {
            return t;
        }
    }
    if (*end != 0 || end == part) {
        return NULL;
    }
    struct document *t = list->first;
    while (t != NULL && n-- > 0) {
        t = t->next;
    }
    return t;
}

/* The number of the item that would be the next of a list, as text. */
static bool is_next(const struct document *list, const char *part)
{
    char next[24];

    snprintf(next, sizeof(next), "%zu", document_children(list));
    return strcmp(part, next) == 0;
}

/* What is left of a path enters the first item of a list: ".0" or ".0.more". */
static bool is_first(const char *rest)
{
    return strncmp(rest, ".0", 2) == 0 && (rest[2] == 0 || rest[2] == '.');
}

static enum err refuse_setting(struct settings_error *error, enum err err, const char *text,
                               const char *path)
{
    snprintf(error->file, sizeof(error->file), "command line");
    return refuse(error, 0, err, text, path);
}

enum err document_set(struct document *root, struct settings_error *error, const char *path,
                      const char *value)
{
    char part[128];
    struct document *at = root;
    const char *rest = path;

    for (;;) {
        size_t len = strcspn(rest, ".");
        if (len == 0 || len >= sizeof(part)) {
            return refuse_setting(error, ERR_SYNTAX, "not a key: ", path);
        }
        memcpy(part, rest, len);
        part[len] = 0;
        struct document *next = at->kind == DOCUMENT_MAP    ? document_find(at, part)
                                : at->kind == DOCUMENT_LIST ? item(at, part)
                                                            : NULL;
        bool more = at->kind == DOCUMENT_LIST && is_next(at, part);
        if (next == NULL && at->kind != DOCUMENT_MAP && !more) {
            return refuse_setting(error, ERR_UNKNOWN, "nothing of that name in ", path);
        }
        if (next == NULL) {
            next = document_new(is_first(rest + len) ? DOCUMENT_LIST : DOCUMENT_MAP, 0);
            next->key = more ? NULL : copy(part);
            append(at, next);
        }
        at = next;
        if (rest[len] == 0) {
            break;
        }
        rest += len + 1;
    }
    struct document *flow = NULL;
    if (value[0] == '[' || value[0] == '{') {
        enum err err = flow_read(&flow, error, value);
        if (err != ERR_OK) {
            return refuse_setting(error, err, "not a list or map of one line: ", value);
        }
        lines_clear(flow);
    }
    document_free(at->first);
    free(at->value);
    at->line = 0;
    at->kind = flow != NULL ? flow->kind : DOCUMENT_SCALAR;
    at->first = flow != NULL ? flow->first : NULL;
    at->last = flow != NULL ? flow->last : NULL;
    at->value = flow != NULL ? NULL : copy(value);
    free(flow);
    return ERR_OK;
}
