#!/usr/bin/env python3
"""A daemon that keeps few blocks beside two that keep all: old ones go, also over a restart, REST says 404 for them and still knows
where a transaction stood, and the daemon goes on. Usage: test_prune.py BUILD"""
import hashlib
import sys

sys.dont_write_bytecode = True
from live import Load, network, number, programs_folder  # noqa: E402

NODES, TARGET_MS, PRUNED = 3, 200, 3
EPOCH_BLOCKS = 8
KEPT = 4 * EPOCH_BLOCKS + 60  # the least that keep_blocks can say


def first_height(live):
    return number(live.ask(PRUNED, "/diagnostic/storage")["firstHeight"])


def answers(live, tx, at):
    """What REST says on both sides of the first block that is kept."""
    first = first_height(live)
    assert first > at, f"block {at} is still there"
    for height in (1, at):
        assert live.ask(PRUNED, f"/block/{height}") is None, f"block {height} is gone, but not from REST"
        assert live.ask(PRUNED, f"/block/{height}/transactions") is None
        assert live.ask(1, f"/block/{height}") is not None, "who keeps all has it"
    top = live.final(PRUNED)[0]
    for height in (top, top - KEPT // 2):
        assert live.ask(PRUNED, f"/block/{height}") == live.ask(1, f"/block/{height}"), f"block {height}"
    status = live.ask(PRUNED, f"/transaction/{tx}/status")
    assert status["group"] == "finalized" and number(status["height"]) == at, status
    assert live.ask(PRUNED, f"/transaction/{tx}") is None and live.ask(1, f"/transaction/{tx}") is not None
    return first


def main():
    with network("prune", programs_folder(sys.argv), NODES, TARGET_MS, genesis=[f"set epoch_blocks {EPOCH_BLOCKS}", "set lookback_blocks 16"]) as live:
        settings = live.home(PRUNED) / "node.yaml"
        settings.write_text(settings.read_text() + "policy: {keep_blocks: 1}\n")
        load = Load(live, users=1)
        live.start()
        live.wait_final(1)
        load.fund()
        seed = load.account_seed((live.folder / "faucet.keys").read_bytes()).hex()
        payload = load.signer.transfer(seed, 1, load.accounts[0])
        assert load.put(live.net.rest_port(1), payload)
        tx = hashlib.blake2b(bytes.fromhex(payload), digest_size=32).hexdigest()
        live.wait_for(lambda: (live.ask(PRUNED, f"/transaction/{tx}/status") or {}).get("group") == "finalized", "the transfer is not final")
        at = number(live.ask(PRUNED, f"/transaction/{tx}/status")["height"])
        live.wait_final(at + KEPT + 16)
        live.wait_for(lambda: first_height(live) > at, "nothing was deleted")
        before = answers(live, tx, at)
        live.kill(PRUNED)
        live.start(PRUNED)
        top = live.wait_final(live.final(1)[0] + 16)
        live.wait_for(lambda: first_height(live) > before, "nothing more was deleted")
        after = answers(live, tx, at)
        live.stop()
        live.check_databases()
        live.judge()
        print(f"blocks below {before} gone, after a restart those below {after}; final height {top}")


if __name__ == "__main__":
    main()
