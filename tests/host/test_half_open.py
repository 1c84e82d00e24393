#!/usr/bin/env python3
"""A path that goes dark without a word: what was sent over it is not acknowledged, so the daemons end the link after
`stall_timeout`, long before their pings would (which this test puts off), and link again when the path is back. Usage:
test_half_open.py BUILD. Says "skipped: no namespaces" and exits with 77 where there are none."""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from conformance import Daemons, populate  # noqa: E402
from wan import SKIP, Unavailable  # noqa: E402

MORE = "limits: {stall_timeout: 2 s}\npolicy: {ping: 30 min}\n"


def wait(what, daemons, good, seconds=90):
    end = time.monotonic() + seconds
    while not good():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: in vain\n" + "".join((daemons.home(n) / "log").read_text()[-1500:] for n in range(2)))
        daemons.alive()
        time.sleep(0.1)
    print(what)


def main():
    options = argparse.Namespace(build=sys.argv[1], nodes=2, target=1, rate=1, loss="0/1", seed=1, profile=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="orrery-half-open-"))
    daemons = None
    try:
        members, genesis, date_ms = populate(options, folder, 600)
        daemons = Daemons(pathlib.Path(options.build), folder, members, genesis, date_ms, options.loss, options.seed, MORE)
        daemons.start()

        def count(event, node):
            return (daemons.home(node) / "log").read_text(errors="replace").count(f" {event} ")

        def both(event, more_than=(0, 0)):
            return lambda: all(count(event, n) > more_than[n] for n in range(2))

        wait("blocks become final", daemons, both("final"))
        ends, ups = ([count(event, n) for n in range(2)] for event in ("link-end", "link-up"))
        os.kill(daemons.wan.process.pid, signal.SIGSTOP)
        try:
            wait("both ends of the link saw that the path is dark", daemons, both("link-end", ends))
        finally:
            os.kill(daemons.wan.process.pid, signal.SIGCONT)
        wait("linked again", daemons, both("link-up", ups))
        finals = [count("final", n) for n in range(2)]
        wait("blocks become final again", daemons, both("final", finals))
    except Unavailable as why:
        print(f"{why}\nskipped: no namespaces")
        return SKIP
    finally:
        if daemons is not None:
            daemons.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
