/* From the tree of a file to a scenario, by the schema table. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/base/invariant.h"
#include "sim/scenario/document.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/schema.h"
#include "sim/scenario/validate.h"

#define EXPECT_BYTES_MAX 200

static enum err refuse(struct scenario_error *error, int line, enum err err, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

static enum err refuse(struct scenario_error *error, int line, enum err err, const char *format,
                       ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    error->line = line;
    if (line == 0) {
        snprintf(error->file, sizeof(error->file), "command line");
    }
    return err;
}

static char *copy(const char *text)
{
    char *c = strdup(text);

    invariant(c != NULL);
    return c;
}

static void *many(size_t count, size_t bytes)
{
    void *p = calloc(count + 1, bytes);

    invariant(p != NULL);
    return p;
}

static enum err unknown(struct scenario_error *error, const struct document *t, const char *where,
                        const struct nearest *n)
{
    return refuse(error, t->line, ERR_UNKNOWN, "%s has no key `%s`%s%s%s", where, t->key,
                  n->best != NULL ? "; the nearest is `" : "", n->best != NULL ? n->best : "",
                  n->best != NULL ? "`" : "");
}

static enum err keys_read(void *base, const struct key *keys, size_t count, struct document *map,
                          const char *where, struct scenario_error *error);

static enum err scalar(const struct document *t, const struct key *key,
                       struct scenario_error *error)
{
    return t->kind == DOCUMENT_SCALAR
               ? ERR_OK
               : refuse(error, t->line, ERR_SYNTAX, "`%s` takes one value", key->name);
}

static enum err quantity_read(void *at, const struct key *key, const char *value, int line,
                              struct scenario_error *error)
{
    const char *why;
    uint64_t v;
    char least[48];
    char most[48];
    enum err err = unit_read(&v, key->unit, value, &why);

    if (err != ERR_OK) {
        return refuse(error, line, err, "`%s: %s`: expected %s", key->name, value, why);
    }
    if (v < key->least || v > key->most) {
        unit_print(least, sizeof(least), key->unit, key->least);
        unit_print(most, sizeof(most), key->unit, key->most);
        return refuse(error, line, ERR_RANGE, "`%s: %s`: must lie between %s and %s", key->name,
                      value, least, most);
    }
    if (key->bytes == 4) {
        uint32_t v32 = (uint32_t)v;
        memcpy(at, &v32, 4);
    } else {
        memcpy(at, &v, 8);
    }
    return ERR_OK;
}

static enum err choice_read(int *at, const char *const *choices, const char *name,
                            const char *value, int line, struct scenario_error *error)
{
    char list[200] = "";

    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0) {
            *at = i;
            return ERR_OK;
        }
        size_t len = strlen(list);
        snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    return refuse(error, line, ERR_UNKNOWN, "`%s: %s`: expected one of %s", name, value, list);
}

static enum err ratio_check(const struct ratio *r, const struct key *key, const char *value,
                            int line, struct scenario_error *error)
{
    if (key->least == 1 && r->num == 0) {
        return refuse(error, line, ERR_RANGE, "`%s: %s`: must be above 0", key->name, value);
    }
    if (key->most == 1 && r->num > r->den) {
        return refuse(error, line, ERR_RANGE, "`%s: %s`: a probability is at most 1", key->name,
                      value);
    }
    return ERR_OK;
}

/* One line: what used.yaml can hold. Breaks become blanks. */
static enum err text_read(char **at, const struct key *key, const char *value, int line,
                          struct scenario_error *error)
{
    char *text = copy(value);
    size_t len = strlen(text);

    free(*at);
    *at = text;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\t') {
            text[i] = ' ';
        } else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return refuse(error, line, ERR_SYNTAX, "`%s` holds a control character", key->name);
        }
    }
    while (len > 0 && text[len - 1] == ' ') {
        text[--len] = 0;
    }
    return ERR_OK;
}

