/* Transfers for bench_testnet.py: signs them first, then announces them over REST at a steady rate.
 *
 *   testnet_load accounts COUNT                            public keys of the senders
 *   testnet_load raw                                       bare signature checks per second of CPU
 *   testnet_load send GENESIS COUNT RATE SECONDS PORT...   RATE transfers a second, in turn from
 * COUNT senders, spread over the nodes at the ports
 *
 * A sender stays with one connection, so that its nonces arrive in order; each connection has one
 * request on its way. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/chain/tx.h"

enum {
    CONNECTIONS_PER_NODE = 8,
    CONNECTIONS_MAX = 8 * 16,
    REQUEST_BYTES_MAX = 640,
    TRANSFER_BODY_BYTES = 32 + 8 + 1,
    FEE_MAX = 100000,
};

struct request {
    uint32_t len;
    char text[REQUEST_BYTES_MAX];
};

struct connection {
    int socket;
    bool busy;
    uint64_t next; /* number of its next request, all counted */
};

struct load {
    uint64_t senders, rate, count;
    struct request *requests;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    uint64_t accepted, refused;
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    invariant(clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sender_key(struct sign_secret *secret, uint64_t sender)
{
    uint8_t seed[32] = "bench";
    store64(seed + 8, sender);
    sign_keypair(secret, seed);
}

static void request_make(struct request *request, const struct sign_secret *secret, uint64_t nonce,
                         const uint8_t to[32], const uint8_t genesis[32])
{
    uint8_t body[TRANSFER_BODY_BYTES] = {0};
    uint8_t bytes[TX_LEAST_BYTES + TRANSFER_BODY_BYTES];
    char hex[2 * sizeof(bytes) + 1];
    size_t len;
    memcpy(body, to, 32);
    store64(body + 32, 1);
    const struct tx tx = {.type = TX_transfer,
                          .nonce = nonce,
                          .fee_max = FEE_MAX,
                          .expiry = 1u << 30,
                          .body = span_of(body, sizeof(body))};
    invariant(tx_build(bytes, sizeof(bytes), &len, &tx, genesis, secret) == ERR_OK);
    sodium_bin2hex(hex, sizeof(hex), bytes, len);
    int n = snprintf(request->text, sizeof(request->text),
                     "PUT /transaction HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n{\"payload\":\"%s\"}",
                     2 * len + 14, hex);
    invariant(n > 0 && (size_t)n < sizeof(request->text));
    request->len = (uint32_t)n;
}

static void requests_make(struct load *load, const uint8_t genesis[32])
{
    struct sign_secret secret;
    struct sign_secret other;

    load->requests = calloc(load->count, sizeof(struct request));
    invariant(load->requests != NULL);
    for (uint64_t sender = 0; sender < load->senders; sender++) {
        sender_key(&secret, sender);
        sender_key(&other, (sender + 1) % load->senders);
        for (uint64_t i = sender; i < load->count; i += load->senders) {
            request_make(&load->requests[i], &secret, i / load->senders, other.public_key, genesis);
        }
    }
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0) {
        fprintf(stderr, "port %u: %s\n", port, strerror(errno));
        exit(1);
    }
    return s;
}

/* Request number i is of sender i % senders, which is of connection i % senders % connections. */
static uint64_t next_of(const struct load *load, size_t connection, uint64_t after)
{
    uint64_t i = after + 1;
    while (i < load->count && i % load->senders % load->connection_count != connection) {
        i++;
    }
    return i;
}

static bool send_due(struct load *load, size_t c, double elapsed)
{
    struct connection *connection = &load->connections[c];
    uint64_t i = connection->next;
    if (connection->busy || i >= load->count || (double)i > elapsed * (double)load->rate) {
        return false;
    }
    const struct request *request = &load->requests[i];
    invariant(send(connection->socket, request->text, request->len, MSG_NOSIGNAL) ==
              (ssize_t)request->len);
    connection->busy = true;
    connection->next = next_of(load, c, i);
    return true;
}

static void answer_read(struct load *load, struct connection *connection)
{
    char text[2048];
    ssize_t n = recv(connection->socket, text, sizeof(text) - 1, 0);
    if (n <= 0) {
        fprintf(stderr, "a node closed the connection\n");
        exit(1);
    }
    text[n] = 0;
    load->accepted += strncmp(text, "HTTP/1.1 202", 12) == 0;
    load->refused += strncmp(text, "HTTP/1.1 202", 12) != 0;
    connection->busy = false;
}

/* Until all are sent or the time is over; how long it took. */
static double send_all(struct load *load, double limit_s)
{
    struct pollfd polls[CONNECTIONS_MAX];
    double start = seconds(CLOCK_MONOTONIC);
    double elapsed = 0;

    for (size_t c = 0; c < load->connection_count; c++) {
        load->connections[c].next = next_of(load, c, UINT64_MAX);
        polls[c] = (struct pollfd){.fd = load->connections[c].socket, .events = POLLIN};
    }
    while (load->accepted + load->refused < load->count && elapsed < limit_s) {
        elapsed = seconds(CLOCK_MONOTONIC) - start;
        for (size_t c = 0; c < load->connection_count; c++) {
            (void)send_due(load, c, elapsed);
        }
        if (poll(polls, load->connection_count, 1) > 0) {
            for (size_t c = 0; c < load->connection_count; c++) {
                if ((polls[c].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
                    answer_read(load, &load->connections[c]);
                }
            }
        }
    }
    return elapsed;
}

static int accounts_print(uint64_t count)
{
    struct sign_secret secret;
    char hex[65];
    for (uint64_t i = 0; i < count; i++) {
        sender_key(&secret, i);
        puts(sodium_bin2hex(hex, sizeof(hex), secret.public_key, 32));
    }
    return 0;
}

static int raw_print(void)
{
    uint8_t message[160] = {1};
    uint8_t signature[64];
    struct sign_secret secret;
    uint8_t seed[32] = {7};
    uint8_t pk[32];
    uint8_t sk[64];
    uint64_t count = 0;
    sender_key(&secret, 0);
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    (void)crypto_sign_detached(signature, NULL, message, sizeof(message), sk);
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (seconds(CLOCK_PROCESS_CPUTIME_ID) - start < 1) {
        for (int i = 0; i < 100; i++, count++) {
            invariant(crypto_sign_verify_detached(signature, message, sizeof(message), pk) == 0);
        }
    }
    printf("%.0f\n", (double)count / (seconds(CLOCK_PROCESS_CPUTIME_ID) - start));
    return 0;
}

static int run(int argc, char **argv)
{
    static struct load load;
    uint8_t genesis[32];
    size_t nodes = (size_t)argc - 6;

    if (sodium_hex2bin(genesis, sizeof(genesis), argv[2], strlen(argv[2]), NULL, NULL, NULL) != 0) {
        return 1;
    }
    load.senders = strtoull(argv[3], NULL, 10);
    load.rate = strtoull(argv[4], NULL, 10);
    load.count = load.rate * strtoull(argv[5], NULL, 10);
    load.connection_count = nodes * CONNECTIONS_PER_NODE;
    if (load.senders == 0 || load.rate == 0 || load.connection_count > CONNECTIONS_MAX) {
        return 1;
    }
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    requests_make(&load, genesis);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    fprintf(stderr, "signed %llu transfers in %.1f s of CPU\n", (unsigned long long)load.count,
            cpu);
    for (size_t c = 0; c < load.connection_count; c++) {
        load.connections[c].socket = dial((uint16_t)strtoul(argv[6 + c % nodes], NULL, 10));
    }
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) {
        return 1;
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double took = send_all(&load, 2 * (double)load.count / (double)load.rate);
    printf("{\"accepted\": %llu, \"refused\": %llu, \"seconds\": %.2f, \"cpu\": %.2f}\n",
           (unsigned long long)load.accepted, (unsigned long long)load.refused, took,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        return 1;
    }
    if (argc == 3 && strcmp(argv[1], "accounts") == 0) {
        return accounts_print(strtoull(argv[2], NULL, 10));
    }
    if (argc == 2 && strcmp(argv[1], "raw") == 0) {
        return raw_print();
    }
    if (argc > 6 && strcmp(argv[1], "send") == 0) {
        return run(argc, argv);
    }
    fprintf(stderr, "usage: testnet_load accounts COUNT | raw | send GENESIS COUNT RATE SECONDS "
                    "PORT...\n");
    return 1;
}
