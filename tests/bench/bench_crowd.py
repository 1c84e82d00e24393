#!/usr/bin/env python3
"""Ten thousand connections to a daemon whose limits are set to take them (loopback is exempt from those of one network), while
the network goes on: to its REST port, each asks once and stays; to its port for peers, saying nothing; there again, each with a
whole handshake and a PING now and then. All of them must be held, blocks become final meanwhile, and nothing is left behind.

  bench_crowd.py [--connections 10000] [BUILD]"""
import argparse
import http.client
import importlib.util
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("testnet", HERE.parents[1] / "node/daemon/install/testnet.py")
testnet = importlib.util.module_from_spec(spec)
spec.loader.exec_module(testnet)
sys.path.insert(0, str(HERE.parent / "host"))
from live import ports_free  # noqa: E402

PATIENCE_S = 180
ASK = b"GET /chain/height HTTP/1.1\r\nHost: x\r\n\r\n"


def facts(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    anonymous = int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), anonymous / 1024


def show(what, pid, began):
    descriptors, anonymous = facts(pid)
    print(f"{what}: {descriptors} descriptors, {anonymous:.1f} MiB anonymous, {time.monotonic() - began:.1f} s")


def crowd(port, count, ask):
    """In batches: on a busy machine one at a time would take longer than idle connections are kept."""
    sockets, answers = [], 0
    while len(sockets) < count:
        batch = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) for _ in range(min(250, count - len(sockets)))]
        if ask:
            for s in batch:
                s.sendall(ASK)
            answers += sum(s.recv(4096).startswith(b"HTTP/1.1 200") for s in batch)
        sockets += batch
    return sockets, answers


def height_ms(port, times=200):
    """Worst but one in a hundred of requests over a connection of their own."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    took = []
    for _ in range(times):
        begin = time.monotonic()
        client.request("GET", "/chain/height")
        client.getresponse().read()
        took.append(1000 * (time.monotonic() - begin))
    return sorted(took)[times * 99 // 100 - 1]


class Crowd:
    def __init__(self, net, connections):
        self.net, self.connections = net, connections
        self.pid, self.rest = net.process(1), net.rest_port(1)
        self.quiet = facts(self.pid)[0]

    def final(self):
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return testnet.number(testnet.get(self.rest, "/chain/finalized", 120)["height"])
            except OSError:  # a machine so busy that the time of a request ran out
                if time.monotonic() > until:
                    raise

    def goes_on(self, before):
        """Blocks became final since, and the connections of the crowd are gone."""
        began = time.monotonic()
        while self.final() < before + 8 or facts(self.pid)[0] > self.quiet + 16:
            if time.monotonic() > began + PATIENCE_S:
                sys.exit(f"final height {before} to {self.final()}, {facts(self.pid)[0]} descriptors are open")
            time.sleep(0.1)
        show(f"all gone, final height {before} to {self.final()}", self.pid, began)

    def held(self, what, began):
        """The kernel completes connections before the daemon has accepted them: they are waited for."""
        while facts(self.pid)[0] < self.connections:
            if time.monotonic() > began + PATIENCE_S:
                show(what, self.pid, began)
                sys.exit("not all are held")
            time.sleep(0.02)
        show(what, self.pid, began)
        print(f"  REST meanwhile: 99 % within {height_ms(self.rest):.1f} ms")

    def http(self):
        before, began = self.final(), time.monotonic()
        sockets, answers = crowd(self.rest, self.connections, True)
        self.held(f"REST, {answers} of {self.connections} answered and open", began)
        for s in sockets:
            s.close()
        self.goes_on(before)

    def silent(self):
        before, began = self.final(), time.monotonic()
        sockets, _ = crowd(self.net.link_port(1), self.connections, False)
        self.held("peer port, all connected and silent", began)
        self.goes_on(before)  # the handshake's timeout cuts them
        for s in sockets:
            s.close()

    def clients(self, tool):
        before, began = self.final(), time.monotonic()
        keys = json.loads(self.net.run(self.net.program("orreryctl"), "keys", "show", "--json",
                                       os.path.join(self.net.home(1), "node.keys")))
        child = subprocess.Popen([tool, os.path.join(self.net.folder, "genesis.bin"), str(self.net.link_port(1)),
                                  keys["transport"], str(self.connections)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with child:
            opened = child.stdout.readline().split()
            self.held(f"peer port, {opened[1]} of {self.connections} with a handshake", began)
            began = time.monotonic()
            child.stdin.write("\n")
            child.stdin.flush()
            answered = child.stdout.readline().split()
            show(f"asked again, {answered[1]} answered", self.pid, began)
        if (opened, answered) != (["open", str(self.connections)], ["answered", str(self.connections)]):
            sys.exit("not all were served")
        self.goes_on(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--connections", type=int, default=10000)
    options = parser.parse_args()
    wanted = options.connections + 200
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted + 1000:
        print(f"skipped: {hard} descriptors are too few")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 1000, hard))
    folder = tempfile.mkdtemp(prefix="orrery-bench-")
    net = testnet.Testnet(os.path.join(folder, "net"), options.build)
    net.settings_more = (f"  connections: {wanted}\nlimits: {{links: {wanted}, handshakes: {wanted}, handshake_timeout: 30 s, "
                         "local_exempt: yes}\n")
    try:
        port = ports_free(4)
        net.make(2, 500, port, port + 2)
        for node in net.nodes():
            net.start(node)
        net.wait_ready()
        test = Crowd(net, options.connections)
        show("before", test.pid, time.monotonic())
        test.http()
        test.silent()
        test.clients(os.path.join(options.build, "tests/bench/crowd_links"))
    finally:
        net.end(list(net.nodes()), signal.SIGTERM, PATIENCE_S)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
