"""The images of a record file that an iterator, or its part of several, goes through."""

from __future__ import annotations

import os
import struct

import numpy as np

from .._records import RecordReader, read_index
from ..base import MXNetError
from .file_iter import check_part
from .image_parameters import ReaderParameters

__all__ = ["ImageRecords"]

_HEADER = struct.Struct("<IfQQ")


class ImageRecords:
    """Reads image records by number; from any thread.

    Raises
    ------
    OSError
        If a file cannot be read.
    MXNetError
        If a record or an index is damaged.
    ValueError
        For arguments that do not fit the file.
    """

    def __init__(self, iterator: str, parameters: ReaderParameters) -> None:
        self._name = iterator
        self._p = p = parameters
        check_part(iterator, p.num_parts, p.part_index)
        self._reader = RecordReader(p.path_imgrec)
        if p.path_imgidx:
            offsets = np.sort(np.array([offset for _, offset in read_index(p.path_imgidx)], np.int64))
            step = -(-len(offsets) // p.num_parts)
            self._offsets = offsets[step * p.part_index : step * (p.part_index + 1)]
        else:
            # The file is cut at bytes, and a record belongs to the part that it begins in.
            step = -(-self._reader.size // p.num_parts)
            step += -step % 4
            self._offsets = self._reader.offsets(step * p.part_index, step * (p.part_index + 1))
        if not len(self._offsets):
            raise ValueError(
                f"[{iterator}] {p.path_imgrec!r} has no records for part {p.part_index} of {p.num_parts}"
            )
        # What lies between neighbours is read at once, header and payload.
        ends = np.append(self._offsets[1:], self._reader.size)
        self._sizes = np.minimum(np.maximum(ends - self._offsets, 8), 1 << 24)
        self._list = _read_list(iterator, p) if p.path_imglist else None

    def __len__(self) -> int:
        return len(self._offsets)

    def where(self, number: int) -> str:
        """Return the place of a record, for error messages."""
        return f"{self._p.path_imgrec!r}: record at byte {self._offsets[number]}"

    def read(self, number: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the id in the header of a record, its labels (float32) and the bytes of its image."""
        payload, _ = self._reader.read_at(int(self._offsets[number]), int(self._sizes[number]))
        if len(payload) < _HEADER.size:
            raise MXNetError(
                f"[{self._name}] {self.where(number)} is no image record: it has {len(payload)} bytes, "
                f"the header needs {_HEADER.size}"
            )
        count, label, identity, _ = _HEADER.unpack_from(payload)
        begin = _HEADER.size + 4 * count
        if len(payload) < begin:
            raise MXNetError(
                f"[{self._name}] {self.where(number)} is damaged: {count} labels need {begin} bytes, "
                f"it has {len(payload)}"
            )
        if self._list is not None:
            if identity not in self._list:
                raise ValueError(
                    f"[{self._name}] {self._p.path_imglist!r} has no labels for the id {identity} "
                    f"of {self.where(number)}"
                )
            labels = self._list[identity]
        elif count:
            labels = np.frombuffer(payload, "<f4", count, _HEADER.size)
        else:
            labels = np.array([label], np.float32)
        return identity, labels, np.frombuffer(payload, np.uint8, offset=begin)

    def longest_label(self) -> int:
        """Return how many labels the record with the most of them has."""
        if self._list is not None:
            return max(map(len, self._list.values()), default=0)
        heads = (self._reader.head(int(offset), _HEADER.size) for offset in self._offsets)
        return max(max(int.from_bytes(head[:4], "little"), 1) for head in heads)


def _read_list(iterator: str, p: ReaderParameters) -> dict[int, np.ndarray]:
    """Read a list file: id, labels and path, with tabs between them. Returns labels by id."""
    name = os.fspath(p.path_imglist)
    labels = {}
    with open(name, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 3:
                if line.strip():
                    raise ValueError(
                        f"[{iterator}] {name!r}: line {number}: expected an id, labels and a path with tabs "
                        f"between them, got {line[:80]!r}"
                    )
                continue
            try:
                labels[int(float(fields[0]))] = np.array(fields[1:-1], np.float32)
            except ValueError as err:
                raise ValueError(f"[{iterator}] {name!r}: line {number}: {err}") from None
    return labels
