#!/usr/bin/env python3
"""Dates that jump by an hour under running daemons: of one node forth and back, then of all. The others go on, who is back
follows again, and nobody signs twice. Usage: test_clock.py BUILD LIBCLOCK_SHIFT"""
import os
import struct
import sys
import time

sys.dont_write_bytecode = True
from live import network, programs_folder, under_load  # noqa: E402

NODES, TARGET_MS, HOUR = 5, 500, 3600 * 1000


class Clocks:
    def __init__(self, live, library):
        self.live = live
        for node in live.nodes():
            live.environment[node] = {"LD_PRELOAD": library, "ORRERY_CLOCK_SHIFT": str(self.path(node))}
        self.jump(0, live.nodes())

    def path(self, node):
        return self.live.home(node) / "shift"

    def jump(self, ms, nodes):
        for node in nodes:
            with open(self.path(node), "r+b" if self.path(node).exists() else "wb") as file:
                file.write(struct.pack("=q", ms))  # in place: the daemon has it mapped


def goes_on(live, nodes):
    begin = time.monotonic()
    live.wait_final(max(live.final(n)[0] for n in nodes) + 4, nodes)
    print(f"nodes {nodes} went on within {time.monotonic() - begin:.1f} s", flush=True)


def main():
    library = os.path.abspath(sys.argv.pop(2))
    programs = programs_folder(sys.argv)
    with network("clock", programs, NODES, TARGET_MS) as live, under_load(live, per_second=40) as load:
        clocks, everybody = Clocks(live, library), live.nodes()
        live.start()
        live.wait_final(1)
        load.start()
        for ms in (HOUR, -HOUR):
            clocks.jump(ms, [5])
            goes_on(live, [1, 2, 3, 4])
            clocks.jump(0, [5])
            goes_on(live, everybody)
        clocks.jump(HOUR, everybody)
        goes_on(live, everybody)
        load.stop()
        final, votes, blocks = live.end_well()
        print(f"{len(final)} final blocks, none lost; {votes} votes and {blocks} blocks signed, none twice")


if __name__ == "__main__":
    main()
