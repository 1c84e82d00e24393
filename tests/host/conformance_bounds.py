"""What a short run may hold against the simulator or the daemons, so that a wrong one is caught and chance is not.

A run of 30 blocks is a small sample: who signs next is drawn, the distances of blocks are drawn, and once a fork has fallen
differently the two sides draw differently. With six nodes in four cities the median of "reached by half" is 5 ms or 165 ms,
depending on whose turn it was; no band around a ratio of such medians is both safe and narrow. So three kinds of bounds:

- what is not drawn is compared closely. Equal lines of signers must give equal VRF delays, exactly. The way from a producer to a
  receiver does not depend on who else signs when: where the relay's trees, which each side grows for itself, leave no choice, it
  is nearly the same number (the median of all ratios, within ALL_BAND), and else some paths of the same cities (most pairs
  within PAIR_BAND). Chance is in that too, on both sides: a lost packet, a branch that prunings cut off, a block before its
  transactions (1 to 29 of 216 receptions in ten simulations) take three times as long. So blocks that needed questions do not
  count, and of a pair's times the lower quartile does. The time from the block that lets a checkpoint be proposed to its decision
  is some rounds of votes over the same paths. SLACK on both sides is for the machine, which schedules as it likes: it is a loss
  where the number is 3 ms, and nothing where it is 170.
- what is drawn is compared as distributions, by the critical value of Kolmogorov and Smirnov for the sample sizes at LEVEL, the
  chance that a right simulator fails by. Transactions enter blocks together, so they count as the blocks.
- numbers of blocks lie within SPREAD standard deviations of a Poisson process, whose distances scatter more than those of blocks.
"""
import math
import statistics

from conformance_measure import kolmogorov, quantile

LEVEL, SPREAD = 1e-6, 4
SLACK, FEW = 0.010, 2
PAIR_BAND, SHARE, ALL_BAND, DECISION_BAND = 3.0, 0.75, 1.6, 2.0


def within(first, second, band):
    """Whether two times agree within a factor `band`."""
    ratio = (first + SLACK) / (second + SLACK)
    return 1 / band <= ratio <= band


def critical(size, other_size, level=LEVEL):
    """The distance that two samples of one law exceed with the probability `level` at most."""
    return math.sqrt(-math.log(level / 2) / 2) * math.sqrt((size + other_size) / (size * other_size))


def of_pairs(first, second):
    """Faults of the ways from producers to receivers."""
    common = [p for p in first if len(first[p]) >= FEW and len(second.get(p, ())) >= FEW]
    if not common:
        return ["no pair of producer and receiver has enough blocks on both sides"]
    times = [(quantile(first[p], 0.25), quantile(second[p], 0.25)) for p in common]
    good = sum(within(a, b, PAIR_BAND) for a, b in times)
    ratio = statistics.median((b + SLACK) / (a + SLACK) for a, b in times)
    print(f"{good} of {len(common)} pairs of producer and receiver within a factor of {PAIR_BAND:.0f}; median of their ratios {ratio:.3f}")
    faults = [] if good >= SHARE * len(common) else [f"only {good} of {len(common)} pairs agree"]
    return faults + ([] if 1 / ALL_BAND <= ratio <= ALL_BAND else [f"the median pair is off by {ratio:.3f}"])


def of_counts(name, first, second):
    return [] if abs(first - second) <= SPREAD * math.sqrt(first + second) else [f"{name}: {first} and {second}"]


def of_samples(first, second):
    """Faults of what is drawn."""
    faults = []
    blocks = len(first["interval"]), len(second["interval"])
    for name in ("reach 50 %", "reach 90 %", "interval", "inclusion"):
        sizes = [min(len(side[name]), number) for side, number in zip((first, second), blocks)]
        if 0 in sizes:
            faults.append(f"{name}: nothing to compare")
        elif (distance := kolmogorov(first[name], second[name])) > critical(*sizes):
            faults.append(f"{name}: distance {distance:.3f} above {critical(*sizes):.3f}")
    return faults


def of_decisions(first, second):
    """Faults of the time a decision takes."""
    if not first or not second:
        return ["no decisions to compare"]
    medians = statistics.median(first), statistics.median(second)
    return [] if within(*medians, DECISION_BAND) else [f"decision: medians {medians[0]:.3f} s and {medians[1]:.3f} s"]


def find_faults(real, simulated, begin, end):
    """What is wrong with one of the two, in words; of what began within [begin, end)."""
    (samples, _), (other, _) = real.measure(begin, end), simulated.measure(begin, end)
    faults = of_pairs(real.deliveries(begin, end), simulated.deliveries(begin, end))
    faults += of_samples(samples, other) + of_decisions(samples["decision"], other["decision"])
    faults += of_counts("final height", real.last_final[0], simulated.last_final[0])
    faults += of_counts("blocks signed", len(real.blocks), len(simulated.blocks))
    lines, others = real.lines(), simulated.lines()
    common = lines.keys() & others.keys()
    differ = sum(lines[k] != others[k] for k in common)
    if differ or not common:
        faults.append(f"{differ} of {len(common)} blocks with the same signers before them have another VRF delay")
    return faults
