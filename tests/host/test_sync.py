#!/usr/bin/env python3
"""A daemon joins a network that goes on under transfers: from genesis, from a trusted block, with a snapshot of a trusted block's
state; and with a trusted block that its peers contradict: it follows none of them and drops them. Usage: test_sync.py BUILD"""
import shutil
import sys
import time

sys.dont_write_bytecode = True
from live import network, number, programs_folder, under_load  # noqa: E402

NODES, TARGET_MS, NEWCOMER, EPOCH_BLOCKS = 5, 300, 5, 60


class Joining:
    def __init__(self, live):
        self.live = live
        self.settings = live.home(NEWCOMER) / "node.yaml"
        self.plain = self.settings.read_text()

    def begin(self, way, height, block, more=""):
        """An empty database and these settings. It forgets what it signed in its former lives; the network has moved on since."""
        shutil.rmtree(self.live.home(NEWCOMER) / "data", ignore_errors=True)
        self.settings.write_text(self.plain + f"sync: {way}\n" + (f"trusted: {{height: {height}, id: {block}}}\n" if block else "") + more)
        self.live.start(NEWCOMER)

    def follows(self, way):
        begin = time.monotonic()
        top = self.live.wait_final(max(self.live.final(n)[0] for n in range(1, NEWCOMER)) + 4)
        print(f"{way}: final height {top} within {time.monotonic() - begin:.1f} s", flush=True)
        return top

    def block(self, node, height):
        found = self.live.ask(node, f"/block/{height}")
        return None if found is None else found["meta"]["hash"].lower()

    def agrees(self, heights):
        for height in heights:
            ids, end = [None, None], time.monotonic() + 30
            while None in ids and time.monotonic() < end:  # a busy machine may not answer at once
                ids = [self.block(node, height) for node in (NEWCOMER, 1)]
            assert ids[0] is not None and ids[0] == ids[1], f"block {height}: {ids}"


def boundary(live):
    """The last epoch's end that is final, once there is one with some blocks above it: its state is what peers serve."""
    live.wait_final(EPOCH_BLOCKS + 8, [1])
    return live.final(1)[0] // EPOCH_BLOCKS * EPOCH_BLOCKS


def join_all_ways(live):
    joining = Joining(live)
    live.wait_final(16, [1])
    joining.begin("genesis", 0, "")
    top = joining.follows("genesis")
    joining.agrees((1, 7, top))
    live.stop(NEWCOMER)

    height = live.final(1)[0]
    joining.begin("checkpoint", height, joining.block(1, height), "policy: {tree_entries: 32}\n")  # which reaches half as far
    top = joining.follows(f"checkpoint at {height}")
    joining.agrees((1, height, top))
    live.stop(NEWCOMER)

    height = boundary(live)
    joining.begin("snapshot", height, joining.block(1, height))
    top = joining.follows(f"snapshot at {height}")
    joining.agrees((height + 1, top))
    assert joining.block(NEWCOMER, height - 8) is None, "it fetched what a snapshot spares"
    live.stop(NEWCOMER)

    height = live.final(1)[0]
    lines = len(live.log(NEWCOMER).splitlines())
    joining.begin("checkpoint", height, "ab" * 32)
    until = time.monotonic() + 120
    while not any(" peer-misbehaved " in line for line in live.log(NEWCOMER).splitlines()[lines:]):
        assert time.monotonic() < until, f"nobody was dropped: {live.log_end(NEWCOMER)}"
        time.sleep(0.1)
    assert live.final(NEWCOMER)[0] == 0 and number(live.ask(NEWCOMER, "/chain/height")["height"]) < height
    print("a trusted block that is contradicted: peers dropped, nothing decided")
    live.stop(NEWCOMER)
    live.wait_final(live.final(1)[0] + 4, list(range(1, NEWCOMER)))


def main():
    programs = programs_folder(sys.argv)
    with network("sync", programs, NODES, TARGET_MS) as live, under_load(live, per_second=40) as load:
        live.start(*range(1, NEWCOMER))
        live.wait_final(0)
        load.start()
        join_all_ways(live)


if __name__ == "__main__":
    main()
