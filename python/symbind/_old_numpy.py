"""Names that NumPy has dropped and programs of MXNet's time use: `np.bool`, `np.float`, `np.Inf`, ..."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {
        # Python's own types, aliases until NumPy 1.24
        "bool": builtins.bool,
        "int": builtins.int,
        "float": builtins.float,
        "complex": builtins.complex,
        "object": builtins.object,
        "str": builtins.str,
        "unicode": builtins.str,
        "long": builtins.int,
        # until 2.0
        "float_": np.float64,
        "complex_": np.complex128,
        "cfloat": np.complex128,
        "singlecomplex": np.complex64,
        "unicode_": np.str_,
        "string_": np.bytes_,
        "Inf": np.inf,
        "Infinity": np.inf,
        "infty": np.inf,
        "PINF": np.inf,
        "NINF": -np.inf,
        "NaN": np.nan,
        "NAN": np.nan,
        "PZERO": 0.0,
        "NZERO": -0.0,
        "product": np.prod,
        "cumproduct": np.cumprod,
        "sometrue": np.any,
        "alltrue": np.all,
        "round_": np.round,
        "asfarray": lambda a, dtype=np.float64: np.asarray(
            a, dtype if np.issubdtype(dtype, np.inexact) else np.float64
        ),
        "asscalar": lambda a: a.item(),
        "rank": np.ndim,
        "msort": lambda a: np.sort(a, axis=0),
        "row_stack": np.vstack,
        "in1d": lambda ar1, ar2, assume_unique=False, invert=False: np.isin(
            np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert
        ),
    }
    trapezoid = getattr(np, "trapezoid", None)
    if trapezoid is not None:
        names["trapz"] = trapezoid
    return names


_numpy_fromstring = np.fromstring


def _fromstring(string: Any, dtype: Any = float, count: int = -1, *, sep: str = "", **kwargs: Any) -> Any:
    """`np.fromstring` that still reads binary data (`sep=''`): a copy of what `np.frombuffer` returns."""
    if sep:
        return _numpy_fromstring(string, dtype, count, sep=sep, **kwargs)
    data = string.encode("latin-1") if isinstance(string, builtins.str) else string
    return np.frombuffer(data, dtype, count).copy()


def restore() -> list[str]:
    """Put names back that NumPy no longer has, for the whole process. Returns those that were missing."""
    missing = {name: value for name, value in _names().items() if name not in vars(np)}
    for name, value in missing.items():
        setattr(np, name, value)
    if np.fromstring is not _fromstring:
        np.fromstring = _fromstring  # type: ignore[assignment]
    return sorted(missing)
