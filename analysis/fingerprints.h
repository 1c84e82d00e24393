/* The epoch fingerprints of a run file. */
#ifndef ORRERY_ANALYSIS_FINGERPRINTS_H
#define ORRERY_ANALYSIS_FINGERPRINTS_H

#include "node/base/bytes.h"
#include "node/base/err.h"

struct fingerprints {
    uint64_t *epoch;
    uint8_t (*digest)[32];
    size_t count;
};

/* Reads /fingerprints of FOLDER/run.h5. ERR_NOT_FOUND, ERR_CORRUPT; nothing is printed. */
enum err fingerprints_read(struct fingerprints *fingerprints, const char *folder) MUST_CHECK;
void fingerprints_free(struct fingerprints *fingerprints);

#endif
