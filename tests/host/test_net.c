/* Hosts that talk over real sockets produce, agree, restart, and are not moved by those who break
 * the rules of links. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "node/daemon/address.h"
#include "node/daemon/host_private.h"
#include "tests/host/rogue.h"

static struct net net;

static uint64_t wanted;

static bool final_wanted(const struct net *n)
{
    return net_final(n, wanted);
}

static bool linked(const struct net *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct host_stats stats;
        host_stats(n->nodes[i].host, &stats);
        if (stats.links != n->count - 1) {
            return false;
        }
    }
    return true;
}

static void net_up(size_t count, uint64_t target_ms)
{
    net_open(&net, count, target_ms, NET_IPV4);
    for (size_t i = 0; i < count; i++) {
        net_start(&net, i);
    }
}

/* Two nodes, T = 250 ms: blocks of both become final for both. One stops and comes back: it links
 * again, and final blocks go on from where they were. */
Test(host, two_nodes, .timeout = 150)
{
    net_up(2, 250);
    wanted = 8;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    cr_assert(net.nodes[0].produced > 0 && net.nodes[1].produced > 0);
    cr_assert_eq(net.nodes[0].misbehaved + net.nodes[1].misbehaved, 0);

    net_stop(&net, 1);
    net_run(&net, 300, NULL);
    uint64_t before = net.nodes[1].final_height;
    net_start(&net, 1);
    wanted = before + 8;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    net_close(&net);
}

static bool datagrams_came(const struct net *n)
{
    struct host_stats stats;
    host_stats(n->nodes[0].host, &stats);
    return stats.datagrams_in + stats.datagrams_dropped >= 4;
}

/* The same addresses carry links and datagrams, of both families. */
Test(host, ipv6, .timeout = 150)
{
    if (!net_has_ipv6()) {
        cr_skip("no IPv6 loopback here");
    }
    net_open(&net, 2, 250, NET_IPV6);
    net_start(&net, 0);
    net_start(&net, 1);
    wanted = 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    net_close(&net);
}

/* Datagrams reach the node up to their largest size; longer ones and empty ones do not. */
Test(host, datagrams, .timeout = 150)
{
    static const size_t length[] = {1, 1200, 1201, 0, 600};
    uint8_t bytes[1201] = {1};
    struct sockaddr_storage address;
    struct host_stats stats;
    net_open(&net, 1, 1000, NET_IPV4);
    net_start(&net, 0);
    endpoint_to_socket(&address, &net.nodes[0].config.endpoint);
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    for (size_t i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
        cr_assert_eq(
            sendto(s, bytes, length[i], 0, (struct sockaddr *)&address, sizeof(struct sockaddr_in)),
            (ssize_t)length[i]);
    }
    cr_assert(net_run(&net, WAIT_MS, datagrams_came));
    host_stats(net.nodes[0].host, &stats);
    cr_assert_eq(stats.datagrams_in, 3);
    cr_assert_eq(stats.datagrams_dropped, 1);
    close(s);
    net_close(&net);
}

/* Everybody dials everybody at once: one link for each pair remains. */
Test(host, simultaneous_dials, .timeout = 150)
{
    net_up(5, 1000);
    cr_assert(net_run(&net, WAIT_MS, linked));
    net_run(&net, 1500, NULL);
    cr_assert(net_run(&net, WAIT_MS, linked));
    net_close(&net);
}

/* A transport key from the settings: the first link begins with IK; with XX at the next try if the
 * key was wrong. */
Test(host, transport_known, .timeout = 150)
{
    static const uint8_t wrong[32] = {9};
    uint8_t key[32];
    struct host_stats stats;
    net_open(&net, 3, 1000, NET_IPV4);
    for (size_t i = 0; i < net.count; i++) {
        net_open_host(&net, i);
    }
    noise_public(key, net.nodes[1].transport);
    host_transport_set(net.nodes[0].host, net.nodes[1].node_id, key);
    host_transport_set(net.nodes[0].host, net.nodes[2].node_id, wrong);
    for (size_t i = 0; i < net.count; i++) {
        cr_assert_eq(host_start(net.nodes[i].host), ERR_OK);
    }
    cr_assert(net_run(&net, WAIT_MS, linked));
    host_stats(net.nodes[0].host, &stats);
    cr_assert_geq(stats.handshakes_ik, 2);
    host_stats(net.nodes[1].host, &stats);
    cr_assert_eq(stats.handshakes_ik, 0);
    net_close(&net);
}

static bool dialed(const struct net *n)
{
    struct host_peer peers[LINKS_MAX];
    return host_peers(n->nodes[0].host, peers) == 1 && peers[0].dialed;
}

