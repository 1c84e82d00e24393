/* What runs over an established link, without I/O: frames of the seam in fixed cells, one to
 * sixteen cells in a Noise message (spec: stream 1.4, 3; docs/running-a-node.md, "on the wire").
 *
 *   message   length u16, big endian | Noise message of 1..16 cells: n x 514 + 16 bytes
 *   cell 514  circuit u32 = 0 (the link itself) | command u8 | body 509
 *   command   0 PADDING   16 STREAM: used u16 | that many bytes of the stream | zeros   17 REKEY:
 * the last cell of its message; the sender's next message is under the next key stream    length
 * u32 (1..FRAME_BYTES_MAX) | frame, and so on; a frame may begin and end anywhere
 *
 * Integers are little endian but for the length of a message. Keys change after 2^16 messages or an
 * hour. */
#ifndef ORRERY_DAEMON_CHANNEL_H
#define ORRERY_DAEMON_CHANNEL_H

#include "node/crypto/noise.h"

enum {
    CELL_BYTES = 514,
    CELL_HEAD_BYTES = 5,
    CELL_STREAM_BYTES = CELL_BYTES - CELL_HEAD_BYTES - 2,
    CHANNEL_CELLS_MAX = 16,
    CHANNEL_SEALED_BYTES_MAX = CHANNEL_CELLS_MAX * CELL_BYTES + NOISE_TAG_BYTES,
    CHANNEL_MESSAGE_BYTES_MAX = 2 + CHANNEL_SEALED_BYTES_MAX,
    CHANNEL_FRAME_BYTES_MAX = (8 << 20) + 65536, /* the largest answer of sync, and its head */
    CHANNEL_REKEY_MESSAGES = 1 << 16,
};

#define CHANNEL_REKEY_NS (3600ull * 1000000000)

struct channel {
    struct noise_cipher send, receive;
    uint64_t send_key_ns;            /* when the sending key was made */
    uint32_t send_count, recv_count; /* messages under the present keys */
    /* the message being written */
    uint8_t *out;
    unsigned out_cells, out_cells_max;
    unsigned out_used; /* stream bytes of the last cell */
    /* the message being read */
    const uint8_t *in;
    unsigned in_cells, in_cell;
    unsigned in_at; /* stream bytes taken of cell in_cell */
    /* the frame being put together */
    uint8_t head[4];
    unsigned head_len;
    uint8_t *frame;
    uint32_t frame_bytes, frame_at, frame_room;
};

/* Takes the ciphers of a finished handshake. */
void channel_start(struct channel *channel, const struct noise_cipher *send,
                   const struct noise_cipher *receive, uint64_t now_ns);
void channel_end(struct channel *channel);

/* Writing: begin, any number of puts, seal. out holds CHANNEL_MESSAGE_BYTES_MAX. put takes as many
 * of the bytes as fit and returns how many. seal returns the length of the whole message, 0 when
 * nothing was put. */
void channel_begin(struct channel *channel, uint8_t *out, uint64_t now_ns);
size_t channel_put(struct channel *channel, const uint8_t *bytes, size_t len);
enum err channel_seal(struct channel *channel, size_t *len, uint64_t now_ns) MUST_CHECK;

/* True when a sealed message may have this length (without its prefix). */
bool channel_length_valid(size_t len);

/* Reading: open decrypts a message (without its prefix) in place, then next is called until it
 * gives no frame (frame->data NULL). A frame is valid until the next call; the message must stay
 * until then. ERR_SIGNATURE: damaged, replayed or out of order; ERR_INVALID: breaks the format;
 * ERR_RANGE: a frame is empty or too long; ERR_UNKNOWN: a circuit or a command nobody serves;
 * ERR_NO_MEMORY. After an error the link is closed. */
enum err channel_open(struct channel *channel, uint8_t *message, size_t len) MUST_CHECK;
enum err channel_next(struct channel *channel, struct span *frame) MUST_CHECK;

/* True while a frame has come in part. */
static inline bool channel_partial(const struct channel *channel)
{
    return channel->head_len > 0;
}

#endif