static enum err value_read(void *at, const struct key *key, const char *value, int line,
                           struct scenario_error *error)
{
    static const char *const yes_no[] = {"no", "yes", NULL};
    static const char *const false_true[] = {"false", "true", NULL};
    const char *why;
    int choice = 0;
    enum err err;

    switch (key->kind) {
    case KEY_NAME:
    case KEY_TEXT:
        return text_read(at, key, value, line, error);
    case KEY_QUANTITY:
        return quantity_read(at, key, value, line, error);
    case KEY_RATIO:
        err = unit_read_ratio(at, value, &why);
        if (err != ERR_OK) {
            return refuse(error, line, err, "`%s: %s`: expected %s", key->name, value, why);
        }
        return ratio_check(at, key, value, line, error);
    case KEY_BOOL:
        if (value[0] == 't' || value[0] == 'f') {
            TRY(choice_read(&choice, false_true, key->name, value, line, error));
        } else {
            TRY(choice_read(&choice, yes_no, key->name, value, line, error));
        }
        *(bool *)at = choice == 1;
        return ERR_OK;
    case KEY_ENUM:
        return choice_read(at, key->choices, key->name, value, line, error);
    default:
        return refuse(error, line, ERR_SYNTAX, "`%s` takes more than one value", key->name);
    }
}

static size_t children(const struct document *t)
{
    size_t n = 0;

    for (const struct document *c = t->first; c != NULL; c = c->next) {
        n++;
    }
    return n;
}

static enum err list_read(uint8_t *at, const struct key *key, struct document *t, const char *where,
                          struct scenario_error *error)
{
    size_t n = children(t);
    uint8_t *items = many(n, key->bytes);
    uint64_t count = n;
    char name[96];

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return refuse(error, t->line, ERR_SYNTAX, "`%s` is a list (lines that begin with -)",
                      key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items += key->bytes) {
        if (c->kind != DOCUMENT_MAP) {
            return refuse(error, c->line, ERR_SYNTAX, "an item of `%s` is a map of keys",
                          key->name);
        }
        memcpy(items + key->line_offset, &c->line, sizeof(c->line));
        snprintf(name, sizeof(name), "an item of `%s`", key->name);
        TRY(keys_read(items, key->sub, key->sub_count, c, name, error));
    }
    (void)where;
    return ERR_OK;
}

static enum err texts_read(uint8_t *at, const struct key *key, struct document *t,
                           struct scenario_error *error)
{
    uint64_t count = children(t);
    void **items = many(count, sizeof(void *));

    memcpy(at, &items, sizeof(void *));
    memcpy(at + sizeof(void *), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return refuse(error, t->line, ERR_SYNTAX, "`%s` is a list", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items++) {
        TRY(scalar(c, key, error));
        if (key->kind == KEY_TEXTS) {
            TRY(text_read((char **)items, key, c->value, c->line, error));
        } else {
            struct key number = {
                .name = key->name, .kind = KEY_QUANTITY, .bytes = 8, .most = UINT64_MAX};
            TRY(quantity_read(items, &number, c->value, c->line, error));
        }
    }
    return ERR_OK;
}

static enum err places_read(uint8_t *at, const struct key *key, struct document *t,
                            struct scenario_error *error)
{
    uint64_t count = children(t);
    struct scenario_place *items = many(count, sizeof(*items));
    struct key weight = {.name = key->name, .kind = KEY_RATIO};

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_MAP) {
        return refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of region or city: weight",
                      key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items++) {
        TRY(scalar(c, key, error));
        TRY(text_read(&items->where, key, c->key, c->line, error));
        TRY(value_read(&items->weight, &weight, c->value, c->line, error));
    }
    return ERR_OK;
}

