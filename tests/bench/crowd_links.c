/* Clients by the thousand for bench_crowd.py: each makes a whole handshake (NK) with one daemon on
 * loopback, sends PING and stays.
 *
 *   crowd_links GENESIS PORT TRANSPORT_KEY COUNT
 *
 * Prints `open N` once N have been answered. For each line on standard input all send PING again,
 * and `answered N` says how many got their PONG; at its end all leave. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/daemon/channel.h"
#include "node/daemon/handshake.h"
#include "node/host/file.h"
#include "node/wire/frames.h"

enum { PATIENCE_S = 60 };

struct client {
    int s;
    struct channel channel;
};

static bool read_all(int s, uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(s, out, len, 0);
        if (got <= 0) {
            return false;
        }
        out += got;
        len -= (size_t)got;
    }
    return true;
}

static bool ping(struct client *client)
{
    static const uint8_t frame[] = {9, 0, 0, 0, 0x04, 7, 0, 0, 0, 0, 0, 0, 0};
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    size_t len;

    channel_begin(&client->channel, message, 0);
    invariant(channel_put(&client->channel, frame, sizeof(frame)) == sizeof(frame));
    return channel_seal(&client->channel, &len, 0) == ERR_OK &&
           send(client->s, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool pong(struct client *client)
{
    uint8_t message[2 + CELL_BYTES + NOISE_TAG_BYTES];
    struct frame_pong answer;
    struct span frame;

    return read_all(client->s, message, sizeof(message)) &&
           channel_open(&client->channel, message + 2, sizeof(message) - 2) == ERR_OK &&
           channel_next(&client->channel, &frame) == ERR_OK && frame.data != NULL &&
           frame_pong_decode(&answer, frame) == ERR_OK && answer.nonce == 7;
}

static bool client_open(struct client *client, const struct identity *identity,
                        const uint8_t transport[NOISE_KEY_BYTES], const struct sockaddr_in *to)
{
    struct handshake h;
    struct noise_cipher send_key;
    struct noise_cipher receive_key;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    uint8_t message[HANDSHAKE_MESSAGE_BYTES];
    uint8_t ephemeral[NOISE_KEY_BYTES];
    uint8_t hash[NOISE_HASH_BYTES];
    int one = 1;

    client->s = socket(AF_INET, SOCK_STREAM, 0);
    if (client->s < 0 ||
        setsockopt(client->s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(client->s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        connect(client->s, (const struct sockaddr *)to, sizeof(*to)) != 0) {
        return false;
    }
    invariant(getrandom(ephemeral, sizeof(ephemeral), 0) == sizeof(ephemeral));
    handshake_dial(&h, identity, NOISE_NK, NULL, transport, ephemeral);
    if (handshake_write(&h, message) != ERR_OK ||
        send(client->s, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message) ||
        !read_all(client->s, message, sizeof(message)) ||
        handshake_read(&h, message + 2, identity->expiry_ms - 1000) != ERR_OK) {
        return false;
    }
    noise_split(&h.noise, &send_key, &receive_key, hash);
    channel_start(&client->channel, &send_key, &receive_key, 0);
    return ping(client) && pong(client);
}

int main(int argc, char **argv)
{
    static const uint8_t none[32] = {1};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct identity identity;
    struct genesis genesis;
    uint8_t transport[NOISE_KEY_BYTES];
    struct span bytes;
    char line[16];

    if (argc != 5 || sodium_init() < 0 || file_map(&bytes, argv[1]) != ERR_OK ||
        genesis_decode(&genesis, bytes) != ERR_OK ||
        sodium_hex2bin(transport, sizeof(transport), argv[3], strlen(argv[3]), NULL, NULL, NULL) !=
            0) {
        fprintf(stderr, "usage: crowd_links GENESIS PORT TRANSPORT_KEY COUNT\n");
        return 1;
    }
    size_t count = strtoul(argv[4], NULL, 10);
    size_t open = 0;
    struct client *clients = calloc(count + 1, sizeof(*clients));
    invariant(clients != NULL);
    to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    identity_make(&identity, none, none, &genesis, 0);
    while (open < count && client_open(&clients[open], &identity, transport, &to)) {
        open++;
    }
    file_unmap(bytes);
    printf("open %zu\n", open);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        size_t answered = 0;
        for (size_t i = 0; i < open; i++) {
            (void)!ping(&clients[i]);
        }
        for (size_t i = 0; i < open; i++) {
            answered += pong(&clients[i]);
        }
        printf("answered %zu\n", answered);
        fflush(stdout);
    }
    free(clients);
    return 0;
}
