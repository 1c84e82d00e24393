/* The encoding and every frame against files that an independent script wrote from docs/wire.md. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/wire/frames.h"
#include "tests/support/vectors.h"

static uint8_t golden[8192];
static size_t golden_len;
static uint8_t made[8192];
static uint8_t pool[65536];
static size_t pool_used;

static void golden_read(const char *name)
{
    char file[64];
    char path[1024];
    static char hex[2 * sizeof(golden) + 2];
    snprintf(file, sizeof(file), "frames/%s.hex", name);
    vectors_path(path, sizeof(path), file);
    FILE *in = fopen(path, "r");
    cr_assert_not_null(in, "%s", path);
    cr_assert_not_null(fgets(hex, sizeof(hex), in));
    fclose(in);
    hex[strcspn(hex, "\n")] = 0;
    golden_len = hex_decode(golden, sizeof(golden), hex);
}

/* The values that make_frames.py documents. */
static const uint8_t *run(unsigned c, unsigned k, size_t n)
{
    uint8_t *out = pool + pool_used;
    pool_used += n;
    cr_assert(pool_used <= sizeof(pool));
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(7 * c + 31 * k + 3 * i);
    }
    return out;
}

static struct span octets(unsigned c, unsigned k, size_t max)
{
    size_t n = max < 130 + k ? max : 130 + k;
    return span_of(run(c, k, n), n);
}

static struct varlist many(unsigned c, unsigned k, size_t max)
{
    struct writer w;
    size_t second = max < 200 ? max : 200;
    const uint8_t *a = run(c, k, 5);
    const uint8_t *b = run(c, k + 1, second);
    writer_init(&w, pool + pool_used, 300);
    writer_bytes(&w, span_of(a, 5), max);
    writer_bytes(&w, span_of(b, second), max);
    size_t len;
    cr_assert_eq(writer_end(&w, &len), ERR_OK);
    pool_used += len;
    return (struct varlist){.bytes = span_of(w.start, len), .count = 2};
}

#define F_NONE m.none = 0;
#define F_U16(field) m.field = (uint16_t)(0x1122 + c + k++);
#define F_U32(field) m.field = 0x11223344 + 256 * c + k++;
#define F_U64(field) m.field = 0x1122334455667788u + 256 * c + k++;
#define F_I32(field) m.field = -(int32_t)(1000 * c + k++);
#define F_RAW(field, bytes) m.field = run(c, k++, bytes);
#define F_BYTES(field, max) m.field = octets(c, k++, max);
#define F_LIST(field, item_bytes, max)                                                             \
    m.field = (struct list){.data = run(c, k++, 3 * (item_bytes)), .count = 3};
#define F_VARLIST(field, item_max, max) m.field = many(c, k++, item_max);

#define EQ(a, b, n) cr_assert_eq(memcmp(a, b, n), 0)

