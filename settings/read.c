/* From the tree of a file to a struct, by a table of keys. */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "settings/nearest.h"
#include "settings/schema.h"

char *settings_copy(const char *text)
{
    char *c = strdup(text);

    invariant(c != NULL);
    return c;
}

void *settings_many(size_t count, size_t bytes)
{
    void *p = calloc(count + 1, bytes);

    invariant(p != NULL);
    return p;
}

enum err settings_unknown(struct settings_error *error, const struct document *t, const char *where,
                          const char *nearest)
{
    return settings_refuse(error, t->line, ERR_UNKNOWN, "%s has no key `%s`%s%s%s", where, t->key,
                           nearest != NULL ? "; the nearest is `" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "`" : "");
}

enum err settings_scalar(const struct document *t, const char *name, struct settings_error *error)
{
    return t->kind == DOCUMENT_SCALAR
               ? ERR_OK
               : settings_refuse(error, t->line, ERR_SYNTAX, "`%s` takes one value", name);
}

static enum err quantity_read(void *at, const struct key *key, const char *value, int line,
                              struct settings_error *error)
{
    const char *why;
    uint64_t v;
    char least[48];
    char most[48];
    enum err err = unit_read(&v, key->unit, value, &why);

    if (err != ERR_OK) {
        return settings_refuse(error, line, err, "`%s: %s`: expected %s", key->name, value, why);
    }
    if (v < key->least || v > key->most) {
        unit_print(least, sizeof(least), key->unit, key->least);
        unit_print(most, sizeof(most), key->unit, key->most);
        return settings_refuse(error, line, ERR_RANGE, "`%s: %s`: must lie between %s and %s",
                               key->name, value, least, most);
    }
    if (key->bytes == 4) {
        uint32_t v32 = (uint32_t)v;
        memcpy(at, &v32, 4);
    } else {
        memcpy(at, &v, 8);
    }
    return ERR_OK;
}

enum err settings_choice(int *at, const char *const *choices, const char *name, const char *value,
                         int line, struct settings_error *error)
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
    return settings_refuse(error, line, ERR_UNKNOWN, "`%s: %s`: expected one of %s", name, value,
                           list);
}

static enum err ratio_check(const struct ratio *r, const struct key *key, const char *value,
                            int line, struct settings_error *error)
{
    if (key->least == 1 && r->num == 0) {
        return settings_refuse(error, line, ERR_RANGE, "`%s: %s`: must be above 0", key->name,
                               value);
    }
    if (key->most == 1 && r->num > r->den) {
        return settings_refuse(error, line, ERR_RANGE, "`%s: %s`: a probability is at most 1",
                               key->name, value);
    }
    return ERR_OK;
}

/* One line: what used.yaml can hold. Breaks become blanks. */
enum err settings_text(char **at, const char *name, const char *value, int line,
                       struct settings_error *error)
{
    char *text = settings_copy(value);
    size_t len = strlen(text);

    free(*at);
    *at = text;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\t') {
            text[i] = ' ';
        } else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return settings_refuse(error, line, ERR_SYNTAX, "`%s` holds a control character", name);
        }
    }
    while (len > 0 && text[len - 1] == ' ') {
        text[--len] = 0;
    }
    return ERR_OK;
}

enum err settings_value(void *at, const struct key *key, const char *value, int line,
                        struct settings_error *error)
{
    static const char *const yes_no[] = {"no", "yes", NULL};
    static const char *const false_true[] = {"false", "true", NULL};
    const char *why;
    int choice = 0;
    enum err err;

    switch (key->kind) {
    case KEY_NAME:
    case KEY_TEXT:
        return settings_text(at, key->name, value, line, error);
    case KEY_QUANTITY:
        return quantity_read(at, key, value, line, error);
    case KEY_RATIO:
        err = unit_read_ratio(at, value, &why);
        if (err != ERR_OK) {
            return settings_refuse(error, line, err, "`%s: %s`: expected %s", key->name, value,
                                   why);
        }
        return ratio_check(at, key, value, line, error);
    case KEY_BOOL:
        if (value[0] == 't' || value[0] == 'f') {
            TRY(settings_choice(&choice, false_true, key->name, value, line, error));
        } else {
            TRY(settings_choice(&choice, yes_no, key->name, value, line, error));
        }
        *(bool *)at = choice == 1;
        return ERR_OK;
    case KEY_ENUM:
        return settings_choice(at, key->choices, key->name, value, line, error);
    default:
        return settings_refuse(error, line, ERR_SYNTAX, "`%s` takes more than one value",
                               key->name);
    }
}

