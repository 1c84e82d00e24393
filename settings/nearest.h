/* The word somebody probably meant. */
#ifndef ORRERY_SETTINGS_NEAREST_H
#define ORRERY_SETTINGS_NEAREST_H

/* Set word, then try every candidate; best is NULL while none has been tried. */
struct nearest {
    const char *word;
    const char *best;
    unsigned least;
};

void nearest_try(struct nearest *nearest, const char *candidate);

#endif
