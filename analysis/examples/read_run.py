#!/usr/bin/env python3
"""Reads a run file with h5py: the mean time between blocks of the chain, and who produced most.

    python3 read_run.py RUN/run.h5
"""
import sys

import h5py
import numpy

run = h5py.File(sys.argv[1], "r")
meta = run["meta"].attrs
print("seed", meta["seed"], "revision", meta["revision"].decode())
if not meta["complete"]:
    print("incomplete:", meta["why"].decode())

# A table is a group, a column a dataset.
produced = run["trace/block_produced"]
time_ns = produced["time"][:]
node = produced["node"][:]
block = produced["block"][:]
row_of = {b: row for row, b in enumerate(block)}

# The chain: back from the highest tip that any node has at the end.
tips = run["trace/tip_changed"]
last = {n: row for row, n in enumerate(tips["node"][:])}
best = max(last.values(), key=lambda row: (tips["height"][row], tips["score"][row]))
chain = []
row = row_of.get(tips["block"][best])
parents = produced["parent"][:]
while row is not None:
    chain.append(row)
    row = row_of.get(parents[row])
chain.reverse()

gaps_s = numpy.diff(time_ns[chain].astype(float)) / 1e9
print(f"blocks {len(block)}, on the chain {len(chain)}")
print(f"interval mean {gaps_s.mean():.6f} s, sd {gaps_s.std(ddof=1):.6f} s")

stake = run["nodes/stake"][:]
counts = numpy.bincount(node[chain], minlength=len(stake))
print("node  stake share  block share")
for n in numpy.argsort(stake)[::-1][:10]:
    print(f"{n:4d}  {stake[n] / stake.sum():11.4f}  {counts[n] / len(chain):11.4f}")
