#!/usr/bin/env python3
"""A daemon under valgrind's memcheck follows a network of three others and stops cleanly: no invalid access, nothing lost. Skipped
where valgrind is not installed or ORRERY_FULL is not set. Usage: test_valgrind.py BUILD"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
from live import network, programs_folder  # noqa: E402

NODES, TARGET_MS, CHECKED, TRIES, SKIP = 4, 3000, 4, 8, 77
VALGRIND = ("valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
            "--error-exitcode=99")


def main():
    programs = programs_folder(sys.argv)
    if shutil.which("valgrind") is None or "ORRERY_FULL" not in os.environ:
        print("skipped: no valgrind, or no ORRERY_FULL=1")
        return SKIP
    with network("valgrind", programs, NODES, TARGET_MS) as live:
        live.start(*range(1, CHECKED))
        live.wait_final(0)
        for k in range(TRIES):  # a stop that takes too long at this speed is cut short by the daemon and shows nothing
            live.start(CHECKED, prefix=VALGRIND)
            live.wait_final(4 if k == 0 else 0, [CHECKED], 600)
            live.children[CHECKED].terminate()
            code = live.children[CHECKED].wait(120)
            text = live.log(CHECKED)
            assert "==" not in text, f"valgrind: {[line for line in text.splitlines() if line.startswith('==')][:30]}"
            assert code in (0, 2), f"{code}: {live.log_end(CHECKED)}"
            if code == 0:
                break
        assert code == 0, f"no clean stop in {TRIES} tries"
        print("valgrind: clean, from the start to a clean stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
