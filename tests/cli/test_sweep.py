"""A sweep as a person runs it: on cores, under mpirun, interrupted and resumed, read back."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py

ORRERY = pathlib.Path(sys.argv.pop(1)).resolve()
SOURCE = pathlib.Path(os.environ["ORRERY_SOURCE"])

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
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240, env=env)
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

    @unittest.skipIf(shutil.which("mpirun") is None, "no mpirun here: installed by the README's command")
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


if __name__ == "__main__":
    unittest.main()
