#!/usr/bin/env python3
"""House limits: file 600 lines, function 70 lines, line 100 columns, calls that are not made here, leftovers."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 70, 100
BANNED = {r"\bstrcpy\(|\bstrcat\(|\bsprintf\(|\bgets\(": "use snprintf or memcpy with a length",
          r"\brand\(|\bsrand\(|\brandombytes": "use node/base/rng.h", r"\balloca\(": "use an arena",
          r"\bsleep\(|\busleep\(": "nothing here waits"}
LEFTOVERS = re.compile(r"\b(FIXME|XXX|TODO|HACK)\b")
NODE_ONLY = {r"\bmalloc\(|\bcalloc\(|\brealloc\(|\bfree\(": "node/ does not allocate",
             r"\bdouble\b|\bfloat\b": "node/ computes in integers", r"\btime\(|\bclock_gettime\(": "time is an argument"}
bad = []


def code_of(text):
    """The text with comments and strings blanked, line numbers kept."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group())
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)


for path in sorted([p for top in ("settings", "node", "sim", "analysis", "tests") for p in root.glob(f"{top}/**/*.[ch]")]):
    name = path.relative_to(root)
    text = path.read_text()
    code = code_of(text)
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        bad.append(f"{name}: {len(lines)} lines, at most {FILE_LINES}")
    rules = dict(BANNED)
    if name.parts[0] == "node" and name.parts[1] not in ("host", "daemon", "client", "web"):
        rules.update(NODE_ONLY)
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            bad.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS}")
        if LEFTOVERS.search(line):
            bad.append(f"{name}:{number}: leftover: {line.strip()[:60]}")
    start = None
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, why in rules.items():
            if re.search(pattern, line):
                bad.append(f"{name}:{number}: {line.strip()[:60]}: {why}")
        if line == "{" and path.suffix == ".c":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                bad.append(f"{name}:{start}: function of {number - start - 1} lines, at most {FUNCTION_LINES}")
            start = None

print("\n".join(bad) if bad else "tidy: all files within the limits")
sys.exit(1 if bad else 0)
