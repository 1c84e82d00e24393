#!/usr/bin/env python3
"""What the hunt found, shrunk: each failed once and passes since it was understood."""
import pathlib
import subprocess
import sys

orrery, folder = sys.argv[1], pathlib.Path(sys.argv[2])
bad = 0
files = sorted(folder.glob("*.yaml"))
for path in files:
    done = subprocess.run([orrery, "replay", path, "--from", "100 h"], capture_output=True, text=True)
    verdict = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
    if done.returncode != 0 or verdict != "verdict: pass":
        print(f"{path.name}: {verdict}")
        bad += 1
print(f"{len(files)} found failures, {bad} are back")
sys.exit(1 if bad or not files else 0)
