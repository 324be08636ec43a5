"""`LibSVMIter`: csr batches of files in LibSVM's format."""

from __future__ import annotations

import operator
import os
import re
import warnings
from typing import Any

import numpy as np

from ..base import mx_real_t
from ..ndarray import NDArray, from_numpy
from .csr import CSRRows
from .iterator import DataBatch, DataDesc, DataIter

__all__ = ["LibSVMIter"]

# Arguments that say how MXNet's reader works inside, which makes no difference here.
_WITHOUT_EFFECT = {"prefetch_buffer", "ctx", "device_id"}


class LibSVMIter(DataIter):
    """Iterates over a text file with a sparse sample in each line: ``label index:value index:value ...``.

    Indices count from 0. Empty lines and what follows a ``#`` are ignored. Batches of data are CSRNDArrays.

    Parameters
    ----------
    data_libsvm : str or path-like
        The file with the data and, unless `label_libsvm` is given, one number a line as label.
    data_shape : tuple of int, or int
        Number of columns, ``(columns,)``.
    label_libsvm : str or path-like, optional
        A file with sparse labels in the same format, as many lines; the first number of each is ignored.
        Labels are then CSRNDArrays of shape (batch_size, label_shape[0]).
    label_shape : tuple of int, or int
        Default ``(1,)``.
    batch_size : int, default 1
    round_batch : bool, default True
        The last batch of an epoch is filled up from the beginning, and `getpad` tells by how many samples.
        Where True the next epoch begins behind these samples, else at the first one.
    num_parts, part_index : int
        Iterate over part number `part_index` of `num_parts` parts of the file, cut between lines by bytes.
        Defaults 1 and 0.
    dtype : default float32
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        Naming the file and the line, if the format is wrong or an index is out of range; also if the files
        differ in length, or there are no samples.
    """

    def __init__(
        self,
        data_libsvm: str | os.PathLike,
        data_shape: Any,
        label_libsvm: str | os.PathLike | None = None,
        label_shape: Any = (1,),
        num_parts: int = 1,
        part_index: int = 0,
        batch_size: int = 1,
        round_batch: bool = True,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **kwargs: Any,
    ) -> None:
        super().__init__(operator.index(batch_size))
        unknown = sorted(set(kwargs) - _WITHOUT_EFFECT)
        if unknown:
            warnings.warn(f"[LibSVMIter] unknown arguments are ignored: {', '.join(unknown)}", stacklevel=2)
        if self.batch_size < 1:
            raise ValueError(f"[LibSVMIter] batch_size: got {batch_size}, expected at least 1")
        if not 0 <= part_index < num_parts:
            raise ValueError(f"[LibSVMIter] part_index: got {part_index}, expected 0 to {num_parts - 1}")
        self._dtype = np.dtype(mx_real_t if dtype is None else dtype)
        self._round_batch = bool(round_batch)
        self._data_name, self._label_name = data_name, label_name
        columns, label_columns = _columns("data_shape", data_shape), _columns("label_shape", label_shape)
        part = (part_index, num_parts)
        self._labels, self._data = _read(data_libsvm, columns, part, self._dtype)
        self._sparse_labels: CSRRows | None = None
        if label_libsvm is not None and os.fspath(label_libsvm) != "NULL":
            _, self._sparse_labels = _read(label_libsvm, label_columns, part, self._dtype)
            if self._sparse_labels.shape[0] != self._data.shape[0]:
                raise ValueError(
                    f"[LibSVMIter] the files do not belong together: got {self._data.shape[0]} samples in "
                    f"{os.fspath(data_libsvm)!r} and {self._sparse_labels.shape[0]} in "
                    f"{os.fspath(label_libsvm)!r}"
                )
        elif label_columns != 1:
            raise ValueError(
                f"[LibSVMIter] label_shape: got {label_shape}, expected (1,) where label_libsvm is not given"
            )
        self._count = self._data.shape[0]
        self._cursor = 0
        self._batch: np.ndarray | None = None
        self._first_index = 0

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the data."""
        return [DataDesc(self._data_name, (self.batch_size, self._data.shape[1]), self._dtype.type)]

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the label."""
        shape: tuple[int, ...] = (self.batch_size,)
        if self._sparse_labels is not None:
            shape = (self.batch_size, self._sparse_labels.shape[1])
        return [DataDesc(self._label_name, shape, self._dtype.type)]

    def reset(self) -> None:
        """Begin the next epoch."""
        over = self._cursor - self._count
        self._cursor = over % self._count if self._round_batch and over > 0 else 0
        self._batch = None

    def iter_next(self) -> bool:
        """Move to the next batch; return whether there is one."""
        if self._cursor >= self._count:
            self._batch = None
            return False
        self._batch = np.arange(self._cursor, self._cursor + self.batch_size)
        self._cursor += self.batch_size
        return True

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration at the end of the epoch."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch([self.getdata()], [self.getlabel()], pad=self.getpad(), index=self.getindex())

    def _rows(self) -> np.ndarray:
        if self._batch is None:
            raise RuntimeError("[LibSVMIter] there is no current batch: call next(), or reset() at the end")
        return self._batch % self._count

    def getdata(self) -> NDArray:
        """Return the data of the current batch, a CSRNDArray."""
        return self._data.take(self._rows())

    def getlabel(self) -> NDArray:
        """Return the labels of the current batch."""
        if self._sparse_labels is not None:
            return self._sparse_labels.take(self._rows())
        return from_numpy(self._labels[self._rows()])

    def getpad(self) -> int:
        """Return how many samples at the end of the current batch are from the beginning of the data."""
        self._rows()
        return max(0, self._cursor - self._count)

    def getindex(self) -> np.ndarray:
        """Return where in the file (or the part) the samples of the current batch are, as uint64."""
        return self._rows().astype(np.uint64)


