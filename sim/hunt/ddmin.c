#include "sim/hunt/ddmin.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/invariant.h"

static size_t left(const uint8_t *keep, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        n += keep[i];
    }
    return n;
}

/* keep without part `part` of `parts` of what it has left. */
static void without(uint8_t *out, const uint8_t *keep, size_t count, size_t part, size_t parts,
                    size_t n)
{
    size_t from = n * part / parts;
    size_t to = n * (part + 1) / parts;
    size_t seen = 0;

    for (size_t i = 0; i < count; i++) {
        out[i] = keep[i] && !(seen >= from && seen < to);
        seen += keep[i];
    }
}

/* The first part that can go, `parts` when none, SIZE_MAX to end. keep becomes what is left. */
static size_t part_remove(const struct ddmin *d, uint8_t *keep, size_t parts, size_t n)
{
    uint8_t *bytes = malloc(parts * d->count);
    const uint8_t **list = malloc(parts * sizeof(*list));

    invariant(bytes != NULL && list != NULL);
    for (size_t i = 0; i < parts; i++) {
        without(bytes + i * d->count, keep, d->count, i, parts, n);
        list[i] = bytes + i * d->count;
    }
    size_t found = d->first(d->arg, list, parts);
    if (found < parts) {
        memcpy(keep, list[found], d->count);
    }
    free(bytes);
    free(list);
    return found;
}

size_t ddmin_run(const struct ddmin *d, uint8_t *keep)
{
    size_t n = left(keep, d->count);
    size_t parts = 1; /* first of all: does it fail with nothing? */

    while (n > 0) {
        size_t found = part_remove(d, keep, parts, n);
        if (found == SIZE_MAX) {
            break;
        }
        if (found < parts) {
            n = left(keep, d->count);
            parts = parts > 2 ? parts - 1 : 2;
        } else if (parts >= n) {
            break;
        } else {
            parts = 2 * parts;
        }
        parts = parts > n ? n : parts;
    }
    return n;
}
