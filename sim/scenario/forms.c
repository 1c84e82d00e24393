/* The keys of a scenario that have a grammar of their own: places, faults, expect, chain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "settings/nearest.h"
#include "sim/scenario/schema.h"

#define EXPECT_BYTES_MAX 200

/* --- places: a map of region or city to weight --- */

static enum err places_read(void *base, const struct key *key, struct document *t,
                            struct settings_error *error)
{
    uint8_t *at = (uint8_t *)base + key->offset;
    uint64_t count = document_children(t);
    struct scenario_place *items = settings_many(count, sizeof(*items));
    struct key weight = {.name = key->name, .kind = KEY_RATIO};

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_MAP) {
        return settings_refuse(error, t->line, ERR_SYNTAX,
                               "`%s` is a map of region or city: weight", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next, items++) {
        TRY(settings_scalar(c, key->name, error));
        TRY(settings_text(&items->where, key->name, c->key, c->line, error));
        TRY(settings_value(&items->weight, &weight, c->value, c->line, error));
    }
    return ERR_OK;
}

static void places_print(FILE *out, const void *base, const struct key *key, int depth)
{
    const uint8_t *at = (const uint8_t *)base + key->offset;
    const struct scenario_place *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fprintf(out, count == 0 ? " {}\n" : "\n");
    for (uint64_t i = 0; i < count; i++) {
        settings_indent(out, depth + 1);
        settings_quoted(out, items[i].where);
        fputs(": ", out);
        settings_ratio(out, &items[i].weight);
        fputc('\n', out);
    }
}

static void places_free(void *base, const struct key *key)
{
    uint8_t *at = (uint8_t *)base + key->offset;
    struct scenario_place *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    for (uint64_t i = 0; items != NULL && i < count; i++) {
        free(items[i].where);
    }
    free(items);
}

const struct key_form scenario_places = {"map of name: weight", places_read, places_print,
                                         places_free, NULL};

/* --- faults, adversaries: lists of lines --- */

static enum err lines_read(void *base, const struct key *key, struct document *t,
                           struct settings_error *error)
{
    uint8_t *at = (uint8_t *)base + key->offset;
    struct scenario_fault *items = settings_many(document_children(t), sizeof(*items));
    uint64_t count = 0;

    memcpy(at, &items, sizeof(items));
    memcpy(at + sizeof(items), &count, sizeof(count));
    if (t->kind != DOCUMENT_LIST) {
        return settings_refuse(error, t->line, ERR_SYNTAX, "`%s` is a list of lines", key->name);
    }
    for (struct document *c = t->first; c != NULL; c = c->next) {
        TRY(settings_scalar(c, key->name, error));
        struct scenario_fault *line = &items[count++];
        memcpy(at + sizeof(items), &count, sizeof(count));
        line->line = c->line;
        TRY(settings_text(&line->text, key->name, c->value, c->line, error));
    }
    return ERR_OK;
}

static void lines_print(FILE *out, const void *base, const struct key *key, int depth)
{
    const uint8_t *at = (const uint8_t *)base + key->offset;
    const struct scenario_fault *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fprintf(out, count == 0 ? " []\n" : "\n");
    for (uint64_t i = 0; i < count; i++) {
        settings_indent(out, depth + 1);
        fputs("- ", out);
        settings_quoted(out, items[i].text);
        fputc('\n', out);
    }
}

static void lines_free(void *base, const struct key *key)
{
    uint8_t *at = (uint8_t *)base + key->offset;
    struct scenario_fault *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    for (uint64_t i = 0; items != NULL && i < count; i++) {
        free(items[i].text);
    }
    free(items);
}

const struct key_form scenario_lines = {"list of lines", lines_read, lines_print, lines_free, NULL};

/* --- expect: a map of metric to condition --- */

static enum err expects_read(void *base, const struct key *key, struct document *t,
                             struct settings_error *error)
{
    struct scenario *s = base;

    if (t->kind != DOCUMENT_MAP) {
        return settings_refuse(error, t->line, ERR_SYNTAX, "`%s` is a map of metric: condition",
                               key->name);
    }
    s->expects = settings_many(document_children(t), sizeof(*s->expects));
    for (struct document *c = t->first; c != NULL; c = c->next) {
        TRY(settings_scalar(c, key->name, error));
        size_t op = strcspn(c->value, " ");
        op = c->value[op] == 0 ? strspn(c->value, "<=>") : op; /* "<5" */
        if (op == 0 || c->value[op] == 0 || strlen(c->value) > EXPECT_BYTES_MAX) {
            return settings_refuse(
                error, c->line, ERR_SYNTAX,
                "`%s: %.100s`: expected a condition as \"< 5 s\" or \"in 14 s..16 s\"", c->key,
                c->value);
        }
        struct scenario_expect *e = &s->expects[s->expects_count++];
        TRY(settings_text(&e->metric, key->name, c->key, c->line, error));
        e->op = settings_copy(c->value);
        e->op[op] = 0;
        e->line = c->line;
        TRY(settings_text(&e->value, c->key, c->value + op + strspn(c->value + op, " "), c->line,
                          error));
    }
    return ERR_OK;
}

