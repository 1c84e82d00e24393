/* From a scenario back to text: used.yaml, and the reference of all keys. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "sim/scenario/schema.h"

static uint64_t integer(const uint8_t *at, size_t bytes)
{
    return bytes == 4 ? load32(at) : load64(at);
}

static void indent(FILE *out, int depth)
{
    fprintf(out, "%*s", 2 * depth, "");
}

/* Plain text in single quotes, which YAML reads back as it is. */
static void quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != 0; text++) {
        if (*text == '\'') {
            fputc('\'', out);
        }
        fputc(*text == '\n' ? ' ' : *text, out);
    }
    fputc('\'', out);
}

static void ratio_print(FILE *out, const struct ratio *r)
{
    if (r->den == 1) {
        fprintf(out, "%" PRIu64, r->num);
    } else {
        fprintf(out, "%" PRIu64 "/%" PRIu64, r->num, r->den);
    }
}

static void keys_print(FILE *out, const uint8_t *base, const struct key *keys, size_t count,
                       int depth, bool item);

static void list_print(FILE *out, const uint8_t *at, const struct key *key, int depth)
{
    const uint8_t *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fprintf(out, count == 0 ? " []\n" : "\n");
    for (uint64_t i = 0; i < count; i++) {
        keys_print(out, items + i * key->bytes, key->sub, key->sub_count, depth + 1, true);
    }
}

static void texts_print(FILE *out, const uint8_t *at, const struct key *key)
{
    const uint64_t *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fputs(" [", out);
    for (uint64_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", out);
        if (key->kind == KEY_TEXTS) {
            quoted(out, (const char *)(uintptr_t)items[i]);
        } else {
            fprintf(out, "%" PRIu64, items[i]);
        }
    }
    fputs("]\n", out);
}

static void places_print(FILE *out, const uint8_t *at, int depth)
{
    const struct scenario_place *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fprintf(out, count == 0 ? " {}\n" : "\n");
    for (uint64_t i = 0; i < count; i++) {
        indent(out, depth + 1);
        quoted(out, items[i].where);
        fputs(": ", out);
        ratio_print(out, &items[i].weight);
        fputc('\n', out);
    }
}

static void chain_print(FILE *out, const struct params *params, int depth)
{
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
        indent(out, depth + 1);
        fprintf(out, "%s: %s\n", key.name, text);
    }
}

static void lines_print(FILE *out, const uint8_t *at, int depth)
{
    const struct scenario_fault *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    fprintf(out, count == 0 ? " []\n" : "\n");
    for (uint64_t i = 0; i < count; i++) {
        indent(out, depth + 1);
        fputs("- ", out);
        quoted(out, items[i].text);
        fputc('\n', out);
    }
}

static void expects_print(FILE *out, const struct scenario *s, int depth)
{
    fprintf(out, s->expects_count == 0 ? " {}\n" : "\n");
    for (uint64_t i = 0; i < s->expects_count; i++) {
        char condition[512];
        snprintf(condition, sizeof(condition), "%s %s", s->expects[i].op, s->expects[i].value);
        indent(out, depth + 1);
        quoted(out, s->expects[i].metric);
        fputs(": ", out);
        quoted(out, condition);
        fputc('\n', out);
    }
}

static void scalar_print(FILE *out, const uint8_t *at, const struct key *key)
{
    char text[64];
    const char *string;
    struct ratio ratio;
    int choice;

    fputc(' ', out);
    switch (key->kind) {
    case KEY_QUANTITY:
        unit_print(text, sizeof(text), key->unit, integer(at, key->bytes));
        fputs(text, out);
        break;
    case KEY_RATIO:
        memcpy(&ratio, at, sizeof(ratio));
        ratio_print(out, &ratio);
        break;
    case KEY_BOOL:
        fputs(*at != 0 ? "'yes'" : "'no'", out);
        break;
    case KEY_ENUM:
        memcpy(&choice, at, sizeof(choice));
        fputs(key->choices[choice], out);
        break;
    default:
        memcpy(&string, at, sizeof(string));
        quoted(out, string != NULL ? string : "");
        break;
    }
    fputc('\n', out);
}