/* A transport key that a dial taught is known in the next life, without a dial; one that was wrong
 * since is forgotten there too. */
Test(host, transport_learnt, .timeout = 240)
{
    net_open(&net, 2, 1000, NET_IPV4);
    net_start(&net, 1); /* nobody is there yet when it dials */
    net_run(&net, 300, NULL);
    net_start(&net, 0);
    while (!net_run(&net, 5000, dialed)) { /* it was faster: again */
        net_stop(&net, 0);
        net_start(&net, 0);
    }
    net_stop(&net, 1);
    net_stop(&net, 0);
    net_start(&net, 0);
    cr_assert_not_null(static_find(net.nodes[0].host, net.nodes[1].node_id));
    net.nodes[1].transport[0] ^= 8;
    net_start(&net, 1);
    cr_assert(net_run(&net, 2 * WAIT_MS, linked));
    net_close(&net);
}

static uint64_t links_of(size_t node)
{
    struct host_stats stats;
    host_stats(net.nodes[node].host, &stats);
    return stats.links;
}

/* Sockets that say nothing, one byte, or a little at a time are cut at the handshake's end; more of
 * them than are allowed are not even listened to; the node goes on. */
Test(host, slowloris, .timeout = 150)
{
    enum { IDLE = 100 };
    int s[IDLE];
    net_open(&net, 2, 250, NET_IPV4);
    net.limits.handshake_ns = 1000000000;
    net_start(&net, 0);
    net_start(&net, 1);
    wanted = 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    for (int i = 0; i < IDLE; i++) {
        s[i] = raw_connect(&net, 0);
        if (s[i] >= 0 && i % 2 == 0) {
            (void)!send(s[i], "\1", 1, MSG_NOSIGNAL);
        }
    }
    net_run(&net, 200, NULL);
    for (int i = 0; i < 12; i++) { /* a byte of the first message now and then does not help */
        net_run(&net, 150, NULL);
        (void)!send(s[0], "\0", 1, MSG_NOSIGNAL);
    }
    for (int i = 0; i < IDLE; i++) {
        cr_assert(s[i] < 0 || raw_cut(&net, s[i]), "%d", i);
        close(s[i]);
    }
    struct host_stats stats;
    host_stats(net.nodes[0].host, &stats);
    cr_assert_geq(stats.refused, IDLE - net.limits.handshakes_max);
    wanted = net.nodes[0].final_height + 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    net_close(&net);
}

static bool blamed(const struct net *n)
{
    return n->nodes[0].misbehaved == 1;
}

/* A recorded first message is answered, but makes no link: the acceptor waits for proof that the
 * dialer is there. */
Test(host, replayed_handshake, .timeout = 150)
{
    struct rogue r;
    uint8_t answer[HANDSHAKE_MESSAGE_BYTES];
    static const uint8_t ping[] = {0x04, 1, 0, 0, 0, 0, 0, 0, 0};
    net_open(&net, 1, 1000, NET_IPV4);
    net.limits.handshake_ns = 3000000000;
    net_start(&net, 0);
    rogue_link(&r, &net, 0, 1, NOISE_IK);
    net_run(&net, 50, NULL);
    cr_assert_eq(links_of(0), 0, "nothing has come over the channel");
    rogue_send(&r, ping, sizeof(ping), sizeof(ping));
    cr_assert(net_run(&net, WAIT_MS, blamed), "PING before HELLO");
    int s = raw_connect(&net, 0);
    cr_assert_eq(send(s, r.first, sizeof(r.first), MSG_NOSIGNAL), sizeof(r.first));
    cr_assert_eq(raw_read(&net, s, answer, sizeof(answer)), sizeof(answer));
    cr_assert_eq(send(s, "\2\12", 2, MSG_NOSIGNAL), 2);
    cr_assert(raw_cut(&net, s));
    cr_assert_eq(links_of(0), 0);
    close(s);
    rogue_end(&r);
    net_close(&net);
}

static bool cut(struct rogue *r)
{
    return raw_cut(&net, r->s);
}

static bool one_link(const struct net *n)
{
    struct host_stats stats;
    host_stats(n->nodes[0].host, &stats);
    return stats.links == 1;
}

/* What breaks the format of messages, cells, streams or frames ends the link at once, and nothing
 * else happens. */
