"""The RecordIO format: framing of records, and reading them at any place of a file from any thread.

A record is one chunk or several: the magic number, a word with the length in 29 bits under a flag of 3 (0
whole record, 1 first, 2 middle, 3 last chunk), the payload, and zeros up to a multiple of 4. A record is cut
into chunks where its payload has the magic number at a multiple of 4; the number itself is left out, and put
back by the reader. A file can thus be searched for the beginning of a record from any place.
"""

from __future__ import annotations

import os
import struct
import warnings
from typing import Any

import numpy as np

from .base import MXNetError

__all__ = ["RecordReader", "frame_record", "read_index"]

_MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_HEADER = struct.Struct("<II")
_LENGTH_BITS = 29
_MAX_LENGTH = (1 << _LENGTH_BITS) - 1
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_CHUNK_NAMES = ["a whole record", "a first chunk", "a middle chunk", "a last chunk"]
_SCAN_BYTES = 1 << 16
_SMALL_RECORD = 1 << 13


def _padding(length: int) -> int:
    return -length % 4


def _cuts(payload: bytes) -> list[int]:
    """Positions at multiples of 4 where the payload has the magic number."""
    cuts = []
    at = payload.find(_MAGIC_BYTES)
    while at >= 0:
        if at % 4 == 0:
            cuts.append(at)
        # An occurrence cannot overlap another one: its bytes differ.
        at = payload.find(_MAGIC_BYTES, at + (4 if at % 4 == 0 else 1))
    return cuts


def frame_record(payload: bytes | bytearray | memoryview) -> list[bytes]:
    """Return the pieces that, one after the other, are a record with this payload.

    Raises ValueError if the payload has 2**29 bytes or more.
    """
    data = bytes(payload)
    if len(data) > _MAX_LENGTH:
        raise ValueError(
            f"[RecordIO] a record is too long: got {len(data)} bytes, expected at most {_MAX_LENGTH}; "
            "store it as several records"
        )
    pieces, begin, flag = [], 0, _FIRST
    for cut in _cuts(data):
        pieces += [_HEADER.pack(_MAGIC, flag << _LENGTH_BITS | cut - begin), data[begin:cut]]
        begin, flag = cut + 4, _MIDDLE
    flag = _LAST if pieces else _WHOLE
    rest = data[begin:] if begin else data
    pieces += [_HEADER.pack(_MAGIC, flag << _LENGTH_BITS | len(rest)), rest, bytes(_padding(len(rest)))]
    return pieces


