#include <criterion/criterion.h>

#include "node/crypto/hash.h"
#include "node/crypto/merkle.h"
#include "tests/support/vectors.h"

enum { ITEMS = 70 };

static void items_make(uint8_t items[ITEMS][32])
{
    for (uint8_t i = 0; i < ITEMS; i++) {
        hash256(items[i], &i, 1);
    }
}

/* RFC 6962 2.1 word for word: MTH(D[n]) = H(1 || MTH(D[0:k]) || MTH(D[k:n])). */
static void recursive_root(uint8_t out[32], const uint8_t (*items)[32], size_t count)
{
    uint8_t buffer[65];
    if (count == 1) {
        buffer[0] = 0;
        memcpy(buffer + 1, items[0], 32);
        hash256(out, buffer, 33);
        return;
    }
    size_t k = 1;
    while (k * 2 < count) {
        k *= 2;
    }
    buffer[0] = 1;
    recursive_root(buffer + 1, items, k);
    recursive_root(buffer + 33, items + k, count - k);
    hash256(out, buffer, 65);
}

Test(merkle, root_is_the_recursive_definition)
{
    uint8_t items[ITEMS][32];
    uint8_t got[32];
    uint8_t want[32] = {0};
    items_make(items);
    merkle_root(got, (const uint8_t(*)[32])items, 0);
    cr_assert_arr_eq(got, want, 32);
    struct merkle merkle;
    merkle_start(&merkle);
    for (size_t n = 1; n <= ITEMS; n++) {
        recursive_root(want, (const uint8_t(*)[32])items, n);
        merkle_root(got, (const uint8_t(*)[32])items, n);
        cr_assert_arr_eq(got, want, 32, "%zu items", n);
        merkle_add(&merkle, items[n - 1]);
        merkle_end(&merkle, got);
        cr_assert_arr_eq(got, want, 32, "%zu items, one by one", n);
    }
}

/* By a few lines of Python on hashlib.blake2b: items H(0), H(1), .. as above. */
Test(merkle, known_roots)
{
    static const struct {
        size_t count;
        const char *root;
    } rows[] = {
        {1, "3946e42970577c9173a8f4d152fd19978ce2dd8ebe9ae841b0ce809661d3aa0c"},
        {2, "b8bc17005fd60e103d27fb7b417ed7601d74f2a887800356cb2c986f8bbf9e3b"},
        {3, "e13696916a40519dfef0ed54b55992e01bf1993215ba50ac94c75be929ebbeb8"},
        {7, "947ce8abe033ade23df99636881bb7cbb3e15e4a0db15acb36f7f08fcd5c02d7"},
        {64, "f4d0b02568f9418b2f3186f4e11a036dc4d982792521e2447356e4c2df5b78ca"},
        {70, "419c31df93f71f6946c52198fd32dbcde33029f87aad22ccd988ac3d3faa09dc"},
    };
    uint8_t items[ITEMS][32];
    items_make(items);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t got[32];
        uint8_t want[32];
        merkle_root(got, (const uint8_t(*)[32])items, rows[i].count);
        hex_decode(want, 32, rows[i].root);
        cr_assert_arr_eq(got, want, 32);
    }
}

Test(merkle, proofs_hold_for_their_place_only)
{
    uint8_t items[ITEMS][32];
    items_make(items);
    for (size_t n = 1; n <= 33; n++) {
        uint8_t root[32];
        merkle_root(root, (const uint8_t(*)[32])items, n);
        for (size_t index = 0; index < n; index++) {
            uint8_t path[MERKLE_DEPTH_MAX][32];
            size_t len = merkle_prove(path, (const uint8_t(*)[32])items, n, index);
            const uint8_t(*p)[32] = (const uint8_t(*)[32])path;
            cr_assert_eq(merkle_verify(root, items[index], index, n, p, len), ERR_OK);
            for (size_t wrong = 0; wrong < n; wrong++) {
                if (wrong != index) {
                    cr_assert_neq(merkle_verify(root, items[index], wrong, n, p, len), ERR_OK);
                    cr_assert_neq(merkle_verify(root, items[wrong], index, n, p, len), ERR_OK);
                }
            }
            cr_assert_eq(merkle_verify(root, items[index], n, n, p, len), ERR_RANGE);
            if (len > 0) {
                cr_assert_eq(merkle_verify(root, items[index], index, n, p, len - 1), ERR_INVALID);
                path[len - 1][31] ^= 1;
                cr_assert_eq(merkle_verify(root, items[index], index, n, p, len), ERR_SIGNATURE);
                path[len - 1][31] ^= 1;
            }
            memset(path[len], 0, 32);
            cr_assert_eq(merkle_verify(root, items[index], index, n, p, len + 1), ERR_INVALID);
        }
    }
}

/* The classic second preimage: present the inner node over items 0 and 1 as an item of a shorter
 * list. Without the 0x00 and 0x01 in front it would verify. */
Test(merkle, a_node_is_no_item)
{
    uint8_t items[ITEMS][32];
    uint8_t root[32];
    uint8_t short_root[32];
    uint8_t inner[2][32];
    items_make(items);
    const uint8_t(*list)[32] = (const uint8_t(*)[32])items;
    merkle_root(root, list, 4);
    merkle_root(inner[0], list, 2);
    merkle_root(inner[1], list + 2, 2);
    merkle_root(short_root, (const uint8_t(*)[32])inner, 2);
    cr_assert(memcmp(root, short_root, 32) != 0);
    cr_assert_eq(merkle_verify(root, inner[0], 0, 2, (const uint8_t(*)[32])inner + 1, 1),
                 ERR_SIGNATURE);
    /* A doubled last item must change the root (the flaw of 2012 in Bitcoin's tree). */
    uint8_t odd[32];
    memcpy(items[3], items[2], 32);
    merkle_root(odd, list, 3);
    merkle_root(root, list, 4);
    cr_assert(memcmp(odd, root, 32) != 0);
}
