#include "node/daemon/handshake.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"
#include "node/crypto/secret.h"

#define DAY_MS (24ull * 3600 * 1000)
#define CERTIFICATE_MS (30 * DAY_MS)
#define CLOCK_SLACK_MS (2ull * 3600 * 1000) /* clocks may be an hour off, each its own way */
#define STATIC_TEXT "PX-noise-static-1"

enum { STATIC_BYTES = sizeof(STATIC_TEXT) - 1 + 4 + NOISE_KEY_BYTES + 8 };

/* --- certificates --- */

static void certificate_text(uint8_t out[STATIC_BYTES], uint32_t network,
                             const uint8_t key[NOISE_KEY_BYTES], uint64_t expiry_ms)
{
    uint8_t *at = out + sizeof(STATIC_TEXT) - 1;
    memcpy(out, STATIC_TEXT, sizeof(STATIC_TEXT) - 1);
    store32(at, network);
    memcpy(at + 4, key, NOISE_KEY_BYTES);
    store64(at + 4 + NOISE_KEY_BYTES, expiry_ms);
}

void identity_make(struct identity *identity, const uint8_t node_seed[32],
                   const uint8_t transport_secret[NOISE_KEY_BYTES], const struct genesis *genesis,
                   uint64_t wall_ms)
{
    struct sign_secret secret;
    uint8_t text[STATIC_BYTES];

    sign_keypair(&secret, node_seed);
    memset(identity, 0, sizeof(*identity));
    memcpy(identity->node_id, secret.public_key, 32);
    memcpy(identity->transport_secret, transport_secret, NOISE_KEY_BYTES);
    noise_public(identity->transport_public, transport_secret);
    memcpy(identity->genesis_hash, genesis->hash, 32);
    identity->network = genesis->network;
    identity->expiry_ms = wall_ms + CERTIFICATE_MS;
    store64(identity->certificate, identity->expiry_ms);
    memcpy(identity->certificate + 8, identity->node_id, 32);
    certificate_text(text, identity->network, identity->transport_public, identity->expiry_ms);
    sign_plain_make(identity->certificate + 40, &secret, text, sizeof(text));
    sign_secret_wipe(&secret);
}

void identity_wipe(struct identity *identity)
{
    secret_wipe(identity, sizeof(*identity));
}

static enum err certificate_check(const struct handshake *h, const uint8_t *certificate,
                                  const uint8_t key[NOISE_KEY_BYTES], uint64_t wall_ms)
{
    uint8_t text[STATIC_BYTES];
    uint64_t expiry_ms = load64(certificate);

    certificate_text(text, h->identity->network, key, expiry_ms);
    TRY(sign_plain_verify(certificate + 40, certificate + 8, text, sizeof(text)));
    return expiry_ms > UINT64_MAX - CLOCK_SLACK_MS || expiry_ms + CLOCK_SLACK_MS >= wall_ms
               ? ERR_OK
               : ERR_EXPIRED;
}

/* --- the machine --- */

static void noise_begin(struct handshake *h, enum noise_pattern pattern, const uint8_t *peer_static)
{
    uint8_t prologue[9 + 32];
    const struct noise_keys keys = {.local_static = h->identity->transport_secret,
                                    .remote_static = peer_static,
                                    .local_ephemeral = h->ephemeral};
    memcpy(prologue, "PX-LINK-1", 9);
    memcpy(prologue + 9, h->identity->genesis_hash, 32);
    noise_start(&h->noise, pattern, h->dialing, span_of(prologue, sizeof(prologue)), &keys);
}

void handshake_dial(struct handshake *h, const struct identity *identity,
                    enum noise_pattern pattern, const uint8_t *peer, const uint8_t *peer_static,
                    const uint8_t ephemeral[NOISE_KEY_BYTES])
{
    *h = (struct handshake){.identity = identity, .dialing = true, .chosen = true};
    memcpy(h->ephemeral, ephemeral, NOISE_KEY_BYTES);
    h->client = pattern == NOISE_NK;
    if (peer != NULL) {
        h->expects = true;
        memcpy(h->peer, peer, 32);
    }
    noise_begin(h, pattern, peer_static);
}

void handshake_accept(struct handshake *h, const struct identity *identity,
                      const uint8_t ephemeral[NOISE_KEY_BYTES])
{
    *h = (struct handshake){.identity = identity};
    memcpy(h->ephemeral, ephemeral, NOISE_KEY_BYTES);
}

