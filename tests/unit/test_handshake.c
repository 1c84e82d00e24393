/* Handshakes of links: who may speak to whom, and what is refused. */
#include <criterion/criterion.h>

#include "node/daemon/channel.h"
#include "node/daemon/handshake.h"

#define NOW_MS 1700000000000ull
#define DAY_MS (24ull * 3600 * 1000)

static struct genesis genesis_make(uint8_t name)
{
    return (struct genesis){.network = name, .hash = {name}};
}

static void identity_of(struct identity *identity, uint8_t who, const struct genesis *genesis)
{
    uint8_t node_seed[32] = {who, 1};
    uint8_t transport[32] = {0, who}; /* X25519 ignores the lowest bits */
    identity_make(identity, node_seed, transport, genesis, NOW_MS);
}

struct talk {
    struct identity a, b;
    struct handshake dial, accept;
    enum err dial_err, accept_err;
    unsigned messages;
    uint64_t wall_ms;
};

static void talk_start(struct talk *t, enum noise_pattern pattern, const uint8_t *expects)
{
    static const uint8_t ephemeral[2][32] = {{5}, {6}};
    t->wall_ms = t->wall_ms == 0 ? NOW_MS : t->wall_ms;
    handshake_dial(&t->dial, &t->a, pattern, expects,
                   pattern == NOISE_XX ? NULL : t->b.transport_public, ephemeral[0]);
    handshake_accept(&t->accept, &t->b, ephemeral[1]);
}

/* Message after message until both are done or one refuses. */
static void talk_run(struct talk *t)
{
    uint8_t message[HANDSHAKE_MESSAGE_BYTES];
    bool dialer = true;
    t->dial_err = t->accept_err = ERR_OK;
    t->messages = 0;
    while (handshake_writes(dialer ? &t->dial : &t->accept)) {
        enum err *err = dialer ? &t->accept_err : &t->dial_err;
        cr_assert_eq(handshake_write(dialer ? &t->dial : &t->accept, message), ERR_OK);
        cr_assert_eq((message[0] << 8 | message[1]), HANDSHAKE_BYTES);
        t->messages++;
        *err = handshake_read(dialer ? &t->accept : &t->dial, message + 2, t->wall_ms);
        if (*err != ERR_OK) {
            return;
        }
        dialer = !dialer;
    }
}

static void talk_make(struct talk *t, uint8_t network_a, uint8_t network_b)
{
    struct genesis genesis = genesis_make(network_a);
    *t = (struct talk){.wall_ms = NOW_MS};
    identity_of(&t->a, 1, &genesis);
    genesis = genesis_make(network_b);
    identity_of(&t->b, 2, &genesis);
}

static void channels_work(struct talk *t)
{
    struct noise_cipher send[2];
    struct noise_cipher receive[2];
    uint8_t hash[2][NOISE_HASH_BYTES];
    uint8_t sealed[21];
    uint8_t plain[5];
    noise_split(&t->dial.noise, &send[0], &receive[0], hash[0]);
    noise_split(&t->accept.noise, &send[1], &receive[1], hash[1]);
    cr_assert_arr_eq(hash[0], hash[1], NOISE_HASH_BYTES);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(noise_encrypt(&send[i], sealed, (const uint8_t *)"hello", 5), ERR_OK);
        cr_assert_eq(noise_decrypt(&receive[1 - i], plain, sealed, 21), ERR_OK);
    }
}

Test(handshake, patterns)
{
    static const struct {
        enum noise_pattern pattern;
        unsigned messages;
    } row[] = {{NOISE_IK, 2}, {NOISE_XX, 3}, {NOISE_NK, 2}};
    for (size_t i = 0; i < 3; i++) {
        struct talk t;
        talk_make(&t, 7, 7);
        talk_start(&t, row[i].pattern, t.b.node_id);
        talk_run(&t);
        cr_assert_eq(t.dial_err, ERR_OK);
        cr_assert_eq(t.accept_err, ERR_OK);
        cr_assert_eq(t.messages, row[i].messages);
        cr_assert(handshake_done(&t.dial) && handshake_done(&t.accept));
        cr_assert_arr_eq(t.dial.peer, t.b.node_id, 32);
        cr_assert_arr_eq(t.dial.peer_static, t.b.transport_public, 32);
        cr_assert(handshake_confirmed(&t.dial));
        cr_assert_eq(handshake_confirmed(&t.accept), row[i].pattern == NOISE_XX);
        cr_assert_eq(t.accept.client, row[i].pattern == NOISE_NK);
        if (!t.accept.client) {
            cr_assert_arr_eq(t.accept.peer, t.a.node_id, 32);
            cr_assert_arr_eq(t.accept.peer_static, t.a.transport_public, 32);
        }
        channels_work(&t);
    }
}

