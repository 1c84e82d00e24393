#!/usr/bin/env python3
"""What a long chain costs: a daemon's start on it, and checking all of it again.

  bench_chain.py [--blocks 100000] [--chain FILE] [BUILD]

FILE is made by the simulator unless it is there already: one producer, a transfer a block, `orrery run --export-chain`."""
import argparse
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent


def start(build, folder, whole):
    """Seconds from starting a daemon on the database until its log says what it found and until REST answers."""
    (folder / "genesis.bin").write_bytes(whole[16:16 + int.from_bytes(whole[12:16], "little")])
    subprocess.run([f"{build}/node/client/orreryctl", "keys", "new", "-o", folder / "node.keys"], check=True, capture_output=True)
    (folder / "node.yaml").write_text("data: data\ngenesis: genesis.bin\nkeys: node.keys\nlisten: ['127.0.0.1:28900']\n"
                                      "rest: {listen: '127.0.0.1:28901'}\n", encoding="utf-8")
    begin = time.monotonic()
    daemon = subprocess.Popen([f"{build}/node/daemon/orreryd", "--config", folder / "node.yaml"], stderr=subprocess.PIPE, text=True)
    found = next(line for line in daemon.stderr if " recovered " in line)
    recovered = time.monotonic() - begin
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:28901/chain/height", timeout=1) as answer:
                answer.read()
                break
        except OSError:
            time.sleep(0.002)
    answers = time.monotonic() - begin
    anonymous = next(line for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii").splitlines()
                     if line.startswith("RssAnon"))
    daemon.terminate()
    daemon.communicate()
    return found.split(" recovered ")[1].strip(), recovered, answers, " ".join(anonymous.split()[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--blocks", type=int, default=100000)
    parser.add_argument("--chain")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = pathlib.Path(name)
        chain = pathlib.Path(options.chain or folder / "long.chain")
        if not chain.exists():
            subprocess.run([f"{options.build}/orrery", "run", HERE / "long-chain.yaml", "--duration", f"{options.blocks * 101 // 100} s",
                            "--no-record", "--no-report", "--quiet", "-o", folder / "out", "--export-chain", chain],
                           check=True, stdout=subprocess.DEVNULL)
        ctl = f"{options.build}/node/client/orreryctl"
        begin = time.monotonic()
        subprocess.run([ctl, "chain", "import", chain, "-d", folder / "data"], check=True, stdout=subprocess.DEVNULL)
        print(f"import into a database: {time.monotonic() - begin:.1f} s, {os.path.getsize(folder / 'data/data.mdb') >> 20} MiB")
        found, recovered, answers, anonymous = start(options.build, folder, chain.read_bytes())
        print(f"cold start: {found} after {recovered:.2f} s, REST answers after {answers:.2f} s, {anonymous} anonymous")
        print(subprocess.run([ctl, "chain", "import", chain, "--verify"], check=True, capture_output=True, text=True).stdout, end="")


if __name__ == "__main__":
    main()
