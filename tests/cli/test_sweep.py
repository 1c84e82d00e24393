"""A sweep as a person runs it: on cores, under mpirun, interrupted and resumed, read back."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

ORRERY = pathlib.Path(sys.argv.pop(1)).resolve()
SOURCE = pathlib.Path(os.environ["ORRERY_SOURCE"])
# Open MPI is there, and this build uses it.
MPI = shutil.which("mpirun") is not None and "libmpi" in subprocess.run(["ldd", ORRERY], capture_output=True, text=True).stdout

GRID = """\
question: Do blocks come as often as asked?
scenario: {scenario}
seeds: 1..3
set: ["duration=3 min", "groups.accounts.count=4", "warmup=0 s"]
axes:
  - name: target
    values: [5 s, 10 s]
    labels: [5, 10]
    set: ["chain.target={{}}"]
figures:
  - {{name: interval, title: Block time, metric: block_interval_mean, x: target, x_label: asked (s),
     y_label: measured (s), published: published.tsv, source: the rule itself, within: {within}}}
"""


def run(*command, code=0, env=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=800, env=env)
    assert code in (None, done.returncode), f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


# Four accounts by Zipf's law, then equal ones: the largest holds 0.48 and 0.25, and a block is a draw.
FILES = """\
scenario: {folder}/scenario.yaml
seeds: 1..2
set: ["duration=3 min", "groups.accounts.count=4", "warmup=0 s", "chain.target=2 s"]
axes:
  - name: share
    values: [{folder}/scenario.yaml, {folder}/equal-100.yaml]
    labels: [0.48, 0.25]
    set: ["scenario={{}}"]
figures:
  - {{name: share, metric: top_share_blocks, trials: blocks, x: share, published: published.tsv}}
