"""Random numbers: `mx.random`. One stream, seeded by `seed`: equal seeds give equal results anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core

__all__ = ["get_state", "normal", "numpy_generator", "randn", "seed", "set_state", "uniform"]


def seed(seed_state: int, ctx: Any = "all") -> None:
    """Restart the random stream.

    seed_state : int
    ctx : accepted for compatibility; there is one stream for all CPU contexts.
    """
    if not isinstance(seed_state, (int, np.integer)):
        raise ValueError(f"[random.seed] the seed must be an integer: got {type(seed_state).__name__}")
    _core.seed(int(seed_state) & 0xFFFFFFFFFFFFFFFF)


def get_state() -> tuple[int, int]:
    """Return the state of the stream: the seed and the number of draws so far."""
    return _core.random_state()


def set_state(state: tuple[int, int]) -> None:
    """Continue the stream from a state that `get_state` returned."""
    _core.set_random_state(*state)


def numpy_generator() -> np.random.Generator:
    """Return a NumPy generator that depends on the seed and the draws so far, and takes one draw itself."""
    return np.random.Generator(np.random.Philox(key=[_core.random_state()[0], _core.next_random_stream()]))


def _sample(op: str, shape: Any, dtype: Any, ctx: Any, out: Any, **params: Any) -> Any:
    from .ndarray import op as nd_op

    if out is not None and shape in (None, ()):
        shape = out.shape
    if dtype is None and out is not None:
        dtype = out.dtype
    if shape in (None, ()):
        shape = (1,)
    return nd_op.function(op)(shape=shape, dtype=dtype or "float32", ctx=ctx, out=out, **params)


def uniform(
    low: float = 0,
    high: float = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw from the uniform distribution over [low, high).

    shape : int or tuple, default (1,) or the shape of `out`. dtype : a floating dtype, default float32.
    Returns an NDArray, `out` if it is given.
    """
    return _sample("_random_uniform", shape, dtype, ctx, out, low=low, high=high)


def normal(
    loc: float = 0,
    scale: float = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw from the normal distribution of mean `loc` and standard deviation `scale`.

    shape : int or tuple, default (1,) or the shape of `out`. dtype : a floating dtype, default float32.
    Returns an NDArray, `out` if it is given.
    """
    return _sample("_random_normal", shape, dtype, ctx, out, loc=loc, scale=scale)


def randn(*shape: int, **kwargs: Any) -> Any:
    """Draw an array of shape `shape` from the normal distribution; keywords as for `normal`."""
    return normal(kwargs.pop("loc", 0), kwargs.pop("scale", 1), shape=shape or None, **kwargs)
