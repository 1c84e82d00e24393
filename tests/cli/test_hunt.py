#!/usr/bin/env python3
"""orrery hunt as a person uses it: a short campaign, its table, a failure shrunk and replayed."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ORRERY = sys.argv.pop(1)
SOURCE = pathlib.Path(os.environ["ORRERY_SOURCE"])
CHAIN = SOURCE / "scenarios/hunt/chain"

# What was sent under a clog arrives after it, later than so short a bound allows.
LATE = """name: late
duration: 90 s
chain: {target: 300 ms, checkpoint_blocks: 2, epoch_blocks: 8, lookback_blocks: 16, propose: 300 ms, vote: 200 ms}
network: {latency: constant, constant: 10 ms, jitter: no}
profiles:
  - {name: machine}
groups:
  - {name: a, kind: producer, count: 4, profile: machine, stake: {law: list, list: [1000, 1000, 1000, 1000]}}
  - {name: b, kind: relay, count: 2, profile: machine}
check: {liveness: 8 s}
faults:
  - at 3 s for 1 s crash node 4
  - at 4 s for 1 s clog node 0,5 by 20 ms
  - at 5 s for 2 s crash node 1
  - at 6 s break node 4 from all
  - at 8 s for 4 s clog node 1,2 by 20 s
"""


def orrery(*arguments, ok=0):
    done = subprocess.run([ORRERY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == ok, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if ok != 1 else done.stderr


class Hunt(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.place.name)

    def tearDown(self):
        self.place.cleanup()

    def campaign(self, jobs):
        done = subprocess.run([ORRERY, "hunt", CHAIN, "--runs", "6", "--seed", "1", "--jobs", jobs, "--no-shrink",
                               "-o", self.dir], capture_output=True, text=True)
        assert done.returncode in (0, 2), done.stdout + done.stderr
        return re.sub(r"speed .*", "", done.stdout)

    def test_a_campaign_is_the_same_for_any_number_of_processes(self):
        table = self.campaign("1")
        self.assertEqual(table, self.campaign("3"))
        self.assertRegex(table, r"recovered +[1-9]")

    def test_a_failure_is_shrunk_and_replays(self):
        (self.dir / "late.yaml").write_text(LATE)
        said = orrery("hunt", "--shrink", self.dir / "late.yaml", "-o", self.dir)
        path = said.split(":")[0]
        small = pathlib.Path(path).read_text()
        self.assertTrue(small.startswith("# fail: liveness\n"))
        self.assertEqual(len(re.findall(r"^  - 'at ", small, re.M)), 1)
        first = orrery("replay", path, ok=3)
        self.assertEqual(first, orrery("replay", path, ok=3))
        self.assertTrue(first.splitlines()[-1].startswith("verdict: fail: liveness"))
        orrery("run", path, "--quiet", "--no-report", "--no-record", "-o", self.dir / "run", ok=3)

    def test_when_a_failure_became_inevitable(self):
        (self.dir / "late.yaml").write_text(LATE)
        curve = orrery("hunt", "--inevitable", self.dir / "late.yaml", "--continuations", "2")
        self.assertRegex(curve.splitlines()[-1], r"^inevitable (between|from the start)")
        self.assertGreaterEqual(len(re.findall(r"^ +[0-9.]+ +[0-9]+ %", curve, re.M)), 8)

    def test_mistakes_are_said(self):
        orrery("hunt", ok=1)
        self.assertIn("not many", orrery("hunt", CHAIN, "--runs", "many", ok=1))
        self.assertIn("at least 1", orrery("hunt", CHAIN, "--runs", "0", ok=1))
        self.assertIn("at most", orrery("hunt", CHAIN, "--runs", "9" * 17, ok=1))
        self.assertIn("seeds", orrery("hunt", CHAIN, "--seed", 2 ** 64 - 5, ok=1))
        self.assertIn("nearest is hunt", orrery("hnut", ok=1))
        late = self.dir / "late.yaml"
        late.write_text(LATE)
        for words in ("--shrink", "--inevitable"):
            told = subprocess.run([ORRERY, "hunt", words, late, "--set", "faults=[]", "-o", self.dir],
                                  capture_output=True, text=True)
            self.assertEqual((told.returncode, told.stderr), (3, f"orrery hunt: {late} does not fail: pass\n"))
            self.assertIn("node 9, but there are 6",
                          orrery("hunt", words, late, "--set", "faults.0=at 1 s crash node 9", "-o", self.dir, ok=1))
        self.assertIn("nodes are 0 to 5", orrery("replay", late, "--node", "6", ok=1))
        self.assertIn("before --from", orrery("replay", late, "--from", "3 s", "--to", "2 s", ok=1))
        for call in [("hunt", "nothing", "-o", self.dir), ("hunt", "--shrink", "nothing"),
                     ("hunt", "--inevitable", "nothing"), ("replay", "nothing")]:
            self.assertEqual(orrery(*call, ok=1), "nothing: cannot open: No such file or directory\n")
        self.assertRegex(orrery("hunt", CHAIN, "--set", "chain.targt=3 s", "-o", self.dir, ok=1),
                         r"^command line: .*`targt`.*nearest is `target`\n$")
        self.assertIn("not a folder", orrery("replay", self.dir, ok=1))


unittest.main()
