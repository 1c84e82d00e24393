/* From a struct back to text, and the reference of all keys, by a table of keys. */
#include <inttypes.h>

#include "settings/schema.h"

static uint64_t integer(const uint8_t *at, size_t bytes)
{
    return bytes == 4 ? load32(at) : load64(at);
}

void settings_indent(FILE *out, int depth)
{
    fprintf(out, "%*s", 2 * depth, "");
}

/* Plain text in single quotes, which YAML reads back as it is. */
void settings_quoted(FILE *out, const char *text)
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

void settings_ratio(FILE *out, const struct ratio *r)
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
            settings_quoted(out, (const char *)(uintptr_t)items[i]);
        } else {
            fprintf(out, "%" PRIu64, items[i]);
        }
    }
    fputs("]\n", out);
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
        settings_ratio(out, &ratio);
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
        settings_quoted(out, string != NULL ? string : "");
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
    case KEY_FORM:
        key->form->print(out, base, key, depth);
        break;
    default:
        scalar_print(out, at, key);
    }
}

static void keys_print(FILE *out, const uint8_t *base, const struct key *keys, size_t count,
                       int depth, bool item)
{
    for (size_t i = 0; i < count; i++) {
        settings_indent(out, depth);
        fputs(!item ? "" : i == 0 ? "- " : "  ", out);
        key_print(out, base, &keys[i], item ? depth + 1 : depth);
    }
}

void settings_print(FILE *out, const void *base, const struct key *keys, size_t count)
{
    keys_print(out, base, keys, count, 0, false);
}

void settings_choices(FILE *out, const char *const *choices)
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
                                        [KEY_LIST] = "list of maps"};

    if (key->kind == KEY_ENUM) {
        settings_choices(out, key->choices);
    } else if (key->kind == KEY_QUANTITY) {
        fputs(unit_names(key->unit), out);
    } else if (key->kind == KEY_FORM) {
        fputs(key->form->describes, out);
    } else {
        fputs(texts[key->kind], out);
    }
}

void settings_reference(FILE *out, const char *prefix, const struct key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        char deeper[128];
        fprintf(out, "| `%s%s` | ", prefix, key->name);
        kind_print(out, key);
        fprintf(out, " | %s | %s |\n",
                key->kind > KEY_NAME ? ""
                : key->value == NULL ? "required"
                                     : key->value,
                key->text);
        snprintf(deeper, sizeof(deeper), "%s%s%s.", prefix, key->name,
                 key->kind == KEY_LIST ? "[]" : "");
        if (key->sub != NULL) {
            settings_reference(out, deeper, key->sub, key->sub_count);
        } else if (key->kind == KEY_FORM && key->form->reference != NULL) {
            key->form->reference(out, deeper);
        }
    }
}
