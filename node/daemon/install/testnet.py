#!/usr/bin/env python3
"""orrery testnet: a network of daemons on this machine, with an account that has coins to give away.

  up [--nodes N] [--target T] [--port P] [--rest-port R]   makes the network (or finds it) and starts its daemons
  status                                   height, final height and peers of each
  logs [N] [-n LINES]                      follows the log of a node, or of all
  kill N | start N                         a power failure, and its end
  down [--purge]                           stops all; --purge forgets chain and keys

Common: --folder F (default: testnet). Node N has its links at port P + N - 1 (7900) and REST at R + N - 1 (3000)."""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

STAKE = 1_000_000  # tokens bonded by each node
SPARE = 10_000  # free tokens of each node
FAUCET = 1_000_000_000  # free tokens of the faucet


def fail(text):
    sys.exit(f"orrery testnet: {text}")


def milliseconds(text):
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min)?", text.strip())
    if not found:
        fail(f"'{text}' is no time such as 2s or 500ms")
    return int(float(found[1]) * {"ms": 1, "s": 1000, "min": 60000, None: 1000}[found[2]])


def get(port, path, wait=2.0):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=wait) as answer:
        return json.loads(answer.read())


def number(value):
    """A u64 of REST: [lower, higher]."""
    return value[0] + (value[1] << 32) if isinstance(value, list) else int(value)