static enum err lines_read(uint8_t *at, const struct key *key, struct document *t,
                           struct scenario_error *error)
{
    struct scenario_fault *items = many(children(t), sizeof(*items));
    uint64_t count = 0;

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return refuse(error, t->line, ERR_SYNTAX, "`%s` is a list of lines", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next) {
        TRY(scalar(c, key, error));
        struct scenario_fault *line = &items[count++];
        memcpy(at + sizeof(items), &count, sizeof(count));
        line->line = c->line;
        TRY(text_read(&line->text, key, c->value, c->line, error));
    }
    return ERR_OK;
}

static enum err expects_read(struct scenario *s, const struct key *key, struct document *t,
                             struct scenario_error *error)
{
    if (t->kind != DOCUMENT_MAP) {
        return refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of metric: condition", key->name);
    }
    s->expects = many(children(t), sizeof(*s->expects));
    for (struct document *c = t->first; c != NULL; c = c->next) {
        TRY(scalar(c, key, error));
        size_t op = strcspn(c->value, " ");
        op = c->value[op] == 0 ? strspn(c->value, "<=>") : op; /* "<5" */
        if (op == 0 || c->value[op] == 0 || strlen(c->value) > EXPECT_BYTES_MAX) {
            return refuse(error, c->line, ERR_SYNTAX,
                          "`%s: %.100s`: expected a condition as \"< 5 s\" or \"in 14 s..16 s\"",
                          c->key, c->value);
        }
        struct scenario_expect *e = &s->expects[s->expects_count++];
        TRY(text_read(&e->metric, &(struct key){.name = key->name}, c->key, c->line, error));
        e->op = copy(c->value);
        e->op[op] = 0;
        e->line = c->line;
        struct key value = {.name = c->key};
        TRY(text_read(&e->value, &value, c->value + op + strspn(c->value + op, " "), c->line,
                      error));
    }
    return ERR_OK;
}

static enum err chain_value(struct params *params, const struct param_info *info,
                            const struct chain_key *key, const struct document *t,
                            struct scenario_error *error)
{
    uint64_t value = 0;

    if (key->choices != NULL) {
        int choice = 0;
        const char *text = strcmp(t->value, "yes") == 0  ? "on"
                           : strcmp(t->value, "no") == 0 ? "off"
                                                         : t->value;
        TRY(choice_read(&choice, key->choices, key->name, text, t->line, error));
        value = (uint64_t)choice;
    } else {
        struct key number = {.name = key->name,
                             .kind = KEY_QUANTITY,
                             .unit = key->unit,
                             .bytes = 8,
                             .least = info->least * key->factor};
        number.most = info->most > UINT64_MAX / key->factor ? UINT64_MAX : info->most * key->factor;
        TRY(quantity_read(&value, &number, t->value, t->line, error));
        if (value % key->factor != 0) {
            return refuse(error, t->line, ERR_RANGE, "`%s: %s`: whole %s only", key->name, t->value,
                          info->unit);
        }
        value /= key->factor;
    }
    return params_set(params, info->code, value) == ERR_OK
               ? ERR_OK
               : refuse(error, t->line, ERR_RANGE, "`%s: %s`: out of range", key->name, t->value);
}

static enum err chain_read(struct params *params, struct document *map,
                           struct scenario_error *error)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    const char *why = "";

    for (struct document *t = map->first; t != NULL; t = t->next) {
        struct chain_key names[64];
        struct nearest near = {.word = t->key};
        size_t i = 0;
        invariant(count <= 64);
        for (; i < count; i++) {
            schema_chain_key(&names[i], &table[i]);
            if (strcmp(names[i].name, t->key) == 0) {
                break;
            }
            nearest_try(&near, names[i].name);
        }
        if (i == count) {
            return unknown(error, t, "chain", &near);
        }
        TRY(scalar(t, &(struct key){.name = t->key}, error));
        TRY(chain_value(params, &table[i], &names[i], t, error));
    }
    return params_check(params, &why) == ERR_OK
               ? ERR_OK
               : refuse(error, map->line, ERR_INVALID, "chain: %s", why);
}

