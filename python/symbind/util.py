"""Helpers that do not belong to arrays or symbols: GPUs, environment variables, folders, array semantics."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .base import MXNetError
from .context import gpu_memory_info, num_gpus

__all__ = [
    "get_gpu_count",
    "get_gpu_memory",
    "getenv",
    "is_np_array",
    "is_np_shape",
    "makedirs",
    "np_shape",
    "set_np_shape",
    "setenv",
]


def get_gpu_count() -> int:
    """Return how many GPUs can be used."""
    return num_gpus()


def get_gpu_memory(gpu_dev_id: int) -> tuple[int, int]:
    """Return free and total bytes of a GPU. Raises MXNetError in a build without CUDA."""
    return gpu_memory_info(gpu_dev_id)


def getenv(name: str) -> str | None:
    """Return an environment variable, or None."""
    return os.environ.get(name)


def setenv(name: str, value: str | None) -> None:
    """Set an environment variable; None removes it."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def makedirs(d: str | os.PathLike) -> None:
    """Make a folder and those above it, where they are missing."""
    os.makedirs(os.path.expanduser(d), exist_ok=True)


def is_np_shape() -> bool:
    """Return False: 0 in a shape stands for an unknown length, as in all programs for `mx.sym`."""
    return False


def is_np_array() -> bool:
    """Return False: operators take and return `mx.nd.NDArray`."""
    return False


def set_np_shape(active: bool) -> bool:
    """Return False, the semantics before. Raises MXNetError for `active`: NumPy's shapes are `mx.np`'s."""
    if active:
        raise MXNetError(
            "[set_np_shape] NumPy semantics of shapes belong to mx.np, which is no part of symbind: got "
            "True, expected False"
        )
    return False


@contextlib.contextmanager
def np_shape(active: bool = True) -> Iterator[None]:
    """A `with` block as of `set_np_shape`."""
    set_np_shape(active)
    yield
