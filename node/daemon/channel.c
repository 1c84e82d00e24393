#include "node/daemon/channel.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/crypto/secret.h"

enum command { CELL_PADDING = 0, CELL_STREAM = 16, CELL_REKEY = 17 };

#define FRAME_KEEP_BYTES 65536 /* a larger buffer is given back after its frame */

void channel_start(struct channel *channel, const struct noise_cipher *send,
                   const struct noise_cipher *receive, uint64_t now_ns)
{
    *channel = (struct channel){.send = *send, .receive = *receive, .send_key_ns = now_ns};
}

void channel_end(struct channel *channel)
{
    free(channel->frame);
    secret_wipe(channel, sizeof(*channel));
}

/* --- writing --- */

static bool rekey_due(const struct channel *channel, uint64_t now_ns)
{
    return channel->send_count + 1 >= CHANNEL_REKEY_MESSAGES ||
           now_ns - channel->send_key_ns >= CHANNEL_REKEY_NS;
}

static uint8_t *cell_add(struct channel *channel, enum command command)
{
    uint8_t *cell = channel->out + 2 + (size_t)channel->out_cells++ * CELL_BYTES;
    memset(cell, 0, CELL_BYTES);
    cell[4] = (uint8_t)command;
    return cell;
}

void channel_begin(struct channel *channel, uint8_t *out, uint64_t now_ns)
{
    channel->out = out;
    channel->out_cells = 0;
    channel->out_cells_max = CHANNEL_CELLS_MAX - (rekey_due(channel, now_ns) ? 1 : 0);
    channel->out_used = CELL_STREAM_BYTES; /* the first byte opens a cell */
}

size_t channel_put(struct channel *channel, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len) {
        if (channel->out_used == CELL_STREAM_BYTES) {
            if (channel->out_cells == channel->out_cells_max) {
                break;
            }
            cell_add(channel, CELL_STREAM);
            channel->out_used = 0;
        }
        uint8_t *cell = channel->out + 2 + (size_t)(channel->out_cells - 1) * CELL_BYTES;
        size_t room = CELL_STREAM_BYTES - channel->out_used;
        size_t part = len - taken < room ? len - taken : room;
        memcpy(cell + CELL_HEAD_BYTES + 2 + channel->out_used, bytes + taken, part);
        channel->out_used += (unsigned)part;
        store16(cell + CELL_HEAD_BYTES, (uint16_t)channel->out_used);
        taken += part;
    }
    return taken;
}

enum err channel_seal(struct channel *channel, size_t *len, uint64_t now_ns)
{
    bool rekey = channel->out_cells > 0 && channel->out_cells_max < CHANNEL_CELLS_MAX;

    *len = 0;
    if (channel->out_cells == 0) {
        return ERR_OK;
    }
    if (rekey) {
        cell_add(channel, CELL_REKEY);
    }
    size_t plain = (size_t)channel->out_cells * CELL_BYTES;
    TRY(noise_encrypt(&channel->send, channel->out + 2, channel->out + 2, plain));
    size_t sealed = plain + NOISE_TAG_BYTES;
    channel->out[0] = (uint8_t)(sealed >> 8);
    channel->out[1] = (uint8_t)sealed;
    channel->send_count++;
    if (rekey) {
        noise_rekey(&channel->send);
        channel->send_count = 0;
        channel->send_key_ns = now_ns;
    }
    channel->out = NULL;
    *len = 2 + sealed;
    return ERR_OK;
}

/* --- reading --- */

bool channel_length_valid(size_t len)
{
    return len > NOISE_TAG_BYTES && len <= CHANNEL_SEALED_BYTES_MAX &&
           (len - NOISE_TAG_BYTES) % CELL_BYTES == 0;
}

static enum err cell_check(const uint8_t *cell, bool last, bool *rekey)
{
    if (load32(cell) != 0) {
        return ERR_UNKNOWN;
    }
    switch (cell[4]) {
    case CELL_PADDING:
        return ERR_OK;
    case CELL_STREAM:
        return load16(cell + CELL_HEAD_BYTES) <= CELL_STREAM_BYTES ? ERR_OK : ERR_INVALID;
    case CELL_REKEY:
        *rekey = true;
        return last ? ERR_OK : ERR_INVALID;
    default:
        return ERR_UNKNOWN;
    }
}

