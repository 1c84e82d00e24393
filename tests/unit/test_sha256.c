/* Oracle: libsodium's SHA-256, and the examples of FIPS 180-4. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

#include "node/crypto/sha256.h"

static void bytes_fill(uint8_t *p, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
}

Test(sha256, fips_examples)
{
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t out[32];
    for (unsigned i = 0; sha256_engine_at(i) != NULL; i++) {
        sha256_once(sha256_engine_at(i), out, "abc", 3);
        cr_assert_arr_eq(out, abc, 32, "%s", sha256_engine_at(i)->name);
    }
}

Test(sha256, every_length_and_split_equals_libsodium)
{
    uint8_t data[700], want[32], got[32];
    bytes_fill(data, sizeof data, 1);
    for (unsigned i = 0; sha256_engine_at(i) != NULL; i++) {
        const struct sha256_engine *e = sha256_engine_at(i);
        for (size_t len = 0; len <= sizeof data; len++) {
            crypto_hash_sha256(want, data, len);
            struct sha256 h;
            sha256_init(&h);
            size_t cut = len * 7 / 11;
            sha256_update(&h, e, data, cut);
            sha256_update(&h, e, data + cut, len - cut);
            sha256_final(&h, e, got);
            cr_assert_arr_eq(got, want, 32, "%s %zu", e->name, len);
        }
    }
}

Test(sha256, rows_equal_libsodium)
{
    enum { N = 53, PARTS = 3, PART_MAX = 3000 };
    static uint8_t parts[PARTS][N * PART_MAX], row[1 + PARTS * PART_MAX], out[N * 32], want[32];
    static const size_t sizes[] = {0, 1, 31, 32, 33, 54, 55, 64, 96, 127, 128, 160, 168, 352, 3000};
    for (int p = 0; p < PARTS; p++) {
        bytes_fill(parts[p], sizeof parts[p], 77u + (unsigned)p);
    }
    const uint8_t *const list[PARTS] = {parts[0], parts[1], parts[2]};
    for (unsigned i = 0; sha256_engine_at(i) != NULL; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (int prefix = -1; prefix <= 1; prefix++) {
                struct sha256_rows rows = {prefix, PARTS, sizes[s], list};
                sha256_rows_hash(sha256_engine_at(i), out, &rows, 3, N - 3);
                for (size_t r = 3; r < N; r++) {
                    size_t len = 0;
                    if (prefix >= 0) {
                        row[len++] = (uint8_t)prefix;
                    }
                    for (int p = 0; p < PARTS; p++) {
                        memcpy(row + len, parts[p] + r * sizes[s], sizes[s]);
                        len += sizes[s];
                    }
                    crypto_hash_sha256(want, row, len);
                    cr_assert_arr_eq(out + 32 * (r - 3), want, 32, "%zu %d", sizes[s], prefix);
                }
            }
        }
    }
}

Test(sha256, the_list_of_engines_ends_with_the_best)
{
    unsigned n = 0;
    while (sha256_engine_at(n) != NULL) {
        n++;
    }
    cr_assert_eq(sha256_engine_at(n - 1), sha256_engine_best());
    cr_assert_str_eq(sha256_engine_at(0)->name, "portable");
}
