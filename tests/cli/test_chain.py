#!/usr/bin/env python3
"""A chain from the simulator to a daemon's database and back; what is changed on its way is refused. Keystores and
databases as a person handles them."""
import json
import os
import random
import subprocess
import sys
import tempfile

orrery, ctl, scenario = sys.argv[1:4]


def run(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def chain(folder):
    there = os.path.join(folder, "sim.chain")
    run(orrery, "run", scenario, "--nodes", "8", "--duration", "6 min", "--no-record", "--no-report", "--quiet", "-o",
        os.path.join(folder, "out"), "--set", "expect={}", "--export-chain", there)
    here = run(orrery, "chain", "import", there)
    assert here.startswith("good: height ") and " 0 decisions" not in here
    assert run(ctl, "chain", "import", there) == here, "two stores, one verdict"
    assert "ratio" in run(ctl, "chain", "import", there, "--verify")
    said = json.loads(run(ctl, "chain", "import", there, "--verify", "--json"))
    assert said["id"] == here.split()[-1] and said["verify"]["signatures"] > 0 and said["verify"]["ratio"] > 0, said

    # into a database and out again: the same bytes
    data = os.path.join(folder, "data")
    run(ctl, "chain", "import", there, "-d", data)
    run(ctl, "chain", "import", there, "-d", data, code=1)
    with open(there, "rb") as file:
        whole = file.read()
    genesis = os.path.join(folder, "genesis.bin")
    with open(genesis, "wb") as file:
        file.write(whole[16:16 + int.from_bytes(whole[12:16], "little")])
    back = os.path.join(folder, "back.chain")
    exported = json.loads(run(ctl, "chain", "export", data, "--genesis", genesis, "-o", back, "--json"))
    assert (exported["height"], exported["id"]) == (said["height"], said["id"])
    with open(back, "rb") as file:
        assert file.read() == whole
    return whole, data


def tampering(folder, whole):
    path = os.path.join(folder, "tampered.chain")
    start = 16 + int.from_bytes(whole[12:16], "little")
    draw = random.Random(4)
    for case in range(24):
        changed = bytearray(whole)
        if case < 20:
            changed[draw.randrange(start, len(whole))] ^= 1 << draw.randrange(8)
        else:
            del changed[draw.randrange(start, len(whole)):]
        with open(path, "wb") as file:
            file.write(changed)
        for words in ([orrery, "chain", "import", path], [ctl, "chain", "import", path]):
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 2, f"case {case}: {words[0]} says {done.returncode}: {done.stdout}{done.stderr}"


def database(data):
    assert "final_height" in run(ctl, "db", "stat", data)
    assert "damaged_nodes    0" in run(ctl, "db", "check", data)
    path = os.path.join(data, "data.mdb")
    with open(path, "rb") as file:
        pages = bytearray(file.read())
    for at in range(2 * 4096, len(pages), 4096):  # a bit in the upper end of every page: values stand there
        pages[at + 4000] ^= 4
    with open(path, "wb") as file:
        file.write(pages)
    run(ctl, "db", "check", data, code=2)
    done = subprocess.run([ctl, "db", "repair", data], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 1, 2), done.stderr
    if done.returncode == 0:
        run(ctl, "db", "check", data)
        assert os.path.exists(path + ".damaged")


def keys(folder):
    path = os.path.join(folder, "node.keys")
    word = os.path.join(folder, "word")
    with open(word, "w", encoding="utf-8") as file:
        file.write("correct horse\n")
    made = run(ctl, "keys", "new", "-o", path, "--json")
    assert run(ctl, "keys", "show", path, "--json") == made
    run(ctl, "keys", "new", "-o", path, code=1)
    run(ctl, "keys", "seal", path, "--passphrase-file", word)
    assert "passphrase is needed" in run(ctl, "keys", "show", path, code=1)
    assert run(ctl, "keys", "show", path, "--json", "--passphrase-file", word) == made
    os.chmod(path, 0o644)
    assert "others may read it" in run(ctl, "keys", "show", path, "--passphrase-file", word, code=1)


with tempfile.TemporaryDirectory() as top:
    bytes_of_chain, folder_of_data = chain(top)
    tampering(top, bytes_of_chain)
    database(folder_of_data)
    keys(top)
print("chain, db and keys: ok")
