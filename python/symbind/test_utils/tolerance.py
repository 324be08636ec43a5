"""How close results of each dtype have to be: the one table that tests use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import numpy as np

Tolerance = Union[None, float, Mapping[Any, float]]

# dtype: relative tolerance, absolute tolerance, step of finite differences. The values are MXNet 1.9.1's.
_TABLE: dict[Any, tuple[float, float, float]] = {
    np.float16: (1e-2, 1e-1, 2.0**-6),
    np.float32: (1e-4, 1e-3, 2.0**-9),
    np.float64: (1e-5, 1e-20, 2.0**-14),
}
_EXACT = (np.bool_, np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64)


def default_rtols() -> dict[np.dtype, float]:
    """Return the relative tolerance for each dtype; 0 for integers."""
    return {**{np.dtype(t): row[0] for t, row in _TABLE.items()}, **{np.dtype(t): 0 for t in _EXACT}}


def default_atols() -> dict[np.dtype, float]:
    """Return the absolute tolerance for each dtype; 0 for integers."""
    return {**{np.dtype(t): row[1] for t, row in _TABLE.items()}, **{np.dtype(t): 0 for t in _EXACT}}


def default_numeric_eps() -> dict[np.dtype, float]:
    """Return the step of finite differences for each floating-point dtype, a power of two."""
    return {np.dtype(t): row[2] for t, row in _TABLE.items()}


def effective_dtype(array: Any) -> np.dtype:
    """Return the dtype of an NDArray, NumPy array or scalar, which decides how exact it can be."""
    return np.dtype(getattr(array, "dtype", None) or np.asarray(array).dtype)


def _pick(tolerance: Tolerance, defaults: Mapping[np.dtype, float], dtype: np.dtype) -> float:
    if tolerance is None:
        return defaults[dtype]
    if isinstance(tolerance, Mapping):
        return {np.dtype(key): value for key, value in tolerance.items()}[dtype]
    return tolerance


def get_tolerance(dat: Any, tol: Tolerance, default_tol: Mapping[np.dtype, float]) -> float:
    """Return `tol`, its entry for the dtype of `dat` if it is a dict, or else that of `default_tol`."""
    return _pick(tol, default_tol, effective_dtype(dat))


def get_rtol(rtol: Tolerance = None, dtype: Any = np.float64) -> float:
    """Return `rtol`, its entry for `dtype` if it is a dict, or the default for `dtype` if it is None."""
    return _pick(rtol, default_rtols(), np.dtype(dtype))


def get_atol(atol: Tolerance = None, dtype: Any = np.float64) -> float:
    """Return `atol`, its entry for `dtype` if it is a dict, or the default for `dtype` if it is None."""
    return _pick(atol, default_atols(), np.dtype(dtype))


def get_etol(etol: float | None = None) -> float:
    """Return `etol`, the share of elements that may differ, or 0 if it is None."""
    return 0 if etol is None else etol


def get_tols(x: Any, y: Any, rtol: Tolerance, atol: Tolerance) -> tuple[float, float]:
    """Return relative and absolute tolerance for comparing `x` with `y`: those of the less exact dtype."""
    dtypes = effective_dtype(x), effective_dtype(y)
    return max(get_rtol(rtol, d) for d in dtypes), max(get_atol(atol, d) for d in dtypes)
