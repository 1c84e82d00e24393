#include "node/wire/frames.h"

/* Decoding. */
#define F_NONE m->none = 0;
#define F_U16(field) m->field = reader_u16(&r);
#define F_U32(field) m->field = reader_u32(&r);
#define F_U64(field) m->field = reader_u64(&r);
#define F_I32(field) m->field = reader_i32(&r);
#define F_RAW(field, bytes) m->field = reader_raw(&r, bytes);
#define F_BYTES(field, max) m->field = reader_bytes(&r, max);
#define F_LIST(field, item_bytes, max) m->field = reader_list(&r, item_bytes, max);
#define F_VARLIST(field, item_max, max) m->field = reader_varlist(&r, item_max, max);
#define FRAME(code, NAME, name, fields)                                                            \
    enum err frame_##name##_decode(struct frame_##name *m, struct span frame)                      \
    {                                                                                              \
        struct reader r;                                                                           \
        reader_init(&r, frame);                                                                    \
        if (reader_u8(&r) != (code)) {                                                             \
            return r.err != ERR_OK ? r.err : ERR_INVALID;                                          \
        }                                                                                          \
        fields return reader_end(&r);                                                              \
    }
#include "node/wire/frames.def"
#undef FRAME
#undef F_NONE
#undef F_U16
#undef F_U32
#undef F_U64
#undef F_I32
#undef F_RAW
#undef F_BYTES
#undef F_LIST
#undef F_VARLIST

/* Encoding. */
#define F_NONE (void)m;
#define F_U16(field) writer_u16(&w, m->field);
#define F_U32(field) writer_u32(&w, m->field);
#define F_U64(field) writer_u64(&w, m->field);
#define F_I32(field) writer_i32(&w, m->field);
#define F_RAW(field, bytes) writer_raw(&w, m->field, bytes);
#define F_BYTES(field, max) writer_bytes(&w, m->field, max);
#define F_LIST(field, item_bytes, max) writer_list(&w, m->field, item_bytes, max);
#define F_VARLIST(field, item_max, max) writer_varlist(&w, m->field, max);
#define FRAME(code, NAME, name, fields)                                                            \
    enum err frame_##name##_encode(uint8_t *out, size_t capacity, size_t *len,                     \
                                   const struct frame_##name *m)                                   \
    {                                                                                              \
        struct writer w;                                                                           \
        writer_init(&w, out, capacity);                                                            \
        writer_u8(&w, code);                                                                       \
        fields return writer_end(&w, len);                                                         \
    }
#include "node/wire/frames.def"
#undef FRAME
#undef F_NONE
#undef F_U16
#undef F_U32
#undef F_U64
#undef F_I32
#undef F_RAW
#undef F_BYTES
#undef F_LIST
#undef F_VARLIST

/* Lengths. */
#define F_NONE (void)m;
#define F_U16(field) n += 2;
#define F_U32(field) n += 4;
#define F_U64(field) n += 8;
#define F_I32(field) n += 4;
#define F_RAW(field, bytes) n += (bytes);
#define F_BYTES(field, max) n += var_bytes(m->field.len) + m->field.len;
#define F_LIST(field, item_bytes, max)                                                             \
    n += var_bytes(m->field.count) + m->field.count * (item_bytes);
#define F_VARLIST(field, item_max, max) n += var_bytes(m->field.count) + m->field.bytes.len;
#define FRAME(code, NAME, name, fields)                                                            \
    size_t frame_##name##_bytes(const struct frame_##name *m)                                      \
    {                                                                                              \
        size_t n = 1;                                                                              \
        (void)m;                                                                                   \
        fields return n;                                                                           \
    }
#include "node/wire/frames.def"
#undef FRAME
#undef F_NONE
#undef F_U16
#undef F_U32
#undef F_U64
#undef F_I32
#undef F_RAW
#undef F_BYTES
#undef F_LIST
#undef F_VARLIST

const char *frame_name(uint8_t code)
{
    switch (code) {
#define FRAME(value, NAME, name, fields)                                                           \
    case value:                                                                                    \
        return #NAME;
#include "node/wire/frames.def"
#undef FRAME
    default:
        return NULL;
    }
}

enum frame_code frame_code(struct span frame)
{
    if (frame.len == 0 || frame_name(frame.data[0]) == NULL) {
        return FRAME_NONE;
    }
    return (enum frame_code)frame.data[0];
}
