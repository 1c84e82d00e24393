/* A stranger says anything to a node: overlay, relay and catching up stay within their limits, lose
 * no blob, and blame at most. Input: steps of
 *   op u8: 0x80 set: time goes on by (op & 0x7f) x 100 ms; else a frame follows as u16 length and
 *          bytes, in which bit 0 puts the tip's id and bit 1 the genesis hash behind the code. */
#include "node/base/invariant.h"
#include "tests/support/peers.h"

#define LINK 40u
#define FRAME_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void come(struct peers *peers)
{
    struct event up = {.kind = EVENT_LINK_UP,
                       .link_up = {.link = LINK, .peer = {7}, .endpoint = wire_endpoint(900)}};
    uint8_t frame[128];
    uint8_t endpoint[18] = {0};
    size_t len;
    wire_now(peers->wire, 0, &up);
    const struct frame_hello m = {
        .version = 1, .genesis = peers->genesis.hash, .tip_height = 1000, .endpoint = endpoint};
    invariant(frame_hello_encode(frame, sizeof(frame), &len, &m) == ERR_OK);
    wire_inject(peers->wire, 0, LINK, span_of(frame, len));
}

static void say(struct peers *peers, uint8_t op, struct span bytes)
{
    static uint8_t frame[FRAME_MAX];
    size_t len = bytes.len < FRAME_MAX ? bytes.len : FRAME_MAX;
    memcpy(frame, bytes.data, len);
    if (len >= 33 && (op & 3) != 0) {
        memcpy(frame + 1, (op & 1) != 0 ? peers_tip(peers, 0)->id : peers->genesis.hash, 32);
    }
    wire_inject(peers->wire, 0, LINK, span_of(frame, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peers *peers = peers_new(1, 1, 0, 1);
    peers_start_all(peers);
    peers_run(peers, 40);
    come(peers);
    while (size > 0) {
        uint8_t op = *data++;
        size--;
        if ((op & 0x80) != 0) {
            wire_run(peers->wire, peers->wire->now_ns + (op & 0x7fu) * 100000000ull);
            continue;
        }
        size_t len = size >= 2 ? load16(data) : 0;
        size_t head = size >= 2 ? 2 : size;
        data += head;
        size -= head;
        len = len < size ? len : size;
        if (len > 0) {
            say(peers, op, span_of(data, len));
        }
        data += len;
        size -= len;
    }
    peers_run(peers, 30);
    invariant(peers_end(peers) == 0);
    return 0;
}