static enum err list_read(uint8_t *at, const struct key *key, struct document *t,
                          struct settings_error *error)
{
    size_t n = document_children(t);
    uint8_t *items = settings_many(n, key->bytes);
    uint64_t count = n;
    char name[96];

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return settings_refuse(error, t->line, ERR_SYNTAX,
                               "`%s` is a list (lines that begin with -)", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items += key->bytes) {
        if (c->kind != DOCUMENT_MAP) {
            return settings_refuse(error, c->line, ERR_SYNTAX, "an item of `%s` is a map of keys",
                                   key->name);
        }
        memcpy(items + key->line_offset, &c->line, sizeof(c->line));
        snprintf(name, sizeof(name), "an item of `%s`", key->name);
        TRY(settings_read(items, key->sub, key->sub_count, c, name, error));
    }
    return ERR_OK;
}

static enum err texts_read(uint8_t *at, const struct key *key, struct document *t,
                           struct settings_error *error)
{
    uint64_t count = document_children(t);
    void **items = settings_many(count, sizeof(void *));

    memcpy(at, &items, sizeof(void *));
    memcpy(at + sizeof(void *), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return settings_refuse(error, t->line, ERR_SYNTAX, "`%s` is a list", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items++) {
        TRY(settings_scalar(c, key->name, error));
        if (key->kind == KEY_TEXTS) {
            TRY(settings_text((char **)items, key->name, c->value, c->line, error));
        } else {
            struct key number = {
                .name = key->name, .kind = KEY_QUANTITY, .bytes = 8, .most = UINT64_MAX};
            TRY(quantity_read(items, &number, c->value, c->line, error));
        }
    }
    return ERR_OK;
}

static enum err key_read(uint8_t *base, const struct key *key, struct document *t,
                         struct settings_error *error)
{
    uint8_t *at = base + key->offset;

    switch (key->kind) {
    case KEY_MAP:
        if (t->kind != DOCUMENT_MAP) {
            return settings_refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of keys", key->name);
        }
        return settings_read(at, key->sub, key->sub_count, t, key->name, error);
    case KEY_LIST:
        return list_read(at, key, t, error);
    case KEY_TEXTS:
    case KEY_NUMBERS:
        return texts_read(at, key, t, error);
    case KEY_FORM:
        return key->form->read(base, key, t, error);
    default:
        TRY(settings_scalar(t, key->name, error));
        return settings_value(at, key, t->value, t->line, error);
    }
}

enum err settings_read(void *base, const struct key *keys, size_t count, struct document *map,
                       const char *where, struct settings_error *error)
{
    static const struct document empty = {.kind = DOCUMENT_MAP};

    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        struct document *t = document_find(map, key->name);
        if (t != NULL) {
            t->used = true;
            TRY(key_read(base, key, t, error));
        } else if (key->kind == KEY_MAP) {
            struct document none = empty;
            none.line = map->line;
            TRY(settings_read((uint8_t *)base + key->offset, key->sub, key->sub_count, &none,
                              key->name, error));
        } else if (key->value != NULL) {
            TRY(settings_value((uint8_t *)base + key->offset, key, key->value, map->line, error));
        } else if (key->kind <= KEY_NAME) {
            return settings_refuse(error, map->line, ERR_INVALID, "%s needs a key `%s` (%s)", where,
                                   key->name, key->text);
        }
    }
    for (struct document *t = map->first; t != NULL; t = t->next) {
        if (!t->used) {
            struct nearest near = {.word = t->key};
            for (size_t i = 0; i < count; i++) {
                nearest_try(&near, keys[i].name);
            }
            return settings_unknown(error, t, where, near.best);
        }
    }
    return ERR_OK;
}
