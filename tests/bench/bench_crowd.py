#!/usr/bin/env python3
"""Ten thousand connections to the REST port of a daemon, then to its port for peers, while the network goes on.

  bench_crowd.py [--connections 10000] [BUILD]

The daemon's limits are set to take them; REST connections ask once each and stay, those to the peer port say nothing."""
import argparse
import http.client
import importlib.util
import os
import pathlib
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("testnet", HERE.parents[1] / "node/daemon/install/testnet.py")
testnet = importlib.util.module_from_spec(spec)
spec.loader.exec_module(testnet)
ASK = b"GET /chain/height HTTP/1.1\r\nHost: x\r\n\r\n"


def facts(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    anonymous = int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), anonymous / 1024


def show(what, pid, began):
    descriptors, anonymous = facts(pid)
    print(f"{what}: {descriptors} descriptors, {anonymous:.1f} MiB anonymous, {time.monotonic() - began:.1f} s")


def crowd(port, count, ask):
    sockets, answers = [], 0
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port), timeout=120)
        sockets.append(s)
        if ask:
            s.sendall(ASK)
            answers += s.recv(4096).startswith(b"HTTP/1.1 200")
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--connections", type=int, default=10000)
    options = parser.parse_args()
    wanted = options.connections + 100
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted + 2000:
        sys.exit(f"skipped: {hard} descriptors are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 1000, hard))
    folder = tempfile.mkdtemp(prefix="orrery-bench-")
    net = testnet.Testnet(os.path.join(folder, "net"), options.build)
    net.settings_more = f"  connections: {wanted}\nlimits: {{links: {wanted}, handshakes: {wanted}, handshake_timeout: 30 s}}\n"
    try:
        net.make(2, 500, 29000, 29100)
        for node in net.nodes():
            net.start(node)
        net.wait_ready()
        pid, rest, links = net.process(1), net.rest_port(1), net.link_port(1)
        final = lambda: testnet.number(testnet.get(rest, "/chain/finalized", 120)["height"])
        show("before", pid, time.monotonic())
        began = time.monotonic()
        sockets, answers = crowd(rest, options.connections, True)
        show(f"REST, {answers} of {options.connections} answered and open", pid, began)
        print(f"  one more asks meanwhile: 99 % within {height_ms(rest):.1f} ms")
        for s in sockets:
            s.close()
        before, began = final(), time.monotonic()
        sockets, _ = crowd(links, options.connections, False)
        show("peer port, all connected and silent", pid, began)
        print(f"  REST meanwhile: 99 % within {height_ms(rest):.1f} ms")
        while (final() < before + 8 or facts(pid)[0] > 100) and time.monotonic() < began + 120:
            time.sleep(0.1)
        show(f"all cut by the handshake's timeout, final height {before} to {final()}", pid, began)
        for s in sockets:
            s.close()
    finally:
        net.end(list(net.nodes()), signal.SIGTERM)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
