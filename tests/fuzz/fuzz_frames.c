/* Any bytes as a frame: refused, or accepted with exactly one encoding, which is those bytes. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/wire/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct varlist list)
{
    struct span item;
    size_t count = list.count;
    size_t bytes = list.bytes.len;
    while (varlist_next(&list, &item)) {
        bytes -= var_bytes(item.len) + item.len;
        count--;
    }
    invariant(count == 0 && bytes == 0);
}

#define F_NONE
#define F_U16(field)
#define F_U32(field)
#define F_U64(field)
#define F_I32(field)
#define F_RAW(field, bytes)
#define F_BYTES(field, max) invariant(m.field.len <= (max));
#define F_LIST(field, item_bytes, max) invariant(m.field.count <= (max));
#define F_VARLIST(field, item_max, max)                                                            \
    invariant(m.field.count <= (max));                                                             \
    walk(m.field);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span frame = span_of(data, size);
    uint8_t *again = malloc(size + 1);
    size_t len;
    invariant(again != NULL);
    switch (frame_code(frame)) {
#define FRAME(code, NAME, name, fields)                                                            \
    case FRAME_##NAME: {                                                                           \
        struct frame_##name m;                                                                     \
        if (frame_##name##_decode(&m, frame) == ERR_OK) {                                          \
            invariant(frame_##name##_bytes(&m) == size);                                           \
            invariant(frame_##name##_encode(again, size, &len, &m) == ERR_OK && len == size);      \
            invariant(memcmp(again, data, size) == 0);                                             \
            fields                                                                                 \
        }                                                                                          \
        break;                                                                                     \
    }
#include "node/wire/frames.def"
#undef FRAME
    case FRAME_NONE:
        break;
    }
    free(again);
    return 0;
}