static enum err key_read(uint8_t *base, const struct key *key, struct document *t,
                         const char *where, struct scenario_error *error)
{
    uint8_t *at = base + key->offset;

    switch (key->kind) {
    case KEY_MAP:
        if (t->kind != DOCUMENT_MAP) {
            return refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of keys", key->name);
        }
        return keys_read(at, key->sub, key->sub_count, t, key->name, error);
    case KEY_LIST:
        return list_read(at, key, t, where, error);
    case KEY_TEXTS:
    case KEY_NUMBERS:
        return texts_read(at, key, t, error);
    case KEY_PLACES:
        return places_read(at, key, t, error);
    case KEY_FAULTS:
        return lines_read(at, key, t, error);
    case KEY_EXPECTS:
        return expects_read((struct scenario *)(void *)base, key, t, error);
    case KEY_CHAIN:
        if (t->kind != DOCUMENT_MAP) {
            return refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of keys", key->name);
        }
        return chain_read((struct params *)(void *)at, t, error);
    default:
        TRY(scalar(t, key, error));
        return value_read(at, key, t->value, t->line, error);
    }
}

/* Every key of the table, from the map or from its default; then whatever the map has beside. */
static enum err keys_read(void *base, const struct key *keys, size_t count, struct document *map,
                          const char *where, struct scenario_error *error)
{
    static const struct document empty = {.kind = DOCUMENT_MAP};

    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        struct document *t = document_find(map, key->name);
        if (t != NULL) {
            t->used = true;
            TRY(key_read(base, key, t, where, error));
        } else if (key->kind == KEY_MAP) {
            struct document none = empty;
            none.line = map->line;
            TRY(keys_read((uint8_t *)base + key->offset, key->sub, key->sub_count, &none, key->name,
                          error));
        } else if (key->value != NULL) {
            TRY(value_read((uint8_t *)base + key->offset, key, key->value, map->line, error));
        } else if (key->kind <= KEY_ENUM || key->kind == KEY_NAME) {
            return refuse(error, map->line, ERR_INVALID, "%s needs a key `%s` (%s)", where,
                          key->name, key->text);
        }
    }
    for (struct document *t = map->first; t != NULL; t = t->next) {
        if (!t->used) {
            struct nearest near = {.word = t->key};
            for (size_t i = 0; i < count; i++) {
                nearest_try(&near, keys[i].name);
            }
            return unknown(error, t, where, &near);
        }
    }
    return ERR_OK;
}

static void paths_set(struct scenario *s, const char *path)
{
    char folder[600];
    const char *slash = strrchr(path, '/');
    const char *data = getenv("ORRERY_DATA");

    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    s->file = copy(path);
    s->folder = copy(folder);
    s->data = copy(data != NULL ? data : ORRERY_DATA);
}

enum err scenario_load(struct scenario **out, struct scenario_error *error, const char *path,
                       const char *const *settings, size_t settings_count)
{
    struct stat info;
    char file[700];
    struct document *root;
    size_t count;
    const struct key *keys = schema_root(&count);
    struct scenario *s = many(1, sizeof(*s));

    *out = NULL;
    snprintf(file, sizeof(file), "%s%s", path,
             stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? "/scenario.yaml" : "");
    params_defaults(&s->chain);
    paths_set(s, file);
    enum err err = document_read(&root, error, file);
    for (size_t i = 0; i < settings_count && err == ERR_OK; i++) {
        const char *equals = strchr(settings[i], '=');
        char key[256];
        invariant(equals != NULL);
        snprintf(key, sizeof(key), "%.*s", (int)(equals - settings[i]), settings[i]);
        err = document_set(root, error, key, equals + 1);
    }
    if (err == ERR_OK) {
        err = keys_read(s, keys, count, root, "a scenario", error);
    }
    if (err == ERR_OK) {
        err = scenario_validate(s, error, root);
    }
    document_free(root);
    if (err != ERR_OK) {
        scenario_free(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}
