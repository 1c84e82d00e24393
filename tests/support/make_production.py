"""Writes tests/vectors/chain-production.tsv from the rules of docs/wire.md 3 and the comments of production.h, in big
integers: hits, delays in all modes (by search, not by division), retargets, generation signatures.
Run: python3 tests/support/make_production.py (from the root of the sources)."""
import hashlib
import pathlib
import random

LN2_Q64 = 12786308645202655659


def h(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def log2_q48(u):
    """floor(2^48 log2 u) by repeated squaring of a 64-bit mantissa, truncated at each step."""
    n = u.bit_length() - 1
    m = u << (63 - n)
    out = n
    for _ in range(48):
        m = m * m >> 63
        out *= 2
        if m >= 1 << 64:
            out += 1
            m >>= 1
    return out


def nln(u):
    return ((64 << 48) - log2_q48(u)) * LN2_Q64 >> 64


def smallest(legal, limit):
    low, high = 1, limit
    if not legal(limit):
        return 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if legal(middle) else (middle + 1, high)
    return low


def main():
    draw = random.Random(1)
    rows = []
    for i in range(400):
        beta = draw.randbytes(64)
        u = max(1, int.from_bytes(h(b"xpx/hit/1" + beta)[:8], "little"))
        stake = max(1, draw.getrandbits(draw.randrange(1, 37)) % 2**36)
        target = draw.choice([100, 1000, 15000, 60000, 3600000])
        bt = min(max(2**80 // (stake * target) * draw.randrange(1, 40) // 10 + draw.randrange(1000), 1), 2**60 - 1)
        uniform, shape, nxt = draw.randrange(2), draw.randrange(1, 3), draw.randrange(2)
        if nxt:
            target = 60000
            bt = max(bt * 1000 >> 16, 1)
        effort = (u >> 16 if uniform else nln(u)) << 32
        scale = (65536, 1000) if nxt else (1, 1)

        def legal(d):
            if shape == 1:
                return effort * scale[1] < stake * bt * d * scale[0]
            return effort * scale[1] * target < stake * bt * d * d * scale[0]
        delay = smallest(legal, 2**31 - 1 if shape == 1 else 2**22)
        rows.append(["delay", beta.hex(), uniform, shape, nxt, target, stake, bt, u, delay])
    for i in range(60):
        target = draw.choice([1000, 15000])
        n = draw.randrange(1, 75)
        bts = [draw.randrange(2**16, 2**draw.choice([20, 34, 59]))]
        times = [10**12]
        for _ in range(n - 1):
            bts.append(max(2**16, min(2**60 - 1, bts[-1] * draw.randrange(95, 106) // 100)))
            times.append(times[-1] - 1 - int(draw.expovariate(1 / (target * draw.choice([0.7, 1, 1.4])))))
        used = min(n, 60)
        want = bts[0]
        if used > 1:
            want = sum(bts[:used]) // used * (times[0] - times[used - 1]) // ((used - 1) * target)
            step = bts[0] // 20
            want = min(max(want, bts[0] - step), bts[0] + step)
            want = min(max(want, 2**16), 2**60 - 1)
        rows.append(["symbol", target, n, want, ",".join(f"{b}:{t}" for b, t in zip(bts, times))])
    gs, beta = draw.randbytes(32), draw.randbytes(64)
    alpha = b"xpx/gen/1" + gs + (77).to_bytes(8, "little")
    rows.append(["alpha", gs.hex(), 77, alpha.hex()])
    rows.append(["gs", beta.hex(), h(b"xpx/gs/1" + beta).hex()])
    rows.append(["gs0", gs.hex(), h(b"xpx/gs/1" + gs).hex()])
    rows.append(["gs2018", gs.hex(), beta[:32].hex(), hashlib.sha3_256(gs + beta[:32]).hexdigest()])
    rows.append(["novrf", beta[:32].hex(), alpha.hex(), hashlib.blake2b(b"xpx/novrf/1" + beta[:32] + alpha).hexdigest()])
    path = pathlib.Path(__file__).parent.parent / "vectors" / "chain-production.tsv"
    path.write_text("# own, by tests/support/make_production.py in big integers\n"
                    "# delay: beta, uniform, shape, nxt, T ms, stake, bt, U, delay ms (0: none)\n"
                    "# symbol: T ms, ancestors, bt of the child, bt:ts of the ancestors, newest first\n"
                    + "".join("\t".join(map(str, row)) + "\n" for row in rows))


if __name__ == "__main__":
    main()
