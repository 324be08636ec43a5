"""`CSVIter`: batches of the rows of text files with comma-separated numbers."""

from __future__ import annotations

import math
import operator
import os
import warnings
from typing import Any

import numpy as np

from ..base import mx_real_t
from ..ndarray import from_numpy
from .file_iter import MXDataIter, SampleOrder
from .iterator import DataBatch, DataDesc

__all__ = ["CSVIter"]

# How MXNet's reader works inside, which makes no difference here.
_WITHOUT_EFFECT = {"prefetch_buffer", "ctx", "device_id"}
_DTYPES = ("float32", "int32", "int64")


class CSVIter(MXDataIter):
    """Iterates over the rows of a CSV file, each of them a sample.

    The whole file is read when the iterator is made and takes at most 4 times its size in memory.

    Parameters
    ----------
    data_csv : str or path-like
        A row has as many numbers as `data_shape` says. Empty lines are skipped, a file that ends in ``.gz``
        is decompressed.
    data_shape : tuple of int
        Shape of one sample; its numbers are in C order.
    label_csv : str or path-like, optional
        Rows of labels. Default: labels are 0.
    label_shape : tuple of int, default (1,)
        Shape of one label; labels of one number make batches of (batch_size,).
    batch_size : int
    round_batch : bool, default True
        A last batch that is not full is filled up with the first samples, and the next epoch begins behind
        them. If False it is filled up with samples of the batch before. `pad` tells by how many either way.
    dtype : {'float32', 'int32', 'int64'}, default None for float32
        Of data and labels.
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        For a row that has another length or something else than numbers, a file without rows, fewer labels
        than samples; the message names file and row. Also for wrong arguments.
    """

    def __init__(
        self,
        data_csv: str | os.PathLike,
        data_shape: Any,
        label_csv: str | os.PathLike | None = None,
        label_shape: Any = (1,),
        batch_size: int | None = None,
        round_batch: bool = True,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **kwargs: Any,
    ) -> None:
        unknown = sorted(set(kwargs) - _WITHOUT_EFFECT)
        if unknown:
            warnings.warn(f"[CSVIter] unknown arguments are ignored: {', '.join(unknown)}", stacklevel=2)
        if batch_size is None or operator.index(batch_size) < 1:
            raise ValueError(f"[CSVIter] wrong batch_size: got {batch_size}, expected at least 1")
        super().__init__(operator.index(batch_size))
        self._dtype = np.dtype(mx_real_t if dtype is None else dtype)
        if self._dtype.name not in _DTYPES:
            raise ValueError(
                f"[CSVIter] wrong dtype: got {self._dtype.name}, expected one of {', '.join(_DTYPES)}"
            )
        self._names = data_name, label_name
        self._data = _load(data_csv, _shape(data_shape, "data_shape"), self._dtype)
        label_shape = _shape(label_shape, "label_shape")
        if label_csv is None or label_csv == "NULL":
            self._label = np.zeros((len(self._data), *label_shape), self._dtype)
        else:
            self._label = _load(label_csv, label_shape, self._dtype)
            self._check_rows(data_csv, label_csv)
        if math.prod(label_shape) == 1:
            self._label = self._label.reshape(-1)
        self._order = SampleOrder(len(self._data), self.batch_size, bool(round_batch))

    def _check_rows(self, data_csv: Any, label_csv: Any) -> None:
        rows, labels = len(self._data), len(self._label)
        problem = f"{rows} rows in {os.fspath(data_csv)!r} and {labels} rows in {os.fspath(label_csv)!r}"
        if labels < rows:
            raise ValueError(f"[CSVIter] there are fewer labels than samples: got {problem}")
        if labels > rows:
            warnings.warn(f"[CSVIter] some labels belong to no sample: got {problem}", stacklevel=3)

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the data."""
        return [DataDesc(self._names[0], (self.batch_size, *self._data.shape[1:]), self._dtype.type)]

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the labels."""
        return [DataDesc(self._names[1], (self.batch_size, *self._label.shape[1:]), self._dtype.type)]

    def _rewind(self) -> None:
        self._order.reset()

    def _read(self) -> DataBatch | None:
        dealt = self._order.next()
        if dealt is None:
            return None
        rows, pad = dealt
        data, label = (from_numpy(source[rows], zero_copy=True) for source in (self._data, self._label))
        return DataBatch([data], [label], pad=pad, index=rows.astype(np.uint64))


def _shape(value: Any, what: str) -> tuple[int, ...]:
    sizes = [value] if isinstance(value, (int, np.integer)) else value
    shape = tuple(operator.index(size) for size in sizes)
    if not shape or min(shape) < 1:
        raise ValueError(f"[CSVIter] wrong {what}: got {value}, expected numbers of at least 1")
    return shape


def _load(path: str | os.PathLike, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    name = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*input contained no data")
            rows = np.loadtxt(path, dtype, comments=None, delimiter=",", ndmin=2)
    except ValueError as err:
        raise ValueError(f"[CSVIter] {name!r}: {err}; rows are counted from 0, without empty ones") from None
    if rows.size == 0:
        raise ValueError(f"[CSVIter] {name!r} has no rows")
    if rows.shape[1] != math.prod(shape):
        raise ValueError(
            f"[CSVIter] {name!r}: wrong length of rows: got {rows.shape[1]} numbers, "
            f"expected {math.prod(shape)} for the shape {shape}"
        )
    return rows.reshape(len(rows), *shape)
