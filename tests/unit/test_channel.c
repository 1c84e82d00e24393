/* Frames in cells in Noise messages: what goes in comes out, what is tampered with does not. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/base/rng.h"
#include "node/daemon/channel.h"

#define HOUR_NS (3600ull * 1000000000)

static void pair(struct channel *a, struct channel *b)
{
    struct noise_cipher there = {.key = {1}, .keyed = true};
    struct noise_cipher back = {.key = {2}, .keyed = true};
    channel_start(a, &there, &back, 0);
    channel_start(b, &back, &there, 0);
}

/* One message with as much of the stream as fits; *at moves on. */
static size_t message_make(struct channel *c, uint8_t *out, const uint8_t *stream, size_t *at,
                           size_t len, uint64_t now_ns)
{
    size_t sealed;
    channel_begin(c, out, now_ns);
    *at += channel_put(c, stream + *at, len - *at);
    cr_assert_eq(channel_seal(c, &sealed, now_ns), ERR_OK);
    return sealed;
}

static size_t stream_add(uint8_t *stream, size_t at, const uint8_t *frame, uint32_t len)
{
    store32(stream + at, len);
    memcpy(stream + at + 4, frame, len);
    return at + 4 + len;
}

Test(channel, frames_of_all_lengths)
{
    enum { ROOM = 1 << 21 };
    static const uint32_t length[] = {1,    2,    502,  503,   504,    506, 507, 508, 1014,
                                      8107, 8108, 8109, 65536, 300000, 1,   1,   1};
    struct channel a;
    struct channel b;
    struct rng rng;
    uint8_t *bytes = malloc(ROOM);
    uint8_t *stream = malloc(ROOM);
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    size_t len = 0;
    size_t at = 0;
    size_t next = 0;
    size_t count = sizeof(length) / sizeof(length[0]);

    pair(&a, &b);
    rng_init_stream(&rng, 1, RNG_TEST, 0);
    rng_bytes(&rng, bytes, ROOM);
    for (size_t i = 0; i < count; i++) {
        len = stream_add(stream, len, bytes + i, length[i]);
    }
    while (at < len) {
        struct span frame;
        size_t sealed = message_make(&a, message, stream, &at, len, 0);
        cr_assert_eq((size_t)message[0] << 8 | message[1], sealed - 2);
        cr_assert(channel_length_valid(sealed - 2));
        cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_OK);
        for (;;) {
            cr_assert_eq(channel_next(&b, &frame), ERR_OK);
            if (frame.data == NULL) {
                break;
            }
            cr_assert_eq(frame.len, length[next]);
            cr_assert_arr_eq(frame.data, bytes + next, frame.len);
            next++;
        }
    }
    cr_assert_eq(next, count);
    channel_end(&a);
    channel_end(&b);
    free(bytes);
    free(stream);
}

Test(channel, nothing_to_say)
{
    struct channel a;
    struct channel b;
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    size_t sealed;
    pair(&a, &b);
    channel_begin(&a, message, 0);
    cr_assert_eq(channel_seal(&a, &sealed, 0), ERR_OK);
    cr_assert_eq(sealed, 0);
    cr_assert_not(channel_length_valid(16));
    cr_assert_not(channel_length_valid(529));
    cr_assert(channel_length_valid(530));
    cr_assert(channel_length_valid(8240));
    cr_assert_not(channel_length_valid(8240 + 514));
}

/* Keys change after an hour and after 2^16 messages; the other side follows. */
Test(channel, rekey)
{
    struct channel a;
    struct channel b;
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t stream[5];
    uint8_t key[NOISE_KEY_BYTES];
    struct span frame;
    pair(&a, &b);
    stream_add(stream, 0, (const uint8_t *)"x", 1);
    for (uint32_t i = 0; i < CHANNEL_REKEY_MESSAGES + 2; i++) {
        size_t at = 0;
        memcpy(key, a.send.key, sizeof(key));
        size_t sealed = message_make(&a, message, stream, &at, 5, 0);
        cr_assert_eq(memcmp(key, a.send.key, sizeof(key)) != 0, i == CHANNEL_REKEY_MESSAGES - 1);
        cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_OK, "%u", i);
        cr_assert_eq(channel_next(&b, &frame), ERR_OK);
        cr_assert_eq(frame.len, 1);
        cr_assert_eq(channel_next(&b, &frame), ERR_OK);
        cr_assert_null(frame.data);
    }
    size_t at = 0;
    memcpy(key, a.send.key, sizeof(key));
    size_t sealed = message_make(&a, message, stream, &at, 5, HOUR_NS);
    cr_assert_arr_neq(key, a.send.key, sizeof(key));
    cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_OK);
    at = 0;
    sealed = message_make(&a, message, stream, &at, 5, HOUR_NS + 1);
    cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_OK);
}

