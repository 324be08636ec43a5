"""Arrays that store some of their elements: `mx.nd.sparse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np

from .. import _core
from .._ops import SPARSE_FUNCTIONS
from ..base import dtype_flag, mx_real_t
from ..context import Context, current_context
from . import arithmetic
from .ndarray import NDArray, _make, _shape_of
from .ndarray import array as _dense_array
from .op import function
from .sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray, wrap_any

__all__ = [
    "BaseSparseNDArray",
    "CSRNDArray",
    "RowSparseNDArray",
    "add",
    "array",
    "csr_matrix",
    "divide",
    "empty",
    "multiply",
    "row_sparse_array",
    "subtract",
    "zeros",
]


# -- creation ------------------------------------------------------------------------------------------------
def _dtype_of(source: Any, dtype: Any) -> Any:
    """The dtype that is asked for, that of an array, or float32."""
    if dtype is not None:
        return np.dtype(dtype).type
    return np.dtype(source.dtype).type if hasattr(source, "dtype") else mx_real_t


def _part(source: Any, dtype: Any) -> Any:
    """The engine's array of one part of a sparse array."""
    values = source.asnumpy() if isinstance(source, NDArray) else np.asarray(source)
    return _core.NDArray.from_numpy(np.ascontiguousarray(values.astype(dtype)))


def _from_parts(stype: str, shape: Any, data: Any, indices: Any, indptr: Any, ctx: Any, dtype: Any) -> Any:
    ctx = current_context() if ctx is None else ctx
    return wrap_any(
        _core.SparseNDArray.from_parts(
            stype,
            tuple(int(d) for d in shape),
            _part(data, dtype),
            _part(indices, np.int64),
            None if indptr is None else _part(indptr, np.int64),
            ctx.device_typeid,
            ctx.device_id,
        )
    )


def _check_shape(given: Any, actual: tuple[int, ...]) -> None:
    if given is not None and tuple(given) != tuple(actual):
        raise ValueError(f"Shape mismatch detected. {tuple(actual)} v.s. {tuple(given)}")


def _converted(source: NDArray, stype: str, ctx: Context | None, dtype: Any) -> Any:
    """A copy of an NDArray as `stype`."""
    result = zeros(stype, source.shape, ctx, source.dtype if dtype is None else dtype)
    result[:] = source
    return result


def _is_scipy(source: Any) -> bool:
    return type(source).__module__.startswith("scipy.sparse") and getattr(source, "format", "") == "csr"


