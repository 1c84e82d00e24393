#include <stdlib.h>

#include "settings/schema.h"

static void list_free(uint8_t *at, const struct key *key)
{
    uint8_t *items;
    uint64_t count = load64(at + sizeof(items));

    memcpy(&items, at, sizeof(items));
    for (uint64_t i = 0; items != NULL && i < count; i++) {
        uint8_t *item = items + i * key->bytes;
        if (key->kind == KEY_LIST) {
            settings_free(item, key->sub, key->sub_count);
        } else if (key->kind == KEY_TEXTS) {
            free(((char **)(void *)items)[i]);
        }
    }
    free(items);
}

void settings_free(void *base, const struct key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];
        uint8_t *at = (uint8_t *)base + key->offset;
        switch (key->kind) {
        case KEY_TEXT:
        case KEY_NAME:
            free(*(char **)(void *)at);
            break;
        case KEY_MAP:
            settings_free(at, key->sub, key->sub_count);
            break;
        case KEY_LIST:
        case KEY_TEXTS:
        case KEY_NUMBERS:
            list_free(at, key);
            break;
        case KEY_FORM:
            if (key->form->free != NULL) {
                key->form->free(base, key);
            }
            break;
        default:
            break;
        }
    }
}
