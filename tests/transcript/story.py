"""A test that is the story its log tells: runs a scenario and holds the lines that matter against the story.

    story.py TELL STORY [--print]

A story begins with lines `key: value`:
    scenario: FILE           beside the story
    options: ...             passed to tell
    show: KIND(column, ...) [COLUMN=VALUE]
                             traces to show, with these columns; one `show` line each
    recv: NODE FRAME ...     arrivals to show: these frames at this node
    nodes: N ...             only these nodes
    from: S / to: S          only these seconds of virtual time
Then come the lines that must appear, all of them and no other, in this order. Blocks are called by height and order of
appearance: 4a is the first block of height 4 that anybody made, 4b the second. Times are whole seconds; what happens within one
second is ordered by node. `#` begins a comment: each says which rule the lines show.
"""
import difflib
import os
import re
import subprocess
import sys


def read_story(path):
    keys, lines = {"show": [], "recv": []}, []
    for line in open(path):
        line = line.split("#")[0].rstrip()
        head = re.match(r"(scenario|options|show|recv|nodes|from|to): *(.*)", line)
        if head and head[1] in ("show", "recv"):
            keys[head[1]].append(head[2])
        elif head:
            keys[head[1]] = head[2]
        elif line:
            lines.append(line)
    return keys, lines


class Names:
    """Blocks by height and order of appearance."""

    def __init__(self):
        self.of, self.used = {"0" * 16: "nil"}, {}

    def add(self, height, block):
        if block not in self.of:
            letter = chr(ord("a") + self.used.get(height, 0))
            self.used[height] = self.used.get(height, 0) + 1
            self.of[block] = f"{height}{letter}"

    def get(self, block):
        return self.of.get(block, "genesis")


def told(keys, transcript):
    shows = {}
    for show in keys["show"]:
        kind, columns, only = re.fullmatch(r"(\w+)\((.*)\) *(\w+=\S+)?", show).groups()
        shows[kind] = [c.strip() for c in columns.split(",") if c.strip()], only
    frames = {}
    for recv in keys["recv"]:
        node, *names = recv.split()
        frames[int(node)] = names
    nodes = [int(n) for n in keys.get("nodes", "").split()]
    first, last = float(keys.get("from", 0)), float(keys.get("to", 1e18))
    names, out = Names(), []
    for line in transcript.splitlines():
        match = re.match(r"\[ *([\d.]+)\] (\d+) ([*<]) (\w+)(.*)", line)
        if not match:
            out.append((1e18, 0, line))
            continue
        time, node, sign, kind, rest = float(match[1]), int(match[2]), match[3], match[4], match[5]
        columns = dict(re.findall(r"(\w+)=(\S+)", rest))
        if kind == "block_produced":
            names.add(columns["height"], columns["block"])
        if not first <= time < last or (nodes and node not in nodes):
            continue
        if sign == "*" and kind in shows:
            wanted, only = shows[kind]
            if only and only not in rest.split():
                continue
            text = kind
            for column in wanted:
                value = columns[column]
                text += f" {column}={names.get(value) if column in ('block', 'parent', 'value') else value}"
            out.append((int(time), node, text))
        elif sign == "<" and kind == "recv" and node in frames and rest.split()[0] in frames[node]:
            out.append((int(time), node, " ".join(["recv"] + rest.split()[:3])))
    out.sort(key=lambda x: (x[0], x[1]))
    return [f"[{time:4d}] {node} {text}" if time < 1e18 else text for time, node, text in out]


def main():
    tell, path = sys.argv[1:3]
    keys, expected = read_story(path)
    scenario = os.path.join(os.path.dirname(path), keys["scenario"])
    run = subprocess.run([tell, scenario, *keys.get("options", "").split()], stdout=subprocess.PIPE, text=True, check=True)
    got = told(keys, run.stdout)
    if "--print" in sys.argv:
        print("\n".join(got))
        return 0
    for line in difflib.unified_diff(expected, got, "the story", "what happened", lineterm="", n=2):
        print(line)
    return 0 if got == expected else 1


sys.exit(main())
