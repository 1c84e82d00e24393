#include "tests/host/rogue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/daemon/address.h"
#include "node/wire/frames.h"

int raw_connect(const struct net *n, size_t node)
{
    struct sockaddr_storage address;
    endpoint_to_socket(&address, &n->nodes[node].config.endpoint);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_geq(s, 0);
    if (connect(s, (struct sockaddr *)&address, sizeof(struct sockaddr_in)) != 0) {
        close(s);
        return -1;
    }
    fcntl(s, F_SETFL, O_NONBLOCK);
    return s;
}

bool raw_closed(int s)
{
    uint8_t bytes[512];
    ssize_t got;
    while ((got = recv(s, bytes, sizeof(bytes), 0)) > 0) {
    }
    return got == 0 || errno != EAGAIN;
}

bool raw_cut(struct net *net, int s)
{
    for (int turn = 0; turn < WAIT_MS / 10; turn++) {
        if (raw_closed(s)) {
            return true;
        }
        net_run(net, 10, NULL);
    }
    return false;
}

size_t raw_read(struct net *net, int s, uint8_t *out, size_t len)
{
    size_t at = 0;
    for (int turn = 0; at < len && turn < WAIT_MS / 5; turn++) {
        ssize_t got = recv(s, out + at, len - at, 0);
        at += got > 0 ? (size_t)got : 0;
        if (at < len) {
            net_run(net, 5, NULL);
        }
    }
    return at;
}

void rogue_link(struct rogue *r, struct net *net, size_t node, uint8_t who,
                enum noise_pattern pattern)
{
    struct handshake h;
    struct noise_cipher send_key;
    struct noise_cipher receive_key;
    uint8_t hash[NOISE_HASH_BYTES];
    uint8_t answer[HANDSHAKE_MESSAGE_BYTES];
    uint8_t seed[32] = {who, 99};
    uint8_t ephemeral[32] = {who, 98, (uint8_t)pattern};
    uint8_t target[32];
    struct host_time now = host_now(net->nodes[node].host);

    identity_make(&r->identity, seed, seed, &net->genesis, now.wall_ms);
    noise_public(target, net->nodes[node].transport);
    r->net = net;
    r->s = raw_connect(net, node);
    handshake_dial(&h, &r->identity, pattern, NULL, pattern == NOISE_XX ? NULL : target, ephemeral);
    cr_assert_eq(handshake_write(&h, r->first), ERR_OK);
    cr_assert_eq(send(r->s, r->first, sizeof(r->first), MSG_NOSIGNAL), sizeof(r->first));
    cr_assert_eq(raw_read(net, r->s, answer, sizeof(answer)), sizeof(answer));
    cr_assert_eq(handshake_read(&h, answer + 2, now.wall_ms), ERR_OK);
    cr_assert_arr_eq(h.peer, net->nodes[node].node_id, 32);
    if (handshake_writes(&h)) {
        cr_assert_eq(handshake_write(&h, answer), ERR_OK);
        cr_assert_eq(send(r->s, answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
    }
    noise_split(&h.noise, &send_key, &receive_key, hash);
    channel_start(&r->channel, &send_key, &receive_key, 0);
}

size_t rogue_seal(struct rogue *r, uint8_t out[CHANNEL_MESSAGE_BYTES_MAX], const uint8_t *frame,
                  uint32_t len, uint32_t announced)
{
    uint8_t head[4];
    size_t sealed;
    store32(head, announced);
    channel_begin(&r->channel, out, 0);
    channel_put(&r->channel, head, 4);
    channel_put(&r->channel, frame, len);
    cr_assert_eq(channel_seal(&r->channel, &sealed, 0), ERR_OK);
    return sealed;
}

void rogue_send(struct rogue *r, const uint8_t *frame, uint32_t len, uint32_t announced)
{
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    size_t sealed = rogue_seal(r, message, frame, len, announced);
    cr_assert_eq(send(r->s, message, sealed, MSG_NOSIGNAL), (ssize_t)sealed);
}

void rogue_end(struct rogue *r)
{
    close(r->s);
    channel_end(&r->channel);
}

void rogue_hello(struct rogue *r)
{
    uint8_t frame[128];
    uint8_t endpoint[18] = {0};
    size_t len;
    const struct frame_hello hello = {
        .version = 1, .genesis = r->net->genesis.hash, .endpoint = endpoint, .roles = 1};
    cr_assert_eq(frame_hello_encode(frame, sizeof(frame), &len, &hello), ERR_OK);
    rogue_send(r, frame, (uint32_t)len, (uint32_t)len);
}
