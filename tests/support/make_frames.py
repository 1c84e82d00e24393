"""Writes one golden file per frame, tests/vectors/frames/<NAME>.hex, from docs/wire.md alone, and the same bytes as the
fuzzer's first inputs, tests/fuzz/corpus/frames/<NAME>.

Every field gets a value from its frame's code c and its position k (0, 1, ...) in the frame:
  u16 0x1122 + c + k      u32 0x11223344 + 256 c + k      u64 0x1122334455667788 + 256 c + k
  i32 -(1000 c + k)       fixed bytes and items: byte i is (7 c + 31 k + 3 i) mod 256
  bytes<M>                min(M, 130 + k) such bytes
  list of fixed items     3 items, one run of bytes
  list of bytes<M>        2 items, of lengths 5 and min(M, 200); item j counts as position k + j
Run: python3 tests/support/make_frames.py (from the root of the sources)."""
import pathlib


def var(n):
    out = bytearray()
    while True:
        low, n = n & 0x7F, n >> 7
        if n == 0:
            return bytes(out + bytes([low]))
        out.append(low | 0x80)


def run(c, k, n):
    return bytes((7 * c + 31 * k + 3 * i) % 256 for i in range(n))


def u(bits, base):
    return lambda c, k: (base + (256 if bits > 16 else 1) * c + k).to_bytes(bits // 8, "little")


def i32(c, k):
    return (-(1000 * c + k)).to_bytes(4, "little", signed=True)


def raw(n):
    return lambda c, k: run(c, k, n)


def octets(most):
    return lambda c, k: var(min(most, 130 + k)) + run(c, k, min(most, 130 + k))


def items(size):
    return lambda c, k: var(3) + run(c, k, 3 * size)


def many(most):
    def make(c, k):
        second = min(most, 200)
        return var(2) + var(5) + run(c, k, 5) + var(second) + run(c, k + 1, second)
    return make


u16, u32, u64 = u(16, 0x1122), u(32, 0x11223344), u(64, 0x1122334455667788)
hash_, sig, endpoint = raw(32), raw(64), raw(16 + 2)
vote = 2 + 49 + 64

FRAMES = [
    (0x01, "HELLO", [u16, hash_, u64, u64, endpoint, u32]),
    (0x02, "PEERS_GET", [u16]),
    (0x03, "PEERS", [items(32 + 18)]),
    (0x04, "PING", [u64]),
    (0x05, "PONG", [u64]),
    (0x10, "TX", [octets(65536)]),
    (0x11, "TX_IHAVE", [items(32)]),
    (0x12, "TX_GRAFT", [items(32)]),
    (0x13, "TX_PRUNE", []),
    (0x20, "BLOCK_COMPACT", [octets(334), items(8)]),
    (0x21, "BLOCK_IHAVE", [hash_, u64]),
    (0x22, "BLOCK_GRAFT", [hash_]),
    (0x23, "BLOCK_PRUNE", []),
    (0x24, "BLOCK_TXS_GET", [hash_, items(4)]),
    (0x25, "BLOCK_TXS", [hash_, many(65536)]),
    (0x26, "BLOCK_ASK", [hash_, u16]),
    (0x27, "BLOCK_WHOLE", [u16, octets(4 << 20)]),
    (0x30, "HEADERS_GET", [items(32), u64, u16]),
    (0x31, "HEADERS", [many(334)]),
    (0x32, "BLOCKS_GET", [items(32), u64]),
    (0x33, "BLOCK", [octets(4 << 20)]),
    (0x34, "NOT_FOUND", [items(32)]),
    (0x35, "STATE_GET", [items(32)]),
    (0x36, "STATE", [many(1 << 20)]),
    (0x37, "DECISION_GET", [u64]),
    (0x38, "HEADERS_BACK_GET", [hash_, u64, u16]),
    (0x40, "PROPOSAL", [u16, u64, u32, hash_, i32, sig, items(vote)]),
    (0x41, "VOTE_BUNDLE", [items(vote)]),
    (0x42, "VOTE_HAVE", [u64, u32, octets(512), octets(512), i32, i32]),
    (0x43, "DECISION", [octets(1 << 20)]),
    (0x44, "DECISION_IHAVE", [u64, hash_]),
]

if __name__ == "__main__":
    tests = pathlib.Path(__file__).parent.parent
    folder, corpus = tests / "vectors" / "frames", tests / "fuzz" / "corpus" / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    for code, name, fields in FRAMES:
        body = b"".join(field(code, k) for k, field in enumerate(fields))
        (folder / (name + ".hex")).write_text((bytes([code]) + body).hex() + "\n")
        (corpus / name).write_bytes(bytes([code]) + body)