/* A seed is dialed without a name; its name is learnt. */
Test(handshake, whoever_answers)
{
    struct talk t;
    talk_make(&t, 7, 7);
    talk_start(&t, NOISE_XX, NULL);
    talk_run(&t);
    cr_assert(handshake_done(&t.dial));
    cr_assert_arr_eq(t.dial.peer, t.b.node_id, 32);
}

Test(handshake, wrong_node)
{
    struct talk t;
    talk_make(&t, 7, 7);
    talk_start(&t, NOISE_XX, t.a.node_id);
    talk_run(&t);
    cr_assert_eq(t.dial_err, ERR_INVALID);
    cr_assert_not(handshake_done(&t.dial));
}

Test(handshake, other_network)
{
    static const enum noise_pattern pattern[] = {NOISE_IK, NOISE_XX, NOISE_NK};
    for (size_t i = 0; i < 3; i++) {
        struct talk t;
        talk_make(&t, 7, 8);
        talk_start(&t, pattern[i], NULL);
        talk_run(&t);
        cr_assert_eq(t.dial_err, ERR_SIGNATURE);
    }
}

/* A peer that has a new transport key is not reached by IK with the old one, and by XX it is. */
Test(handshake, old_static)
{
    struct talk t;
    uint8_t node_seed[32] = {2, 1};
    uint8_t transport[32] = {99};
    struct genesis genesis = genesis_make(7);
    talk_make(&t, 7, 7);
    struct identity old = t.b;
    identity_make(&t.b, node_seed, transport, &genesis, NOW_MS);
    handshake_dial(&t.dial, &t.a, NOISE_IK, t.b.node_id, old.transport_public, transport);
    handshake_accept(&t.accept, &t.b, transport);
    talk_run(&t);
    cr_assert_eq(t.dial_err, ERR_SIGNATURE);
    talk_start(&t, NOISE_XX, t.b.node_id);
    talk_run(&t);
    cr_assert(handshake_done(&t.dial));
}

Test(handshake, certificates)
{
    struct talk t;
    talk_make(&t, 7, 7);
    t.wall_ms = NOW_MS + 31 * DAY_MS;
    talk_start(&t, NOISE_IK, t.b.node_id);
    talk_run(&t);
    cr_assert_eq(t.accept_err, ERR_EXPIRED);

    talk_make(&t, 7, 7);
    t.wall_ms = NOW_MS + 30 * DAY_MS + 3600000; /* a clock may be an hour ahead */
    talk_start(&t, NOISE_IK, t.b.node_id);
    talk_run(&t);
    cr_assert(handshake_done(&t.dial));

    talk_make(&t, 7, 7); /* somebody else's certificate with the own key */
    struct identity victim = t.a;
    struct genesis genesis = genesis_make(7);
    identity_of(&t.a, 3, &genesis);
    memcpy(t.a.certificate, victim.certificate, CERTIFICATE_BYTES);
    talk_start(&t, NOISE_IK, t.b.node_id);
    talk_run(&t);
    cr_assert_eq(t.accept_err, ERR_SIGNATURE);
}

/* Any damage to the first message makes another handshake of it, which the dialer refuses; to a
 * later one, ends it. */
Test(handshake, damage)
{
    uint8_t first[HANDSHAKE_MESSAGE_BYTES];
    uint8_t second[HANDSHAKE_MESSAGE_BYTES];
    for (size_t at = 0; at < HANDSHAKE_BYTES; at += 37) {
        struct talk t;
        talk_make(&t, 7, 7);
        talk_start(&t, NOISE_IK, t.b.node_id);
        cr_assert_eq(handshake_write(&t.dial, first), ERR_OK);
        first[2 + at] ^= 1;
        if (handshake_read(&t.accept, first + 2, NOW_MS) == ERR_OK) {
            cr_assert_eq(t.accept.noise.pattern, NOISE_XX);
            cr_assert_eq(handshake_write(&t.accept, second), ERR_OK);
            cr_assert_neq(handshake_read(&t.dial, second + 2, NOW_MS), ERR_OK);
        }
        talk_start(&t, NOISE_IK, t.b.node_id);
        cr_assert_eq(handshake_write(&t.dial, first), ERR_OK);
        cr_assert_eq(handshake_read(&t.accept, first + 2, NOW_MS), ERR_OK);
        cr_assert_eq(handshake_write(&t.accept, second), ERR_OK);
        second[2 + at] ^= 1;
        cr_assert_neq(handshake_read(&t.dial, second + 2, NOW_MS), ERR_OK);
        cr_assert_not(handshake_done(&t.dial));
    }
}