"""


class Sweep(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.grid = self.folder / "grid.yaml"
        self.out = self.folder / "out"
        self.write("1/2")
        (self.folder / "published.tsv").write_text("# the rule\ntarget\tvalue\n5\t5\n10\t10\n")

    def write(self, within):
        scenario = SOURCE / "scenarios/stake-fairness/scenario.yaml"
        self.grid.write_text(GRID.format(scenario=scenario, within=within))

    def digests(self, out):
        with h5py.File(out / "sweep.h5") as sweep:
            return list(zip(sweep["runs/point"][:], sweep["runs/seed"][:], sweep["runs/digest"].asstr()))

    def test_on_cores(self):
        text = run(ORRERY, "sweep", self.folder, "-o", self.out, "--jobs", 2)
        self.assertIn("2 points, seeds 1..3, 6 runs", text)
        self.assertIn("2 of 2 published values met, the rule itself", text)
        with h5py.File(self.out / "sweep.h5") as sweep:
            names = list(sweep["summary/name"].asstr())
            values = sweep["summary/value"][:, names.index("blocks")]
            self.assertEqual(list(sweep["points/target"].asstr()), ["5", "10"])
            self.assertEqual(len(values), 6)
        for row, (point, seed, digest) in enumerate(self.digests(self.out)):
            with h5py.File(self.out / f"p{point:04d}" / str(seed) / "run.h5") as one:
                at = list(one["summary/name"].asstr()).index("blocks")
                self.assertEqual(values[row], one["summary/value"][at])
                self.assertEqual(digest, one["meta"].attrs["digest"].decode())
        page = (self.out / "report.html").read_text()
        self.assertIn("<svg", page)
        self.assertIn("published, the rule itself", page)
        moved = self.folder / "moved"
        self.out.rename(moved)
        self.assertIn("2 of 2 published", run(ORRERY, "report", moved))

    def killed(self, command, env=None, victim=None):
        """Starts a sweep and kills it, or the child that `victim` picks, once its first run is there."""
        sweep = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env=env, start_new_session=True)
        until = time.monotonic() + 800
        while not list(self.out.glob("p*/*/summary.txt")) and sweep.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        self.assertIsNone(sweep.poll(), "it ended before it could be killed")
        if victim is None:
            os.killpg(sweep.pid, signal.SIGKILL)
        else:
            os.kill(victim(sweep.pid), signal.SIGKILL)
        sweep.communicate(timeout=800)
        self.assertNotEqual(sweep.returncode, 0)

    in_one_piece = None

    def whole(self):
        """Longer runs, six seeds: digests and rows of the grid in one piece."""
        self.grid.write_text(self.grid.read_text().replace("duration=3 min", "duration=1 h").replace("1..3", "1..6"))
        if Sweep.in_one_piece is None:
            text = run(ORRERY, "sweep", self.grid, "-o", self.folder / "whole", "--jobs", 2, code=None)
            Sweep.in_one_piece = self.digests(self.folder / "whole"), re.findall(r"^ .*", text, re.M)
        return Sweep.in_one_piece

    def test_killed_and_resumed(self):
        want, rows = self.whole()
        self.killed([ORRERY, "sweep", self.grid, "-o", self.out, "--jobs", 2])
        self.assertFalse((self.out / "sweep.h5").exists())
        text = run(ORRERY, "sweep", self.grid, "-o", self.out, "--resume", "--jobs", 2, code=None)
        self.assertEqual(self.digests(self.out), want)
        self.assertEqual(re.findall(r"^ .*", text, re.M), rows)

    @unittest.skipUnless(MPI, "no mpirun here (installed by the README's command), or built without it")
    def test_a_rank_dies_and_the_rest_is_resumed(self):
        def rank(mpirun):
            return int(subprocess.run(["pgrep", "-n", "-P", str(mpirun), "orrery"], capture_output=True, text=True).stdout)
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   ASAN_OPTIONS="detect_leaks=0")
        want, rows = self.whole()
        ranks = ["mpirun", "--oversubscribe", "-n", 2, ORRERY, "sweep", self.grid, "-o", self.out]
        self.killed(ranks, env=env, victim=rank)
        text = run(*ranks, "--resume", code=None, env=env)
        self.assertIn("12 runs on 2 processes", text)
        self.assertEqual(self.digests(self.out), want)
        self.assertEqual(re.findall(r"^ .*seeds.*|^ .*\[.*", text, re.M), rows)

    @unittest.skipUnless(MPI, "no mpirun here (installed by the README's command), or built without it")
    def test_two_ranks_give_the_same_runs(self):
        # Open MPI keeps memory until the end, which a build with sanitizers would call our leak.
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   ASAN_OPTIONS="detect_leaks=0")
        run(ORRERY, "sweep", self.grid, "-o", self.out, "--jobs", 1)
        text = run("mpirun", "--oversubscribe", "-n", 2, ORRERY, "sweep", self.grid, "-o", self.folder / "mpi", env=env)
        self.assertIn("6 runs on 2 processes", text)
        self.assertEqual(self.digests(self.out), self.digests(self.folder / "mpi"))

    def test_resume_runs_what_is_missing(self):
        run(ORRERY, "sweep", self.grid, "-o", self.out)
        whole = self.digests(self.out)
        kept = self.out / "p0000/1/run.h5"
        stamp = kept.stat().st_mtime_ns
        shutil.rmtree(self.out / "p0001/2")
        (self.out / "p0000/3/run.h5").write_bytes(b"cut off")
        run(ORRERY, "sweep", self.grid, "-o", self.out, "--resume")
        self.assertEqual(self.digests(self.out), whole)
        self.assertEqual(kept.stat().st_mtime_ns, stamp)
        # Other parameters, by whatever way they came: nothing that is there counts.
        run(ORRERY, "sweep", self.grid, "-o", self.out, "--resume", "--set", "chain.target=7 s", code=None)
        self.assertFalse(set(d for _, _, d in self.digests(self.out)) & set(d for _, _, d in whole))
        run(ORRERY, "sweep", self.grid, "-o", self.out, "--resume")
        self.assertEqual(self.digests(self.out), whole)
        self.write("1/3")
        self.assertIn("another grid", run(ORRERY, "sweep", self.grid, "-o", self.out, "--resume", code=1))

    def test_a_published_value_that_is_not_met(self):
        (self.folder / "published.tsv").write_text("target\tvalue\n5\t500\n10\t10\n")
        self.assertIn("NOT MET", run(ORRERY, "sweep", self.grid, "-o", self.out, code=3))

    def test_a_table_of_other_points_is_not_met(self):
        (self.folder / "published.tsv").write_text("target\tvalue\n6\t6\n")
        self.assertIn("no row of published.tsv", run(ORRERY, "sweep", self.grid, "-o", self.out, code=3))

    def test_other_files_and_trials(self):
        self.grid.write_text(FILES.format(folder=SOURCE / "scenarios/stake-fairness"))
        (self.folder / "published.tsv").write_text("share\tvalue\n0.48\t0.48\n0.25\t0.25\n")
        text = run(ORRERY, "sweep", self.grid, "-o", self.out)
        self.assertIn("95 % interval (Wilson)", text)
        self.assertIn("2 of 2 published values met", text)
        # About 180 blocks: a standard error near 0.036. The wrong file would be six of them off.
        (self.folder / "out/published.tsv").write_text("share\tvalue\n0.48\t0.25\n0.25\t0.25\n")
        self.assertIn("1 of 2 published values met", run(ORRERY, "report", self.out, code=None))

    def test_a_typo_costs_no_run(self):
        text = self.grid.read_text().replace("chain.target={}", "chain.tarqet={}")
        self.grid.write_text(text)
        said = run(ORRERY, "sweep", self.grid, "-o", self.out, code=1)
        self.assertIn("tarqet", said)
        self.assertIn("at target = 5", said)
        self.assertFalse(self.out.exists())
        self.write("1/2")
        good, table = self.grid.read_text(), self.folder / "published.tsv"
        for typo, word in [("metric: block_intervall_mean", "nearest is `block_interval_mean`"),
                           ("metric: block_interval_mean, trials: blokcs", "nearest is `blocks`"),
                           ("metric: block_interval_mean, limit: limits.tsv", "no table of values")]:
            self.grid.write_text(good.replace("metric: block_interval_mean", typo))
            self.assertIn(word, run(ORRERY, "sweep", self.grid, "-o", self.out, code=1))
        self.grid.write_text(good)
        table.write_text("tarqet\tvalue\n5\t5\n10\t10\n")
        self.assertIn("nearest is `target`", run(ORRERY, "sweep", self.grid, "-o", self.out, code=1))
        table.write_text("target\tvalues\n5\t5\n10\t10\n")
        self.assertIn("no column `value`", run(ORRERY, "sweep", self.grid, "-o", self.out, code=1))
        self.assertFalse(self.out.exists())

    def test_what_a_figure_leaves_out_and_too_few_seeds_are_said(self):
        text = self.grid.read_text().replace("1..3", "1..1").replace("figures:", """\
  - name: loss
    values: [0, 1/100]
    set: ["network.loss={}"]
figures:""")
        self.grid.write_text(text)
        said = run(ORRERY, "sweep", self.grid, "-o", self.out, code=None)
        self.assertIn("interval: block_interval_mean, at loss = 0\n", said)
        self.assertEqual(said.count("too few seeds"), 2)
        page = (self.out / "report.html").read_text()
        self.assertIn("at loss = 0", page)
        self.assertNotIn("nan", page)

    def test_an_earlier_sweep_does_not_show_through(self):
        run(ORRERY, "sweep", self.grid, "-o", self.out)
        said = run(ORRERY, "sweep", self.grid, "-o", self.out, "--set", "check.liveness=1 ms", code=3)
        self.assertIn("6 of 6 runs failed", said)
        self.assertNotIn("published values met", said)
        self.assertFalse(any(self.complete()))
        self.assertFalse((self.out / "sweep.h5").exists())

    def complete(self):
        for path in self.out.glob("p*/*/run.h5"):
            with h5py.File(path) as one:
                yield one["meta"].attrs["complete"]


if __name__ == "__main__":
    unittest.main()
