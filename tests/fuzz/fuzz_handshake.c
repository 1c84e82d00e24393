/* Any bytes as handshake messages, to an acceptor and to dialers of each pattern: never done
 * without the keys. */
#include "node/base/invariant.h"
#include "node/daemon/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct handshake *h, const uint8_t *data, size_t size)
{
    uint8_t out[HANDSHAKE_MESSAGE_BYTES];
    for (;;) {
        if (handshake_writes(h) && handshake_write(h, out) != ERR_OK) {
            return;
        }
        if (handshake_done(h) || size == 0) {
            break;
        }
        uint8_t message[HANDSHAKE_BYTES] = {0};
        size_t have = size < sizeof(message) ? size : sizeof(message);
        memcpy(message, data, have);
        data += have;
        size -= have;
        if (handshake_read(h, message, 1700000000000) != ERR_OK) {
            return;
        }
    }
    invariant(!handshake_done(h)); /* no input holds a signature of a key we know */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum noise_pattern pattern[] = {NOISE_IK, NOISE_XX, NOISE_NK};
    static const uint8_t seed[32] = {1};
    static const uint8_t secret[32] = {2};
    static const uint8_t ephemeral[32] = {3};
    const struct genesis genesis = {.network = 7};
    struct identity identity;
    struct handshake h;

    identity_make(&identity, seed, secret, &genesis, 1700000000000);
    for (int i = 0; i < 3; i++) {
        handshake_dial(&h, &identity, pattern[i], identity.node_id, identity.transport_public,
                       ephemeral);
        feed(&h, data, size);
    }
    handshake_accept(&h, &identity, ephemeral);
    feed(&h, data, size);
    return 0;
}
