#include <stdlib.h>

#include "sim/scenario/schema.h"

static void keys_free(uint8_t *base, const struct key *keys, size_t count);

static void list_free(uint8_t *at, const struct key *key)
{
    uint8_t *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    for (uint64_t i = 0; items != NULL && i < count; i++) {
        uint8_t *item = items + i * key->bytes;
        if (key->kind == KEY_LIST) {
            keys_free(item, key->sub, key->sub_count);
        } else if (key->kind == KEY_TEXTS) {
            free(((char **)(void *)items)[i]);
        } else if (key->kind == KEY_PLACES) {
            free(((struct scenario_place *)(void *)items)[i].where);
        }
    }
    free(items);
}

static void keys_free(uint8_t *base, const struct key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        uint8_t *at = base + key->offset;
        switch (key->kind) {
        case KEY_TEXT:
        case KEY_NAME:
            free(*(char **)(void *)at);
            break;
        case KEY_MAP:
            keys_free(at, key->sub, key->sub_count);
            break;
        case KEY_LIST:
        case KEY_TEXTS:
        case KEY_NUMBERS:
        case KEY_PLACES:
            list_free(at, key);
            break;
        default:
            break;
        }
    }
}

void scenario_free(struct scenario *s)
{
    size_t count;
    const struct key *keys = schema_root(&count);

    if (s == NULL) {
        return;
    }
    keys_free((uint8_t *)s, keys, count);
    for (uint64_t i = 0; i < s->faults_count; i++) {
        free(s->faults[i].text);
    }
    for (uint64_t i = 0; i < s->adversaries_count; i++) {
        free(s->adversaries[i].text);
    }
    for (uint64_t i = 0; i < s->expects_count; i++) {
        free(s->expects[i].metric);
        free(s->expects[i].op);
        free(s->expects[i].value);
    }
    free(s->faults);
    free(s->adversaries);
    free(s->expects);
    free(s->file);
    free(s->folder);
    free(s->data);
    free(s);
}
