"""Record files that both packages write: what is in them, and a function that writes them with either."""

from __future__ import annotations

import struct

import numpy as np

MAGIC = struct.pack("<I", 0xCED7230A)


def payloads():
    """Payloads of all lengths modulo 4, with the magic number at and beside multiples of 4."""
    rng = np.random.default_rng(7)
    noise = [rng.integers(0, 256, size=n, dtype=np.uint8).tobytes() for n in (1, 2, 3, 4, 5, 100, 1001)]
    return [
        *noise,
        b"",
        MAGIC,
        MAGIC * 2,
        MAGIC + b"tail",
        b"head" + MAGIC,
        b"head" + MAGIC + b"x",
        b"h" + MAGIC + b"not aligned",
        b"abcd" + MAGIC + b"efgh" + MAGIC + b"ij",
        b"abc" + MAGIC * 3,
        MAGIC[:3],
        b"abcd" + MAGIC[:2],
    ]


def headers():
    """Fields of IRHeader whose packed forms are compared."""
    return [
        (0, 1.5, 2, 0),
        (7, 3, 2**40, 2**63),
        (0, [1.0, 2.0, 3.0], 4, 5),
        (0, np.array([0.1], np.float64), 0, 0),
        (0, np.float32(-2), 1, 0),
        (0, True, 1, 0),
        (3, (), 1, 0),
        (0, np.arange(6).reshape(2, 3), 9, 9),
    ]


def write(mx, folder):
    """Write plain.rec, indexed.rec, indexed.idx and words.rec, words.idx with the package `mx`."""
    writer = mx.recordio.MXRecordIO(str(folder / "plain.rec"), "w")
    for payload in payloads():
        writer.write(payload)
    writer.close()
    writer = mx.recordio.MXIndexedRecordIO(str(folder / "indexed.idx"), str(folder / "indexed.rec"), "w")
    for key, (header, payload) in enumerate(zip(headers(), payloads())):
        writer.write_idx(3 * key + 1, mx.recordio.pack(mx.recordio.IRHeader(*header), payload))
    writer.close()
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "words.idx"), str(folder / "words.rec"), "w", key_type=str
    )
    for key in ("b", "a", "another one"):
        writer.write_idx(key, key.encode() * 3)
    writer.close()


FILES = ["plain.rec", "indexed.rec", "indexed.idx", "words.rec", "words.idx"]
