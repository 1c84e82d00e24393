#include "settings/unit.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit units[UNIT_KINDS][12] = {
    [UNIT_NONE] = {{"", 1}},
    [UNIT_TIME] = {{"d", 86400000000000},
                   {"h", 3600000000000},
                   {"min", 60000000000},
                   {"s", 1000000000},
                   {"ms", 1000000},
                   {"us", 1000},
                   {"ns", 1}},
    [UNIT_BYTES] = {{"TiB", (uint64_t)1 << 40},
                    {"TB", 1000000000000},
                    {"GiB", 1 << 30},
                    {"GB", 1000000000},
                    {"MiB", 1 << 20},
                    {"MB", 1000000},
                    {"KiB", 1024},
                    {"kB", 1000},
                    {"B", 1}},
    [UNIT_RATE] = {{"Gbit/s", 1000000000}, {"Mbit/s", 1000000}, {"kbit/s", 1000}, {"bit/s", 1}},
    [UNIT_BYTE_RATE] =
        {{"GB/s", 1000000000}, {"MiB/s", 1 << 20}, {"MB/s", 1000000}, {"kB/s", 1000}, {"B/s", 1}},
    [UNIT_PPM] = {{"ppm", 1000}, {"ppb", 1}},
    [UNIT_TOKENS] = {{"tokens", 1000000}, {"", 1000000}, {"atomic", 1}},
};

static const char *const names[UNIT_KINDS] = {
    [UNIT_NONE] = "a whole number",
    [UNIT_TIME] = "a time as \"50 ms\" (ns us ms s min h d)",
    [UNIT_BYTES] = "a size as \"1 MiB\" (B kB MB GB TB KiB MiB GiB TiB)",
    [UNIT_RATE] = "a rate as \"20 Mbit/s\" (bit/s kbit/s Mbit/s Gbit/s), or unlimited",
    [UNIT_BYTE_RATE] = "a rate as \"200 MB/s\" (B/s kB/s MB/s MiB/s GB/s), or unlimited",
    [UNIT_PPM] = "a drift as \"20 ppm\" (ppm ppb)",
    [UNIT_TOKENS] = "an amount as \"1.5 tokens\" (tokens atomic)",
};

const char *unit_names(enum unit_kind kind)
{
    return names[kind];
}

/* Digits with an optional decimal part: whole * 10^-decimals. Underscores may group digits. */
static enum err digits(u128 *whole, unsigned *decimals, const char **text, const char **why)
{
    const char *p = *text;
    bool point = false;
    unsigned count = 0;

    *whole = 0;
    *decimals = 0;
    for (; (*p >= '0' && *p <= '9') || *p == '_' || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
        } else if (*p != '_') {
            if (++count > 20) {
                *why = "at most 20 digits";
                return ERR_RANGE;
            }
            *whole = *whole * 10 + (unsigned)(*p - '0');
            *decimals += point;
        }
    }
    *text = p;
    return count > 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err scale(uint64_t *value, u128 whole, unsigned decimals, uint64_t factor)
{
    u128 v = whole * factor;

    while (decimals-- > 0) {
        if (v % 10 != 0) {
            return ERR_RANGE;
        }
        v /= 10;
    }
    *value = (uint64_t)v;
    return v >> 63 == 0 ? ERR_OK : ERR_RANGE;
}

enum err unit_read(uint64_t *value, enum unit_kind kind, const char *text, const char **why)
{
    const char *p = text + strspn(text, " ");
    unsigned decimals;
    u128 whole;

    *why = names[kind];
    if ((kind == UNIT_RATE || kind == UNIT_BYTE_RATE) && strcmp(p, "unlimited") == 0) {
        *value = 0;
        return ERR_OK;
    }
    if (*p == '-') {
        *why = "not less than zero";
        return ERR_INVALID;
    }
    TRY(digits(&whole, &decimals, &p, why));
    p += strspn(p, " ");
    for (size_t i = 0; i < 12 && units[kind][i].name != NULL; i++) {
        if (strcmp(units[kind][i].name, p) == 0) {
            *why = "a value that comes out whole and below 2^63";
            return scale(value, whole, decimals, units[kind][i].factor);
        }
    }
    if (*p == 0 && whole == 0) {
        *value = 0;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static uint64_t common(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

enum err unit_read_ratio(struct ratio *ratio, const char *text, const char **why)
{
    const char *p = text + strspn(text, " ");
    unsigned decimals;
    u128 num;
    u128 den = 1;

    *why = "a ratio as \"3/100\", \"0.03\" or \"3 %\"";
    if (*p == '-') {
        *why = "not less than zero";
        return ERR_INVALID;
    }
    TRY(digits(&num, &decimals, &p, why));
    while (decimals-- > 0) {
        den *= 10;
    }
    p += strspn(p, " ");
    if (*p == '%') {
        den *= 100;
        p++;
    } else if (*p == '/') {
        p += 1 + strspn(p + 1, " ");
        u128 under;
        TRY(digits(&under, &decimals, &p, why));
        if (decimals > 0 || under == 0) {
            return ERR_SYNTAX;
        }
        if (under >> 62 != 0 || den >> 62 != 0) {
            *why = "a ratio whose parts are below 2^32";
            return ERR_RANGE;
        }
        den *= under;
    }
    p += strspn(p, " ");
    if (*p != 0) {
        return ERR_SYNTAX;
    }
    *why = "a ratio whose parts are below 2^32";
    if (num >> 64 != 0 || den >> 64 != 0) {
        return ERR_RANGE;
    }
    uint64_t g = common((uint64_t)num, (uint64_t)den);
    *ratio = (struct ratio){(uint64_t)num / g, (uint64_t)den / g};
    return ratio->num >> 32 == 0 && ratio->den >> 32 == 0 ? ERR_OK : ERR_RANGE;
}

void unit_print(char *out, size_t capacity, enum unit_kind kind, uint64_t value)
{
    size_t i = 0;

    if (value == 0 && (kind == UNIT_RATE || kind == UNIT_BYTE_RATE)) {
        snprintf(out, capacity, "unlimited");
        return;
    }
    while (units[kind][i + 1].name != NULL &&
           (value == 0 || value % units[kind][i].factor != 0 || units[kind][i].name[0] == 0)) {
        i++;
    }
    snprintf(out, capacity, "%" PRIu64 "%s%s", value / units[kind][i].factor,
             units[kind][i].name[0] != 0 ? " " : "", units[kind][i].name);
}
