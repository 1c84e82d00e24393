#!/usr/bin/env python3
"""The wide-area router against the tables read on their own: delay, order, loss, rate, TCP, a clean end. Says "skipped: no
namespaces" and exits with 77 where there are none."""
import math
import os
import pathlib
import select
import socket
import statistics
import sys
import threading
import time
import unittest

from wan import SKIP, Unavailable, Wan

PROGRAM, TABLES = sys.argv[1:3]
del sys.argv[1:3]
PORT = 9000
SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>


def measured(first, second):
    """Base and mean jitter in seconds between two cities, by the rule of docs: base = max(2 ms, (RTT - mdev) / 2), jitter = mdev / 2."""
    rows = [line.split("\t") for line in (pathlib.Path(TABLES) / "cities.tsv").read_text().splitlines() if line[0] != "#"]
    index = {row[1]: int(row[0]) for row in rows}
    low, high = sorted((index[first], index[second]))

    def cell(name):
        lines = [line for line in (pathlib.Path(TABLES) / name).read_text().split("\n") if not line.startswith("#")]
        return int(lines[high].split("\t")[low]) / 1e4

    rtt = cell("cities-rtt.tsv")
    mdev = min(cell("cities-mdev.tsv"), rtt / 2)
    return max(0.002, (rtt - mdev) / 2), mdev / 2


def open_wan(nodes, *options):
    return Wan(PROGRAM, TABLES, nodes, *options)


class Paths(unittest.TestCase):
    def join(self, *nodes, options=()):
        self.wan = open_wan([(f"fd00::{i}" if i else "fd00::", *node) for i, node in enumerate(nodes)], *options)
        self.addCleanup(lambda: self.wan.process.poll() is None and self.wan.stop())
        self.sockets = []
        for node in range(len(nodes)):
            with self.wan.at(node):
                self.sockets.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                self.sockets[-1].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
                self.sockets[-1].bind((self.wan.addresses[node], PORT))
            self.addCleanup(self.sockets[-1].close)

    def send(self, first, second, count, gap, size=64):
        """Sends datagrams from one node to another; (number, seconds under way) in the order of arrival. span: from
        the first sending to the last arrival."""
        sent, got = [], []
        begin = time.monotonic()
        while True:
            now = time.monotonic()
            while len(sent) < count and begin + len(sent) * gap <= now:
                data = len(sent).to_bytes(4, "big") + bytes(size - 4)
                sent.append(time.monotonic())
                self.sockets[first].sendto(data, (self.wan.addresses[second], PORT))
            wait = 2.0 if len(sent) == count else max(0.0, begin + len(sent) * gap - time.monotonic())
            if select.select([self.sockets[second]], [], [], wait)[0]:
                number = int.from_bytes(self.sockets[second].recv(65536)[:4], "big")
                got.append((number, time.monotonic() - sent[number]))
                self.span = time.monotonic() - sent[0]
            elif len(sent) == count:
                return got

    def test_delay_and_order(self):
        self.join(("Frankfurt", 0, 0, 0), ("Tokyo", 0, 0, 0), ("London", 0, 0, 0))
        for first, second, names in ((0, 1, ("Frankfurt", "Tokyo")), (2, 0, ("London", "Frankfurt"))):
            base, jitter = measured(*names)
            got = self.send(first, second, 200, 0.005)
            self.assertEqual([number for number, _ in got], list(range(200)), "lost or out of order")
            under_way = [seconds for _, seconds in got]
            self.assertGreaterEqual(min(under_way), base - 1e-6, "faster than the path")
            # The rest is this machine's: it may be busy, but not for every one of 200.
            self.assertLess(min(under_way), base + jitter + 0.005)
            self.assertLess(statistics.median(under_way), base + 4 * jitter + 0.010)

    def test_loss(self):
        self.join(("Frankfurt", 0, 0, 0), ("London", 0, 0, 0), options=("--loss", "1/5"))
        got = self.send(0, 1, 1000, 0.0005)
        self.assertLess(abs(1000 - len(got) - 200), 5 * math.sqrt(1000 * 0.2 * 0.8))
        facts = self.wan.stop()
        self.assertEqual((facts["lost"], facts["full"]), (1000 - len(got), 0))

    def test_rate_and_a_full_line(self):
        # 2 Mbit/s up: a packet of 1048 bytes takes 4.192 ms; the slower line down of the other way 1 Mbit/s.
        self.join(("Frankfurt", 2000000, 1000000, 0), ("London", 0, 0, 10000000), options=("--no-jitter",))
        rtt = sum(measured("Frankfurt", "London"))  # without jitter the mean of base + jitter
        got = self.send(0, 1, 100, 0, size=1000)
        self.assertEqual(len(got), 100)
        self.assertGreaterEqual(self.span, rtt + 0.010 + 100 * 0.004192 - 1e-6)
        self.assertLess(got[0][1], rtt + 0.010 + 0.004192 + 0.020)
        got = self.send(1, 0, 100, 0, size=1000)
        self.assertGreaterEqual(self.span, rtt + 0.010 + 100 * 0.008384 - 1e-6)
        for _ in range(3):  # a machine that stands still for a moment lets the queue run empty
            accepted = len(self.send(0, 1, 600, 0, size=1000))  # 2.5 s of packets into a queue of one second
            if 230 < accepted < 300:
                break
        else:
            self.fail(f"{accepted} of 600 packets passed a queue of 239")

    def test_tcp(self):
        self.join(("Frankfurt", 0, 0, 0), ("New York", 0, 0, 0), options=("--loss", "1/200"))
        base, _ = measured("Frankfurt", "New York")
        with self.wan.at(1):
            server = socket.create_server((self.wan.addresses[1], PORT + 1), family=socket.AF_INET6)
        with self.wan.at(0):
            client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        begin = time.monotonic()
        client.connect((self.wan.addresses[1], PORT + 1))
        self.assertGreaterEqual(time.monotonic() - begin, 2 * base - 1e-6)
        data = os.urandom(300000)
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        accepted, _ = server.accept()
        got = b"".join(iter(lambda: accepted.recv(65536), b""))
        sender.join()
        for each in (client, server, accepted):
            each.close()
        self.assertEqual(got, data)

    def test_a_clean_end(self):
        self.join(("Frankfurt", 0, 0, 0), ("Tokyo", 0, 0, 0))
        self.sockets[0].sendto(b"under way", (self.wan.addresses[1], PORT))
        space = self.wan.spaces[0]
        self.wan.stop()
        self.assertFalse(os.path.exists(space))


if __name__ == "__main__":
    try:  # what is measured here are the paths, not who else wants the processor
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass
    try:
        open_wan([("fd00::1", "London", 0, 0, 0)]).stop()
    except Unavailable as why:
        print(why)
        print("skipped: no namespaces")
        sys.exit(SKIP)
    unittest.main()