Test(frames, encode_as_the_golden_files)
{
    unsigned frames = 0;
#define FRAME(code, NAME, name, fields)                                                            \
    {                                                                                              \
        unsigned c = code;                                                                         \
        unsigned k = 0;                                                                            \
        size_t len;                                                                                \
        struct frame_##name m;                                                                     \
        pool_used = 0;                                                                             \
        (void)c;                                                                                   \
        (void)k;                                                                                   \
        fields golden_read(#NAME);                                                                 \
        cr_assert_eq(frame_##name##_encode(made, sizeof(made), &len, &m), ERR_OK);                 \
        cr_assert_eq(len, golden_len, #NAME);                                                      \
        cr_assert_eq(len, frame_##name##_bytes(&m));                                               \
        EQ(made, golden, len);                                                                     \
        for (size_t short_by = 1; short_by <= len; short_by++) {                                   \
            size_t none;                                                                           \
            cr_assert_eq(frame_##name##_encode(made, len - short_by, &none, &m), ERR_FULL);        \
            cr_assert_eq(none, 0);                                                                 \
        }                                                                                          \
        cr_assert_eq(frame_code(span_of(golden, golden_len)), FRAME_##NAME);                       \
        cr_assert_str_eq(frame_name(code), #NAME);                                                 \
        frames++;                                                                                  \
    }
#include "node/wire/frames.def"
#undef FRAME
    cr_assert_eq(frames, 31);
    cr_assert_eq(frame_code(span_of(golden, 0)), FRAME_NONE);
    cr_assert_eq(frame_code(span_of("\x7f", 1)), FRAME_NONE);
}

#undef F_NONE
#undef F_U16
#undef F_U32
#undef F_U64
#undef F_I32
#undef F_RAW
#undef F_BYTES
#undef F_LIST
#undef F_VARLIST

static void varlist_equal(struct varlist got, struct varlist want)
{
    struct span a;
    struct span b;
    cr_assert_eq(got.count, want.count);
    while (varlist_next(&want, &b)) {
        cr_assert(varlist_next(&got, &a));
        cr_assert_eq(a.len, b.len);
        EQ(a.data, b.data, a.len);
    }
    cr_assert(!varlist_next(&got, &a));
}

#define F_NONE
#define F_U16(field) cr_assert_eq(m.field, (uint16_t)(0x1122 + c + k++));
#define F_U32(field) cr_assert_eq(m.field, 0x11223344 + 256 * c + k++);
#define F_U64(field) cr_assert_eq(m.field, 0x1122334455667788u + 256 * c + k++);
#define F_I32(field) cr_assert_eq(m.field, -(int32_t)(1000 * c + k++));
#define F_RAW(field, bytes) EQ(m.field, run(c, k++, bytes), bytes);
#define F_BYTES(field, max)                                                                        \
    {                                                                                              \
        struct span want = octets(c, k++, max);                                                    \
        cr_assert_eq(m.field.len, want.len);                                                       \
        EQ(m.field.data, want.data, want.len);                                                     \
    }
#define F_LIST(field, item_bytes, max)                                                             \
    cr_assert_eq(m.field.count, 3);                                                                \
    EQ(m.field.data, run(c, k++, 3 * (item_bytes)), 3 * (item_bytes));
#define F_VARLIST(field, item_max, max) varlist_equal(m.field, many(c, k++, item_max));

Test(frames, decode_the_golden_files)
{
#define FRAME(code, NAME, name, fields)                                                            \
    {                                                                                              \
        unsigned c = code;                                                                         \
        unsigned k = 0;                                                                            \
        struct frame_##name m;                                                                     \
        pool_used = 0;                                                                             \
        golden_read(#NAME);                                                                        \
        cr_assert_eq(frame_##name##_decode(&m, span_of(golden, golden_len)), ERR_OK, #NAME);       \
        (void)c, (void)k;                                                                          \
        fields for (size_t len = 0; len < golden_len; len++)                                       \
        {                                                                                          \
            /* An exact copy, so that a sanitizer sees a read past its end. */                     \
            uint8_t *copy = malloc(len + 1);                                                       \
            memcpy(copy, golden, len);                                                             \
            cr_assert_eq(frame_##name##_decode(&m, span_of(copy, len)), ERR_TRUNCATED);            \
            free(copy);                                                                            \
        }                                                                                          \
        golden[golden_len] = 0;                                                                    \
        cr_assert_eq(frame_##name##_decode(&m, span_of(golden, golden_len + 1)), ERR_TRAILING);    \
        golden[0] ^= 0x80;                                                                         \
        cr_assert_eq(frame_##name##_decode(&m, span_of(golden, golden_len)), ERR_INVALID);         \
    }
#include "node/wire/frames.def"
#undef FRAME
}

#undef F_NONE
#undef F_U16
#undef F_U32
#undef F_U64
#undef F_I32
#undef F_RAW
#undef F_BYTES
#undef F_LIST
#undef F_VARLIST

/* For each list and bytes field at the head of a frame (after raw_before fixed bytes): a count over
 * its limit. */
static void over_limit(uint8_t code, size_t raw_before, uint64_t limit, size_t item_bytes)
{
    size_t room = 1 + raw_before + VAR_BYTES_MAX + (size_t)(limit + 1) * item_bytes;
    uint8_t *frame = calloc(room, 1);
    struct writer w;
    writer_init(&w, frame, room);
    writer_u8(&w, code);
    writer_room(&w, raw_before);
    writer_var(&w, limit + 1);
    writer_room(&w, (size_t)(limit + 1) * item_bytes);
    cr_assert_eq(w.err, ERR_OK);
    struct span whole = span_of(frame, writer_len(&w));
    enum err err = ERR_OK;
    switch (code) {
#define FRAME(value, NAME, name, fields)                                                           \
    case value: {                                                                                  \
        struct frame_##name m;                                                                     \
        err = frame_##name##_decode(&m, whole);                                                    \
        break;                                                                                     \
    }
#include "node/wire/frames.def"
#undef FRAME
    }
    cr_assert_eq(err, ERR_RANGE, "%s: %s", frame_name(code), err_text(err));
    free(frame);
}

Test(frames, refuse_counts_over_their_limits)
{
    /* Limits as docs/wire.md 9 states them. */
    over_limit(FRAME_PEERS, 0, 64, 50);
    over_limit(FRAME_TX, 0, 65536, 1);
    over_limit(FRAME_TX_IHAVE, 0, 1024, 32);
    over_limit(FRAME_TX_GRAFT, 0, 1024, 32);
    over_limit(FRAME_BLOCK_COMPACT, 0, 334, 1);
    over_limit(FRAME_BLOCK_TXS_GET, 32, 65536, 4);
    over_limit(FRAME_BLOCK_TXS, 32, 65536, 1);
    over_limit(FRAME_HEADERS_GET, 0, 64, 32);
    over_limit(FRAME_HEADERS, 0, 512, 1);
    over_limit(FRAME_BLOCKS_GET, 0, 64, 32);
    over_limit(FRAME_BLOCK, 0, 4 << 20, 1);
    over_limit(FRAME_NOT_FOUND, 0, 64, 32);
    over_limit(FRAME_STATE_GET, 0, 256, 32);
    over_limit(FRAME_STATE, 0, 256, 1);
    over_limit(FRAME_PROPOSAL, 2 + 8 + 4 + 32 + 4 + 64, 4096, 115);
    over_limit(FRAME_VOTE_BUNDLE, 0, 4096, 115);
    over_limit(FRAME_VOTE_HAVE, 8 + 4, 512, 1);
    over_limit(FRAME_DECISION, 0, 1 << 20, 1);
}

static enum err var_read(uint64_t *v, const char *bytes, size_t len)
{
    struct reader r;
    reader_init(&r, span_of(bytes, len));
    *v = reader_var(&r);
    return reader_end(&r);
}

Test(codec, var_has_one_form)
{
    uint64_t v;
    cr_assert_eq(var_read(&v, "\x00", 1), ERR_OK);
    cr_assert_eq(v, 0);
    cr_assert_eq(var_read(&v, "\x7f", 1), ERR_OK);
    cr_assert_eq(v, 127);
    /* 624485 is the example of the DWARF standard. */
    cr_assert_eq(var_read(&v, "\xe5\x8e\x26", 3), ERR_OK);
    cr_assert_eq(v, 624485);
    cr_assert_eq(var_read(&v, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10), ERR_OK);
    cr_assert_eq(v, UINT64_MAX);
    cr_assert_eq(var_read(&v, "\x80\x00", 2), ERR_NONCANONICAL);
    cr_assert_eq(var_read(&v, "\xe5\x8e\xa6\x00", 4), ERR_NONCANONICAL);
    cr_assert_eq(var_read(&v, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10), ERR_NONCANONICAL);
    cr_assert_eq(var_read(&v, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11),
                 ERR_NONCANONICAL);
    cr_assert_eq(var_read(&v, "\x80", 1), ERR_TRUNCATED);
    cr_assert_eq(var_read(&v, "", 0), ERR_TRUNCATED);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t want = UINT64_C(1) << bit;
        uint8_t out[VAR_BYTES_MAX];
        struct writer w;
        size_t len;
        writer_init(&w, out, sizeof(out));
        writer_var(&w, want);
        cr_assert_eq(writer_end(&w, &len), ERR_OK);
        cr_assert_eq(len, bit / 7 + 1);
        cr_assert_eq(len, var_bytes(want));
        cr_assert_eq(var_read(&v, (const char *)out, len), ERR_OK);
        cr_assert_eq(v, want);
    }
}

Test(codec, errors_stick)
{
    struct reader r;
    reader_init(&r, span_of("\x80\x00\x01\x02", 4));
    cr_assert_eq(reader_var(&r), 0);
    cr_assert_eq(reader_u8(&r), 0);
    cr_assert_null(reader_hash(&r));
    cr_assert_eq(reader_end(&r), ERR_NONCANONICAL);
    uint8_t out[4];
    size_t len;
    struct writer w;
    writer_init(&w, out, sizeof(out));
    writer_var_max(&w, 5, 4);
    writer_u8(&w, 1);
    cr_assert_eq(writer_end(&w, &len), ERR_RANGE);
    /* A huge count must not overflow the length check. */
    reader_init(&r, span_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    (void)reader_list(&r, 1, SIZE_MAX);
    cr_assert_eq(reader_end(&r), ERR_TRUNCATED);
}