static void expects_print(FILE *out, const void *base, const struct key *key, int depth)
{
    const struct scenario *s = base;

    (void)key;
    fprintf(out, s->expects_count == 0 ? " {}\n" : "\n");
    for (uint64_t i = 0; i < s->expects_count; i++) {
        char condition[512];
        snprintf(condition, sizeof(condition), "%s %s", s->expects[i].op, s->expects[i].value);
        settings_indent(out, depth + 1);
        settings_quoted(out, s->expects[i].metric);
        fputs(": ", out);
        settings_quoted(out, condition);
        fputc('\n', out);
    }
}

static void expects_free(void *base, const struct key *key)
{
    struct scenario *s = base;

    (void)key;
    for (uint64_t i = 0; i < s->expects_count; i++) {
        free(s->expects[i].metric);
        free(s->expects[i].op);
        free(s->expects[i].value);
    }
    free(s->expects);
}

const struct key_form scenario_expects = {"map of metric: condition", expects_read, expects_print,
                                          expects_free, NULL};

/* --- chain: params.def --- */

static enum err chain_value(struct params *params, const struct param_info *info,
                            const struct chain_key *key, const struct document *t,
                            struct settings_error *error)
{
    uint64_t value = 0;

    if (key->choices != NULL) {
        int choice = 0;
        const char *text = strcmp(t->value, "yes") == 0  ? "on"
                           : strcmp(t->value, "no") == 0 ? "off"
                                                         : t->value;
        TRY(settings_choice(&choice, key->choices, key->name, text, t->line, error));
        value = (uint64_t)choice;
    } else {
        struct key number = {.name = key->name,
                             .kind = KEY_QUANTITY,
                             .unit = key->unit,
                             .bytes = 8,
                             .least = info->least * key->factor};
        number.most = info->most > UINT64_MAX / key->factor ? UINT64_MAX : info->most * key->factor;
        TRY(settings_value(&value, &number, t->value, t->line, error));
        if (value % key->factor != 0) {
            return settings_refuse(error, t->line, ERR_RANGE, "`%s: %s`: whole %s only", key->name,
                                   t->value, info->unit);
        }
        value /= key->factor;
    }
    return params_set(params, info->code, value) == ERR_OK
               ? ERR_OK
               : settings_refuse(error, t->line, ERR_RANGE, "`%s: %s`: out of range", key->name,
                                 t->value);
}

static enum err chain_read(void *base, const struct key *key, struct document *map,
                           struct settings_error *error)
{
    struct params *params = (struct params *)(void *)((uint8_t *)base + key->offset);
    size_t count;
    const struct param_info *table = params_table(&count);
    const char *why = "";

    if (map->kind != DOCUMENT_MAP) {
        return settings_refuse(error, map->line, ERR_SYNTAX, "`%s` is a map of keys", key->name);
    }
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
            return settings_unknown(error, t, "chain", near.best);
        }
        TRY(settings_scalar(t, t->key, error));
        TRY(chain_value(params, &table[i], &names[i], t, error));
    }
    return params_check(params, &why) == ERR_OK
               ? ERR_OK
               : settings_refuse(error, map->line, ERR_INVALID, "chain: %s", why);
}

static void chain_print(FILE *out, const void *base, const struct key *at, int depth)
{
    const struct params *params =
        (const struct params *)(const void *)((const uint8_t *)base + at->offset);
    size_t count;
    const struct param_info *table = params_table(&count);

    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        struct chain_key key;
        char text[64];
        uint64_t value = params_get(params, table[i].code);
        schema_chain_key(&key, &table[i]);
        if (key.choices != NULL) {
            snprintf(text, sizeof(text), "'%s'", key.choices[value]);
        } else {
            unit_print(text, sizeof(text), key.unit, value * key.factor);
        }
        settings_indent(out, depth + 1);
        fprintf(out, "%s: %s\n", key.name, text);
    }
}

static void chain_reference(FILE *out, const char *prefix)
{
    size_t count;
    const struct param_info *table = params_table(&count);

    for (size_t i = 0; i < count; i++) {
        struct chain_key key;
        char value[64];
        schema_chain_key(&key, &table[i]);
        fprintf(out, "| `%s%s` | ", prefix, key.name);
        if (key.choices != NULL) {
            snprintf(value, sizeof(value), "%s", key.choices[table[i].value]);
            settings_choices(out, key.choices);
        } else {
            unit_print(value, sizeof(value), key.unit, table[i].value * key.factor);
            fputs(unit_names(key.unit), out);
        }
        fprintf(out, " | %s | %s |\n", value, table[i].text);
    }
}

const struct key_form scenario_chain = {"map", chain_read, chain_print, NULL, chain_reference};
