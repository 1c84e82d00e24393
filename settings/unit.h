/* Quantities with units, read and printed exactly: "50 ms", "1 MiB", "20 Mbit/s", "3/100". Integers
 * only; decimals are allowed when they come out whole. */
#ifndef ORRERY_SETTINGS_UNIT_H
#define ORRERY_SETTINGS_UNIT_H

#include <stddef.h>

#include "node/base/bytes.h"
#include "node/base/err.h"

struct ratio {
    uint64_t num, den; /* den > 0 */
};

enum unit_kind {
    UNIT_NONE,      /* a count: "12", "1_000_000", "9e9" is not accepted */
    UNIT_TIME,      /* ns us ms s min h d: in ns */
    UNIT_BYTES,     /* B kB MB GB TB KiB MiB GiB TiB: in bytes */
    UNIT_RATE,      /* bit/s kbit/s Mbit/s Gbit/s: in bit/s; "unlimited" is 0 */
    UNIT_BYTE_RATE, /* B/s kB/s MB/s GB/s MiB/s: in bytes/s; "unlimited" is 0 */
    UNIT_PPM,       /* ppm ppb: in ppb */
    UNIT_TOKENS,    /* tokens: "1.5" is 1,500,000 atomic units */
    UNIT_KINDS
};

/* ERR_SYNTAX (why says what is accepted), ERR_RANGE (does not come out whole or too large),
 * ERR_INVALID (negative). */
enum err unit_read(uint64_t *value, enum unit_kind kind, const char *text,
                   const char **why) MUST_CHECK;
/* "3/100", "0.03", "3 %", "2": num / den in lowest terms, both below 2^32. */
enum err unit_read_ratio(struct ratio *ratio, const char *text, const char **why) MUST_CHECK;
/* The largest unit that gives a whole number. */
void unit_print(char *out, size_t capacity, enum unit_kind kind, uint64_t value);
const char *unit_names(enum unit_kind kind); /* for the reference: "ns us ms s min h d" */

#endif
