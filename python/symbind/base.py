"""Names that every other module of the package builds on: the error type, scalar types, dtype flags."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable

import numpy as np

try:
    from ._core import MXNetError
except ImportError as err:
    raise ImportError(
        f"[symbind] the compiled extension symbind._core could not be loaded: {err}. Install the package "
        "with 'pip install .', or in a source checkout build it with 'tools/dev_build.sh'."
    ) from err

__all__ = [
    "MXNetError",
    "NotImplementedForSymbol",
    "NotSupportedForSparseNDArray",
    "basestring",
    "data_dir",
    "dtype_flag",
    "dtype_from_flag",
    "integer_types",
    "long",
    "mx_float",
    "mx_int",
    "mx_int64",
    "mx_real_t",
    "mx_uint",
    "numeric_types",
    "py_str",
    "string_types",
]

#: Default element type of arrays, parameters and data.
mx_real_t = np.float32

# Aliases that scripts written for Python 2 and ctypes still import.
mx_uint = ctypes.c_uint
mx_int = ctypes.c_int
mx_int64 = ctypes.c_int64
mx_float = ctypes.c_float
long = int
basestring = str

string_types = (str,)
numeric_types = (float, int, np.generic)
integer_types = (int, np.integer)


class _NullType:
    """Type of `_Null`, the default of operator arguments for which None is a meaningful value."""

    _instance: _NullType | None = None

    def __new__(cls) -> _NullType:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "_Null"

    def __reduce__(self):
        return (_NullType, ())


_Null = _NullType()


def _describe_call(function: Callable | str, alias: str | None, args: tuple) -> str:
    text = f"Function {getattr(function, '__name__', function)}"
    if alias:
        text += f' (namely operator "{alias}")'
    if args:
        text += " with arguments ({})".format(", ".join(str(type(a)) for a in args))
    return text


class NotImplementedForSymbol(MXNetError):
    """Raised by operations that need values, such as `bool(symbol)`, when they are tried on a Symbol.

    Parameters
    ----------
    function : callable or str
        The operation; its `__name__` goes into the message.
    alias : str or None
        The Python operator that stands for it, such as ``"+="``.
    args :
        The arguments of the call; their types go into the message.
    """

    def __init__(self, function: Callable | str, alias: str | None = None, *args: Any) -> None:
        super().__init__(
            _describe_call(function, alias, args)
            + " is not implemented for Symbol and only available in NDArray."
        )


class NotSupportedForSparseNDArray(MXNetError):
    """Raised by operations that exist for dense arrays only, when they are tried on a sparse one."""

    def __init__(self, function: Callable | str, alias: str | None = None, *args: Any) -> None:
        super().__init__(
            _describe_call(function, alias, args)
            + " is not supported for SparseNDArray and only available in NDArray."
        )


# dtype flags as they are written in parameter files and symbol attributes. -1 stands for "not known yet".
_DTYPE_NP_TO_MX: dict[Any, int] = {
    None: -1,
    np.float32: 0,
    np.float64: 1,
    np.float16: 2,
    np.uint8: 3,
    np.int32: 4,
    np.int8: 5,
    np.int64: 6,
    np.bool_: 7,
}
_DTYPE_MX_TO_NP: dict[int, Any] = {flag: dtype for dtype, flag in _DTYPE_NP_TO_MX.items()}

_STORAGE_TYPE_STR_TO_ID = {"undefined": -1, "default": 0, "row_sparse": 1, "csr": 2}
_STORAGE_TYPE_ID_TO_STR = {number: name for name, number in _STORAGE_TYPE_STR_TO_ID.items()}
_GRAD_REQ_MAP = {"null": 0, "write": 1, "add": 3}


def dtype_flag(dtype: Any) -> int:
    """Return MXNet's number for a dtype.

    The numbers are 0 float32, 1 float64, 2 float16, 3 uint8, 4 int32, 5 int8, 6 int64, 7 bool. `dtype` is
    anything that `numpy.dtype` accepts; None gives -1. Raises TypeError for a dtype that arrays cannot have.
    """
    if dtype is None:
        return -1
    try:
        return _DTYPE_NP_TO_MX[np.dtype(dtype).type]
    except (KeyError, TypeError):
        names = ", ".join(np.dtype(known).name for known in _DTYPE_NP_TO_MX if known is not None)
        raise TypeError(f"[dtype] unsupported dtype: got {dtype!r}, expected one of {names}") from None


def dtype_from_flag(flag: int) -> Any:
    """Return the NumPy scalar type of one of MXNet's dtype numbers; -1 gives None.

    Raises TypeError for an unknown number.
    """
    try:
        return _DTYPE_MX_TO_NP[flag]
    except KeyError:
        raise TypeError(f"[dtype] unknown dtype number: got {flag!r}, expected 0 to 7") from None


def py_str(text: bytes | str) -> str:
    """Decode UTF-8 bytes; a str comes back as it is."""
    return text.decode("utf-8") if isinstance(text, bytes) else text


def _as_list(obj: Any) -> list | tuple:
    """Return lists and tuples as they are and anything else, None included, as a list of one."""
    return obj if isinstance(obj, (list, tuple)) else [obj]


def data_dir() -> str:
    """Return the folder for cached data: the environment variable MXNET_HOME, or `~/.mxnet`."""
    return os.environ.get("MXNET_HOME", os.path.join(os.path.expanduser("~"), ".mxnet"))
