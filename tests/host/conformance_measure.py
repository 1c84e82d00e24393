"""What a run did, from the traces of its nodes, whoever ran them: propagation, intervals, finality, inclusion; and how far two
samples are from each other. Times are in seconds from the date of genesis."""
import bisect
import collections
import statistics

DEPTH = 2  # blocks above a checkpoint before it is proposed: checkpoint_depth of node/chain/params.def

MEASURES = {  # name: what it says
    "reach 50 %": "from a block's signing until half of the nodes have it",
    "reach 90 %": "... nine tenths",
    "interval": "between the signing of a block and of its parent",
    "finality": "from a checkpoint's signing until half of the nodes hold it final",
    "decision": "from when half of the nodes have the block that lets a checkpoint be proposed, until half hold it final",
    "inclusion": "from a transaction's entry until its node sees it in a block",
}


class Run:
    """blocks[id] = (time, node, height, parent, delay ms); seen[id] = [(time, node)]; final[id] = times; txs = seconds each."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.blocks, self.seen, self.final = {}, collections.defaultdict(list), collections.defaultdict(list)
        self.entered, self.included = {}, {}
        self.overtook = set()  # blocks that somebody had before all of their transactions
        self.last_final = (0, None)

    def add(self, time, node, kind, values):
        if kind == "block_produced":
            height, block, parent, delay = values[:4]
            self.blocks[block] = (time, node, int(height), parent, int(delay))
        elif kind == "block_received":
            self.seen[values[1]].append((time, node))
            if int(values[3]) > 0:
                self.overtook.add(values[1])
        elif kind == "checkpoint_decided":
            self.final[values[2]].append(time)
            self.last_final = max(self.last_final, (int(values[1]), values[2]))
        elif kind == "tx_submitted":
            self.entered[(node, values[0])] = time
        elif kind == "tx_included":
            self.included.setdefault((node, values[0]), time)

    def chain(self):
        """Ids of the blocks of the final chain by height."""
        chain, at = {}, self.last_final[1]
        while at in self.blocks:
            chain[self.blocks[at][2]] = at
            at = self.blocks[at][3]
        return chain

    def reached(self, block, share):
        """Seconds until so many of all nodes have it, its producer being the first; None: never."""
        begin, others = self.blocks[block][0], sorted(self.seen[block])
        needed = -(-self.nodes * share // 100) - 1
        return None if len(others) < needed else (others[needed - 1][0] - begin if needed > 0 else 0.0)

    def measure(self, begin, end):
        """The samples of each measure, of what began within [begin, end)."""
        chain = self.chain()
        samples = {name: [] for name in MEASURES}
        never = 0
        for height, block in chain.items():
            time = self.blocks[block][0]
            if not begin <= time < end:
                continue
            for share in (50, 90):
                seconds = self.reached(block, share)
                never += seconds is None
                samples[f"reach {share} %"] += [] if seconds is None else [seconds]
            if height - 1 in chain:
                samples["interval"].append(time - self.blocks[chain[height - 1]][0])
            if len(self.final[block]) >= -(-self.nodes // 2):
                decided = sorted(self.final[block])[-(-self.nodes // 2) - 1]
                samples["finality"].append(decided - time)
                above = chain.get(height + DEPTH)
                seconds = above and self.reached(above, 50)
                samples["decision"] += [] if seconds is None else [decided - self.blocks[above][0] - seconds]
        for key, time in self.entered.items():
            if begin <= time < end and key in self.included:
                samples["inclusion"].append(self.included[key] - time)
        return samples, never

    def waiting(self, begin, end):
        """Transactions that entered within [begin, end) and never got into a block."""
        return sum(begin <= time < end and key not in self.included for key, time in self.entered.items())


    def deliveries(self, begin, end):
        """{(producer, receiver): seconds from the signing of each block to its reception}, of blocks signed within [begin, end)
        that needed no further questions."""
        pairs = collections.defaultdict(list)
        for block, (time, producer, *_) in self.blocks.items():
            if begin <= time < end and block not in self.overtook:
                for at, node in self.seen[block]:
                    pairs[(producer, node)].append(at - time)
        return pairs

    def lines(self):
        """{the signers from genesis to a block, on the final chain or off it: its VRF delay}. Keys and genesis being the same,
        such a line has the same beacons and so the same delays wherever it grew."""
        known = {}

        def line(block):
            if block not in known:
                _, node, height, parent, _ = self.blocks[block]
                before = () if height == 1 else line(parent) if parent in self.blocks else None
                known[block] = None if before is None else before + (node,)
            return known[block]

        for block in sorted(self.blocks, key=lambda b: self.blocks[b][2]):
            line(block)
        return {signers: self.blocks[block][4] for block, signers in known.items() if signers}


def same_blocks(first, second):
    """Heights that both final chains have, and how many of them have the same signer and the same VRF delay."""
    one, two = first.chain(), second.chain()
    both = [height for height in one if height in two]

    def facts(run, block):
        _, node, _, _, delay = run.blocks[block]
        return node, delay

    return len(both), sum(facts(first, one[h]) == facts(second, two[h]) for h in both)


def quantile(sample, q):
    """Linear between the order statistics."""
    ordered = sorted(sample)
    at = q * (len(ordered) - 1)
    low = int(at)
    return ordered[low] + (at - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def kolmogorov(first, second):
    """The largest distance between the two empirical distribution functions."""
    one, two = sorted(first), sorted(second)
    return max(abs(bisect.bisect_right(one, x) / len(one) - bisect.bisect_right(two, x) / len(two)) for x in one + two)


def compare(real, simulated):
    """Rows (name, sizes, medians, ratio of medians, ratio of 90 % quantiles, distance) of the measures both have."""
    rows = []
    for name in MEASURES:
        a, b = real[name], simulated[name]
        if len(a) < 2 or len(b) < 2:
            continue
        middle = statistics.median(a), statistics.median(b)
        rows.append({"name": name, "sizes": (len(a), len(b)), "medians": middle, "ratio": middle[1] / middle[0],
                     "ratio90": quantile(b, 0.9) / quantile(a, 0.9), "distance": kolmogorov(a, b)})
    return rows