enum err channel_open(struct channel *channel, uint8_t *message, size_t len)
{
    bool rekey = false;

    if (!channel_length_valid(len)) {
        return ERR_INVALID;
    }
    TRY(noise_decrypt(&channel->receive, message, message, len));
    channel->in = message;
    channel->in_cells = (unsigned)((len - NOISE_TAG_BYTES) / CELL_BYTES);
    channel->in_cell = channel->in_at = 0;
    for (unsigned i = 0; i < channel->in_cells; i++) {
        TRY(cell_check(message + (size_t)i * CELL_BYTES, i + 1 == channel->in_cells, &rekey));
    }
    channel->recv_count++;
    if (rekey) {
        noise_rekey(&channel->receive);
        channel->recv_count = 0;
    } else if (channel->recv_count >= CHANNEL_REKEY_MESSAGES) {
        return ERR_INVALID; /* the other side must change its key */
    }
    return ERR_OK;
}

/* Up to `most` bytes of the stream out of the open message; NULL at its end. */
static const uint8_t *stream_take(struct channel *channel, size_t *len, size_t most)
{
    while (channel->in_cell < channel->in_cells) {
        const uint8_t *cell = channel->in + (size_t)channel->in_cell * CELL_BYTES;
        unsigned used = cell[4] == CELL_STREAM ? load16(cell + CELL_HEAD_BYTES) : 0;
        if (channel->in_at < used) {
            const uint8_t *at = cell + CELL_HEAD_BYTES + 2 + channel->in_at;
            *len = used - channel->in_at < most ? used - channel->in_at : most;
            channel->in_at += (unsigned)*len;
            return at;
        }
        channel->in_cell++;
        channel->in_at = 0;
    }
    return NULL;
}

/* Room grows with what has come, never with what was announced. */
static enum err frame_grow(struct channel *channel, size_t more)
{
    size_t need = channel->frame_at + more;
    size_t room = channel->frame_room == 0 ? 1024 : channel->frame_room;
    while (room < need) {
        room *= 2;
    }
    if (room > channel->frame_room) {
        uint8_t *frame = realloc(channel->frame, room);
        if (frame == NULL) {
            return ERR_NO_MEMORY;
        }
        channel->frame = frame;
        channel->frame_room = (uint32_t)room;
    }
    return ERR_OK;
}

/* Collects the length of the next frame; *have says whether it is whole. */
static enum err head_read(struct channel *channel, bool *have)
{
    size_t len;
    while (channel->head_len < sizeof(channel->head)) {
        const uint8_t *at = stream_take(channel, &len, sizeof(channel->head) - channel->head_len);
        if (at == NULL) {
            *have = false;
            return ERR_OK;
        }
        memcpy(channel->head + channel->head_len, at, len);
        channel->head_len += (unsigned)len;
    }
    *have = true;
    channel->frame_bytes = load32(channel->head);
    return channel->frame_bytes == 0 || channel->frame_bytes > CHANNEL_FRAME_BYTES_MAX ? ERR_RANGE
                                                                                       : ERR_OK;
}

enum err channel_next(struct channel *channel, struct span *frame)
{
    bool have;
    size_t len;

    *frame = span_of(NULL, 0);
    if (channel->frame_at == 0 && channel->frame_room > FRAME_KEEP_BYTES) {
        free(channel->frame);
        channel->frame = NULL;
        channel->frame_room = 0;
    }
    TRY(head_read(channel, &have));
    while (have && channel->frame_at < channel->frame_bytes) {
        const uint8_t *at = stream_take(channel, &len, channel->frame_bytes - channel->frame_at);
        if (at == NULL) {
            return ERR_OK;
        }
        if (len == channel->frame_bytes) { /* whole and in one piece: no copy */
            *frame = span_of(at, len);
            channel->head_len = 0;
            return ERR_OK;
        }
        TRY(frame_grow(channel, len));
        memcpy(channel->frame + channel->frame_at, at, len);
        channel->frame_at += (uint32_t)len;
    }
    if (have) {
        *frame = span_of(channel->frame, channel->frame_bytes);
        channel->head_len = 0;
        channel->frame_at = 0;
    }
    return ERR_OK;
}
