#!/usr/bin/env python3
"""No program for the real network holds a place that misbehaves on purpose; the laboratory, last, holds them."""
import subprocess
import sys

bad = False
for program in sys.argv[1:]:
    text = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    there = any(line.split()[-1] == "buggify_fires" for line in text.splitlines())
    if there != (program == sys.argv[-1]):
        print(f"{program} {'calls buggify_fires' if there else 'has no buggify_fires'}")
        bad = True
sys.exit(bad)
