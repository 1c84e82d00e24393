#!/usr/bin/env python3
"""Five daemons under transfers, while strangers connect, say nonsense or nothing and leave, and send transactions that nobody pays
for: file descriptors and memory stay flat.
Usage: test_soak.py BUILD [TABLE]. ORRERY_FULL=1 runs it for a minute, ORRERY_SOAK_S for so many seconds; TABLE is a file for what was measured, a line per sample."""
import http.client
import os
import random
import re
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
from live import network, programs_folder, under_load  # noqa: E402

SECONDS = int(os.environ.get("ORRERY_SOAK_S", "60"))
NODES, TARGET_MS, EVERY_S, KIB = 5, 1000, 2.5, 1024


def sample(live):
    """Per node: open file descriptors, anonymous memory in KiB."""
    out = []
    for node in live.nodes():
        pid = live.children[node].pid
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            out.append((len(os.listdir(f"/proc/{pid}/fd")), int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])))
    return out


class Strangers:
    """Some stay until they are cut, some leave at once; some send transactions of accounts that have nothing, each another one."""

    def __init__(self, live, load, draw):
        self.live, self.load, self.draw, self.sockets = live, load, draw, []

    def spam(self):
        for _ in range(20):
            payload = self.load.signer.transfer(self.draw.randbytes(32).hex(), self.draw.randrange(64), self.load.accounts[0])
            try:
                self.load.put(self.live.net.rest_port(self.draw.choice(self.live.nodes())), payload)
            except (OSError, http.client.HTTPException):
                pass

    def come(self):
        for _ in range(4):
            node = self.draw.choice(self.live.nodes())
            port = self.draw.choice((self.live.net.link_port, self.live.net.rest_port))(node)
            try:
                s = socket.create_connection(("127.0.0.1", port), timeout=5)
                s.sendall(self.draw.choice((b"", b"\1", self.draw.randbytes(300), b"GET /chain/height HTTP/1.1\r\nHost: x\r\n")))
                self.sockets.append(s)
            except OSError:
                pass
        while len(self.sockets) > 24:
            self.sockets.pop(0).close()

    def leave(self):
        for s in self.sockets:
            s.close()


def flat(samples):
    """Compares the last third with the one before: the first fills caches."""
    third = len(samples) // 3
    for node in range(NODES):
        before, after = ([s[node] for s in part] for part in (samples[third:2 * third], samples[2 * third:]))
        fds = [max(x[0] for x in part) for part in (before, after)]
        memory = [statistics.median(x[1] for x in part) for part in (before, after)]
        assert fds[1] <= fds[0] + 16, f"node {node + 1}: at most {fds[0]} file descriptors, then {fds[1]}"
        assert memory[1] <= 1.25 * memory[0] + 4 * KIB, f"node {node + 1}: {memory[0]} KiB, then {memory[1]} KiB"
        print(f"node {node + 1}: at most {fds[0]} then {fds[1]} file descriptors, median {memory[0] / KIB:.1f} then {memory[1] / KIB:.1f} MiB")


def soak(live, load, strangers, table):
    """Samples, until the time is over."""
    begin, samples = time.monotonic(), []
    while time.monotonic() < begin + SECONDS or len(samples) < 9:
        strangers.come()
        strangers.spam()
        time.sleep(EVERY_S)
        samples.append(sample(live))
        if table:
            text = "\t".join(f"{fds}\t{memory}" for fds, memory in samples[-1])
            table.write(f"{time.monotonic() - begin:.0f}\t{text}\n")
            table.flush()
    strangers.leave()
    load.stop()
    return samples


def main():
    if not {"ORRERY_FULL", "ORRERY_SOAK_S"} & set(os.environ):
        print("skipped: ORRERY_FULL=1 runs it")
        return 77
    programs = programs_folder(sys.argv)
    table = open(sys.argv[1], "w", encoding="ascii") if len(sys.argv) > 1 else None
    with network("soak", programs, NODES, TARGET_MS) as live, under_load(live, per_second=20) as load:
        live.start()
        live.wait_final(1)
        load.start()
        samples = soak(live, load, Strangers(live, load, random.Random(1)), table)
        top = live.wait_final(max(live.final(n)[0] for n in live.nodes()) + 1)
        included = load.included(1)
        final, votes, blocks = live.end_well()
        flat(samples)
        print(f"{SECONDS} s, {included} transfers, {len(final)} final blocks up to height {top}, none lost; {votes} votes and "
              f"{blocks} blocks signed, none twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
