#!/usr/bin/env python3
"""Every block of a chain against the formula of its delay, without any code of the node: edwards25519, ECVRF-EDWARDS25519-SHA512-TAI
(RFC 9381) and the rule of docs/wire.md 3 in whole numbers of Python.

  conformance_delays.py CHAIN NODES    a chain file (docs/chain-file.md) and nodes.tsv of `orrery population`; all bond the same stake

For each block: its proof verifies under its signer's VRF key for the generation signature of its parent and its height; the delay
that follows from it, its base target and its signer's stake is the distance of its date from its parent's, to the millisecond."""
import pathlib
import struct
import sys
from hashlib import blake2b, sha512

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from make_production import h, nln, smallest  # noqa: E402

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)
STAKE = 1_000_000  # tokens, as conformance.py bonds


def add(a, b):
    """Extended coordinates: x/z, y/z, z, xy/z."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, g = 2 * D * a[3] * b[3], 2 * a[2] * b[2]
    u, v, w, x = (f - e) % P, (g - c) % P, (g + c) % P, (f + e) % P
    return u * v % P, w * x % P, v * w % P, u * x % P


def times(n, point):
    out = ZERO
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def decode(data):
    """A point, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    u, v = y * y - 1, D * y * y + 1
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT % P
    if (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def encode(point):
    inverse = pow(point[2], -1, P)
    return (point[1] * inverse % P | (point[0] * inverse % P & 1) << 255).to_bytes(32, "little")


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def public_of(seed):
    x = int.from_bytes(sha512(seed).digest()[:32], "little") & (1 << 254) - 8 | 1 << 254
    return encode(times(x, BASE))


def to_curve(public, alpha):
    for n in range(256):
        point = decode(sha512(b"\3\1" + public + alpha + bytes([n, 0])).digest()[:32])
        if point:
            return times(8, point)
    raise AssertionError("no point in 256 tries")


def beta_of(public, pi, alpha):
    """The output of a proof that is right."""
    gamma, c, s = decode(pi[:32]), int.from_bytes(pi[32:48], "little"), int.from_bytes(pi[48:], "little")
    assert gamma and s < ORDER
    at = to_curve(public, alpha)
    u = add(times(s, BASE), times(ORDER * 8 - c, decode(public)))
    v = add(times(s, at), times(ORDER * 8 - c, gamma))
    text = b"\3\2" + public + encode(at) + pi[:32] + encode(u) + encode(v) + b"\0"
    assert sha512(text).digest()[:16] == pi[32:48], "the proof is wrong"
    return sha512(b"\3\3" + encode(times(8, gamma)) + b"\0").digest()


def records(path):
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"XPXCHAIN"
    version, length = struct.unpack_from("<II", data, 8)
    assert version == 1
    yield "g", data[16:16 + length]
    at = 16 + length
    while at < len(data):
        tag, length = struct.unpack_from("<cI", data, at)
        yield tag.decode(), data[at + 5:at + 5 + length]
        at += 5 + length


def check_chain(chain, nodes):
    """The number of blocks; AssertionError when one is not what the formula gives."""
    rows = [line.split("\t") for line in pathlib.Path(nodes).read_text().splitlines()]
    members = [dict(zip(rows[0], row)) for row in rows[1:]]
    keys = {bytes.fromhex(m["account"]): public_of(bytes.fromhex(m["vrf seed"])) for m in members}
    blocks = 0
    for tag, data in records(chain):
        if tag == "g":
            _, _, date, seed = struct.unpack_from("<HIQ32s", data)
            parent, signature = blake2b(b"xpx/genesis/1" + data, digest_size=32).digest(), h(b"xpx/gs/1" + seed)
        if tag != "b":
            continue
        height, ts, above, signer, pi, bt = struct.unpack_from("<QQ32s32s80sQ", data, 34)
        blocks += 1
        assert height == blocks and above == parent, f"block {height} is not above the last one"
        beta = beta_of(keys[signer], pi, b"xpx/gen/1" + signature + struct.pack("<Q", height))
        effort = nln(max(1, int.from_bytes(h(b"xpx/hit/1" + beta)[:8], "little"))) << 32
        delay = smallest(lambda d: effort < STAKE * bt * d, 2**31 - 1)
        assert ts == date + delay, f"block {height}: {ts - date} ms after its parent, not {delay}"
        parent, date, signature = h(data[:334]), ts, h(b"xpx/gs/1" + beta)
    return blocks


if __name__ == "__main__":
    print(f"{check_chain(*sys.argv[1:3])} blocks: every proof and every delay is what the formula gives")
