#!/usr/bin/env python3
"""A daemon that cannot start says why, once and clearly, and ends with code 1: never with a crash. Usage: test_start.py BUILD"""
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from live import network, programs_folder  # noqa: E402


def main():
    with network("start", programs_folder(sys.argv), 1, 500) as live, socket.socket() as taken:
        home = live.home(1)
        good = (home / "node.yaml").read_text()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        (home / "file").touch(0o600)
        links, rest = f"127.0.0.1:{live.net.link_port(1)}'", f"127.0.0.1:{live.net.rest_port(1)}'"
        for was, now, why in (("data: data", "data: file", "file"),
                              ("data: data", "data: file/data", "cannot be made"),
                              (f"listen: ['{links}", f"listen: ['127.0.0.1:{busy}'", "address already in use"),
                              (f"listen: '{rest}", f"listen: '127.0.0.1:{busy}'", f"port={busy} state=refused"),
                              ("../faucet.keys", "nowhere.keys", "nowhere.keys: No such file"),
                              ("trace: trace.tsv", "trace: nowhere/trace.tsv", "No such file"),
                              ("genesis: ../genesis.bin", "genesis: file", "genesis"),
                              ("keys: node.keys", "keys: file", "not a keystore")):
            assert good.count(was) == 1, was
            (home / "node.yaml").write_text(good.replace(was, now))
            before = len(live.log(1)) if (home / "log").exists() else 0
            live.start(1)
            try:
                code = live.children[1].wait(60)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{now}: it runs on") from None
            said = live.log(1)[before:]
            assert code == 1 and any(" error " in line and why in line for line in said.splitlines()), (now, code, said)
        assert good.count("'testnet 1'") == 1
        (home / "node.yaml").write_text(good.replace("'testnet 1'", "'x" + 40 * "\u00fc" + "'"))  # cut, not within a character
        live.start(1)
        live.wait_final(2)
        assert live.ask(1, "/node/info")["friendlyName"] == "x" + 31 * "\u00fc"
        live.stop(1)
    print("start: eight ways not to, each with its reason")


main()
