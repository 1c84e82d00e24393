#!/usr/bin/env python3
"""Run files as a person meets them: run, export, stats, plot, report, and the example for h5py."""
import filecmp
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ORRERY = sys.argv.pop(1)
SOURCE = pathlib.Path(os.environ["ORRERY_SOURCE"])


def orrery(*arguments, ok=0):
    done = subprocess.run([ORRERY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == ok, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if ok == 0 else done.stderr


def rows(text):
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


class RunFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.place.name)
        for name, seed in (("a", 1), ("b", 1), ("a", 2)):
            # An expectation of an hour may well fail in four minutes: exit code 3.
            done = subprocess.run([ORRERY, "run", SOURCE / "scenarios/first-light", "--nodes", "20", "--duration", "4 min",
                                   "--set", "warmup=0 s", "--seed", str(seed), "-o", cls.dir / name, "--quiet",
                                   "--no-report"], capture_output=True, text=True)
            assert done.returncode in (0, 3), done.stdout + done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def test_same_seed_same_bytes(self):
        self.assertTrue(filecmp.cmp(self.dir / "a/1/run.h5", self.dir / "b/1/run.h5", shallow=False))

    def test_example_agrees_with_export_and_summary(self):
        run = self.dir / "a/1"
        example = subprocess.run([sys.executable, SOURCE / "analysis/examples/read_run.py", run / "run.h5"],
                                 capture_output=True, text=True, check=True).stdout
        mean = float(example.split("interval mean ")[1].split()[0])
        summary = {row["name"]: float(row["value"]) for row in rows(orrery("export", run, "summary"))}
        self.assertAlmostEqual(mean, summary["block_interval_mean"], places=5)
        blocks = rows(orrery("export", run, "block_produced"))
        self.assertIn(f"blocks {len(blocks)}, on the chain {summary['blocks']:.0f}", example)

    def test_series_show_the_pool(self):
        waiting = [int(row["pool_txs"]) for row in rows(orrery("export", self.dir / "a/1", "series"))]
        self.assertGreater(max(waiting), 0)
        self.assertLess(max(waiting), 300)  # one a second, for four minutes

    def test_summary_is_in_once(self):
        names = [row["name"] for row in rows(orrery("export", self.dir / "a/1", "summary"))]
        self.assertEqual(len(names), len(set(names)))

    def test_stats_take_one_value_per_seed(self):
        values = [float(next(row["value"] for row in rows(orrery("export", self.dir / "a" / seed, "summary"))
                             if row["name"] == "blocks")) for seed in "12"]
        line = next(l for l in orrery("stats", self.dir / "a").splitlines() if l.startswith("blocks "))
        self.assertEqual(line.split()[2], "2")
        self.assertAlmostEqual(float(line.split()[3]), sum(values) / 2, places=3)
        self.assertIn("not different", orrery("stats", self.dir / "a", "--against", self.dir / "a"))

    def test_only_seeds_of_one_set_of_parameters_are_pooled(self):
        one, two, again = self.dir / "a/1", self.dir / "a/2", self.dir / "b/1"
        self.assertIn("the same seed", orrery("stats", one, two, again, ok=1))
        self.assertIn("-  too few seeds", orrery("stats", one, "--against", again))
        self.assertNotIn("nan", orrery("stats", one, "--against", two))
        self.assertIn("--agianst is not known", orrery("stats", one, "--agianst", two, ok=1))
        other = self.dir / "c"
        subprocess.run([ORRERY, "run", one / "used.yaml", "--seed", "3", "--set", "chain.propose=2 s", "--duration",
                        "1 min", "-o", other, "--quiet", "--no-report"], capture_output=True)
        for command in ("stats", "report"):
            self.assertIn("different parameters, `duration: 4 min` and `duration: 1 min`",
                          orrery(command, one, other / "3", ok=1))

    def test_plot_and_report(self):
        self.assertEqual(orrery("plot", self.dir / "a/1", "intervals"), f"{self.dir}/a/1/figures/intervals.svg\n")
        orrery("report", self.dir / "a/1")
        orrery("report", self.dir / "a")
        page = (self.dir / "a/1/report.html").read_text()
        for figure in ("heights", "finality", "propagation", "traffic", "cpu", "space-time"):
            self.assertIn(f'<figure id="{figure}">\n<svg', page)
        self.assertNotIn("http://", page.replace("http://www.w3.org", ""))
        self.assertIn('<figure id="seeds-gap">', (self.dir / "a/report.html").read_text())

    def test_report_of_a_run_that_cost_nothing_and_recorded_little(self):
        """Processors that are never busy have no figure; without recorded tips the highest block's branch is the chain."""
        text = (SOURCE / "scenarios/beacon-withholding/scenario.yaml").read_text()
        little = self.dir / "little.yaml"
        little.write_text(text.replace("series: 1 h, tables: [node_up]", "series: 10 s, tables: [block_produced, node_up]"))
        orrery("run", little, "--duration", "2 min", "--set", "expect={}", "-o", self.dir / "little", "--quiet")
        page = (self.dir / "little/1/report.html").read_text()
        self.assertIn('<figure id="forks">', page)
        self.assertNotIn('<figure id="cpu">', page)
        blocks = rows((self.dir / "little/1/figures/forks.tsv").read_text())
        chain, left = (sum(int(row[k]) for row in blocks) for k in ("on_chain", "left"))
        self.assertGreater(chain, 10)
        self.assertLess(left, chain)

    def test_space_time_shows_every_block_of_its_stretch(self):
        """Nodes up, lines from maker to receiver, blocks, votes, decisions: blocks of lines in this order."""
        run = self.dir / "a/1"
        orrery("plot", run, "space-time")
        text = (run / "figures/space-time.tsv").read_text()
        parts = [[line.split("\t") for line in part.splitlines() if line and line[0] != "#"] for part in text.split("\n\n\n")]
        up, spread, blocks, votes, decided = (part for part in parts if part)
        low, high = min(float(row[0]) for row in up), max(float(row[1]) for row in up)
        self.assertGreater(len({row[2] for row in up}), 10)  # some join later
        made = {(row["node"], row["height (block)"]) for row in rows(orrery("export", run, "block_produced"))
                if low <= float(row["time (s)"]) <= high}
        self.assertGreater(len(made), 5)
        self.assertEqual({(row[1], row[2]) for row in blocks}, made)
        received = [row for row in rows(orrery("export", run, "block_received")) if low <= float(row["time (s)"]) <= high]
        self.assertEqual(len(spread), len(received))
        for made_s, _, had_s, _, _ in spread:
            self.assertGreater(float(had_s), float(made_s))
        self.assertTrue({row[2] for row in votes} <= {"1", "2", "?"})
        self.assertTrue(decided)

    def test_mistakes_are_said(self):
        self.assertIn("no table is called blocks", orrery("export", self.dir / "a/1", "blocks", ok=1))
        self.assertIn("there is no run.h5", orrery("stats", self.dir / "nothing", ok=1))
        self.assertIn("no such figure", orrery("plot", self.dir / "a/1", "nothing", ok=1))
        (self.dir / "run.h5").write_text("not HDF5")
        self.assertIn("is not a run file", orrery("export", self.dir, "nodes", ok=1))


unittest.main()