/* A sender that does not change its key in time is cut off. */
Test(channel, stale_key)
{
    struct channel a;
    struct channel b;
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t stream[5];
    pair(&a, &b);
    stream_add(stream, 0, (const uint8_t *)"x", 1);
    b.recv_count = CHANNEL_REKEY_MESSAGES - 1;
    size_t at = 0;
    size_t sealed = message_make(&a, message, stream, &at, 5, 0);
    cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_INVALID);
}

Test(channel, tampering)
{
    struct channel a;
    struct channel b;
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t copy[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t stream[104];
    uint8_t frame[100] = {7};
    pair(&a, &b);
    stream_add(stream, 0, frame, 100);
    size_t at = 0;
    size_t sealed = message_make(&a, message, stream, &at, sizeof(stream), 0);
    for (size_t bit = 0; bit < 8 * (sealed - 2); bit += 61) {
        memcpy(copy, message, sealed);
        copy[2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(channel_open(&b, copy + 2, sealed - 2), ERR_SIGNATURE);
    }
    memcpy(copy, message, sealed);
    cr_assert_eq(channel_open(&b, copy + 2, sealed - 2), ERR_OK);
    memcpy(copy, message, sealed);
    cr_assert_eq(channel_open(&b, copy + 2, sealed - 2), ERR_SIGNATURE, "replayed");
}

/* One cell with this content, sealed by a sender who breaks the rules. */
static enum err cell_try(uint32_t circuit, uint8_t command, uint16_t used, uint32_t frame_len,
                         bool rekey_first)
{
    struct channel a;
    struct channel b;
    struct span frame;
    uint8_t cell[2 * CELL_BYTES + NOISE_TAG_BYTES] = {0};
    size_t cells = rekey_first ? 2 : 1;
    uint8_t *at = cell + (cells - 1) * CELL_BYTES;
    pair(&a, &b);
    cell[4] = 17;
    store32(at, circuit);
    at[4] = command;
    store16(at + 5, used);
    store32(at + 7, frame_len);
    cr_assert_eq(noise_encrypt(&a.send, cell, cell, cells * CELL_BYTES), ERR_OK);
    enum err err = channel_open(&b, cell, cells * CELL_BYTES + NOISE_TAG_BYTES);
    if (err == ERR_OK) {
        err = channel_next(&b, &frame);
    }
    channel_end(&b);
    return err;
}

Test(channel, broken_cells)
{
    cr_assert_eq(cell_try(0, 16, 507, 10, false), ERR_OK);
    cr_assert_eq(cell_try(0, 0, 65535, 10, false), ERR_OK, "padding is not looked at");
    cr_assert_eq(cell_try(1, 16, 507, 10, false), ERR_UNKNOWN);
    cr_assert_eq(cell_try(0, 3, 507, 10, false), ERR_UNKNOWN);
    cr_assert_eq(cell_try(0, 16, 508, 10, false), ERR_INVALID);
    cr_assert_eq(cell_try(0, 16, 507, 0, false), ERR_RANGE);
    cr_assert_eq(cell_try(0, 16, 507, CHANNEL_FRAME_BYTES_MAX, false), ERR_OK);
    cr_assert_eq(cell_try(0, 16, 507, CHANNEL_FRAME_BYTES_MAX + 1, false), ERR_RANGE);
    cr_assert_eq(cell_try(0, 16, 507, 10, true), ERR_INVALID, "REKEY is the last cell");
}

/* A length that is announced costs nothing until its bytes come. */
Test(channel, memory_follows_bytes)
{
    struct channel a;
    struct channel b;
    struct span frame;
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t stream[600] = {0};
    size_t at = 0;
    pair(&a, &b);
    store32(stream, CHANNEL_FRAME_BYTES_MAX);
    size_t sealed = message_make(&a, message, stream, &at, sizeof(stream), 0);
    cr_assert_eq(channel_open(&b, message + 2, sealed - 2), ERR_OK);
    cr_assert_eq(channel_next(&b, &frame), ERR_OK);
    cr_assert_null(frame.data);
    cr_assert_leq(b.frame_room, 1024);
    channel_end(&b);
}
