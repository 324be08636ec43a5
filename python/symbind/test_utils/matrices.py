"""Arrays with a given property: identities, matrices with real eigenvalues, orthonormal ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import NDArray, array

Shape = tuple[int, ...]


def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> NDArray:
    """Return an array (rows, columns) whose rows are filled with their number."""
    return array(np.repeat(np.arange(rows), columns).reshape(rows, columns), dtype=dtype)


def create_vector(size: int, dtype: Any = np.int64) -> NDArray:
    """Return the numbers from 0 to size - 1."""
    return array(np.arange(size), dtype=dtype)


def get_identity_mat(size: int) -> NDArray:
    """Return an identity matrix."""
    return array(np.eye(size))


def get_identity_mat_batch(size: int) -> NDArray:
    """Return two identity matrices (2, size, size)."""
    return array(np.stack([np.eye(size)] * 2))


def new_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """Return a random (n, n) matrix with different real eigenvalues."""
    shape = (n, n)
    values = np.diag(np.arange(1.0, n + 1))
    basis = np.random.uniform(-1, 1, shape) + 2 * np.eye(n)
    return basis @ values @ np.linalg.inv(basis)


def new_matrix_with_real_eigvals_nd(shape: Shape) -> np.ndarray:
    """Return random matrices with different real eigenvalues, of shape (..., n, n)."""
    return _stack(new_matrix_with_real_eigvals_2d, shape)


def new_orthonormal_matrix_2d(n: int) -> np.ndarray:
    """Return a random (n, n) matrix whose rows are orthonormal."""
    return np.linalg.qr(np.random.randn(n, n))[0]


def new_sym_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """Return a random symmetric (n, n) matrix with different eigenvalues."""
    basis = new_orthonormal_matrix_2d(n)
    return basis @ np.diag(np.arange(1.0, n + 1)) @ basis.T


def new_sym_matrix_with_real_eigvals_nd(shape: Shape) -> np.ndarray:
    """Return random symmetric matrices with different eigenvalues, of shape (..., n, n)."""
    return _stack(new_sym_matrix_with_real_eigvals_2d, shape)


def _stack(make: Any, shape: Shape) -> np.ndarray:
    count = int(np.prod(shape[:-2], dtype=np.int64))
    return np.stack([make(shape[-1]) for _ in range(count)]).reshape(shape)
