#!/usr/bin/env python3
"""orrery testnet as a person uses it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

TOOL, PROGRAMS = sys.argv[1:3]
del sys.argv[1:3]
# A daemon has 2 s to stop, however busy the disk: it works in memory if there is room.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 1 << 30 else None
PORT = 20000 + os.getpid() % 10000  # tests of several builds may run at once


class Testnet(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="orrery-testnet-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.look_at_logs)

    def tool(self, command, *words, ok=0):
        done = subprocess.run([sys.executable, TOOL, "--programs", PROGRAMS, command, "--folder", str(self.folder / "net"),
                               *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, ok, f"{command}: {done.stdout}{done.stderr}{self.logs()}")
        return done.stdout

    def logs(self):
        text = ""
        for log in sorted(self.folder.glob("net/node*/log")):
            text += f"\n--- {log.parent.name}\n" + "".join(log.read_text(errors="replace").splitlines(True)[-8:])
        return text

    def look_at_logs(self):
        for log in self.folder.glob("net/node*/log"):
            text = log.read_text(errors="replace")
            self.assertNotRegex(text, r"Sanitizer| error bug ", f"{log.parent.name}: {text[-4000:]}")

    def up(self, nodes, target):
        self.addCleanup(lambda: subprocess.run(
            [sys.executable, TOOL, "--programs", PROGRAMS, "down", "--folder", str(self.folder / "net")],
            capture_output=True, timeout=60, check=False))
        return self.tool("up", "--nodes", nodes, "--target", target, "--port", PORT, "--rest-port",
                         PORT + 1000)

    def get(self, node, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 999 + node}{path}", timeout=30) as answer:
            return json.loads(answer.read())

    def final(self, node):
        facts = self.get(node, "/chain/finalized")
        height = facts["height"]
        return (height[0] + (height[1] << 32) if isinstance(height, list) else int(height)), facts["hash"]

    def wait_final(self, node, height, seconds=120):
        until = time.monotonic() + seconds
        got = -1
        while time.monotonic() < until:
            try:
                got = self.final(node)[0]
                if got >= height:
                    return got
            except OSError:
                pass
            time.sleep(0.1)
        self.fail(f"node {node} is at final height {got}, wanted {height}{self.logs()}")

    def test_a_persons_tour(self):
        said = self.up(3, "500ms")
        self.assertIn(f"http://127.0.0.1:{PORT + 1000}", said)
        self.assertIn("faucet", said)
        self.wait_final(1, 4)
        self.assertIn("node", self.tool("status"))
        self.tool("kill", 3)
        self.assertIn("down", self.tool("status", ok=1))
        self.tool("kill", 3, ok=1)
        self.tool("start", 3)
        self.wait_final(3, self.wait_final(1, 8))
        self.tool("down")
        log = (self.folder / "net/node1/log").read_text()
        self.assertIn("forced=0", log)
        self.assertNotIn("forced=1", log)  # 2 s after SIGTERM
        self.assertIn("end status=0", log)
        before = int([line for line in log.splitlines() if " final " in line][-1].split("height=")[1].split()[0])
        self.up(3, "500ms")  # the same chain again
        self.wait_final(1, before + 4)
        self.tool("down", "--purge")
        self.assertFalse((self.folder / "net").exists())

    def test_b_settings(self):
        self.up(1, "500ms")
        home = self.folder / "net/node1"
        daemon = next(p for p in (pathlib.Path(PROGRAMS) / "node/daemon/orreryd", pathlib.Path(PROGRAMS) / "orreryd")
                      if p.exists())
        second = subprocess.run([daemon, "--config", home / "node.yaml"], capture_output=True, text=True, timeout=60,
                                check=False)
        self.assertEqual(second.returncode, 1, "two processes must not hold the same keys")
        self.assertIn("keys", second.stderr)
        beside = subprocess.run([daemon, "--config", home / "node.yaml", "--check-config"], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(beside.returncode, 0, beside.stderr)
        pid = int((home / "pid").read_text())
        settings = home / "node.yaml"
        settings.write_text(settings.read_text() + "limits: {links: 17}\n")
        os.kill(pid, signal.SIGHUP)
        until = time.monotonic() + 30
        while "links_max=17" not in (home / "log").read_text() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertIn("links_max=17", (home / "log").read_text())
        self.tool("down")
        good = subprocess.run([daemon, "--config", settings, "--check-config"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(good.returncode, 0, good.stderr)
        settings.write_text(settings.read_text().replace("limits:", "limts:"))
        bad = subprocess.run([daemon, "--config", settings, "--check-config"], capture_output=True, text=True,
                             timeout=60, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("limits", bad.stderr)


if __name__ == "__main__":
    unittest.main()