Test(host, broken_messages, .timeout = 150)
{
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t junk[600] = {0};
    struct rogue r;
    net_open(&net, 1, 1000, NET_IPV4);
    net_start(&net, 0);

    rogue_link(&r, &net, 0, 1, NOISE_XX); /* a message of no allowed length */
    cr_assert_eq(send(r.s, "\xff\xff", 2, MSG_NOSIGNAL), 2);
    cr_assert(cut(&r));
    rogue_end(&r);

    rogue_link(&r, &net, 0, 2, NOISE_XX); /* not sealed */
    junk[0] = 530 >> 8;
    junk[1] = 530 & 0xff;
    cr_assert_eq(send(r.s, junk, 532, MSG_NOSIGNAL), 532);
    cr_assert(cut(&r));
    rogue_end(&r);

    rogue_link(&r, &net, 0, 3, NOISE_XX); /* a frame longer than any */
    rogue_send(&r, junk, 100, CHANNEL_FRAME_BYTES_MAX + 1);
    cr_assert(cut(&r));
    rogue_end(&r);

    rogue_link(&r, &net, 0, 4, NOISE_XX); /* a message sent twice */
    size_t sealed = rogue_seal(&r, message, junk, 100, 5000);
    cr_assert_eq(send(r.s, message, sealed, MSG_NOSIGNAL), (ssize_t)sealed);
    cr_assert(net_run(&net, WAIT_MS, one_link));
    cr_assert_eq(send(r.s, message, sealed, MSG_NOSIGNAL), (ssize_t)sealed);
    cr_assert(cut(&r));
    rogue_end(&r);

    rogue_link(&r, &net, 0, 5, NOISE_XX); /* no frame of the protocol */
    rogue_send(&r, junk, 100, 100);
    cr_assert(cut(&r));
    rogue_end(&r);
    cr_assert_eq(net.nodes[0].misbehaved, 1);

    int s = raw_connect(&net, 0); /* no handshake at all */
    cr_assert_eq(send(s, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    cr_assert(raw_cut(&net, s));
    close(s);
    net_close(&net);
}

/* A message that comes byte by byte is cut, and so is a peer that takes nothing of what it asks
 * for. */
Test(host, slow_peers, .timeout = 150)
{
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    uint8_t junk[600] = {0};
    struct rogue r;
    net_open(&net, 1, 1000, NET_IPV4);
    net.limits.message_ns = 500000000;
    net_start(&net, 0);
    rogue_link(&r, &net, 0, 1, NOISE_XX);
    size_t sealed = rogue_seal(&r, message, junk, 100, 5000);
    uint64_t begin = host_now(net.nodes[0].host).mono_ns;
    for (size_t i = 0; i < sealed && !raw_closed(r.s); i++) {
        (void)!send(r.s, message + i, 1, MSG_NOSIGNAL);
        net_run(&net, 20, NULL);
    }
    cr_assert(cut(&r));
    cr_assert_lt(host_now(net.nodes[0].host).mono_ns - begin, sealed * 20000000, "all of it came");
    rogue_end(&r);
    net_close(&net);
}

/* A peer that asks and never reads the answers is cut when they do not fit the pipe any more. */
Test(host, peer_that_does_not_read, .timeout = 150)
{
    static const uint8_t ping[] = {9, 0, 0, 0, 0x04, 7, 0, 0, 0, 0, 0, 0, 0};
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX];
    struct host_peer peers[LINKS_MAX];
    struct rogue r;
    size_t sealed = 0;
    size_t at = 0;
    size_t cut_at = 0; /* of the ping that goes on in the next message */
    uint64_t queued = 0;
    net_open(&net, 1, 1000, NET_IPV4);
    net.limits.stall_ns = 700000000;
    net_start(&net, 0);
    rogue_link(&r, &net, 0, 1, NOISE_XX);
    rogue_hello(&r);
    cr_assert(net_run(&net, WAIT_MS, one_link));
    /* How much the kernel takes before it stops is its own affair: the bound is a time. */
    uint64_t until_ns = uv_hrtime() + WAIT_MS * 1000000ull;
    while (uv_hrtime() < until_ns && links_of(0) == 1) {
        if (at == sealed) {
            channel_begin(&r.channel, message, 0);
            size_t want;
            size_t put;
            do {
                want = sizeof(ping) - cut_at;
                put = channel_put(&r.channel, ping + cut_at, want);
                cut_at = (cut_at + put) % sizeof(ping);
            } while (put == want);
            cr_assert_eq(channel_seal(&r.channel, &sealed, 0), ERR_OK);
            at = 0;
        }
        ssize_t sent = send(r.s, message + at, sealed - at, MSG_NOSIGNAL);
        at += sent > 0 ? (size_t)sent : 0;
        net_run(&net, sent > 0 ? 0 : 5, NULL);
        if (host_peers(net.nodes[0].host, peers) == 1 && peers[0].queued_bytes > queued) {
            queued = peers[0].queued_bytes;
        }
    }
    cr_assert_eq(links_of(0), 0);
    cr_assert_gt(queued, 0);
    /* The queue, and what is with the kernel's door: at most a message more than its 128 KiB. */
    cr_assert_leq(queued, net.limits.send_bytes_max + (128u << 10) + CHANNEL_MESSAGE_BYTES_MAX);
    rogue_end(&r);
    net_close(&net);
}

/* Where loopback is counted like any network, one address cannot take all the places. */
Test(host, one_network, .timeout = 150)
{
    enum { SOCKETS = 20 };
    int s[SOCKETS];
    size_t refused = 0;
    net_open(&net, 1, 1000, NET_IPV4);
    net.limits.local_exempt = false;
    net_start(&net, 0);
    for (int i = 0; i < SOCKETS; i++) {
        s[i] = raw_connect(&net, 0);
    }
    for (int i = (int)net.limits.handshakes_prefix_max; i < SOCKETS; i++) {
        cr_assert(raw_cut(&net, s[i]));
    }
    for (int i = 0; i < SOCKETS; i++) {
        refused += raw_closed(s[i]);
        close(s[i]);
    }
    cr_assert_eq(refused, SOCKETS - net.limits.handshakes_prefix_max);
    net_close(&net);
}

/* A client proves nothing and gets PONG, and nothing but. */
Test(host, client, .timeout = 150)
{
    static const uint8_t ping[] = {0x04, 7, 0, 0, 0, 0, 0, 0, 0};
    uint8_t message[2 + CELL_BYTES + NOISE_TAG_BYTES];
    struct span frame;
    struct host_stats stats;
    struct rogue r;
    net_open(&net, 1, 1000, NET_IPV4);
    net_start(&net, 0);
    rogue_link(&r, &net, 0, 1, NOISE_NK);
    rogue_send(&r, ping, sizeof(ping), sizeof(ping));
    cr_assert_eq(raw_read(&net, r.s, message, sizeof(message)), sizeof(message));
    cr_assert_eq(channel_open(&r.channel, message + 2, sizeof(message) - 2), ERR_OK);
    cr_assert_eq(channel_next(&r.channel, &frame), ERR_OK);
    cr_assert_eq(frame.len, sizeof(ping));
    cr_assert_eq(frame.data[0], 0x05);
    host_stats(net.nodes[0].host, &stats);
    cr_assert_eq(stats.clients, 1);
    cr_assert_eq(stats.links, 0);
    rogue_send(&r, (const uint8_t *)"\2\0\0", 3, 3);
    cr_assert(cut(&r));
    rogue_end(&r);

    /* Nor may it leave memory here: a long frame is refused long before it is whole. */
    uint8_t part[4000] = {0x04};
    rogue_link(&r, &net, 0, 2, NOISE_NK);
    rogue_send(&r, part, sizeof(part), CHANNEL_FRAME_BYTES_MAX);
    cr_assert(cut(&r));
    rogue_end(&r);
    net_close(&net);
}

/* As many connections as this process may open, 10,000 at most: sockets stay bounded, the net goes
 * on. */
Test(host, flood, .timeout = 240)
{
    enum { FLOOD = 10000 };
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    size_t most = limit.rlim_cur > FLOOD + 1200 ? FLOOD : (size_t)limit.rlim_cur - 1200;
    int *s = malloc(most * sizeof(*s));
    size_t refused = 0;
    net_up(2, 250);
    wanted = 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    for (size_t i = 0; i < most; i++) {
        struct host_stats stats;
        s[i] = raw_connect(&net, 0);
        if (i % 50 == 0) {
            net_run(&net, 1, NULL);
            host_stats(net.nodes[0].host, &stats);
            cr_assert_leq(stats.links + stats.clients, net.limits.links_max);
        }
    }
    for (int turn = 0; turn < WAIT_MS / 100 && refused < most - net.limits.handshakes_max; turn++) {
        net_run(&net, 100, NULL);
        refused = 0;
        for (size_t i = 0; i < most; i++) {
            refused += s[i] < 0 || raw_closed(s[i]);
        }
    }
    cr_assert_geq(refused, most - net.limits.handshakes_max);
    wanted = net.nodes[0].final_height + 4;
    cr_assert(net_run(&net, WAIT_MS, final_wanted));
    for (size_t i = 0; i < most; i++) {
        close(s[i]);
    }
    free(s);
    net_close(&net);
}
