#!/usr/bin/env python3
"""kill -9 at random instants over five daemons under a load of transfers: no final block is lost, nobody signs twice, blocks
become final again, and every database is whole at the end. Usage: test_kill.py BUILD. ORRERY_KILLS (20) says how often,
ORRERY_SEED draws victims and pauses; what they interrupt is up to the machine."""
import os
import random
import sys
import time

sys.dont_write_bytecode = True
from live import network, programs_folder, under_load  # noqa: E402

KILLS = int(os.environ.get("ORRERY_KILLS", "20"))
NODES, TARGET_MS = 5, 500


def victims(draw):
    """Mostly one; two stop finality, five are a power failure of the house."""
    return draw.sample(range(1, NODES + 1), draw.choices((1, 2, NODES), (12, 4, 1))[0])


def kill_often(live, draw):
    """Returns how often all were down, and the largest number of seconds until all had new final blocks again."""
    killed, everybody, longest = 0, 0, 0.0
    rounds = 0
    while killed < KILLS:
        rounds += 1
        time.sleep(draw.uniform(0, 0.6))
        chosen = victims(draw)[:KILLS - killed]
        top = live.final(1)[0]
        live.kill(*chosen)
        killed += len(chosen)
        everybody += len(chosen) == NODES
        time.sleep(draw.uniform(0, 0.4))
        live.start(*chosen)
        begin = time.monotonic()
        if rounds % 3 == 0 or len(chosen) == NODES:  # else the next one may fall into its recovery
            live.wait_final(top + 1)
            longest = max(longest, time.monotonic() - begin)
        else:
            live.wait_final(0)
    return everybody, longest


def main():
    programs = programs_folder(sys.argv)
    seed = int(os.environ.get("ORRERY_SEED", "7"))
    with network("kill", programs, NODES, TARGET_MS) as live, under_load(live) as load:
        live.start()
        live.wait_final(1)
        load.start()
        begin = time.monotonic()
        everybody, longest = kill_often(live, random.Random(seed))
        took = time.monotonic() - begin
        top = live.wait_final(max(live.final(n)[0] for n in live.nodes()) + 4)
        load.stop()
        included = min(load.included(node) for node in live.nodes())
        final, votes, blocks = live.end_well()
        assert included >= KILLS, f"{included} transfers: there was no load"
        print(f"{KILLS} kills in {took:.0f} s, {everybody} of all at once; {len(final)} final blocks up to height {top}, none lost; "
              f"{votes} votes and {blocks} blocks signed, none twice; {included} of {sum(load.accepted.values())} transfers included; "
              f"final again within {longest:.1f} s")


if __name__ == "__main__":
    main()
