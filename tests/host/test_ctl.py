#!/usr/bin/env python3
"""orreryctl as a person uses it, against hosts in one process. Usage: test_ctl.py ORRERYCTL REST_SERVER"""
import fcntl, http.server, json, os, pty, re, signal, subprocess, sys, tempfile, termios, threading

ctl, server = sys.argv[1:]


class Liar(http.server.BaseHTTPRequestHandler):
    """A node that says whatever may harm who listens to it."""
    announced = 0

    def do_GET(self):
        answer = {"/node/info": {"friendlyName": "\x1b]0;owned\x07\x9b31mfriend", "networkIdentifier": 1, "genesisHash": "00" * 32},
                  "/chain/height": {"height": [5, 0]},
                  "/block/5": {"block": {"height": [5, 0], "timestamp": [2**32 - 1, 2**32 - 1], "feeMultiplier": [0, 1]}, "meta": {}}}
        body = answer.get(self.path, {"code": "x", "message": "\x1b[2Jnothing"})
        self.send(200 if self.path in answer else 404, body)

    def do_PUT(self):
        Liar.announced += 1
        self.send(202, {"hash": "00" * 32})

    def send(self, status, body):
        text = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def listens_to_a_liar(run, alice):
    node = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=node.serve_forever, daemon=True).start()
    at = ("--node", f"http://127.0.0.1:{node.server_port}")
    for said in (run("info", *at), run("info", "--json", *at), run("block", "5", *at), run("account", alice, *at, code=2)):
        assert not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in said), ascii(said)
    assert "friend" in run("info", *at)
    assert "--fee" in run("send", "bob", alice, "1", *at, code=1) and Liar.announced == 0, "it would have paid any fee"
    run("send", "bob", alice, "1", "--fee", "0.01", *at)
    assert Liar.announced == 1
    node.shutdown()


def interrupted(environment):
    """Asked for a passphrase, ended by ^C: the terminal shows again what is typed."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(environment)
        os.environ.pop("ORRERY_PASSPHRASE_FILE", None)
        os.execv(ctl, [ctl, "wallet", "new", "carol"])
    said = b""
    while b"passphrase: " not in said or termios.tcgetattr(terminal)[3] & termios.ECHO:
        said += os.read(terminal, 100) if b"passphrase: " not in said else b""
    os.write(terminal, b"half\x03")
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    os.close(terminal)


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
    for words in (("send", "alice", "bob", "1"), ("faucet", "bob"), ("status", tx)):  # before anything is sent
        assert "finalized" in run(*words, "--wait", "final", code=1)
    assert "written" in subprocess.run([ctl, "wallet", "export", "bob"], env=environment, stdout=open("/dev/full", "w"),
                                       stderr=subprocess.PIPE, text=True).stderr
    listens_to_a_liar(run, alice["publicKey"])
    interrupted(environment)
    # A node is registered while it runs, with a passphrase of its own.
    keys, words = os.path.join(folder.name, "node.keys"), os.path.join(folder.name, "words")
    with open(words, "w") as file:
        file.write("another\n")
    ask("keys", "new", "-o", keys, "--passphrase-file", words)
    assert "passphrase is wrong" in run("register", "alice", keys, "192.0.2.1:7900", code=1)
    with open(keys) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run("register", "alice", keys, "192.0.2.1:7900", "--keys-passphrase-file", words, "--wait", "confirmed")
    assert "node" in ask("account", "alice")["account"]
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
    words = dict(re.findall(r'\*:(\w+)\) choice="([^"]*)"', script))
    assert sorted(words) == sorted(script.split('choice="')[1].split('"')[0].split())
    for command, known in words.items():
        text = run(command, "--help")
        assert "--help" in known or command == "completion"
        for option in re.findall(r"--[a-z-]+", known.replace("--help", "")):
            assert option in text, f"{command} --help says nothing of {option}"
    assert run("completion", "zsh").startswith("#compdef orreryctl\n")
    process.stdin.close()
    assert process.wait(30) == 0
    print("orreryctl: wallets, payments, stake, views and refusals")


main()
