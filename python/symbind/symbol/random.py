"""Random symbols: `mx.sym.random`."""

from __future__ import annotations

from typing import Any

from .op import function
from .symbol import Symbol

__all__ = ["normal", "uniform"]


def uniform(low: float = 0, high: float = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the uniform distribution over [low, high). shape : int or tuple. dtype : default float32."""
    return function("_random_uniform")(low=low, high=high, shape=shape, dtype=dtype, **kwargs)


def normal(loc: float = 0, scale: float = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the normal distribution of mean `loc` and deviation `scale`. dtype : default float32."""
    return function("_random_normal")(loc=loc, scale=scale, shape=shape, dtype=dtype, **kwargs)
