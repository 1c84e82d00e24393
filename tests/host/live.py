"""A network of real daemons on loopback for tests that kill, starve and watch it: made by the testnet tool, under a load of
transfers, and judged by what every daemon traced before it sent anything."""
import collections
import contextlib
import http.client
import importlib.util
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conformance import Signer  # noqa: E402

FUNDS = 1000 * 1_000_000


def ports_free(count):
    """The first of `count` ports in a row that nobody uses, below those the system gives to dialers."""
    while True:
        first = random.randrange(12000, 32000 - count)
        try:
            for port in range(first, first + count):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


def number(pair):
    return pair[0] + (pair[1] << 32)


class Live:
    """Daemons 1 to n. `extra` are lines for every node.yaml, `genesis` some for the text of the genesis."""

    def __init__(self, programs, folder, nodes, target_ms, extra="", genesis=()):
        tool = pathlib.Path(__file__).resolve().parents[2] / "node/daemon/install/testnet.py"
        spec = importlib.util.spec_from_file_location("testnet", tool)
        testnet = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(testnet)
        self.folder = pathlib.Path(folder)
        self.net = testnet.Testnet(str(self.folder), programs)
        self.net.genesis_more = genesis
        port = ports_free(2 * nodes)
        self.net.make(nodes, target_ms, port, port + nodes)
        self.children, self.environment = {}, {}
        for node in self.net.nodes():
            settings = self.home(node) / "node.yaml"
            settings.write_text(settings.read_text() + "trace: trace.tsv\n" + extra)

    def home(self, node):
        return pathlib.Path(self.net.home(node))

    def nodes(self):
        return list(self.net.nodes())

    def running(self):
        return [node for node, child in sorted(self.children.items()) if child.poll() is None]

    # --- life and death ---

    def start(self, *nodes, prefix=()):
        for node in nodes or self.nodes():
            with open(self.home(node) / "log", "ab") as log:
                self.children[node] = subprocess.Popen(
                    [*prefix, self.net.program("orreryd"), "--config", str(self.home(node) / "node.yaml")],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.environment.get(node, {})})

    def kill(self, *nodes):
        for node in nodes:
            self.children[node].send_signal(signal.SIGKILL)
        for node in nodes:
            self.children[node].wait()

    def stop(self, *nodes, wait=60):
        """A clean end, or one that a busy machine made the daemon cut short."""
        nodes = nodes or self.running()
        for node in nodes:
            self.children[node].send_signal(signal.SIGTERM)
        for node in nodes:
            code = self.children[node].wait(wait)
            assert code == 0 or (code == 2 and "forced=1" in self.log_end(node)), f"node {node}: {code}: {self.log_end(node)}"

    def end(self):
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
            child.wait()

    # --- what they say ---

    def ask(self, node, path, wait=30):
        return self.net_get(self.net.rest_port(node), path, wait)

    @staticmethod
    def net_get(port, path, wait):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=wait)
        try:
            line.request("GET", path)
            answer = line.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            line.close()
        return json.loads(text) if answer.status == 200 else None

    def final(self, node):
        facts = self.ask(node, "/chain/finalized")
        return number(facts["height"]), facts["hash"].lower()

    def wait_final(self, height, nodes=None, seconds=300):
        """Until these nodes (all that run) have a final block of this height; the least of theirs."""
        until = time.monotonic() + seconds
        left = set(nodes or self.running())
        least = 1 << 63
        while left:
            for node in sorted(left):
                if self.children[node].poll() is not None:
                    raise AssertionError(f"node {node} has ended: {self.log_end(node)}")
                try:
                    got = self.final(node)[0]
                except OSError:
                    got = -1
                if got >= height:
                    left.discard(node)
                    least = min(least, got)
            if left and time.monotonic() > until:
                logs = "".join(f"\n--- node {node}\n{self.log_end(node)}" for node in sorted(left))
                raise AssertionError(f"nodes {sorted(left)} have no final block of height {height} after {seconds} s{logs}")
            if left:
                time.sleep(0.05)
        return least

    @staticmethod
    def wait_for(what, otherwise, seconds=300):
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, otherwise
            time.sleep(0.1)

    def log(self, node):
        return (self.home(node) / "log").read_text(errors="replace")

    def log_end(self, node):
        return "".join(self.log(node).splitlines(True)[-6:])

    def traces(self, node):
        """What a node did in all its lives: (kind, values). The line a kill cut is left out."""
        with open(self.home(node) / "trace.tsv", encoding="ascii") as file:
            for line in file:
                kind, *values = line.rstrip("\n").split("\t")
                if line.endswith("\n") and len(values) > 2 and values[0].isdigit():
                    yield kind, values[2:]

    # --- what must hold ---

    def judge(self):
        """Raises when somebody signed twice or two blocks of one height were final. Returns the ids (their first 8 bytes) of
        final blocks by height, and how many votes and blocks were signed."""
        final, votes, blocks = {}, 0, 0
        for node in self.nodes():
            own_votes, own_blocks = {}, {}
            for kind, v in self.traces(node):
                if kind == "vote_cast" and len(v) == 5:
                    votes += 1
                    told = own_votes.setdefault(tuple(v[:3]), tuple(v[3:]))
                    assert told == tuple(v[3:]), f"node {node} signed two votes {v[:3]}: {told} and {v[3:]}"
                elif kind == "block_produced" and len(v) == 6:
                    blocks += 1
                    told = own_blocks.setdefault(v[0], v[1])
                    assert told == v[1], f"node {node} signed two blocks of height {v[0]}: {told} and {v[1]}"
                elif kind == "checkpoint_decided" and len(v) == 6:
                    told = final.setdefault(int(v[1]), v[2])
                    assert told == v[2], f"two final blocks of height {v[1]}: {told} and {v[2]} (node {node})"
                assert kind != "evidence_found", f"node {node} has evidence that {v[1]} signed twice"
            text = self.log(node)
            for word in (" error bug ", "Sanitizer", " evidence "):
                assert word not in text, f"node {node}: {word.strip()}: {self.log_end(node)}"
        return final, votes, blocks

    def check_chain(self, final):
        """Every block that was ever final is on every running node's chain."""
        for node in self.running():
            top = self.final(node)[0]
            for height, block in sorted(final.items()):
                if 0 < height <= top:
                    found = self.ask(node, f"/block/{height}")["meta"]["hash"].lower()
                    assert found.startswith(block), f"node {node}: block {height} was final as {block} and is {found}"

    def check_databases(self):
        for node in self.nodes():
            done = subprocess.run([self.net.program("orreryctl"), "db", "check", str(self.home(node) / "data")],
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"node {node}: {done.stdout}{done.stderr}"

    def end_well(self):
        """Every check at the end of a test: what is final is on every chain, everybody stops cleanly, nobody signed twice, every
        database is whole. As judge()."""
        self.check_chain(self.judge()[0])
        self.stop()
        told = self.judge()
        self.check_databases()
        return told


class Load:
    """Transfers, all the time: each user sends through one node and takes another when that is gone."""

    def __init__(self, live, users=5, per_second=60, seed=1):
        self.live, self.pace = live, users / per_second
        self.signer = Signer(live.net.facts["genesis"])
        self.accepted, self.over = collections.Counter(), threading.Event()
        draw = random.Random(seed)
        self.seeds = [draw.randbytes(32).hex() for _ in range(users)]
        self.accounts = [self.signer.account(s) for s in self.seeds]
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(users)]

    def fund(self):
        """From the faucet's account, until every user's coins are final at every node."""
        keys = (self.live.folder / "faucet.keys").read_bytes()
        seed = self.account_seed(keys).hex()
        for nonce, account in enumerate(self.accounts):
            payload = self.signer.transfer(seed, nonce, account, FUNDS)
            assert self.put(self.live.net.rest_port(1), payload), "the faucet's account cannot pay"
        until = time.monotonic() + 120
        while any(self.nonce(self.live.net.rest_port(node), a) is None for node in self.live.running() for a in self.accounts):
            assert time.monotonic() < until, "the users have no coins"
            time.sleep(0.1)

    @staticmethod
    def account_seed(keys):
        """Of an unsealed keystore (node/daemon/keystore.h): the entry of kind 4."""
        at = 8 + 1 + 4 + 4 + 16 + 24 + 4
        while keys[at] != 4:
            at += 2 + keys[at + 1] + 32
        at += 2 + keys[at + 1]
        return keys[at:at + 32]

    @staticmethod
    def nonce(port, account):
        found = Live.net_get(port, f"/account/{account}", 5)
        return None if found is None else number(found["account"]["nextNonce"])

    @staticmethod
    def put(port, payload):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            line.request("PUT", "/transaction", json.dumps({"payload": payload}), {"Content-Type": "application/json"})
            return line.getresponse().status == 202
        finally:
            line.close()

    def run(self, user):
        draw = random.Random(user)
        port = None
        while not self.over.wait(self.pace):
            try:
                if port is None:
                    port = self.live.net.rest_port(draw.choice(self.live.running() or self.live.nodes()))
                nonce = self.nonce(port, self.accounts[user])
                if nonce is not None:
                    other = self.accounts[draw.randrange(len(self.accounts))]
                    self.accepted[user] += self.put(port, self.signer.transfer(self.seeds[user], nonce, other))
            except (OSError, http.client.HTTPException):
                port = None

    def start(self):
        self.fund()
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()

    def included(self, node):
        """Transfers on this node's chain."""
        return sum(number(self.live.ask(node, f"/account/{a}")["account"]["nonce"]) for a in self.accounts)


def programs_folder(argv):
    """The build folder, taken off the arguments."""
    return os.path.abspath(argv.pop(1))


@contextlib.contextmanager
def network(name, programs, nodes, target_ms, extra="", genesis=()):
    """A network in a folder of its own, which is kept when the test fails. Whatever happens, no daemon is left."""
    folder = tempfile.mkdtemp(prefix=f"orrery-{name}-")
    live = Live(programs, folder, nodes, target_ms, extra, genesis)
    try:
        yield live
    except BaseException:
        print(f"kept: {folder}")
        raise
    finally:
        live.end()
    shutil.rmtree(folder)


@contextlib.contextmanager
def under_load(live, **how):
    """Transfers while this lasts; they begin with load.start()."""
    load = Load(live, **how)
    try:
        yield load
    finally:
        load.over.set()