static void key_print(FILE *out, const uint8_t *base, const struct key *key, int depth)
{
    const uint8_t *at = base + key->offset;

    fprintf(out, "%s:", key->name);
    switch (key->kind) {
    case KEY_MAP:
        fputc('\n', out);
        keys_print(out, at, key->sub, key->sub_count, depth + 1, false);
        break;
    case KEY_LIST:
        list_print(out, at, key, depth);
        break;
    case KEY_TEXTS:
    case KEY_NUMBERS:
        texts_print(out, at, key);
        break;
    case KEY_PLACES:
        places_print(out, at, depth);
        break;
    case KEY_CHAIN:
        chain_print(out, (const struct params *)(const void *)at, depth);
        break;
    case KEY_FAULTS:
        lines_print(out, at, depth);
        break;
    case KEY_EXPECTS:
        expects_print(out, (const struct scenario *)(const void *)base, depth);
        break;
    default:
        scalar_print(out, at, key);
    }
}

static void keys_print(FILE *out, const uint8_t *base, const struct key *keys, size_t count,
                       int depth, bool item)
{
    for (size_t i = 0; i < count; i++) {
        indent(out, depth);
        fputs(!item ? "" : i == 0 ? "- " : "  ", out);
        key_print(out, base, &keys[i], item ? depth + 1 : depth);
    }
}

enum err scenario_print(const struct scenario *scenario, const char *path)
{
    size_t count;
    const struct key *keys = schema_root(&count);
    FILE *out = fopen(path, "w");

    if (out == NULL) {
        return ERR_IO;
    }
    fputs("# Every parameter of this run with its value. Runs again as it is.\n", out);
    keys_print(out, (const uint8_t *)scenario, keys, count, 0, false);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return !failed ? ERR_OK : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

static void choices_print(FILE *out, const char *const *choices)
{
    for (int i = 0; choices[i] != NULL; i++) {
        fprintf(out, "%s`%s`", i > 0 ? ", " : "", choices[i]);
    }
}

static void kind_print(FILE *out, const struct key *key)
{
    static const char *const texts[] = {[KEY_TEXT] = "text",
                                        [KEY_NAME] = "text",
                                        [KEY_RATIO] = "a ratio as `3/100`",
                                        [KEY_BOOL] = "`yes`, `no`",
                                        [KEY_TEXTS] = "list of text",
                                        [KEY_NUMBERS] = "list of numbers",
                                        [KEY_MAP] = "map",
                                        [KEY_LIST] = "list of maps",
                                        [KEY_PLACES] = "map of name: weight",
                                        [KEY_FAULTS] = "list of lines",
                                        [KEY_EXPECTS] = "map of metric: condition",
                                        [KEY_CHAIN] = "map"};

    if (key->kind == KEY_ENUM) {
        choices_print(out, key->choices);
    } else if (key->kind == KEY_QUANTITY) {
        fputs(unit_names(key->unit), out);
    } else {
        fputs(texts[key->kind], out);
    }
}

static void keys_reference(FILE *out, const char *prefix, const struct key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        fprintf(out, "| `%s%s` | ", prefix, key->name);
        kind_print(out, key);
        fprintf(out, " | %s | %s |\n",
                key->kind >= KEY_MAP && key->kind != KEY_NAME ? ""
                : key->value == NULL                          ? "required"
                                                              : key->value,
                key->text);
        if (key->sub != NULL) {
            char deeper[128];
            snprintf(deeper, sizeof(deeper), "%s%s%s.", prefix, key->name,
                     key->kind == KEY_LIST ? "[]" : "");
            keys_reference(out, deeper, key->sub, key->sub_count);
        }
        if (key->kind == KEY_CHAIN) {
            size_t n;
            const struct param_info *table = params_table(&n);
            for (size_t k = 0; k < n; k++) {
                struct chain_key name;
                char value[64];
                schema_chain_key(&name, &table[k]);
                if (name.choices != NULL) {
                    snprintf(value, sizeof(value), "%s", name.choices[table[k].value]);
                } else {
                    unit_print(value, sizeof(value), name.unit, table[k].value * name.factor);
                }
                fprintf(out, "| `chain.%s` | ", name.name);
                if (name.choices != NULL) {
                    choices_print(out, name.choices);
                } else {
                    fputs(unit_names(name.unit), out);
                }
                fprintf(out, " | %s | %s |\n", value, table[k].text);
            }
        }
    }
}

void scenario_reference(FILE *out)
{
    size_t count;
    const struct key *keys = schema_root(&count);

    fputs("# Scenario reference\n\nMade by `orrery reference` from the schema table; do not edit. "
          "[Writing a scenario](scenarios.md) explains.\n\n| key | value | default | meaning |\n"
          "| --- | --- | --- | --- |\n",
          out);
    keys_reference(out, "", keys, count);
}
