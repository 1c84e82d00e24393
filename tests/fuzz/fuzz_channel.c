/* A peer with valid keys who sends any cells, and any bytes instead of a sealed message: frames
 * come out or the link ends; nothing is read or kept beyond the limits. */
#include "node/base/invariant.h"
#include "node/daemon/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool drain(struct channel *channel)
{
    struct span frame;
    uint64_t sum = 0;
    while (channel_next(channel, &frame) == ERR_OK) {
        if (frame.data == NULL) {
            return true;
        }
        invariant(frame.len > 0 && frame.len <= CHANNEL_FRAME_BYTES_MAX);
        for (size_t i = 0; i < frame.len; i++) {
            sum += frame.data[i];
        }
    }
    return sum == UINT64_MAX; /* an error: the link ends */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct noise_cipher there = {.key = {1}, .keyed = true};
    struct noise_cipher back = {.key = {2}, .keyed = true};
    struct noise_cipher sender = there;
    struct channel channel;
    uint8_t message[CHANNEL_SEALED_BYTES_MAX];

    channel_start(&channel, &back, &there, 0);
    while (size > 1) {
        uint8_t control = data[0];
        size_t cells = 1 + control % CHANNEL_CELLS_MAX;
        size_t len = cells * CELL_BYTES;
        size_t have = size - 1 < len ? size - 1 : len;
        memset(message, 0, sizeof(message));
        memcpy(message, data + 1, have);
        if ((control & 0x10) !=
            0) { /* cells of the right kind: the fuzzer finds the stream sooner */
            for (size_t i = 0; i < cells; i++) {
                uint8_t *cell = message + i * CELL_BYTES;
                memset(cell, 0, 4);
                cell[4] = 16;
                cell[6] &= 1;
            }
        }
        if ((control & 0x80) == 0) {
            invariant(noise_encrypt(&sender, message, message, len) == ERR_OK);
        }
        size_t sealed = len + NOISE_TAG_BYTES - ((control & 0x60) == 0x60 ? 1 : 0);
        if (channel_open(&channel, message, sealed) != ERR_OK || !drain(&channel)) {
            break;
        }
        data += 1 + have;
        size -= 1 + have;
    }
    channel_end(&channel);
    return 0;
}
