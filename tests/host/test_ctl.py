#!/usr/bin/env python3
"""orreryctl as a person uses it, against hosts in one process. Usage: test_ctl.py ORRERYCTL REST_SERVER"""
import json, os, subprocess, sys, tempfile

ctl, server = sys.argv[1:]


def main():
    folder = tempfile.TemporaryDirectory()
    passphrase = os.path.join(folder.name, "passphrase")
    with open(passphrase, "w") as file:
        file.write("correct horse\n")
    process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline())
    environment = dict(os.environ, ORRERY_WALLET=os.path.join(folder.name, "wallet"),
                       ORRERY_NODE=f"http://127.0.0.1:{port}", ORRERY_PASSPHRASE_FILE=passphrase)

    def run(*arguments, code=0, stdin=None):
        done = subprocess.run([ctl, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def ask(*arguments):
        return json.loads(run(*arguments, "--json"))

    alice = ask("wallet", "new", "alice")
    bob = ask("wallet", "new", "bob", "--no-passphrase")
    assert len(alice["address"]) == 56 and alice["publicKey"] != bob["publicKey"]
    assert "already" in run("wallet", "new", "alice", code=1)
    assert [w["name"] for w in ask("wallet", "list")] == ["alice", "bob"]
    mode = os.stat(os.path.join(environment["ORRERY_WALLET"], "alice.keys")).st_mode & 0o777
    assert mode == 0o600, oct(mode)
    seed = run("wallet", "export", "alice")
    done = run("wallet", "import", "again", "--no-passphrase", stdin=seed)
    assert alice["address"] in done
    with open(passphrase, "w") as file:
        file.write("wrong\n")
    assert "passphrase is wrong" in run("wallet", "export", "alice", code=1)
    with open(passphrase, "w") as file:
        file.write("correct horse\n")

    out = run("faucet", "alice", "20", "--wait", "finalized")
    assert "finalized" in out, out
    assert "at most 100" in run("faucet", "alice", code=2)
    out = run("send", "alice", bob["address"], "1.25", "--memo", "lunch", "--wait", "confirmed")
    tx = out.split()[1]
    assert ask("status", tx, "--wait", "finalized")["group"] == "finalized"
    assert "finalized" in run("status", tx)
    run("bond", "alice", "2", "--wait", "confirmed")
    run("unbond", "alice", "1", "--wait", "confirmed")
    account = ask("account", "alice")["account"]
    assert account["bonded"] == [1000000, 0] and account["nonce"] == [3, 0], account
    assert "1.25" in run("account", bob["publicKey"])
    # What the chain, the node or the command refuses, each with its code.
    assert "Insufficient_Balance" in run("send", "bob", "alice", "100", "--wait", "confirmed", code=2)
    assert "no such account" in run("account", "00" * 32, code=2)
    address = bob["address"]
    slip = ("B" if address[0] != "B" else "C") + address[1:]
    assert "slip" in run("send", "alice", slip, "1", code=1)
    run("send", "alice", "bob", "1.1234567", code=1)
    run("send", "nobody", "bob", "1", code=1)
    run("status", "00" * 32, code=2)
    run("status", "00" * 32, "--wait", "confirmed", "--timeout", "0", code=4)
    run("info", "--node", "http://127.0.0.1:1", code=3)
    run("follow", "--count", "1", "--node", "http://127.0.0.1:1", code=3)

    follow = run("follow", "--count", "5").splitlines()
    assert len(follow) == 5 and all(line.startswith(("block", "FINAL")) for line in follow), follow
    assert ask("block", "tip")["block"]["height"][0] >= ask("block", "final")["block"]["height"][0] > 0
    assert len(ask("peers")) == 2 and "synchronized" in run("info")
    script = run("completion", "bash")
    check = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(orreryctl wa); COMP_CWORD=1; _orreryctl orreryctl wa"
                            "\necho ${COMPREPLY[@]}"], capture_output=True, text=True)
    assert check.stdout.strip() == "wallet", (check.stdout, check.stderr)
    for command in script.split('words="')[1].split('"')[0].split():
        run(command, "--help")
    process.stdin.close()
    assert process.wait(30) == 0
    print("orreryctl: wallets, payments, stake, views and refusals")


main()
