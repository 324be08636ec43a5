"""Random shapes and arrays, drawn from NumPy's global generator: `numpy.random.seed` makes them repeat."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, Callable

import numpy as np

from ..context import Context
from ..io import DataBatch, DataIter
from ..ndarray import NDArray, array, sparse
from .system import default_context, default_dtype

Shape = tuple[int, ...]


def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> Shape:
    """Return a shape with `num_dim` dimensions between 1 (0 if zero sizes are allowed) and `dim`."""
    return tuple(int(d) for d in np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim))


def _rand_shape(dims: Sequence[int], allow_zero_size: bool) -> Shape:
    return tuple(int(np.random.randint(0 if allow_zero_size else 1, dim + 1)) for dim in dims)


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> Shape:
    """Return a shape with two dimensions of at most `dim0` and `dim1`."""
    return _rand_shape((dim0, dim1), allow_zero_size)


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10, allow_zero_size: bool = False) -> Shape:
    """Return a shape with three dimensions of at most `dim0`, `dim1` and `dim2`."""
    return _rand_shape((dim0, dim1, dim2), allow_zero_size)


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[int, int]:
    """Return a random point with x_low <= x < x_high and y_low <= y < y_high."""
    return int(np.random.randint(x_low, x_high)), int(np.random.randint(y_low, y_high))


def rand_ndarray(
    shape: Shape,
    stype: str = "default",
    density: float | None = None,
    dtype: Any = None,
    modifier_func: Callable | None = None,
    shuffle_csr_indices: bool = False,
    distribution: str | None = None,
    ctx: Context | None = None,
) -> NDArray:
    """Return an NDArray of normally distributed numbers, converted to `dtype` (default float32).

    stype : ``'csr'`` and ``'row_sparse'`` make sparse arrays; see `rand_sparse_ndarray` for what follows.
    """
    if stype == "default":
        dtype = default_dtype() if dtype is None else dtype
        return array(np.random.normal(size=shape).astype(dtype), dtype=dtype, ctx=ctx or default_context())
    return rand_sparse_ndarray(
        shape, stype, density, dtype, distribution, None, None, modifier_func, shuffle_csr_indices, ctx
    )[0]


def rand_sparse_ndarray(
    shape: Shape,
    stype: str,
    density: float | None = None,
    dtype: Any = None,
    distribution: str | None = None,
    data_init: float | None = None,
    rsp_indices: Any = None,
    modifier_func: Callable | None = None,
    shuffle_csr_indices: bool = False,
    ctx: Context | None = None,
) -> tuple[NDArray, tuple]:
    """Return a sparse array of numbers from (0, 1], and the arrays it is made of.

    stype : ``'csr'`` or ``'row_sparse'``. density : share of the elements (rows) that are stored; drawn where
    it is None. distribution : ``'uniform'`` (default), or ``'powerlaw'`` for csr: each row stores twice as
    many elements as the one before, as long as there are enough. data_init : the value of every stored
    element. rsp_indices : numbers of the stored rows. modifier_func : applied to each value.
    shuffle_csr_indices : columns of a row come in any order.
    """
    density = float(np.random.rand()) if density is None else density
    dtype = default_dtype() if dtype is None else dtype
    if stype not in ("csr", "row_sparse"):
        raise ValueError(
            f"[rand_ndarray] unknown storage type: got {stype!r}, expected 'csr' or 'row_sparse'"
        )
    if distribution not in (None, "uniform", "powerlaw"):
        raise ValueError(
            f"[rand_ndarray] distribution: got {distribution!r}, expected 'uniform' or 'powerlaw'"
        )
    if stype == "row_sparse":
        rows = np.flatnonzero(np.random.rand(shape[0]) < density) if rsp_indices is None else rsp_indices
        rows = np.unique(np.asarray(rows, dtype=np.int64))
        values = _stored_values((len(rows), *shape[1:]), dtype, data_init, modifier_func)
        return sparse.row_sparse_array((values, rows), shape, ctx, dtype), (values, rows)
    stored = np.random.rand(*shape) < density
    if distribution == "powerlaw":
        lengths = np.minimum(2 ** np.minimum(np.arange(shape[0]), 60), shape[1])
        lengths[np.cumsum(lengths) > density * shape[0] * shape[1]] = 0
        stored = np.arange(shape[1]) < lengths[:, None]
    indptr = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    columns = np.nonzero(stored)[1]
    if shuffle_csr_indices:
        columns = shuffle_csr_column_indices(columns, indptr)
    values = _stored_values((len(columns),), dtype, data_init, modifier_func)
    made = sparse.csr_matrix((values, columns, indptr), shape, ctx, dtype)
    return made, (made.indptr, made.indices, made.data)


def _stored_values(shape: Shape, dtype: Any, value: float | None, function: Callable | None) -> np.ndarray:
    values = 1 - np.random.rand(*shape) if value is None else np.full(shape, value)
    return assign_each(values.astype(dtype), function)


def shuffle_csr_column_indices(columns: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Return the columns of a csr matrix with those of each row in random order."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return columns[np.lexsort((np.random.rand(len(columns)), rows))]


def create_sparse_array(
    shape: Shape,
    stype: str,
    data_init: float | None = None,
    rsp_indices: Any = None,
    dtype: Any = None,
    modifier_func: Callable | None = None,
    density: float = 0.5,
    shuffle_csr_indices: bool = False,
) -> NDArray:
    """Return a random sparse array; the arguments are those of `rand_sparse_ndarray`."""
    return rand_sparse_ndarray(
        shape, stype, density, dtype, None, data_init, rsp_indices, modifier_func, shuffle_csr_indices
    )[0]


def _one_or_list(arrays: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return arrays[0] if len(arrays) == 1 else arrays


def random_arrays(*shapes: Shape) -> np.ndarray | list[np.ndarray]:
    """Return normally distributed float32 NumPy arrays: one for one shape, else a list."""
    return _one_or_list([np.asarray(np.random.randn(*shape), dtype=default_dtype()) for shape in shapes])


def random_uniform_arrays(*shapes: Shape, low: float = 0.0, high: float = 1.0) -> list[np.ndarray]:
    """Return a list of float32 NumPy arrays, uniform in [low, high)."""
    return [np.random.uniform(low, high, size=shape).astype(default_dtype()) for shape in shapes]


def random_sample(population: Iterable, k: int) -> list:
    """Return `k` different elements of `population`, in their original order."""
    elements = list(population)
    return [elements[i] for i in sorted(random.sample(range(len(elements)), k))]


def np_reduce(
    dat: np.ndarray, axis: int | Sequence[int] | None, keepdims: bool, numpy_reduce_func: Callable
) -> np.ndarray:
    """Apply a NumPy reduction over one axis, several, or all (None)."""
    if axis is None:
        axes = tuple(range(dat.ndim))
    else:
        axes = tuple(a % dat.ndim for a in ([axis] if isinstance(axis, int) else axis))
    result = dat
    for a in sorted(axes, reverse=True):
        result = numpy_reduce_func(result, axis=a)
    if keepdims:
        result = np.reshape(result, tuple(1 if a in axes else n for a, n in enumerate(dat.shape)))
    return np.asarray(result)


def assign_each(the_input: np.ndarray, function: Callable | None) -> np.ndarray:
    """Return `function` of every element; a copy if it is None."""
    source = np.array(the_input)
    return source if function is None else np.vectorize(function, otypes=[source.dtype])(source)


def assign_each2(input1: np.ndarray, input2: np.ndarray, function: Callable | None) -> np.ndarray:
    """Return `function` of every pair of elements; a copy of the first array if it is None."""
    source = np.array(input1)
    if function is None:
        return source
    return np.vectorize(function, otypes=[source.dtype])(source, input2)


class DummyIter(DataIter):
    """Yields the first batch of another iterator for ever, to time training without reading data."""

    def __init__(self, real_iter: DataIter) -> None:
        super().__init__(real_iter.batch_size)
        self.real_iter = real_iter
        self.provide_data = real_iter.provide_data
        self.provide_label = real_iter.provide_label
        self.the_batch = next(real_iter)

    def next(self) -> DataBatch:
        """Return the batch."""
        return self.the_batch
