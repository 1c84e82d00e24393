"""Writes tests/vectors/chain-block.tsv from docs/wire.md 2, 3, 5, 7 alone, with hashlib and a plain Ed25519 (RFC 8032,
section 6): headers, block ids, signatures of headers and votes, Merkle roots of transaction ids and a genesis; and the first
inputs of the fuzzer, tests/fuzz/corpus/block.
Run: python3 tests/support/make_blocks.py (from the root of the sources)."""
import hashlib
import pathlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    p, q = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    r, s = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = q - p, s - r, s + r, q + p
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def mul(n, a):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, a)
        a, n = add(a, a), n >> 1
    return total


def base():
    y = 4 * pow(5, P - 2, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return (x, y, 1, x * y % P)


def pack(a):
    inverse = pow(a[2], P - 2, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def h512(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


def secret(seed):
    wide = hashlib.sha512(seed).digest()
    scalar = (int.from_bytes(wide[:32], "little") & ((1 << 254) - 8)) | 1 << 254
    return scalar, wide[32:]


def public(seed):
    return pack(mul(secret(seed)[0], base()))


def sign(seed, message):
    scalar, prefix = secret(seed)
    key = public(seed)
    r = h512(prefix + message) % L
    point = pack(mul(r, base()))
    s = (r + h512(point + key + message) * scalar) % L
    return point + s.to_bytes(32, "little")


def h(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def fill(start, n):
    return bytes((start + 5 * i) % 256 for i in range(n))


def le(v, n):
    return (v % 2 ** (8 * n)).to_bytes(n, "little")


def tree(ids):
    if not ids:
        return bytes(32)
    if len(ids) == 1:
        return h(b"\0" + ids[0])
    split = 1
    while split * 2 < len(ids):
        split *= 2
    return h(b"\1" + tree(ids[:split]) + tree(ids[split:]))


def main():
    rows = []
    genesis = fill(3, 32)
    for i in range(3):
        seed = fill(i, 32)
        body = (le(1, 2) + genesis + le(1000 + i, 8) + le(1700000000123 + i, 8) + fill(40 + i, 32) + public(seed)
                + fill(50 + i, 80) + le(2**59 + i, 8) + fill(60 + i, 32) + fill(70 + i, 32) + le(77 + i, 4))
        header = body + sign(seed, b"xpx/header/1" + genesis + body)
        rows.append(["header", str(i), header.hex(), h(header).hex()])
    for i, (kind, jr) in enumerate([(1, -1), (2, -1), (1, 5)]):
        seed = fill(i, 32)
        body = le(kind, 1) + le(99 + i, 8) + le(7 + i, 4) + fill(80 + i, 32) + le(jr, 4)
        vote = le(300 + i, 2) + body + sign(seed, b"xpx/vote/1" + genesis + public(seed) + body)
        rows.append(["vote", str(i), vote.hex(), public(seed).hex()])
    for n in list(range(0, 20)) + [63, 64, 65, 127, 1000]:
        rows.append(["root", str(n), tree([h(le(i, 8)) for i in range(n)]).hex(), "-"])
    keys = sorted(fill(17 * i, 32) for i in range(5))
    params = [(3, 700), (12, 480), (24, 1)]  # max_future_ms, epoch_blocks, governance
    encoded = le(1, 2) + le(0x4F525259, 4) + le(1700000000000, 8) + fill(9, 32) + fill(11, 32)
    encoded += bytes([3]) + b"".join(le(key, 2) + le(value, 8) for key, value in params)
    encoded += bytes([5]) + b"".join(key + le(1000 + i, 8) + le(i * 2500000, 8) for i, key in enumerate(keys))
    encoded += bytes([2])
    for i in (1, 3):
        ends = b"".join(bytes(10) + b"\xff\xff" + bytes([10, 0, i, k]) + (7900 + k).to_bytes(2, "big") for k in range(i))
        encoded += keys[i] + fill(90 + i, 32) + bytes([i]) + ends + fill(100 + i, 32) + fill(110 + i, 32) + le(i, 4)
        encoded += fill(120 + i, 32)
    rows.append(["genesis", "0", encoded.hex(), h(b"xpx/genesis/1" + encoded).hex()])
    corpus = pathlib.Path(__file__).parent.parent / "fuzz" / "corpus" / "block"
    corpus.mkdir(parents=True, exist_ok=True)
    header, vote = bytes.fromhex(rows[0][2]), [bytes.fromhex(row[2]) for row in rows if row[0] == "vote"]
    block = header + bytes([3, 0, 5]) + fill(1, 5) + bytes([0xC8, 1]) + fill(2, 200)
    for name, content in (("block", b"\0" + block), ("header", b"\1" + header), ("votes", b"\2" + vote[0] + vote[1]),
                          ("genesis", b"\3" + encoded)):
        (corpus / name).write_bytes(content)
    path = pathlib.Path(__file__).parent.parent / "vectors" / "chain-block.tsv"
    path.write_text("# own, by tests/support/make_blocks.py from docs/wire.md with hashlib and a plain RFC 8032 signer\n"
                    "# genesis: number, encoded, hash\n# header: number, encoded, block id; vote: number, encoded, voter key; root: count of ids "
                    "H(u64 i), Merkle root\n" + "".join("\t".join(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
