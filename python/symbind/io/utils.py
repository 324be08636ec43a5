"""What users may hand to `NDArrayIter`: its names, and uniform access to its samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import numpy as np

from ..base import mx_real_t
from ..ndarray import CSRNDArray, NDArray, RowSparseNDArray, from_numpy
from ..ndarray.sparse import array as sparse_array
from .csr import CSRSource

Selection = Union[slice, np.ndarray]


def _named_values(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, Any]]:
    """Return (name, value) pairs for one value, a list or tuple of values, or a dict, the last sorted by
    name.

    A single value gets the default name; several in a list get ``_0_name``, ``_1_name`` and so on.
    """
    if data is None:
        data = []
    elif not isinstance(data, (list, tuple, Mapping)):
        data = [data]
    if not data and not allow_empty:
        raise ValueError(
            f"[NDArrayIter] no {default_name} given: expected an array, a list or a dict of arrays"
        )
    if isinstance(data, Mapping):
        return sorted(data.items())
    if len(data) == 1:
        return [(default_name, data[0])]
    return [(f"_{i}_{default_name}", value) for i, value in enumerate(data)]


def _is_lazy(value: Any) -> bool:
    """Whether `value` is an array on disk, such as an h5py.Dataset or a memmap, to be read batch by batch."""
    if isinstance(value, np.ndarray):
        return isinstance(value, np.memmap)
    return all(
        hasattr(value, name) for name in ("shape", "dtype", "__getitem__", "__len__")
    ) and not isinstance(value, (NDArray, np.generic))


def _to_float32(value: Any, name: str) -> np.ndarray:
    """Return a C-ordered float32 copy, as `mx.nd.array` makes of any NumPy array or nested list."""
    if isinstance(value, (str, bytes)):
        raise TypeError(
            f"[NDArrayIter] cannot use {name!r}: got {type(value).__name__}, expected NDArray, "
            "numpy.ndarray, h5py.Dataset, or a list or dict of them"
        )
    try:
        return np.array(value, dtype=mx_real_t, order="C")
    except (TypeError, ValueError) as err:
        raise TypeError(
            f"[NDArrayIter] cannot use {name!r}: got {type(value).__name__} that does not convert to float32 "
            f"({err}), expected NDArray, numpy.ndarray, h5py.Dataset, or a list or dict of them"
        ) from err


def _init_data(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, Any]]:
    """Return (name, array) pairs; NumPy arrays and nested lists become float32 NDArrays, other arrays stay.

    Raises ValueError if there is nothing and `allow_empty` is false, TypeError for what is no array.
    """
    return [
        (name, value if isinstance(value, NDArray) or _is_lazy(value) else _wrap(_to_float32(value, name)))
        for name, value in (
            (name, _without_scipy(value)) for name, value in _named_values(data, allow_empty, default_name)
        )
    ]


def _wrap(array: np.ndarray) -> NDArray:
    """Return an NDArray on the memory of a fresh C-ordered array that nobody else writes to."""
    return from_numpy(array, zero_copy=True)


def _host_view(array: NDArray) -> np.ndarray:
    """Return a NumPy array on the memory of an NDArray, for reading."""
    return array.handle.peek_numpy()


class ArraySource:
    """A named array in memory of which batches are cut along one axis.

    NumPy arrays and lists are copied as float32; an NDArray keeps its dtype and is not copied.
    """

    def __init__(self, name: str, value: Any, batch_axis: int) -> None:
        self.name = name
        self._axis = batch_axis
        if isinstance(value, NDArray):
            self.array = value
            self._host = _host_view(value)
        else:
            self._host = _to_float32(value, name)
            self.array = _wrap(self._host)
        self.shape = tuple(self._host.shape)
        self.dtype = self._host.dtype.type

    def select(self, selection: Selection) -> NDArray:
        """Return the selected samples in an array of their own, with one copy."""
        if isinstance(selection, slice):
            return _wrap(self._host[(slice(None),) * self._axis + (selection,)].copy())
        return _wrap(np.take(self._host, selection, axis=self._axis))


class LazySource:
    """A named array on disk (h5py.Dataset, numpy.memmap or alike) that is read as batches are asked for.

    Batches are float32, as for NumPy arrays.
    """

    def __init__(self, name: str, value: Any, batch_axis: int) -> None:
        self.name = name
        self.array = value
        self._axis = batch_axis
        self.shape = tuple(value.shape)
        self.dtype = mx_real_t

    def select(self, selection: Selection) -> NDArray:
        """Return the selected samples in an array of their own."""
        lead = (slice(None),) * self._axis
        if isinstance(selection, slice):
            return _wrap(_to_float32(self.array[lead + (selection,)], self.name))
        # h5py takes lists of indices only in increasing order and without duplicates.
        rows, place = np.unique(selection, return_inverse=True)
        part = np.asarray(self.array[lead + (rows,)])
        return _wrap(
            np.take(part, place.reshape(-1), axis=self._axis).astype(mx_real_t, order="C", copy=False)
        )


Source = Union[ArraySource, LazySource, CSRSource]


def _without_scipy(value: Any) -> Any:
    """Matrices of SciPy as CSRNDArrays, row_sparse arrays as dense ones; anything else as it is."""
    if type(value).__module__.startswith("scipy.sparse"):
        return sparse_array(value.tocsr())
    return value.tostype("default") if isinstance(value, RowSparseNDArray) else value


def _kind_of(value: Any) -> Any:
    if isinstance(value, CSRNDArray):
        return CSRSource
    return LazySource if _is_lazy(value) else ArraySource


def open_sources(data: Any, allow_empty: bool, default_name: str, batch_axis: int) -> list[Source]:
    """Return a source for every array in `data`, which is what `NDArrayIter` accepts.

    Raises ValueError for an array that has no axis number `batch_axis`.
    """
    sources: list[Source] = []
    for name, value in _named_values(data, allow_empty, default_name):
        value = _without_scipy(value)
        source = _kind_of(value)(name, value, batch_axis)
        if len(source.shape) <= batch_axis:
            raise ValueError(
                f"[NDArrayIter] {name!r} has no batch axis {batch_axis}: got shape {source.shape}; "
                "the layout applies to data and labels"
            )
        sources.append(source)
    return sources
