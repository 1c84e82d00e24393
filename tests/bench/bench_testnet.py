#!/usr/bin/env python3
"""How many transfers a second a test network on this machine makes final, and where its processor time goes.

  bench_testnet.py [--nodes 5] [--rate 2000] [--seconds 30] [--target 1s] [--senders 4000] [BUILD]

A generator announces RATE transfers a second over REST, spread over all daemons; each daemon checks each signature once.
Finalised per second is what became final between the first and the last checkpoint that node 1 decided meanwhile.
Give the machine to it: as root it takes the highest priority of ordinary processes; `chrt -r 5` before it takes more."""
import argparse
import http.client
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("testnet", HERE.parents[1] / "node/daemon/install/testnet.py")
testnet = importlib.util.module_from_spec(spec)
spec.loader.exec_module(testnet)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def final_height(port):
    return testnet.number(testnet.get(port, "/chain/finalized", 10)["height"])


def blocks(port, first, last):
    """(date in seconds, transactions) of blocks first to last."""
    out = []
    for height in range(first, last + 1):
        block = testnet.get(port, f"/block/{height}", 10)
        out.append((testnet.number(block["block"]["timestamp"]) / 1000, block["meta"]["numTransactions"]))
    return out


def go_first(pid):
    """Before all ordinary processes, whose groups the kernel weighs by session; as root alone."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, -20)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-20", encoding="ascii")
    except OSError:
        print(f"note: process {pid} has ordinary priority", file=sys.stderr)


def raw_rate(load):
    """Bare signature checks per second of all cores together: two of one core's threads do not do twice as much."""
    crowd = [subprocess.Popen([load, "raw"], stdout=subprocess.PIPE, text=True) for _ in os.sched_getaffinity(0)]
    return sum(float(process.communicate()[0]) for process in crowd)


class Bystander(threading.Thread):
    """Asks one daemon for its height two hundred times a second, over a connection of its own."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.took, self.over = port, [], threading.Event()

    def run(self):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.over.wait(0.005):
            begin = time.monotonic()
            line.request("GET", "/chain/height")
            line.getresponse().read()
            self.took.append(1000 * (time.monotonic() - begin))

    def report(self):
        self.over.set()
        self.join()
        took = sorted(self.took)
        text = ", ".join(f"{share:g} % {took[min(len(took) - 1, int(len(took) * share / 100))]:.1f} ms" for share in (50, 90, 99, 99.9, 100))
        print(f"/chain/height meanwhile, {len(took)} times: within {text}")


def wait(what, limit):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.1)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--target", default="1s")
    parser.add_argument("--senders", type=int, default=4000)
    parser.add_argument("--port", type=int, default=27000)
    parser.add_argument("--keep", action="store_true", help="leave the network's folder")
    parser.add_argument("--profile", help="perf record of all daemons into this file")
    options = parser.parse_args()
    if os.getpid() != os.getpgrp():
        os.setsid()
    load = os.path.join(options.build, "tests/bench/testnet_load")
    go_first(os.getpid())
    accounts = subprocess.run([load, "accounts", str(options.senders)], check=True, capture_output=True, text=True).stdout.split()
    raw = raw_rate(load)
    folder = tempfile.mkdtemp(prefix="orrery-bench-")
    net = testnet.Testnet(os.path.join(folder, "net"), options.build)
    net.genesis_more = [f"{account} 1000 0" for account in accounts]
    net.settings_more = "policy: {pool_txs: 65534}\n"
    try:
        measure(net, options, load, raw)
    finally:
        if net.facts:
            net.end(list(net.nodes()), signal.SIGTERM)
        if options.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder)


def measure(net, options, load, raw):
    net.make(options.nodes, testnet.milliseconds(options.target), options.port, options.port + 100)
    ports = [net.rest_port(node) for node in net.nodes()]
    for node in net.nodes():
        net.start(node)
        go_first(net.process(node))
    net.wait_ready()
    generator = subprocess.Popen([load, "send", net.facts["genesis"], str(options.senders), str(options.rate),
                                  str(options.seconds), *map(str, ports)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert generator.stdout.readline().strip() == "ready"
    if not wait(lambda: final_height(ports[0]) >= 4, 60):
        sys.exit("no block became final")
    pids = [net.process(node) for node in net.nodes()]
    begin_cpu = [cpu_seconds(pid) for pid in pids]
    begin = time.time()
    perf = options.profile and subprocess.Popen(["perf", "record", "-q", "-F", "499", "-g", "-o", options.profile,
                                                 "-p", ",".join(map(str, pids))])
    generator.stdin.write("\n")
    generator.stdin.flush()
    bystander = Bystander(ports[0])
    bystander.start()
    finals = []  # (when node 1 said so, height)
    while generator.poll() is None:
        finals.append((time.time(), final_height(ports[0])))
        time.sleep(0.05)
    bystander.report()
    said = generator.stdout.readline()
    if not said:
        sys.exit("the generator failed")
    sent = json.loads(said)
    cpu = sum(cpu_seconds(pid) for pid in pids) - sum(begin_cpu)
    end = time.time()
    if perf:
        perf.send_signal(signal.SIGINT)
        perf.wait()
    chain = []

    def all_final():
        chain.extend(blocks(ports[0], len(chain) + 1, final_height(ports[0])))
        return sum(n for _, n in chain) >= sent["accepted"]

    done = wait(all_final, 60)
    report(options, sent, chain, finals, (begin, end, time.time() if done else None), cpu, raw)


def sustained(chain, finals):
    """Transfers, seconds and their quotient between the first and the last checkpoint with transfers."""
    decided = [(date, sum(n for _, n in chain[:height])) for (date, height), before in zip(finals[1:], finals) if height > before[1]]
    decided = [d for d in decided if d[1] > 0]
    if len(decided) < 2:
        return 0, 0.0, 0.0
    count, took = decided[-1][1] - decided[0][1], decided[-1][0] - decided[0][0]
    return count, took, count / took


def report(options, sent, chain, finals, dates, cpu, raw):
    cores = len(os.sched_getaffinity(0))
    begin, end, last = dates
    window = end - begin
    count, took, rate = sustained(chain, finals)
    checks = options.nodes * sent["accepted"]
    bare = checks * cores / raw
    print(f"{options.nodes} daemons, {cores} cores, a block every {options.target}; {options.rate}/s announced for {options.seconds} s, which "
          f"took {window:.1f} s: {sent['accepted']} taken, {sent['refused']} refused")
    print(f"finalised {rate:.0f}/s ({count} between checkpoints {took:.1f} s apart; largest block {max(n for _, n in chain)}); "
          + (f"all final {last - end:.1f} s after the last announcement" if last else f"NOT ALL FINAL: {sum(n for _, n in chain)}"))
    print(f"processor time meanwhile: daemons {cpu:.1f} s ({cpu / window:.2f} cores, {1e6 * cpu / checks:.0f} us per daemon and transfer), "
          f"generator {sent['cpu']:.1f} s")
    print(f"bare Ed25519 checks (libsodium) on all cores at once: {raw:.0f}/s; the {checks} checks, one per daemon and transfer, take "
          f"{bare:.1f} s of processor time: {100 * bare / cpu:.0f} % of the daemons'")
    print(f"if checks were all: {raw / options.nodes:.0f} transfers/s")


if __name__ == "__main__":
    main()
