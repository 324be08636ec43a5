"""Rows of csr matrices, as `NDArrayIter` and `LibSVMIter` cut batches of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import CSRNDArray
from ..ndarray.sparse import csr_matrix


class CSRRows:
    """The parts of a csr matrix in NumPy arrays, from which rows are chosen in any order."""

    def __init__(self, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, columns: int) -> None:
        self.data, self.indices, self.indptr = data, indices, indptr
        self.shape = (len(indptr) - 1, columns)

    def take(self, rows: slice | np.ndarray) -> CSRNDArray:
        """A matrix of its own of these rows; a row may be chosen more than once."""
        if isinstance(rows, slice):
            begin, end, _ = rows.indices(self.shape[0])
            first, last = self.indptr[begin], self.indptr[end]
            parts = (
                self.data[first:last],
                self.indices[first:last],
                self.indptr[begin : end + 1] - first,
            )
            return csr_matrix(parts, (end - begin, self.shape[1]), dtype=self.data.dtype)
        starts, lengths = self.indptr[rows], self.indptr[rows + 1] - self.indptr[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        # Position k of the result comes from starts[row] + (k - indptr[row]) of its row.
        source = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
        parts = (self.data[source], self.indices[source], indptr)
        return csr_matrix(parts, (len(rows), self.shape[1]), dtype=self.data.dtype)


class CSRSource:
    """A named csr matrix of which batches are cut along the first axis; it is copied once."""

    def __init__(self, name: str, value: Any, batch_axis: int) -> None:
        if batch_axis != 0:
            raise ValueError(
                f"[NDArrayIter] {name!r} is a csr matrix: got batch axis {batch_axis}, expected 0"
            )
        self.name = name
        self.array = value
        self._rows = CSRRows(
            value.data.asnumpy(), value.indices.asnumpy(), value.indptr.asnumpy(), value.shape[1]
        )
        self.shape = tuple(value.shape)
        self.dtype = np.dtype(value.dtype).type

    def select(self, selection: slice | np.ndarray) -> CSRNDArray:
        """Return the selected rows in a matrix of their own."""
        return self._rows.take(selection)