def csr_matrix(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> CSRNDArray:
    """Make a matrix in compressed sparse row format.

    Parameters
    ----------
    arg1 :
        * ``(data, indices, indptr)``: values, their columns, and where each row starts, as `CSRNDArray` says.
        * ``(data, (row, column))``: values and their places in any order; values of one place are added.
        * ``(rows, columns)``: a matrix without stored elements.
        * a CSRNDArray or a scipy.sparse.csr_matrix; a dense NDArray, NumPy array or nested lists, whose zeros
          are left out.
    shape : tuple of int, optional
        By default the smallest that holds all indices.
    ctx : Context, default the current one
    dtype : default is the dtype of `data`, float32 for lists.

    Raises
    ------
    MXNetError
        If a column is out of range, row starts do not ascend, or sizes do not fit together.
    ValueError
        If `shape` contradicts `arg1`, or a tuple has another length.
    """
    if isinstance(arg1, tuple):
        if len(arg1) == 3:
            data, indices, indptr = arg1
            if shape is None:
                columns = np.asarray(indices.asnumpy() if isinstance(indices, NDArray) else indices)
                if len(columns) == 0:
                    raise ValueError("invalid shape: it cannot be inferred without stored elements")
                shape = (len(indptr) - 1, int(columns.max()) + 1)
            return _from_parts("csr", shape, data, indices, indptr, ctx, _dtype_of(data, dtype))
        if len(arg1) == 2:
            if isinstance(arg1[1], (tuple, list)) and len(arg1[1]) == 2:
                return _from_places(arg1[0], arg1[1], shape, ctx, dtype)
            _check_shape(shape, arg1)
            return zeros("csr", arg1, ctx, dtype)
        raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")
    if isinstance(arg1, CSRNDArray) or _is_scipy(arg1):
        _check_shape(shape, arg1.shape)
        return array(arg1, ctx, dtype)
    if isinstance(arg1, RowSparseNDArray):
        raise ValueError("Unexpected input type: RowSparseNDArray")
    dense = arg1 if isinstance(arg1, NDArray) else _dense_array(arg1, dtype=_dtype_of(arg1, dtype))
    _check_shape(shape, dense.shape)
    return _converted(dense, "csr", ctx, dtype)


def _from_places(data: Any, places: Any, shape: Any, ctx: Any, dtype: Any) -> CSRNDArray:
    """A csr matrix of values at (row, column), which may come in any order and more than once."""
    values = data.asnumpy() if isinstance(data, NDArray) else np.asarray(data)
    rows, columns = (
        np.asarray(p.asnumpy() if isinstance(p, NDArray) else p).astype(np.int64).reshape(-1) for p in places
    )
    if not len(rows) == len(columns) == len(values):
        raise ValueError(
            f"[csr_matrix] data, row and column differ in length: got {len(values)}, {len(rows)}, "
            f"{len(columns)}"
        )
    if shape is None:
        if len(rows) == 0:
            raise ValueError("invalid shape: it cannot be inferred without stored elements")
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    if len(rows) and not (rows.min() >= 0 and rows.max() < shape[0]):
        raise ValueError(
            f"[csr_matrix] row index: got {rows.min()} to {rows.max()}, expected below {shape[0]}"
        )
    order = np.lexsort((columns, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(values, starts) if len(starts) else values
    indptr = np.searchsorted(rows[starts], np.arange(shape[0] + 1))
    return _from_parts("csr", shape, sums, columns[starts], indptr, ctx, _dtype_of(values, dtype))


def row_sparse_array(
    arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None
) -> RowSparseNDArray:
    """Make an array that stores some of its rows.

    Parameters
    ----------
    arg1 :
        * ``(data, indices)``: rows and their numbers.
        * a shape: an array without stored rows.
        * a RowSparseNDArray; a dense NDArray, NumPy array or nested lists, whose rows of zeros are left out.
    shape : tuple of int, optional
        By default the smallest that holds all indices.
    ctx : Context, default the current one
    dtype : default is the dtype of `data`, float32 for lists.

    Raises
    ------
    MXNetError
        If the number of a row is out of range, or sizes do not fit together.
    ValueError
        If `shape` contradicts `arg1`.
    """
    if isinstance(arg1, tuple):
        if len(arg1) == 2 and not all(isinstance(a, (int, np.integer)) for a in arg1):
            data, indices = arg1
            rows = np.asarray(data.asnumpy() if isinstance(data, NDArray) else data)
            if shape is None:
                numbers = np.asarray(indices.asnumpy() if isinstance(indices, NDArray) else indices)
                if len(numbers) == 0:
                    raise ValueError("invalid shape: it cannot be inferred without stored rows")
                shape = (int(numbers.max()) + 1, *rows.shape[1:])
            return _from_parts("row_sparse", shape, rows, indices, None, ctx, _dtype_of(data, dtype))
        _check_shape(shape, arg1)
        return zeros("row_sparse", arg1, ctx, dtype)
    if isinstance(arg1, CSRNDArray):
        raise ValueError("Unexpected input type: CSRNDArray")
    dense = arg1 if isinstance(arg1, NDArray) else _dense_array(arg1, dtype=_dtype_of(arg1, dtype))
    _check_shape(shape, dense.shape)
    return _converted(dense, "row_sparse", ctx, dtype)


def zeros(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> Any:
    """Return an array of zeros. stype : ``'csr'``, ``'row_sparse'`` (both without stored values) or
    ``'default'``. dtype : default float32.
    """
    if stype == "default":
        return _make(shape, ctx, dtype, True)
    if stype not in ("csr", "row_sparse"):
        raise ValueError(f"unknown storage type {stype!r}: expected 'csr', 'row_sparse' or 'default'")
    ctx = current_context() if ctx is None else ctx
    flag = dtype_flag(mx_real_t if dtype is None else dtype)
    return wrap_any(_core.SparseNDArray(stype, _shape_of(shape), flag, ctx.device_typeid, ctx.device_id))


def empty(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """Return `zeros`: a sparse array without stored values is one of zeros."""
    return zeros(stype, shape, ctx, dtype)


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> Any:
    """Make a sparse array from a CSRNDArray, a RowSparseNDArray or a scipy.sparse.csr_matrix.

    dtype : default is that of the source. Raises ValueError for a dense source: use `csr_matrix`,
    `row_sparse_array` or ``tostype``.
    """
    if isinstance(source_array, BaseSparseNDArray):
        ctx = current_context() if ctx is None else ctx
        flag = dtype_flag(source_array.dtype if dtype is None else dtype)
        return wrap_any(source_array.handle.converted(flag, ctx.device_typeid, ctx.device_id))
    if _is_scipy(source_array):
        if not source_array.has_sorted_indices:
            source_array = source_array.sorted_indices()
        parts = (source_array.data, source_array.indices, source_array.indptr)
        return csr_matrix(parts, source_array.shape, ctx, source_array.dtype if dtype is None else dtype)
    raise ValueError(
        f"[sparse.array] got {type(source_array).__name__}, expected CSRNDArray, RowSparseNDArray or "
        "scipy.sparse.csr_matrix; use mx.nd.array, csr_matrix or row_sparse_array for dense values"
    )


# -- arithmetic ----------------------------------------------------------------------------------------------
def _binary(name: str, same_shape: str) -> Callable:
    general = getattr(arithmetic, name)

    def call(lhs: Any, rhs: Any) -> Any:
        if isinstance(lhs, NDArray) and isinstance(rhs, NDArray) and lhs.shape == rhs.shape:
            return function(same_shape)(lhs, rhs)
        return general(lhs, rhs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"Return `{name}(lhs, rhs)` element by element.\n\nlhs, rhs : NDArray, sparse or dense, or number. "
        "The result is sparse where MXNet's is."
    )
    return call


add = _binary("add", "elemwise_add")
subtract = _binary("subtract", "elemwise_sub")
multiply = _binary("multiply", "elemwise_mul")
divide = _binary("divide", "elemwise_div")


def __getattr__(name: str) -> Any:
    if name not in SPARSE_FUNCTIONS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = function(SPARSE_FUNCTIONS[name])
    return globals()[name]


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *SPARSE_FUNCTIONS})
