/* The canonical encoding (docs/wire.md 1): a reader and a writer over memory that is handed in.
 *
 * Errors are sticky. The first one stays, every later read gives zeros or an empty span, every
 * later write does nothing; so a sequence of fields is written down plainly and checked once at its
 * end. Nothing is copied: spans and pointers point into the input. */
#ifndef ORRERY_WIRE_CODEC_H
#define ORRERY_WIRE_CODEC_H

#include "node/base/bytes.h"
#include "node/base/err.h"

#define VAR_BYTES_MAX 10
#define ENDPOINT_BYTES 18 /* IPv6 address 16, port big endian 2 */

/* Items of one fixed size, one after the other; item i begins at data + i * its size. */
struct list {
    const uint8_t *data;
    size_t count;
};

/* Items of bytes<M> each; walk with varlist_next. */
struct varlist {
    struct span bytes; /* the encoded items, without the count */
    size_t count;
};

/* --- reading --- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    enum err err; /* ERR_TRUNCATED, ERR_NONCANONICAL, ERR_RANGE */
};

static inline void reader_init(struct reader *r, struct span bytes)
{
    r->at = bytes.data;
    r->end = bytes.data + bytes.len;
    r->err = ERR_OK;
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Keeps the first error and ends the input. */
void reader_fail(struct reader *r, enum err err);

/* ERR_OK, the first error, or ERR_TRAILING when bytes are left. */
static inline MUST_CHECK enum err reader_end(const struct reader *r)
{
    if (r->err != ERR_OK) {
        return r->err;
    }
    return r->at == r->end ? ERR_OK : ERR_TRAILING;
}

/* The next n bytes, or NULL. */
static inline const uint8_t *reader_raw(struct reader *r, size_t n)
{
    if (reader_left(r) < n || r->err != ERR_OK) {
        reader_fail(r, ERR_TRUNCATED);
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += n;
    return at;
}

/* The next n bytes copied to out, or zeros. */
static inline void reader_copy(struct reader *r, uint8_t *out, size_t n)
{
    const uint8_t *at = reader_raw(r, n);
    if (at != NULL) {
        memcpy(out, at, n);
    } else {
        memset(out, 0, n);
    }
}

static inline const uint8_t *reader_hash(struct reader *r)
{
    return reader_raw(r, 32);
}

static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *at = reader_raw(r, 1);
    return at != NULL ? at[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    const uint8_t *at = reader_raw(r, 2);
    return at != NULL ? load16(at) : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    const uint8_t *at = reader_raw(r, 4);
    return at != NULL ? load32(at) : 0;
}

static inline uint64_t reader_u64(struct reader *r)
{
    const uint8_t *at = reader_raw(r, 8);
    return at != NULL ? load64(at) : 0;
}

static inline int32_t reader_i32(struct reader *r)
{
    uint32_t v = reader_u32(r);
    int32_t signed_v;
    memcpy(&signed_v, &v, 4);
    return signed_v;
}

/* A var of more than one byte; reader_var is the fast path. */
uint64_t reader_var_long(struct reader *r);

static inline uint64_t reader_var(struct reader *r)
{
    if (r->at < r->end && *r->at < 0x80) {
        return *r->at++;
    }
    return reader_var_long(r);
}

/* A var that may not exceed max (ERR_RANGE). */
static inline uint64_t reader_var_max(struct reader *r, uint64_t max)
{
    uint64_t v = reader_var(r);
    if (v > max) {
        reader_fail(r, ERR_RANGE);
        return 0;
    }
    return v;
}

/* bytes<max> */
static inline struct span reader_bytes(struct reader *r, size_t max)
{
    size_t len = (size_t)reader_var_max(r, max);
    const uint8_t *data = reader_raw(r, len);
    return span_of(data, data != NULL ? len : 0);
}

/* list<item of item_bytes, max> */
struct list reader_list(struct reader *r, size_t item_bytes, size_t max);

/* list<bytes<item_max>, max>; every item is checked here, so that varlist_next cannot fail later.
 */
struct varlist reader_varlist(struct reader *r, size_t item_max, size_t max);

/* Takes the next item; false at the end. list must come from reader_varlist. */
bool varlist_next(struct varlist *list, struct span *item);

/* --- writing --- */

struct writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    enum err err; /* ERR_FULL: out of room; ERR_RANGE: a length or count over its limit */
};

static inline void writer_init(struct writer *w, uint8_t *out, size_t capacity)
{
    w->start = out;
    w->at = out;
    w->end = out + capacity;
    w->err = ERR_OK;
}

static inline size_t writer_len(const struct writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Keeps the first error and ends the room. */
void writer_fail(struct writer *w, enum err err);

/* The bytes written so far, and the first error. */
static inline MUST_CHECK enum err writer_end(const struct writer *w, size_t *len)
{
    *len = w->err == ERR_OK ? writer_len(w) : 0;
    return w->err;
}

/* Room for n bytes, or NULL. */
static inline uint8_t *writer_room(struct writer *w, size_t n)
{
    if ((size_t)(w->end - w->at) < n || w->err != ERR_OK) {
        writer_fail(w, ERR_FULL);
        return NULL;
    }
    uint8_t *at = w->at;
    w->at += n;
    return at;
}

static inline void writer_raw(struct writer *w, const void *data, size_t n)
{
    if (n == 0) {
        return; /* an empty span may have no memory */
    }
    uint8_t *at = writer_room(w, n);
    if (at != NULL) {
        memcpy(at, data, n);
    }
}

static inline void writer_hash(struct writer *w, const uint8_t hash[32])
{
    writer_raw(w, hash, 32);
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
    writer_raw(w, &v, 1);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
    uint8_t *at = writer_room(w, 2);
    if (at != NULL) {
        store16(at, v);
    }
}

static inline void writer_u32(struct writer *w, uint32_t v)
{
    writer_raw(w, &v, 4);
}

static inline void writer_u64(struct writer *w, uint64_t v)
{
    writer_raw(w, &v, 8);
}

static inline void writer_i32(struct writer *w, int32_t v)
{
    writer_raw(w, &v, 4);
}

static inline void writer_var(struct writer *w, uint64_t v)
{
    while (v >= 0x80) {
        writer_u8(w, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    writer_u8(w, (uint8_t)v);
}

static inline void writer_var_max(struct writer *w, uint64_t v, uint64_t max)
{
    if (v > max) {
        writer_fail(w, ERR_RANGE);
        return;
    }
    writer_var(w, v);
}

static inline void writer_bytes(struct writer *w, struct span bytes, size_t max)
{
    writer_var_max(w, bytes.len, max);
    writer_raw(w, bytes.data, bytes.len);
}

static inline void writer_list(struct writer *w, struct list list, size_t item_bytes, size_t max)
{
    writer_var_max(w, list.count, max);
    writer_raw(w, list.data, list.count * item_bytes);
}

/* Writes the items as they stand: they come from reader_varlist, or were written one by one with
 * writer_bytes. */
static inline void writer_varlist(struct writer *w, struct varlist list, size_t max)
{
    writer_var_max(w, list.count, max);
    writer_raw(w, list.bytes.data, list.bytes.len);
}

/* Encoded length of a var. */
static inline size_t var_bytes(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}

#endif
