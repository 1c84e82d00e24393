#!/usr/bin/env python3
"""Nobody's payment waits for ever. Members of the committee send attendance and evidence from the accounts that people pay from; one
that misses its epoch, or proves what another has proved already, leaves a nonce which no block takes any more, and what the account
sends later must not wait behind it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ORRERY = sys.argv.pop(1)
SCENARIO = """name: payments
question: Does what a member sends of itself bar the payments of its account?
duration: 15 min
chain: {target: 2 s, epoch_blocks: 60, lookback_blocks: 120, unbonding_epochs: 4, propose: 2 s, vote: 1 s}
network: {latency: cities, loss: 1/1000}
profiles:
  - {name: server, up: 100 Mbit/s, down: 100 Mbit/s, disk_latency: 1 ms}
groups:
  - {name: liars, kind: producer, count: 5, profile: server, stake: {law: equal, total: 5000000, free: 10000}}
  - {name: producers, kind: producer, count: 15, profile: server, stake: {law: equal, total: 15000000, free: 10000}}
load:
  - {group: producers, per_second: 1, start: 20 s, end: 13 min}
"""

# Some seventy offences, each proved by twenty accounts at once: all but one proof are too late.
LIES = """adversaries:
  - two-votes node 0-2 at 1 min
  - two-headers node 3-4 at 4 min
"""


def transactions(run, table):
    text = subprocess.run([ORRERY, "export", run, table], capture_output=True, text=True, check=True).stdout
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    at = [name.split(" ")[0] for name in lines[0]]
    return {(line[at.index("node")], line[at.index("tx")]) for line in lines[1:]}


class Payments(unittest.TestCase):
    def paid(self, scenario):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "payments.yaml").write_text(scenario)
            for seed in ("1", "2"):
                subprocess.run([ORRERY, "run", folder / "payments.yaml", "--seed", seed, "-o", folder / "out", "--quiet",
                                "--no-report"], check=True, stdout=subprocess.DEVNULL)
                run = folder / "out" / seed
                sent = transactions(run, "tx_submitted")
                self.assertGreater(len(sent), 600)
                self.assertEqual(sent - transactions(run, "tx_included"), set())

    def test_attendance_bars_nothing(self):
        self.paid(SCENARIO)

    def test_evidence_bars_nothing(self):
        self.paid(SCENARIO + LIES)


unittest.main()
