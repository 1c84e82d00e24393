#!/usr/bin/env python3
"""What libnode asks of the outside: its undefined symbols against tests/lint/symbols.txt."""
import fnmatch
import pathlib
import subprocess
import sys

allow_file, libraries = pathlib.Path(sys.argv[1]), sys.argv[2:]
allowed = [line.split("#")[0].strip() for line in allow_file.read_text().splitlines()]
allowed = [pattern for pattern in allowed if pattern]


def symbols(*flags):
    text = subprocess.run(["nm", *flags, *libraries], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line and not line.endswith(":")}


outside = symbols("-u") - symbols("--defined-only")
bad = sorted(s for s in outside if not any(fnmatch.fnmatchcase(s, pattern) for pattern in allowed))
# Constant tables of pointers lie in .data.rel.ro, which the loader makes read-only.
state = set()
for line in subprocess.run(["objdump", "-t", *libraries], capture_output=True, text=True, check=True).stdout.splitlines():
    fields = line.split()
    section = next((f for f in fields[1:] if f.startswith((".data", ".bss", "*COM*"))), None)
    if section and not section.startswith(".data.rel.ro") and fields[-1] != section and not fields[-1].startswith((".", "__asan", "__tsan", "__odr")):
        state.add(fields[-1])
state = sorted(state)
for symbol in bad:
    print(f"libnode needs {symbol}, which tests/lint/symbols.txt does not allow")
for symbol in state:
    print(f"libnode keeps mutable file-scope state: {symbol}")
print(f"symbols: {len(outside)} from outside, all allowed" if not bad and not state else "")
sys.exit(1 if bad or state else 0)