class RecordReader:
    """Reads records by their place in a file. All methods may be called from several threads.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    MXNetError
        If what a method reads is no record; the message names the file and the byte. Nothing larger than the
        rest of the file is ever allocated.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self._fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._fd).st_size

    def close(self) -> None:
        """Close the file; more than once is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()

    def _fail(self, offset: int, problem: str) -> MXNetError:
        return MXNetError(f"[RecordIO] {self.path!r}: damaged record file at byte {offset}: {problem}")

    def _header(self, raw: bytes, offset: int) -> tuple[int, int]:
        """Check one chunk's header; return its flag and the length of its payload."""
        if len(raw) < _HEADER.size:
            raise self._fail(
                offset, f"the header of a chunk needs {_HEADER.size} bytes, the file has {len(raw)} left"
            )
        magic, word = _HEADER.unpack_from(raw)
        if magic != _MAGIC:
            raise self._fail(offset, f"wrong magic number: got {magic:#010x}, expected {_MAGIC:#010x}")
        flag, length = word >> _LENGTH_BITS, word & _MAX_LENGTH
        if flag > _LAST:
            raise self._fail(offset, f"wrong flag of a chunk: got {flag}, expected 0 to 3")
        left = self.size - offset - _HEADER.size
        if length + _padding(length) > left:
            raise self._fail(
                offset, f"the chunk needs {length + _padding(length)} more bytes, the file has {left} left"
            )
        return flag, length

    def _check_order(self, flag: int, offset: int, first: bool) -> None:
        if first and flag not in (_WHOLE, _FIRST):
            raise self._fail(offset, f"a record begins with {_CHUNK_NAMES[flag]}")
        if not first and flag not in (_MIDDLE, _LAST):
            raise self._fail(
                offset, f"expected another chunk of the record before it, got {_CHUNK_NAMES[flag]}"
            )

    def read_at(self, offset: int, size_hint: int = 4096) -> tuple[bytes, int]:
        """Read the record that begins at byte `offset`.

        `size_hint` is how many bytes to read at first; the record's whole size makes it one access.
        Returns the payload, and where the next record begins.
        """
        begin, pieces, first = offset, [], True
        if not 0 <= offset < self.size:
            raise self._fail(offset, f"there is no record: the file has {self.size} bytes")
        while True:
            raw = os.pread(self._fd, max(size_hint, _HEADER.size), offset)
            flag, length = self._header(raw, offset)
            self._check_order(flag, offset, first)
            end = _HEADER.size + length
            if len(raw) < end:
                raw += self._read_exactly(end - len(raw), offset + len(raw))
            pieces.append(raw[_HEADER.size : end])
            offset += end + _padding(length)
            if flag in (_WHOLE, _LAST):
                return (pieces[0] if first else _MAGIC_BYTES.join(pieces)), offset
            if offset >= self.size:
                raise self._fail(begin, "the file ends before the last chunk of this record")
            first, size_hint = False, 4096

    def head(self, offset: int, count: int) -> bytes:
        """Return the first `count` bytes of the payload of the record at byte `offset`, or what it has."""
        raw = os.pread(self._fd, _HEADER.size + count, offset)
        flag, length = self._header(raw, offset)
        if flag != _WHOLE or length < count:
            return self.read_at(offset)[0][:count]
        return raw[_HEADER.size :]

    def _read_exactly(self, count: int, offset: int) -> bytes:
        parts = []
        while count:
            part = os.pread(self._fd, count, offset)
            if not part:
                raise self._fail(
                    offset, f"the file was cut short while it was read: {count} bytes are missing"
                )
            parts.append(part)
            count -= len(part)
            offset += len(part)
        return b"".join(parts)

    def offsets(self, begin: int = 0, end: int | None = None) -> np.ndarray:
        """Find the records that begin at bytes from `begin` up to `end`, by going from header to header.

        Returns where they begin, as int64. `begin` may be any byte: the first record behind it is searched
        for.
        """
        end = self.size if end is None else min(end, self.size)
        at = self._first_record(begin) if begin else 0
        starts: list[int] = []
        window, window_at, first, step = b"", 0, True, 0
        while at < end or not first:
            if at >= self.size:
                raise self._fail(starts[-1], "the file ends before the last chunk of this record")
            place = at - window_at
            if place + _HEADER.size > len(window):
                # Only where records are small is there something to gain from reading more than a header.
                count = _SCAN_BYTES if step < _SMALL_RECORD else _HEADER.size
                window = os.pread(self._fd, count, at)
                window_at, place = at, 0
            flag, length = self._header(window[place : place + _HEADER.size], at)
            self._check_order(flag, at, first)
            if first:
                starts.append(at)
            first = flag in (_WHOLE, _LAST)
            step = _HEADER.size + length + _padding(length)
            at += step
        return np.array(starts, dtype=np.int64)

    def _first_record(self, begin: int) -> int:
        """Return where the first record from byte `begin` on begins, the file's size if there is none."""
        at = begin + _padding(begin)
        while at < self.size:
            window = os.pread(self._fd, _SCAN_BYTES, at)
            place = window.find(_MAGIC_BYTES)
            while place >= 0 and place + _HEADER.size <= len(window):
                flag = _HEADER.unpack_from(window, place)[1] >> _LENGTH_BITS
                if place % 4 == 0 and flag in (_WHOLE, _FIRST):
                    return at + place
                place = window.find(_MAGIC_BYTES, place + 1)
            # The next window begins with the words that could be a header cut by the end of this one.
            at += max(len(window) - _HEADER.size, _HEADER.size) // 4 * 4
        return self.size


def read_index(path: str | os.PathLike, key_type: Any = int) -> list[tuple[Any, int]]:
    """Read an index file: lines of a key, a tab, and the byte where the key's record begins.

    Returns pairs of key and offset, in the order of the file. Raises MXNetError, with the file, the line and
    the byte, for a line of another form. Warns about keys that are there twice.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    pairs, seen, at = [], set(), 0
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.strip()
        if text:
            where = f"[RecordIO] {name!r}: line {number} at byte {at}"
            try:
                key_text, offset_text = text.decode().split("\t")
                key, offset = key_type(key_text), int(offset_text)
                if offset < 0:
                    raise ValueError(f"negative offset {offset}")
            except ValueError as err:
                raise MXNetError(
                    f"{where}: expected a key, a tab and an offset, got {text[:80]!r} ({err})"
                ) from None
            if key in seen:
                warnings.warn(f"{where}: the key {key!r} is there twice, the last one counts", stacklevel=3)
            seen.add(key)
            pairs.append((key, offset))
        at += len(line) + 1
    return pairs
