#!/usr/bin/env python3
"""What libnode asks of the outside: its undefined symbols against tests/lint/symbols.txt."""
import fnmatch
import pathlib
import subprocess
import sys

library, allow_file = sys.argv[1], pathlib.Path(sys.argv[2])
allowed = [line.split("#")[0].strip() for line in allow_file.read_text().splitlines()]
allowed = [pattern for pattern in allowed if pattern]


def symbols(*flags):
    text = subprocess.run(["nm", *flags, library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line and not line.endswith(":")}


outside = symbols("-u") - symbols("--defined-only")
bad = sorted(s for s in outside if not any(fnmatch.fnmatchcase(s, pattern) for pattern in allowed))
state = sorted({line.split()[-1] for line in subprocess.run(["nm", library], capture_output=True, text=True, check=True)
                .stdout.splitlines() if len(line.split()) == 3 and line.split()[1] in "dDbBC"
                and not line.split()[-1].startswith(("__asan", "__tsan", "__odr"))})
for symbol in bad:
    print(f"libnode needs {symbol}, which tests/lint/symbols.txt does not allow")
for symbol in state:
    print(f"libnode keeps mutable file-scope state: {symbol}")
print(f"symbols: {len(outside)} from outside, all allowed" if not bad and not state else "")
sys.exit(1 if bad or state else 0)