class Testnet:
    genesis_more = ()  # lines for whoever makes a network of another shape (tests/bench)
    settings_more = ""

    def __init__(self, folder, programs):
        self.folder = os.path.abspath(folder)
        self.programs = programs
        self.facts_path = os.path.join(self.folder, "testnet.json")
        self.facts = None
        if os.path.exists(self.facts_path):
            with open(self.facts_path, encoding="utf-8") as file:
                self.facts = json.load(file)

    def need(self):
        if self.facts is None:
            fail(f"there is no test network in {self.folder}: orrery testnet up")

    def program(self, name):
        for place in ("", "node/client", "node/daemon"):
            path = os.path.join(self.programs, place, name)
            if self.programs and os.path.isfile(path):
                return path
        return shutil.which(name) or fail(f"{name} is missing: ./orrery build")

    def run(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(f"{os.path.basename(words[0])} {' '.join(words[1:3])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def home(self, node):
        return os.path.join(self.folder, f"node{node}")

    def nodes(self):
        return range(1, self.facts["nodes"] + 1)

    def link_port(self, node):
        return self.facts["port"] + node - 1

    def rest_port(self, node):
        return self.facts["rest_port"] + node - 1

    # --- making it ---

    def keys_new(self, path):
        """Makes a keystore; the public keys by name."""
        out = self.run(self.program("orreryctl"), "keys", "new", "--json", "-o", path)
        return json.loads(out)

    def make(self, nodes, target_ms, port, rest_port):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.facts = {"nodes": nodes, "target_ms": target_ms, "port": port, "rest_port": rest_port}
        lines = [f"network 7777\ntime {int(time.time() * 1000)}\nseed {os.urandom(32).hex()}",
                 f"set target_ms {target_ms}\nset epoch_blocks 60\nset lookback_blocks 120\nset unbonding_epochs 4"]
        if target_ms < 3000:
            lines.append(f"set propose_ms {max(200, target_ms)}\nset vote_ms {max(100, target_ms // 2)}")
        seeds = []
        for node in range(1, nodes + 1):
            os.makedirs(self.home(node), mode=0o700, exist_ok=True)
            keys = self.keys_new(os.path.join(self.home(node), "node.keys"))
            lines.append(f"{keys['account']} {SPARE} {STAKE}")
            lines.append(f"node {keys['account']} relay 127.0.0.1:{self.link_port(node)} {keys['node']} {keys['vrf']}")
            seeds.append(f"  - {{endpoint: '127.0.0.1:{self.link_port(node)}', node: '{keys['node']}',"
                         f" transport: '{keys['transport']}'}}")
        faucet = self.keys_new(os.path.join(self.folder, "faucet.keys"))
        self.facts["faucet"] = faucet["account"]
        lines.append(f"{faucet['account']} {FAUCET} 0\ngovernor {faucet['account']}")
        lines.extend(self.genesis_more)
        self.write("genesis.txt", "\n".join(lines) + "\n")
        self.facts["genesis"] = self.run(self.program("orrery"), "genesis", os.path.join(self.folder, "genesis.txt"),
                                         "-o", os.path.join(self.folder, "genesis.bin")).split()[-1]
        for node in range(1, nodes + 1):
            self.write(f"node{node}/node.yaml", self.settings(node, seeds))
        self.write("testnet.json", json.dumps(self.facts, indent=2) + "\n")

    def settings(self, node, seeds):
        faucet = "\n  faucet: {keys: '../faucet.keys'}" if node == 1 else ""
        return (f"data: data\ngenesis: ../genesis.bin\nkeys: node.keys\nlisten: ['127.0.0.1:{self.link_port(node)}']\n"
                f"seeds:\n" + "\n".join(seeds) + f"\nrest:\n  listen: '127.0.0.1:{self.rest_port(node)}'\n"
                f"  name: 'testnet {node}'{faucet}\n{self.settings_more}")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    # --- running it ---

    def process(self, node):
        """The daemon of a node, or None. A number that another program has by now is not believed."""
        try:
            with open(os.path.join(self.home(node), "pid"), encoding="utf-8") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(os.path.join(self.home(node), "node.yaml")) in words else None

    def start(self, node):
        if self.process(node):
            return
        with open(os.path.join(self.home(node), "log"), "ab") as log:
            child = subprocess.Popen([self.program("orreryd"), "--config", os.path.join(self.home(node), "node.yaml")],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.write(f"node{node}/pid", f"{child.pid}\n")
        while child.poll() is None and not self.process(node):
            time.sleep(0.001)  # a new program has no words yet

    def end(self, nodes, how, wait=5.0):
        running = {node: pid for node in nodes if (pid := self.process(node))}
        for pid in running.values():
            os.kill(pid, how)
        until = time.monotonic() + wait
        while any(self.process(node) for node in running) and time.monotonic() < until:
            time.sleep(0.02)
        return [node for node in running if self.process(node)]

    def facts_of(self, node):
        port = self.rest_port(node)
        height = number(get(port, "/chain/height")["height"])
        final = number(get(port, "/chain/finalized")["height"])
        return height, final, len(get(port, "/node/peers"))

    def wait_ready(self):
        """Until each daemon answers, or one has died."""
        until = time.monotonic() + 15
        left = set(self.nodes())
        while left and time.monotonic() < until:
            for node in sorted(left):
                if not self.process(node):
                    fail(f"node {node} has ended: {self.tail(node)}")
                try:
                    get(self.rest_port(node), "/chain/height")
                    left.discard(node)
                except (OSError, ValueError, urllib.error.URLError):
                    pass
            time.sleep(0.05)
        if left:
            fail(f"node {min(left)} does not answer at port {self.rest_port(min(left))}: {self.tail(min(left))}")

    def tail(self, node):
        with open(os.path.join(self.home(node), "log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-3:]).strip()

    # --- commands ---

    def up(self, options):
        if self.facts is None:
            if not 1 <= options.nodes <= 50:
                fail("--nodes is 1 to 50")
            self.make(options.nodes, milliseconds(options.target), options.port, options.rest_port)
        started = [node for node in self.nodes() if not self.process(node)]
        try:
            for node in started:
                self.start(node)
            self.wait_ready()
        except SystemExit:
            self.end(started, signal.SIGTERM)  # no half a network
            raise
        print(f"{self.facts['nodes']} nodes, a block every {self.facts['target_ms'] / 1000:g} s on average")
        for node in self.nodes():
            print(f"  node {node}   http://127.0.0.1:{self.rest_port(node)}   links 127.0.0.1:{self.link_port(node)}")
        url = f"http://127.0.0.1:{self.rest_port(1)}"
        print(f"genesis {self.facts['genesis']}")
        print(f"faucet  account {self.facts['faucet']} at node 1")
        there = "" if self.rest_port(1) == 3000 else f" --node {url}"
        print(f"\nfollow  orreryctl follow{there}")
        print(f"        curl {url}/chain/height")
        print(f"money   orreryctl wallet new me && orreryctl faucet me{there} --wait finalized")
        print("net     orrery testnet status | logs 1 | kill 3 | start 3 | down")

    def status(self, _):
        self.need()
        print(f"{'node':>4} {'pid':>8} {'height':>8} {'final':>8} {'peers':>6}  REST")
        good = True
        for node in self.nodes():
            pid = self.process(node)
            try:
                height, final, peers = self.facts_of(node) if pid else ("-", "-", "-")
            except (OSError, ValueError, KeyError):
                height, final, peers = "?", "?", "?"
            good = good and isinstance(height, int)
            print(f"{node:>4} {pid or 'down':>8} {height:>8} {final:>8} {peers:>6}  http://127.0.0.1:{self.rest_port(node)}")
        sys.exit(0 if good else 1)

    def logs(self, options):
        self.need()
        if options.node:
            self.one(options.node)
        nodes = [options.node] if options.node else list(self.nodes())
        paths = [os.path.join(self.home(node), "log") for node in nodes]
        os.execvp("tail", ["tail", "-n", str(options.lines), "-F", *paths])

    def kill(self, options):
        self.one(options.node)
        if not self.process(options.node):
            fail(f"node {options.node} is down already")
        self.end([options.node], signal.SIGKILL)

    def one(self, node):
        self.need()
        if node not in self.nodes():
            fail(f"there are nodes 1 to {self.facts['nodes']}")

    def start_command(self, options):
        self.one(options.node)
        self.start(options.node)
        print(f"node {options.node}   http://127.0.0.1:{self.rest_port(options.node)}")

    def down(self, options):
        self.need()
        stuck = self.end(list(self.nodes()), signal.SIGTERM)
        if stuck:
            print(f"orrery testnet: killing {stuck}", file=sys.stderr)
            self.end(stuck, signal.SIGKILL)
        if options.purge:
            shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(prog="orrery testnet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.environ.get("ORRERY_PROGRAMS", ""), help=argparse.SUPPRESS)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--folder", default="testnet")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", parents=[common])
    up.add_argument("--nodes", type=int, default=5)
    up.add_argument("--target", default="2s")
    up.add_argument("--port", type=int, default=7900)
    up.add_argument("--rest-port", type=int, default=3000)
    commands.add_parser("status", parents=[common])
    logs = commands.add_parser("logs", parents=[common])
    logs.add_argument("node", type=int, nargs="?")
    logs.add_argument("-n", "--lines", type=int, default=20)
    for name in ("kill", "start"):
        commands.add_parser(name, parents=[common]).add_argument("node", type=int)
    commands.add_parser("down", parents=[common]).add_argument("--purge", action="store_true")
    options = parser.parse_args()
    net = Testnet(options.folder, options.programs)
    {"up": net.up, "status": net.status, "logs": net.logs, "kill": net.kill, "start": net.start_command,
     "down": net.down}[options.command](options)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