def _columns(what: str, shape: Any) -> int:
    dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if len(dims) != 1 or dims[0] < 1:
        raise ValueError(f"[LibSVMIter] {what}: got {shape}, expected (columns,)")
    return int(dims[0])


def _part_of(text: bytes, part: tuple[int, int]) -> tuple[bytes, int]:
    """The lines that begin in one of equal ranges of bytes, and how many lines are before them."""
    index, count = part
    step = -(-len(text) // count)

    def line_start(position: int) -> int:
        if position == 0 or position >= len(text):
            return min(position, len(text))
        end = text.find(b"\n", position - 1)
        return len(text) if end < 0 else end + 1

    begin, end = line_start(index * step), line_start((index + 1) * step)
    return text[begin:end], text.count(b"\n", 0, begin)


def _read(
    path: str | os.PathLike, columns: int, part: tuple[int, int], dtype: np.dtype
) -> tuple[np.ndarray, CSRRows]:
    """The labels and the rows of a file."""
    name = os.fspath(path)
    with open(path, "rb") as file:
        text, lines_before = _part_of(file.read(), part)
    if b"#" in text:
        text = re.sub(rb"#[^\n]*", b"", text)
    text = text.replace(b"\r", b" ") + b"\n"
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    visible = np.concatenate([[0], np.cumsum(characters > ord(" "))])
    starts = np.concatenate([[0], ends[:-1] + 1])
    used = np.flatnonzero(visible[ends] > visible[starts])  # lines with something in them
    colons = np.searchsorted(np.flatnonzero(characters == ord(":")), ends)
    per_line = np.diff(np.concatenate([[0], colons]))[used]
    if not len(used):
        raise ValueError(f"[LibSVMIter] {name!r}: there are no samples in part {part[0]} of {part[1]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what does not parse is reported below
        try:
            numbers = np.fromstring(text.replace(b":", b" "), np.float64, sep=" ")
        except ValueError:  # newer versions of NumPy
            numbers = np.empty(0)
    tokens = 1 + 2 * per_line
    if len(numbers) != tokens.sum():
        raise _format_error(name, text, used, lines_before)
    first = np.cumsum(tokens) - tokens
    is_label = np.zeros(len(numbers), bool)
    is_label[first] = True
    labels, rest = numbers[first], numbers[~is_label]
    indices, values = rest[0::2], rest[1::2]
    wrong = np.flatnonzero((indices < 0) | (indices >= columns) | (indices != np.floor(indices)))
    if len(wrong):
        row = int(np.searchsorted(np.cumsum(per_line), wrong[0], side="right"))
        raise ValueError(
            f"[LibSVMIter] {name!r}, line {lines_before + int(used[row]) + 1}: index out of range: got "
            f"{indices[wrong[0]]:g}, expected 0 to {columns - 1}"
        )
    indptr = np.concatenate([[0], np.cumsum(per_line)])
    return labels.astype(dtype), CSRRows(values.astype(dtype), indices.astype(np.int64), indptr, columns)


_LINE = re.compile(rb"\s*[^\s:]+(\s+[^\s:]+:[^\s:]+)*\s*")


def _format_error(name: str, text: bytes, used: np.ndarray, lines_before: int) -> ValueError:
    lines = text.split(b"\n")
    for number in used:
        line = lines[number]
        good = _LINE.fullmatch(line) is not None
        if good:
            try:
                [float(word) for word in line.replace(b":", b" ").split()]
                continue
            except ValueError:
                pass
        shown = line[:60].decode("utf-8", "replace")
        return ValueError(
            f"[LibSVMIter] {name!r}, line {lines_before + int(number) + 1}: got {shown!r}, expected 'label "
            "index:value index:value ...'"
        )
    return ValueError(f"[LibSVMIter] {name!r}: not a file of lines 'label index:value index:value ...'")
