"""Reading and writing array files (MXNet's ``.params`` format)."""

from __future__ import annotations

import os
import warnings
from typing import Any

from .. import _core
from .ndarray import NDArray
from .sparse_array import wrap_any

__all__ = ["load", "load_frombuffer", "save"]


def _unpack(arrays: list, names: list[str], notes: list[str]) -> list[NDArray] | dict[str, NDArray]:
    for note in notes:
        warnings.warn(note, stacklevel=3)
    wrapped = [wrap_any(a) for a in arrays]
    return dict(zip(names, wrapped)) if names else wrapped


def load(fname: str | os.PathLike) -> list[NDArray] | dict[str, NDArray]:
    """Load arrays from a file that `save` or MXNet (any version) wrote.

    Returns a dict when the arrays have names, a list otherwise. Raises MXNetError, naming file, entry and
    byte, for a file that is damaged or of another kind; reading never runs code from the file.
    """
    return _unpack(*_core.load_ndarrays(fname))


def load_frombuffer(buf: Any) -> list[NDArray] | dict[str, NDArray]:
    """Load arrays from the bytes of such a file: bytes, or any object with a buffer."""
    return _unpack(*_core.load_ndarrays_buffer(buf))


def save(fname: str | os.PathLike, data: Any) -> None:
    """Save an NDArray, a list or a dict of str to NDArray in a file that MXNet 1.9.1 reads.

    The file appears whole or not at all. Raises MXNetError when it cannot be written.
    """
    if isinstance(data, NDArray):
        data = [data]
    if isinstance(data, dict):
        names, arrays = list(data), list(data.values())
        if not all(isinstance(n, str) for n in names):
            raise TypeError("[nd.save] the keys of the dict must be str")
    elif isinstance(data, (list, tuple)):
        names, arrays = [], list(data)
    else:
        raise ValueError(
            f"[nd.save] got {type(data).__name__}, expected an NDArray, or a list or dict of NDArrays"
        )
    for a in arrays:
        if not isinstance(a, NDArray):
            raise TypeError(f"[nd.save] only NDArrays can be saved, got {type(a).__name__}")
    _core.save_ndarrays(fname, [a.handle for a in arrays], names)
