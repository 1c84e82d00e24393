#include "node/wire/codec.h"

#include "node/base/invariant.h"

void reader_fail(struct reader *r, enum err err)
{
    if (r->err == ERR_OK) {
        r->err = err;
    }
    r->at = r->end;
}

void writer_fail(struct writer *w, enum err err)
{
    if (w->err == ERR_OK) {
        w->err = err;
    }
    w->end = w->at;
}

uint64_t reader_var_long(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < VAR_BYTES_MAX; i++) {
        uint8_t byte = reader_u8(r);
        if (r->err != ERR_OK) {
            return 0;
        }
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            /* A last byte of 0 says nothing: a shorter form exists. The tenth byte has one bit. */
            bool padded = byte == 0 && i > 0;
            bool overflows = i == VAR_BYTES_MAX - 1 && byte > 1;
            if (padded || overflows) {
                break;
            }
            return v;
        }
    }
    reader_fail(r, ERR_NONCANONICAL);
    return 0;
}

struct list reader_list(struct reader *r, size_t item_bytes, size_t max)
{
    size_t count = (size_t)reader_var_max(r, max);
    const uint8_t *data = reader_raw(r, count * item_bytes);
    return (struct list){.data = data, .count = data != NULL ? count : 0};
}

struct varlist reader_varlist(struct reader *r, size_t item_max, size_t max)
{
    size_t count = (size_t)reader_var_max(r, max);
    const uint8_t *start = r->at;
    for (size_t i = 0; i < count && r->err == ERR_OK; i++) {
        (void)reader_bytes(r, item_max);
    }
    if (r->err != ERR_OK) {
        return (struct varlist){.count = 0};
    }
    return (struct varlist){.bytes = span_of(start, (size_t)(r->at - start)), .count = count};
}

bool varlist_next(struct varlist *list, struct span *item)
{
    if (list->count == 0) {
        return false;
    }
    struct reader r;
    reader_init(&r, list->bytes);
    *item = reader_bytes(&r, SIZE_MAX);
    invariant(r.err == ERR_OK);
    list->bytes = span_of(r.at, reader_left(&r));
    list->count--;
    return true;
}
