"""Random numbers: `mx.random`. One stream, seeded by `seed`: equal seeds give equal results anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core

__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "get_state",
    "multinomial",
    "negative_binomial",
    "normal",
    "numpy_generator",
    "poisson",
    "randint",
    "randn",
    "seed",
    "set_state",
    "shuffle",
    "uniform",
]


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


def _function(op: str) -> Any:
    from .ndarray import op as nd_op

    return nd_op.function(op)


def _sample(
    name: str, params: dict[str, Any], shape: Any, dtype: Any, ctx: Any, out: Any, default: str = "float32"
) -> Any:
    """Draw from one distribution for all elements, or from one for each element of array parameters."""
    from .ndarray import NDArray

    arrays = [isinstance(v, NDArray) for v in params.values()]
    if dtype is None and out is not None:
        dtype = out.dtype
    if any(arrays):
        if not all(arrays):
            kinds = ", ".join(type(v).__name__ for v in params.values())
            raise ValueError(f"[random.{name}] parameters must be all NDArrays or all numbers: got {kinds}")
        draw = _function(f"_sample_{name}")
        return draw(*params.values(), shape=() if shape is None else shape, dtype=dtype or default, out=out)
    if shape in (None, ()):
        shape = (1,) if out is None else out.shape
    return _function(f"_random_{name}")(shape=shape, dtype=dtype or default, ctx=ctx, out=out, **params)


def uniform(
    low: Any = 0,
    high: Any = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw from the uniform distribution over [low, high).

    low, high : numbers, or NDArrays of one shape with a distribution each, whose draws are the last axes.
    shape : int or tuple, default (1,) or the shape of `out`. dtype : a floating dtype, default float32.
    Returns an NDArray, `out` if it is given.
    """
    return _sample("uniform", {"low": low, "high": high}, shape, dtype, ctx, out)


def normal(
    loc: Any = 0,
    scale: Any = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw from the normal distribution of mean `loc` and standard deviation `scale`.

    Arguments and result as for `uniform`.
    """
    return _sample("normal", {"loc": loc, "scale": scale}, shape, dtype, ctx, out)


def randn(*shape: int, **kwargs: Any) -> Any:
    """Draw an array of shape `shape` from the normal distribution; keywords as for `normal`."""
    return normal(kwargs.pop("loc", 0), kwargs.pop("scale", 1), shape=shape or None, **kwargs)


def exponential(
    scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Draw from the exponential distribution of mean `scale`. Arguments and result as for `uniform`."""
    return _sample("exponential", {"lam": 1.0 / scale}, shape, dtype, ctx, out)


def poisson(
    lam: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Draw from the Poisson distribution of mean `lam`. Arguments and result as for `uniform`."""
    return _sample("poisson", {"lam": lam}, shape, dtype, ctx, out)


def gamma(
    alpha: Any = 1,
    beta: Any = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw from the gamma distribution of shape `alpha` and scale `beta`. Otherwise as `uniform`."""
    return _sample("gamma", {"alpha": alpha, "beta": beta}, shape, dtype, ctx, out)


def negative_binomial(
    k: Any = 1,
    p: Any = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw numbers of failures before `k` successes of probability `p`. Otherwise as `uniform`."""
    return _sample("negative_binomial", {"k": k, "p": p}, shape, dtype, ctx, out)


def generalized_negative_binomial(
    mu: Any = 1,
    alpha: Any = 1,
    shape: Any = None,
    dtype: Any = None,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Draw negative binomial numbers of mean `mu` and variance mu + alpha mu^2. Otherwise as `uniform`."""
    return _sample("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, shape, dtype, ctx, out)


def randint(
    low: int, high: int, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Draw whole numbers from [low, high). dtype : int32 (default) or int64. Otherwise as `uniform`."""
    return _sample("randint", {"low": low, "high": high}, shape, dtype, ctx, out, "int32")


def multinomial(
    data: Any, shape: Any = None, get_prob: bool = False, out: Any = None, dtype: Any = "int32", **kwargs: Any
) -> Any:
    """Draw positions with the probabilities in the rows (the last axis) of `data`.

    shape : how many draws for each row; one by default. get_prob : return the logarithms of their
    probabilities, too. dtype : of the positions.
    """
    return _function("_sample_multinomial")(
        data, shape=() if shape is None else shape, get_prob=get_prob, dtype=dtype, out=out
    )


def shuffle(data: Any, **kwargs: Any) -> Any:
    """Return the rows of `data` in random order. out : where to write them, may be `data`."""
    return _function("_shuffle")(data, **kwargs)