bool handshake_writes(const struct handshake *h)
{
    return h->chosen && noise_writes(&h->noise);
}

bool handshake_done(const struct handshake *h)
{
    return h->chosen && noise_done(&h->noise);
}

bool handshake_confirmed(const struct handshake *h)
{
    return h->dialing || h->noise.pattern == NOISE_XX;
}

/* Bytes that nobody can tell from a sealed payload. */
static void noise_fill(uint8_t *out, size_t len, const uint8_t ephemeral[NOISE_KEY_BYTES])
{
    for (uint8_t i = 0; len > 0; i++) {
        uint8_t block[HASH512_BYTES];
        size_t part = len < sizeof(block) ? len : sizeof(block);
        const struct span parts[] = {SPAN_TEXT("xpx/link-fill/1"), span_of(&i, 1)};
        hash_keyed_parts(block, sizeof(block), span_of(ephemeral, NOISE_KEY_BYTES), parts, 2);
        memcpy(out, block, part);
        out += part;
        len -= part;
    }
}

enum err handshake_write(struct handshake *h, uint8_t out[HANDSHAKE_MESSAGE_BYTES])
{
    uint8_t payload[HANDSHAKE_BYTES] = {0};
    size_t len;

    if (!handshake_writes(h)) {
        return ERR_USAGE;
    }
    size_t room = HANDSHAKE_BYTES - noise_overhead(&h->noise);
    if (h->noise.pattern == NOISE_XX && h->noise.message == 0) {
        noise_fill(payload, room, h->ephemeral);
    } else {
        store16(payload, LINK_VERSION);
        if (!(h->dialing && h->client)) {
            memcpy(payload + 2, h->identity->certificate, CERTIFICATE_BYTES);
        }
    }
    out[0] = HANDSHAKE_BYTES >> 8;
    out[1] = HANDSHAKE_BYTES & 0xff;
    TRY(noise_write(&h->noise, out + 2, HANDSHAKE_BYTES, &len, span_of(payload, room)));
    invariant(len == HANDSHAKE_BYTES);
    return ERR_OK;
}

static enum err payload_check(struct handshake *h, const uint8_t *payload, size_t len,
                              uint64_t wall_ms)
{
    if (h->noise.pattern == NOISE_XX && h->noise.message == 1) {
        return ERR_OK; /* the fill of XX */
    }
    invariant(len >= 2 + CERTIFICATE_BYTES); /* every pattern leaves this room */
    if (load16(payload) != LINK_VERSION) {
        return ERR_VERSION;
    }
    if (!h->dialing && h->client) {
        return ERR_OK;
    }
    const uint8_t *certificate = payload + 2;
    invariant(h->noise.has_remote_static);
    TRY(certificate_check(h, certificate, h->noise.remote_static, wall_ms));
    if (h->expects && memcmp(h->peer, certificate + 8, 32) != 0) {
        return ERR_INVALID;
    }
    memcpy(h->peer, certificate + 8, 32);
    memcpy(h->peer_static, h->noise.remote_static, NOISE_KEY_BYTES);
    return ERR_OK;
}

/* The first message to an acceptor: which pattern is it? */
static enum err first_read(struct handshake *h, uint8_t *payload, size_t *len, struct span message)
{
    static const enum noise_pattern trial[] = {NOISE_IK, NOISE_NK, NOISE_XX};
    enum err err = ERR_SIGNATURE;

    for (size_t i = 0; i < sizeof(trial) / sizeof(trial[0]) && err == ERR_SIGNATURE; i++) {
        noise_begin(h, trial[i], NULL);
        err = noise_read(&h->noise, payload, HANDSHAKE_BYTES, len, message);
    }
    h->chosen = true;
    h->client = h->noise.pattern == NOISE_NK;
    return err;
}

enum err handshake_read(struct handshake *h, const uint8_t message[HANDSHAKE_BYTES],
                        uint64_t wall_ms)
{
    uint8_t payload[HANDSHAKE_BYTES];
    size_t len = 0;
    const struct span bytes = span_of(message, HANDSHAKE_BYTES);
    enum err err = h->chosen ? noise_read(&h->noise, payload, sizeof(payload), &len, bytes)
                             : first_read(h, payload, &len, bytes);
    if (err == ERR_OK) {
        err = payload_check(h, payload, len, wall_ms);
    }
    if (err != ERR_OK) {
        h->noise.failed = true;
    }
    return err;
}

void handshake_wipe(struct handshake *h)
{
    secret_wipe(h, sizeof(*h));
}
