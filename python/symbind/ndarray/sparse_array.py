"""Sparse arrays: `CSRNDArray` stores some elements of each row, `RowSparseNDArray` some rows."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from .. import _core
from ..base import NotSupportedForSparseNDArray, dtype_flag
from ..context import Context
from .ndarray import NDArray, _wrap

__all__ = ["BaseSparseNDArray", "CSRNDArray", "RowSparseNDArray", "wrap_any"]


def _sparse_function(name: str) -> Callable:
    from . import sparse

    return getattr(sparse, name)


class BaseSparseNDArray(NDArray):
    """What sparse arrays share. Operators that know dense arrays only get a dense copy."""

    __slots__ = ()
    handle: Any
    _is_sparse = True

    def __repr__(self) -> str:
        dims = "x".join(str(d) for d in self.shape)
        return f"\n<{type(self).__name__} {dims} @{self.context}>"

    @property
    def stype(self) -> str:
        """Storage type: ``'csr'`` or ``'row_sparse'``."""
        return self.handle.stype

    @property
    def data(self) -> NDArray:
        """A copy of the values that are stored: elements of a csr array, rows of a row_sparse one."""
        return _wrap(self.handle.data)

    @property
    def indices(self) -> NDArray:
        """A copy of the indices (int64): columns of the elements of a csr array, numbers of the rows of a
        row_sparse one.
        """
        return _wrap(self.handle.indices)

    @property
    def _num_aux(self) -> int:
        return 2 if self.stype == "csr" else 1

    def _data(self) -> NDArray:
        return self.data

    def _aux_data(self, i: int) -> NDArray:
        return _wrap(self.handle.indptr) if self.stype == "csr" and i == 0 else self.indices

    def _aux_type(self, i: int) -> Any:
        return np.int64

    @property
    def _aux_types(self) -> list[Any]:
        return [np.int64] * self._num_aux

    def asnumpy(self) -> np.ndarray:
        """Return all values, zeros included, as a NumPy array."""
        return self.handle.to_numpy()

    def asscalar(self) -> Any:
        """Return the only element. Raises ValueError unless size is 1."""
        if self.size != 1:
            raise ValueError(
                f"[asscalar] The current array is not a scalar: got shape {self.shape}, expected size 1"
            )
        return self.asnumpy().reshape(-1)[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"[{type(self).__name__}] conversion to NumPy needs a copy")
        values = self.asnumpy()
        return values if dtype is None else values.astype(dtype)

    def __reduce__(self) -> tuple:
        return (_unpickle, (bytes(_core.ndarray_to_bytes(self.handle)),))

    def __len__(self) -> int:
        return self.shape[0]

    def astype(self, dtype: Any, copy: bool = True) -> BaseSparseNDArray:
        """Return the array with another dtype; this array itself when `copy` is False and nothing changes."""
        if not copy and np.dtype(dtype) == np.dtype(self.dtype):
            return self
        ctx = self.context
        return wrap_any(self.handle.converted(dtype_flag(dtype), ctx.device_typeid, ctx.device_id))

    def copyto(self, other: NDArray | Context) -> NDArray:
        """Copy to another array of the same shape and storage type, to a dense array, or to a device."""
        if isinstance(other, Context):
            return wrap_any(
                self.handle.converted(dtype_flag(self.dtype), other.device_typeid, other.device_id)
            )
        if not isinstance(other, NDArray):
            raise TypeError(f"[copyto] got {type(other).__name__}, expected an NDArray or a Context")
        if other.handle is self.handle:
            return other
        if not other.writable:
            raise ValueError("[copyto] the target array is read-only")
        if other.stype not in ("default", self.stype):
            raise TypeError(f"copyto does not support destination NDArray stype {other.stype}")
        other.handle.copy_from(self.handle)
        return other

    def tostype(self, stype: str) -> NDArray:
        """Return a copy in another storage type: ``'default'``, or the one it has.

        Raises ValueError between csr and row_sparse.
        """
        if stype == "default":
            return _wrap(self.handle.to_dense())
        if stype != self.stype:
            raise ValueError(f"cast_storage from {self.stype} to {stype} is not supported")
        return self.copy()

    def check_format(self, full_check: bool = True) -> None:
        """Raise MXNetError unless indices are in range and in ascending order.

        full_check : False checks sizes and the ends of the row starts only.
        """
        self.handle.check_format(bool(full_check))

    def reshape(self, *shape: Any, **kwargs: Any) -> NDArray:
        """Raise: sparse arrays keep their shape."""
        raise NotSupportedForSparseNDArray(self.reshape, None, *shape)

    def _at(self, idx: int) -> NDArray:
        raise NotSupportedForSparseNDArray(self._at, "[idx]", idx)

    def _slice(self, start: int | None, stop: int | None) -> NDArray:
        raise NotSupportedForSparseNDArray(self._slice, None, start, stop)

    def _sync_copyfrom(self, source_array: Any) -> None:
        raise NotSupportedForSparseNDArray(self._sync_copyfrom, None, source_array)

    def __add__(self, other: Any) -> NDArray:
        return _sparse_function("add")(self, other)

    def __sub__(self, other: Any) -> NDArray:
        return _sparse_function("subtract")(self, other)

    def __mul__(self, other: Any) -> NDArray:
        return _sparse_function("multiply")(self, other)

    def _assign_result(self, result: NDArray) -> NDArray:
        if not self.writable:
            raise ValueError(f"[{type(self).__name__}] trying to write to a readonly array")
        self.handle.copy_from(result.handle)
        return self

    def __iadd__(self, other: Any) -> NDArray:
        return self._assign_result(self + other)

    def __isub__(self, other: Any) -> NDArray:
        return self._assign_result(self - other)

    def __imul__(self, other: Any) -> NDArray:
        return self._assign_result(self * other)

    def __itruediv__(self, other: Any) -> NDArray:
        return self._assign_result(self / other)

    def __setitem__(self, key: Any, value: Any) -> None:
        name = type(self).__name__
        if not self.writable:
            raise ValueError(f"[{name}] trying to write to a readonly array")
        if not isinstance(key, slice) or key != slice(None):
            raise TypeError(f"{name} only supports [:] for assignment, got {key!r}")
        if isinstance(value, NDArray):
            if value.handle is not self.handle:
                value.copyto(self)
        elif isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            self._fill(float(value))
        elif isinstance(value, (np.ndarray, np.generic)):
            self.handle.copy_from_numpy(np.asarray(value))
        else:
            raise TypeError(f"[{name}] type {type(value).__name__} cannot be assigned")

    def _fill(self, value: float) -> None:
        raise ValueError(f"Assigning numeric types to {type(self).__name__} is not supported")


class CSRNDArray(BaseSparseNDArray):
    """A matrix in compressed sparse row format. Make one with `mx.nd.sparse.csr_matrix`.

    Row ``r`` has the values ``data[indptr[r]:indptr[r + 1]]`` in the columns
    ``indices[indptr[r]:indptr[r + 1]]``. Slicing along the first axis copies rows.
    """

    __slots__ = ()

    @property
    def indptr(self) -> NDArray:
        """A copy of the row starts (int64), of length rows + 1."""
        return _wrap(self.handle.indptr)

    def __getitem__(self, key: Any) -> CSRNDArray:
        """Return one row (of shape (1, columns)) or neighbouring rows."""
        rows = self.shape[0]
        if isinstance(key, (int, np.integer)):
            if not -rows <= key < rows:
                raise IndexError(f"index {key} is out of bounds for axis 0 with size {rows}")
            begin = int(key) % rows
            return wrap_any(self.handle.slice(begin, begin + 1))
        if isinstance(key, slice):
            if key.step not in (None, 1):
                raise ValueError("CSRNDArray only supports continuous slicing on axis 0")
            if key.start is None and key.stop is None:
                return self
            begin, end, _ = key.indices(rows)
            return wrap_any(self.handle.slice(begin, max(begin, end)))
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")

    def asscipy(self) -> Any:
        """Return a scipy.sparse.csr_matrix. Needs SciPy."""
        from importlib import import_module

        return import_module("scipy.sparse").csr_matrix(
            (self.data.asnumpy(), self.indices.asnumpy(), self.indptr.asnumpy()), shape=self.shape
        )


class RowSparseNDArray(BaseSparseNDArray):
    """An array of which only some rows, slices along the first axis, are stored; the others are 0.

    ``data[i]`` is the row with the number ``indices[i]``; numbers ascend. Make one with
    `mx.nd.sparse.row_sparse_array`. Gradients of embeddings are such arrays.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> RowSparseNDArray:
        """Return the array itself for ``[:]``; nothing else is possible."""
        if isinstance(key, slice):
            if key.step is not None or key.start is not None or key.stop is not None:
                raise ValueError("RowSparseNDArray only supports [:] for __getitem__")
            return self
        if isinstance(key, (int, np.integer)):
            raise ValueError("__getitem__ with int key is not possible for RowSparseNDArray")
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")

    def _fill(self, value: float) -> None:
        self.handle.fill(value)

    def retain(self, indices: Any) -> RowSparseNDArray:
        """Return the rows of these numbers, an NDArray or a list; rows that are not stored are 0."""
        if not isinstance(indices, NDArray):
            from .ndarray import array

            indices = array(indices, dtype=np.int64)
        return _sparse_function("retain")(self, indices)


_CLASSES: dict[str, type] = {"csr": CSRNDArray, "row_sparse": RowSparseNDArray}


def wrap_any(handle: Any) -> Any:
    """Return the NDArray, of the class that fits, for a handle of the engine."""
    if type(handle) is _core.NDArray:
        return _wrap(handle)
    kind: Any = _CLASSES[handle.stype]
    array = kind.__new__(kind)
    array.handle = handle
    array.writable = True
    return array


def _unpickle(record: bytes) -> NDArray:
    return wrap_any(_core.ndarray_from_bytes(record))
