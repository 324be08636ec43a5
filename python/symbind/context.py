"""Devices: `cpu()`, `gpu()` and the context that arrays are created on when none is given."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import ClassVar

from ._scope import ScopeStack
from .base import MXNetError

__all__ = ["Context", "cpu", "cpu_pinned", "current_context", "gpu", "gpu_memory_info", "num_gpus"]


class _ContextMeta(type):
    """Gives the class itself the attribute `Context.default_ctx`."""

    @property
    def default_ctx(cls) -> Context:
        return _stack.current

    @default_ctx.setter
    def default_ctx(cls, ctx: Context) -> None:
        if not isinstance(ctx, Context):
            raise TypeError(f"[Context.default_ctx] wrong type: got {type(ctx).__name__}, expected Context")
        _stack.replace(ctx)


class Context(metaclass=_ContextMeta):
    """A device, such as `cpu(0)` or `gpu(1)`.

    A `with` statement makes it the default device of the thread: ``with mx.cpu(1): ...``. Contexts compare
    and hash by device type and number.

    Parameters
    ----------
    device_type : str or Context
        ``'cpu'``, ``'gpu'``, ``'cpu_pinned'`` or ``'cpu_shared'``; a Context is copied, without `device_id`.
        Without a GPU, and with the environment variable ``SYMBIND_GPU_FALLBACK=cpu``, a GPU becomes the CPU
        of the same number, with one warning in a process.
    device_id : int, default 0
        Number of the device among those of its type.

    Raises
    ------
    ValueError
        If the device type is unknown.
    """

    devtype2str: ClassVar[dict[int, str]] = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type: ClassVar[dict[str, int]] = {"cpu": 1, "gpu": 2, "cpu_pinned": 3, "cpu_shared": 5}

    device_typeid: int
    device_id: int

    def __init__(self, device_type: str | Context, device_id: int = 0) -> None:
        if isinstance(device_type, Context):
            self.device_typeid, self.device_id = device_type.device_typeid, device_type.device_id
            return
        if device_type not in self.devstr2type:
            raise ValueError(
                f"[Context] unknown device type: got {device_type!r}, "
                f"expected one of {', '.join(self.devstr2type)}"
            )
        if device_type == "gpu" and num_gpus() == 0 and _falls_back():
            device_type = "cpu"
        self.device_typeid = self.devstr2type[device_type]
        self.device_id = int(device_id)

    @property
    def device_type(self) -> str:
        """``'cpu'``, ``'gpu'``, ``'cpu_pinned'`` or ``'cpu_shared'``."""
        return self.devtype2str[self.device_typeid]

    def _key(self) -> tuple[int, int]:
        return self.device_typeid, self.device_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    def __enter__(self) -> Context:
        _stack.push(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _stack.pop()

    def empty_cache(self) -> None:
        """Return unused pooled memory of a GPU to the driver; a CPU has none to return."""
        if self.device_type == "gpu":
            raise _no_cuda("Context.empty_cache")


_warned = False


def _falls_back() -> bool:
    """Whether a GPU means the CPU; says so once."""
    global _warned
    wanted = os.environ.get("SYMBIND_GPU_FALLBACK", "")
    if not wanted or wanted.lower() in ("0", "false", "off", "error"):
        return False
    if wanted.lower() != "cpu":
        raise ValueError(f"[Context] SYMBIND_GPU_FALLBACK: got {wanted!r}, expected 'cpu' or 'off'")
    if not _warned:
        _warned = True
        warnings.warn(
            "there is no GPU that symbind can use: mx.gpu(i) means mx.cpu(i) (SYMBIND_GPU_FALLBACK=cpu)",
            RuntimeWarning,
            stacklevel=4,
        )
    return True


_stack: ScopeStack[Context] = ScopeStack(lambda: Context("cpu", 0))


def cpu(device_id: int = 0) -> Context:
    """Return the context of CPU number `device_id`; all of them are the same processor and memory."""
    return Context("cpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """Return the context of page-locked CPU memory; without a GPU it is plain CPU memory."""
    return Context("cpu_pinned", device_id)


def gpu(device_id: int = 0) -> Context:
    """Return the context of GPU number `device_id`; that there is such a GPU is checked at its first use."""
    return Context("gpu", device_id)


def num_gpus() -> int:
    """Return how many GPUs this build of symbind can use: 0 in a build without CUDA."""
    return 0


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Return free and total bytes of a GPU. Raises MXNetError in a build without CUDA."""
    raise _no_cuda("gpu_memory_info")


def current_context() -> Context:
    """Return the context of the innermost `with` statement of this thread, `cpu(0)` outside of any."""
    return _stack.current


def place_groups(
    attributes: Mapping[str, Mapping[str, str]], group2ctx: Mapping[str, Context] | None
) -> dict[str, Context]:
    """Return the context of every node that belongs to a ``ctx_group``.

    attributes : of every node by name, as `Symbol.attr_dict` returns them. group2ctx : context of each group;
    None places nothing. Raises MXNetError for a group without a context, TypeError for what is no Context.
    """
    if not group2ctx:
        return {}
    for name, ctx in group2ctx.items():
        if not isinstance(ctx, Context):
            raise TypeError(f"[bind] group2ctx[{name!r}]: got {type(ctx).__name__}, expected a Context")
    placed = {}
    for node, of_node in attributes.items():
        group = of_node.get("__ctx_group__")
        if group is None:
            continue
        if group not in group2ctx:
            raise MXNetError(
                f"[bind] no context for ctx_group {group!r} of node {node!r}: group2ctx has "
                f"{sorted(group2ctx)}"
            )
        placed[node] = group2ctx[group]
    return placed


def _no_cuda(function: str) -> MXNetError:
    return MXNetError(
        f"[{function}] this build of symbind has no CUDA support: use mx.cpu() instead of mx.gpu(), or set "
        "SYMBIND_GPU_FALLBACK=cpu"
    )
