/* Headers, blocks and Merkle roots against tests/vectors/chain-block.tsv, made by an independent
 * script. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/block.h"
#include "node/crypto/hash.h"
#include "tests/support/vectors.h"

static void fill(uint8_t *out, unsigned start, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(start + 5 * i);
    }
}

static void header_make(uint8_t out[HEADER_BYTES], unsigned i)
{
    struct header h = {.version = 1,
                       .height = 1000 + i,
                       .ts_ms = 1700000000123 + i,
                       .bt = (UINT64_C(1) << 59) + i,
                       .fee_multiplier = 77 + i};
    struct sign_secret secret;
    uint8_t seed[32];
    fill(seed, i, 32);
    sign_keypair(&secret, seed);
    fill(h.genesis, 3, 32);
    fill(h.parent, 40 + i, 32);
    memcpy(h.signer, secret.public_key, 32);
    fill(h.pi, 50 + i, 80);
    fill(h.tx_root, 60 + i, 32);
    fill(h.state_root, 70 + i, 32);
    header_encode(out, &h);
    header_sign(out, &secret);
}

Test(block, headers_as_the_vectors)
{
    struct tsv *tsv = tsv_open("chain-block.tsv");
    unsigned seen = 0;
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "header") != 0) {
            continue;
        }
        uint8_t want[HEADER_BYTES];
        uint8_t got[HEADER_BYTES];
        uint8_t id[32];
        uint8_t got_id[32];
        struct header h;
        cr_assert_eq(hex_decode(want, sizeof(want), tsv->field[2]), HEADER_BYTES);
        cr_assert_eq(hex_decode(id, sizeof(id), tsv->field[3]), 32);
        header_make(got, (unsigned)tsv_u64(tsv, 1));
        cr_assert_eq(memcmp(got, want, HEADER_BYTES), 0);
        header_id(got_id, want);
        cr_assert_eq(memcmp(got_id, id, 32), 0);
        cr_assert_eq(header_verify(want), ERR_OK);
        cr_assert_eq(header_decode(&h, span_of(want, HEADER_BYTES)), ERR_OK);
        header_encode(got, &h);
        cr_assert_eq(memcmp(got, want, HEADER_BYTES), 0);
        seen++;
    }
    tsv_close(tsv);
    cr_assert_eq(seen, 3);
}

Test(block, every_bit_of_a_header_is_signed)
{
    uint8_t bytes[HEADER_BYTES + 1];
    struct header h;
    header_make(bytes, 0);
    for (size_t i = 0; i < HEADER_BYTES; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        cr_assert_eq(header_verify(bytes), ERR_SIGNATURE, "byte %zu", i);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    cr_assert_eq(header_decode(&h, span_of(bytes, HEADER_BYTES - 1)), ERR_TRUNCATED);
    cr_assert_eq(header_decode(&h, span_of(bytes, HEADER_BYTES + 1)), ERR_TRAILING);
    bytes[0] = 2;
    cr_assert_eq(header_decode(&h, span_of(bytes, HEADER_BYTES)), ERR_VERSION);
}

Test(block, build_and_walk)
{
    uint8_t header[HEADER_BYTES];
    uint8_t data[512];
    struct span txs[40];
    header_make(header, 1);
    fill(data, 9, sizeof(data));
    for (size_t count = 0; count <= 40; count += 8) {
        for (size_t i = 0; i < count; i++) {
            txs[i] = span_of(data + i, 7 * i);
        }
        uint8_t out[16384];
        size_t len;
        struct block_view view;
        cr_assert_eq(block_build(out, sizeof(out), &len, header, txs, count), ERR_OK);
        cr_assert_eq(block_view(&view, span_of(out, len)), ERR_OK);
        cr_assert_eq(view.tx_count, count);
        cr_assert_eq(memcmp(view.header.data, header, HEADER_BYTES), 0);
        struct span rest = view.txs;
        struct span tx;
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(block_next_tx(&tx, &rest), ERR_OK);
            cr_assert_eq(tx.len, txs[i].len);
            cr_assert_eq(memcmp(tx.data, txs[i].data, tx.len), 0);
        }
        cr_assert_eq(block_next_tx(&tx, &rest), ERR_NOT_FOUND);
        size_t none;
        cr_assert_eq(block_build(out, len - 1, &none, header, txs, count), ERR_FULL);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *copy = malloc(cut + 1);
            memcpy(copy, out, cut);
            cr_assert_eq(block_view(&view, span_of(copy, cut)), ERR_TRUNCATED);
            free(copy);
        }
        cr_assert_eq(block_view(&view, span_of(out, len + 1)), ERR_TRAILING);
    }
}

Test(block, limits)
{
    uint8_t *big = calloc(BLOCK_BYTES_MAX + 1, 1);
    struct block_view view;
    cr_assert_eq(block_view(&view, span_of(big, BLOCK_BYTES_MAX + 1)), ERR_RANGE);
    memcpy(big + HEADER_BYTES, "\x81\x80\x04", 3); /* 65537 transactions */
    cr_assert_eq(block_view(&view, span_of(big, HEADER_BYTES + 3 + 65537)), ERR_RANGE);
    memcpy(big + HEADER_BYTES, "\x01\x81\x80\x04", 4); /* one of 65537 bytes */
    cr_assert_eq(block_view(&view, span_of(big, HEADER_BYTES + 4 + 65537)), ERR_RANGE);
    memcpy(big + HEADER_BYTES, "\x81\x00\x00", 3); /* a count in two bytes where one does */
    cr_assert_eq(block_view(&view, span_of(big, HEADER_BYTES + 3)), ERR_NONCANONICAL);
    free(big);
}

Test(block, tx_roots_as_the_vectors)
{
    static uint8_t ids[1000][32];
    for (uint64_t i = 0; i < 1000; i++) {
        hash256(ids[i], &i, 8);
    }
    struct tsv *tsv = tsv_open("chain-block.tsv");
    unsigned seen = 0;
    while (tsv_next(tsv)) {
        if (strcmp(tsv->field[0], "root") != 0) {
            continue;
        }
        uint8_t want[32];
        uint8_t got[32];
        hex_decode(want, sizeof(want), tsv->field[2]);
        block_tx_root(got, (const uint8_t(*)[32])ids, tsv_u64(tsv, 1));
        cr_assert_eq(memcmp(got, want, 32), 0, "%s ids", tsv->field[1]);
        seen++;
    }
    tsv_close(tsv);
    cr_assert_eq(seen, 25);
}
