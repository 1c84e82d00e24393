#!/usr/bin/env python3
"""orreryctl proof, as a person uses it: the five commands, kill -9, a full disk, tampering."""
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

CTL = sys.argv.pop(1)
BEACON = "5a" * 32


def run(*arguments, ok=0, **options):
    done = subprocess.run([CTL, "proof", *map(str, arguments)], capture_output=True, text=True, **options)
    assert done.returncode == ok, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.strip(), done.stderr.strip()


class Proof(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.place.name)
        self.file = self.dir / "file"
        self.file.write_bytes(random.Random(1).randbytes(3_000_001))

    def tearDown(self):
        self.place.cleanup()

    def sealed(self, name="replica", sector="512KiB", profile="sdr-light"):
        folder = self.dir / name
        run("seal", self.file, "--profile", profile, "--sector-bytes", sector, "-o", folder)
        return folder

    def proof(self, folder):
        challenge, _ = run("challenge", folder, "--beacon", BEACON)
        run("prove", folder, "--challenge", challenge, "-o", self.dir / "proof")
        return self.dir / "proof"

    def test_five_commands(self):
        for profile in ("sdr-light", "sdr-compat", "pos-rd"):
            folder = self.sealed(profile, "4MiB" if profile == "sdr-light" else "1MiB", profile)
            proof = self.proof(folder)
            out, _ = run("verify", "--commitment", folder / "commitment", "--proof", proof, "--beacon", BEACON)
            self.assertTrue(out.startswith("ok"))
            run("unseal", folder, "-o", self.dir / "back")
            self.assertEqual((self.dir / "back").read_bytes(), self.file.read_bytes())

    def test_replayed_truncated_and_altered_proofs(self):
        folder = self.sealed()
        proof = self.proof(folder)
        commitment = folder / "commitment"
        run("verify", "--commitment", commitment, "--proof", proof, "--beacon", "5b" * 32, ok=2)
        data = proof.read_bytes()
        for bad in (data[:-1], data + b"\0", data[:100], b"", data[:5000] + b"\1" + data[5001:]):
            proof.write_bytes(bad)
            run("verify", "--commitment", commitment, "--proof", proof, "--beacon", BEACON, ok=2)
        proof.write_bytes(data)
        run("prove", folder, "--challenge", "11" * 32 + "-3", "-o", self.dir / "weak")
        run("verify", "--commitment", commitment, "--proof", self.dir / "weak", "--challenge", "11" * 32 + "-3")
        _, message = run("verify", "--commitment", commitment, "--proof", self.dir / "weak", ok=2)
        self.assertIn("fewer challenges", message)
        other = self.dir / "other"
        run("seal", self.file, "--profile", "sdr-light", "--sector-bytes", "512KiB", "--number", 7, "-o", other)
        run("verify", "--commitment", other, "--proof", proof, ok=2)
        raw = bytearray(commitment.read_bytes())
        raw[200] ^= 1
        commitment.write_bytes(raw)
        run("verify", "--commitment", commitment, "--proof", proof, ok=1)

    def test_damaged_replica(self):
        folder = self.sealed()
        raw = bytearray((folder / "replica").read_bytes())
        raw[100] ^= 1
        (folder / "replica").write_bytes(raw)
        run("unseal", folder, "-o", self.dir / "back", ok=2)
        self.assertFalse((self.dir / "back").exists())

    def test_kill_and_resume(self):
        whole = self.sealed("whole", "64KiB")
        folder, wait = self.dir / "killed", 0.02
        arguments = [CTL, "proof", "seal", str(self.file), "--profile", "sdr-light", "--sector-bytes", "64KiB", "-o",
                     str(folder)]
        for kills in range(200):
            child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(child.wait(timeout=wait), 0)
                break
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                wait *= 1.15
        self.assertGreater(kills, 2)
        for name in ("replica", "commitment", "proving-000000", "proving-000045"):
            self.assertEqual((folder / name).read_bytes(), (whole / name).read_bytes(), name)
        self.assertFalse((folder / "state").exists())

    def test_full_disk(self):
        folder = self.dir / "full"
        arguments = ["seal", self.file, "--profile", "sdr-light", "--sector-bytes", "512KiB", "-o", folder]

        def small():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))

        _, message = run(*arguments, ok=1, preexec_fn=small, restore_signals=False)
        self.assertIn("no space left", message)
        self.assertIn("run the same command again", message)
        run(*arguments)
        proof = self.proof(folder)
        run("verify", "--commitment", folder, "--proof", proof, "--beacon", BEACON)

    def test_a_changed_file_is_noticed(self):
        folder = self.dir / "changed"
        arguments = [CTL, "proof", "seal", str(self.file), "--profile", "sdr-compat", "--sector-bytes", "256KiB", "-o",
                     str(folder)]
        child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (folder / "state").exists() and child.poll() is None:
            time.sleep(0.001)  # until the first step is durable: the program's own file tells
        child.kill()
        child.wait()
        self.file.write_bytes(bytes(3_000_001))
        _, message = run(*arguments[2:], ok=1)
        self.assertIn("has changed", message)

    def test_empty_and_tiny_files(self):
        for size in (0, 1, 31, 2048, 2049):
            self.file.write_bytes(b"x" * size)
            folder = self.dir / f"tiny{size}"
            run("seal", self.file, "--profile", "sdr-light", "-o", folder)
            run("verify", "--commitment", folder, "--proof", self.proof(folder), "--beacon", BEACON)
            run("unseal", folder, "-o", self.dir / "back")
            self.assertEqual((self.dir / "back").read_bytes(), b"x" * size)

    def test_graph_and_tree(self):
        out, _ = run("graph", "--sector-bytes", 2048, "--porep-id", 5, "--api", "1.1", "--digest")
        self.assertEqual(out, "840057702eea7652cf97e04306c30fe57174714d90de156a25eddd6075c25b97")
        out, _ = run("graph", "--sector-bytes", "2KiB", "--porep-id", "00" * 32, "--api", "1.0")
        self.assertEqual(out, "3da49221e2ed55371b86d0bf3d6526fcf128af61bed904f966428db1b531750d")
        out, _ = run("graph", "--sector-bytes", 2048, "--porep-id", "05" + "00" * 31, "--api", "1.1", "--node", 63)
        self.assertEqual(out, "62 15 42 62 61 62 0 15 30 30 28 42 49 38")
        import hashlib
        for name, new in (("sha256", hashlib.sha256), ("blake2b", lambda d: hashlib.blake2b(d, digest_size=32))):
            def root(data):
                if len(data) <= 64:
                    return new(b"\0" + data).digest()
                half = 64
                while half * 2 < len(data):
                    half *= 2
                return new(b"\1" + root(data[:half]) + root(data[half:])).digest()
            out, _ = run("tree", self.file, "--leaf", 64, "--hash", name)
            self.assertEqual(out, root(self.file.read_bytes()).hex())

    def test_usage(self):
        for arguments in ([], ["seal"], ["seal", self.file, "--profile", "none", "-o", "x"], ["nothing"],
                          ["graph", "--sector-bytes", "33", "--porep-id", "1", "--api", "1.1"],
                          ["seal", self.dir / "absent", "--profile", "sdr-light", "-o", "x"],
                          ["challenge", self.file, "--beacon", BEACON], ["challenge", self.file, "--beacon", "12"]):
            run(*arguments, ok=1)


if __name__ == "__main__":
    unittest.main()
