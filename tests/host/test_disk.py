#!/usr/bin/env python3
"""What a disk does to one daemon of four: it is full (a small tmpfs in a mount namespace of the test), then pages of the database
are damaged. The daemon says so and ends or is refused, never crashes; with space again, or repaired, it is back, has lost nothing
that was final and signs nothing twice. Usage: test_disk.py BUILD"""
import contextlib
import pathlib
import random
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from live import network, programs_folder, under_load  # noqa: E402

NODES, TARGET_MS, VICTIM, SKIP = 4, 500, 4, 77
PAGE, DAMAGED = 4096, 24


@contextlib.contextmanager
def small_disk(folder):
    """A process that holds a mount namespace with a tmpfs on `folder`; None: this is not permitted here."""
    holder = holder_begin(folder)
    try:
        yield holder
    finally:
        if holder is not None:
            holder.kill()
            holder.wait()


def holder_begin(folder):
    script = 'mount -t tmpfs -o size=24m,mode=0700 none "$0" && echo ready && exec sleep 100000'
    folder.mkdir(mode=0o700)
    try:
        holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(folder)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    if holder.stdout.readline().strip() != "ready":
        holder.kill()
        holder.wait()
        return None
    return holder


def fill(path):
    """Takes all the space there is, in ever smaller bites."""
    with open(path, "wb", buffering=0) as file:
        bite = 1 << 20
        while bite >= PAGE:
            try:
                if file.write(bytes(bite)) == bite:
                    continue
            except OSError:
                pass
            bite //= 2


def ends(live, node, seconds=120):
    """The exit code of a daemon that must end by itself."""
    try:
        return live.children[node].wait(seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"node {node} runs on: {live.log_end(node)}") from None


def others(live):
    return [node for node in live.nodes() if node != VICTIM]


def goes_on(live, nodes):
    return live.wait_final(max(live.final(n)[0] for n in others(live)) + 4, nodes)


def full_disk(live, holder):
    inside = pathlib.Path(f"/proc/{holder.pid}/root{live.home(VICTIM)}/data")
    within = ("nsenter", "--mount", f"--target={holder.pid}", "--")
    live.start(VICTIM, prefix=within)
    live.wait_final(4)
    filler = inside / "filler"
    fill(filler)
    code = ends(live, VICTIM)
    assert code == 2, f"a full disk gave {code}: {live.log_end(VICTIM)}"
    assert 'error="no space left"' in live.log(VICTIM), live.log_end(VICTIM)
    goes_on(live, others(live))
    lines = len(live.log(VICTIM).splitlines())
    live.start(VICTIM, prefix=within)  # still no room: it may not even come up
    code = ends(live, VICTIM)
    assert code in (1, 2), f"a start on a full disk gave {code}: {live.log_end(VICTIM)}"
    assert any(" error " in line for line in live.log(VICTIM).splitlines()[lines:]), "it did not say why"
    filler.unlink()
    live.start(VICTIM, prefix=within)
    goes_on(live, live.nodes())
    live.stop(VICTIM)
    shutil.copytree(inside, live.home(VICTIM) / "kept")
    print("full disk: said, ended with 2, back with space")


def database(live, word):
    done = subprocess.run([live.net.program("orreryctl"), "db", word, str(live.home(VICTIM) / "data")], capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode in (0, 1, 2), f"db {word} gave {done.returncode}: {done.stderr}"
    return done.returncode


def damaged_pages(live, draw):
    """Garbage over one page at a time. Returns how many were noticed."""
    data = live.home(VICTIM) / "data"
    whole = (data / "data.mdb").read_bytes()
    worst, noticed, hopeless = None, 0, 0
    for page in draw.sample(range(2, len(whole) // PAGE), min(DAMAGED, len(whole) // PAGE - 2)):
        bytes_ = bytearray(whole)
        bytes_[page * PAGE:(page + 1) * PAGE] = draw.randbytes(PAGE)
        (data / "data.mdb").write_bytes(bytes_)
        if database(live, "check") == 0:
            continue  # a free page, or one of an old meta page
        noticed += 1
        if noticed <= 2:
            before = len(live.log(VICTIM))
            live.start(VICTIM)  # on damage: refused, ended with a word, or nothing needs the page yet
            try:
                code = live.children[VICTIM].wait(3)
                assert code in (1, 2), f"page {page} gave {code}: {live.log_end(VICTIM)}"
                said = live.log(VICTIM)[before:]
                assert " error " in said or "orreryctl db repair" in said, said
            except subprocess.TimeoutExpired:
                live.kill(VICTIM)
            (data / "data.mdb").write_bytes(bytes_)
        if database(live, "repair") != 0:
            hopeless += 1  # the page that names the tables: said, and left as it is
            assert (data / "data.mdb").read_bytes()[:len(bytes_)] == bytes_
            continue
        assert database(live, "check") == 0, f"page {page}: not good after repair"
        worst = bytes(bytes_)
    assert worst is not None and hopeless <= 3
    (data / "data.mdb").write_bytes(worst)
    assert database(live, "repair") == 0
    live.start(VICTIM)
    goes_on(live, live.nodes())
    print(f"damaged pages: {noticed} noticed, {noticed - hopeless} repaired, back")


def main():
    with network("disk", programs_folder(sys.argv), NODES, TARGET_MS) as live, under_load(live, per_second=40) as load, \
            small_disk(live.home(VICTIM) / "data") as holder:
        live.start(*others(live))
        live.wait_final(0)
        load.start()
        if holder is None:
            print("skipped: no mount namespace here, so no full disk")
            live.start(VICTIM)
            live.wait_final(8)
            live.stop(VICTIM)
        else:
            full_disk(live, holder)
            data = live.home(VICTIM) / "data"
            shutil.rmtree(data)
            (live.home(VICTIM) / "kept").rename(data)
        damaged_pages(live, random.Random(3))
        load.stop()
        _, votes, blocks = live.end_well()
        print(f"{votes} votes and {blocks} blocks signed, none twice")
    return 0 if holder is not None else SKIP


if __name__ == "__main__":
    sys.exit(main())
