#include "settings/nearest.h"

#include <string.h>

#define WORD_MAX 63

/* Levenshtein distance, for words of a key's length. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1];
    size_t n = strlen(b);

    if (n > WORD_MAX) {
        return 99;
    }
    for (unsigned j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; a[i - 1] != 0; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    unsigned d = distance(n->word, candidate);

    if (n->best == NULL || d < n->least) {
        n->best = candidate;
        n->least = d;
    }
}
