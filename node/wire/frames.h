/* Frames, one struct each, made from frames.def (docs/wire.md 9).
 *
 * frame_<name>_decode(m, frame) reads a whole frame, its code included, without copying: pointers,
 * spans and lists of m point into it. ERR_INVALID: another code; else the errors of codec.h and
 * ERR_TRAILING. What the fields mean is checked by who handles the frame.
 * frame_<name>_encode(out, capacity, len, m): ERR_FULL, or ERR_RANGE for a list over its limit.
 * frame_<name>_bytes(m): what encode will write. */
#ifndef ORRERY_WIRE_FRAMES_H
#define ORRERY_WIRE_FRAMES_H

#include "node/wire/codec.h"

enum frame_code {
    FRAME_NONE = 0, /* no frame has this code */
#define FRAME(code, NAME, name, fields) FRAME_##NAME = code,
#include "node/wire/frames.def"
#undef FRAME
};

#define F_NONE char none;
#define F_U16(field) uint16_t field;
#define F_U32(field) uint32_t field;
#define F_U64(field) uint64_t field;
#define F_I32(field) int32_t field;
#define F_RAW(field, bytes) const uint8_t *field;
#define F_BYTES(field, max) struct span field;
#define F_LIST(field, item_bytes, max) struct list field;
#define F_VARLIST(field, item_max, max) struct varlist field;
#define FRAME(code, NAME, name, fields)                                                            \
    struct frame_##name {                                                                          \
        fields                                                                                     \
    };                                                                                             \
    enum err frame_##name##_decode(struct frame_##name *m, struct span frame) MUST_CHECK;          \
    enum err frame_##name##_encode(uint8_t *out, size_t capacity, size_t *len,                     \
                                   const struct frame_##name *m) MUST_CHECK;                       \
    size_t frame_##name##_bytes(const struct frame_##name *m);
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

/* The code of a frame, FRAME_NONE when it is empty or the code is not known. */
enum frame_code frame_code(struct span frame);

/* The name of a code as in docs/wire.md ("HELLO"); NULL when it is not known. */
const char *frame_name(uint8_t code);

/* One item of PEERS. */
#define FRAME_PEER_BYTES (32 + ENDPOINT_BYTES)

#endif
