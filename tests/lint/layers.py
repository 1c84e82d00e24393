#!/usr/bin/env python3
"""Holds every #include against tests/lint/layers.txt. Prints each breach; exit 1 when there is one."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
SYSTEM_FREE = {"stdbool.h", "stddef.h", "stdint.h", "string.h", "stdalign.h", "stdnoreturn.h", "limits.h",
               "immintrin.h", "cpuid.h", "stdatomic.h", "inttypes.h"}

may = {}
order = []
for line in (root / "tests/lint/layers.txt").read_text().splitlines():
    line = line.split("#")[0].strip()
    if not line:
        continue
    folder, allowed = (part.strip() for part in line.split(":"))
    may[folder] = allowed.split()
    order.append(folder)

bad = []
for folder, allowed in may.items():
    for target in allowed:
        if target.startswith(("<", "*")):
            continue
        home = target if target in order else str(pathlib.PurePath(target).parent)
        if home not in order or order.index(home) > order.index(folder):
            bad.append(f"tests/lint/layers.txt: {folder} may include {target}, which is not lower")

for path in sorted([*root.glob("node/**/*.[ch]"), *root.glob("settings/*.[ch]"), *root.glob("sim/**/*.[ch]"), *root.glob("analysis/**/*.[ch]"),
                    *root.glob("node/**/*.def")]):
    name = path.relative_to(root)
    folder = str(name.parent)
    while folder not in may and "/" in folder:
        folder = str(pathlib.PurePath(folder).parent)
    if folder not in may:
        bad.append(f"{name}: the folder {name.parent} is not in tests/lint/layers.txt")
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not found:
            continue
        kind, target = found.groups()
        if kind == "<":
            ok = target in SYSTEM_FREE or "*" in may[folder] or f"<{target}>" in may[folder]
        else:
            home = str(pathlib.PurePath(target).parent)
            ok = home == folder or home.startswith(folder + "/") or home in may[folder] or target in may[folder]
        if not ok:
            bad.append(f"{name}:{number}: {folder} may not include {target}")

print("\n".join(bad) if bad else f"layers: {len(order)} folders in order")
sys.exit(1 if bad else 0)
