"""Random symbols: `mx.sym.random`."""

from __future__ import annotations

from typing import Any

from .op import function
from .symbol import Symbol

__all__ = [
    "exponential",
    "exponential_like",
    "gamma",
    "gamma_like",
    "generalized_negative_binomial",
    "generalized_negative_binomial_like",
    "multinomial",
    "negative_binomial",
    "negative_binomial_like",
    "normal",
    "normal_like",
    "poisson",
    "poisson_like",
    "randint",
    "randn",
    "shuffle",
    "uniform",
    "uniform_like",
]


def _sample(name: str, params: dict[str, Any], shape: Any, dtype: Any, kwargs: dict[str, Any]) -> Symbol:
    """Make a node that draws: one distribution for all elements, or one for each element of symbols."""
    symbols = [isinstance(v, Symbol) for v in params.values()]
    if any(symbols):
        if not all(symbols):
            kinds = ", ".join(type(v).__name__ for v in params.values())
            raise ValueError(f"[random.{name}] parameters must be all Symbols or all numbers: got {kinds}")
        return function(f"_sample_{name}")(*params.values(), shape=shape, dtype=dtype, **kwargs)
    return function(f"_random_{name}")(shape=shape, dtype=dtype, **params, **kwargs)


def uniform(low: Any = 0, high: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the uniform distribution over [low, high).

    low, high : numbers, or symbols with a distribution for each element, whose draws are the last axes.
    shape : int or tuple. dtype : a floating dtype, default float32.
    """
    return _sample("uniform", {"low": low, "high": high}, shape, dtype, kwargs)


def normal(loc: Any = 0, scale: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the normal distribution of mean `loc` and deviation `scale`. Otherwise as `uniform`."""
    return _sample("normal", {"loc": loc, "scale": scale}, shape, dtype, kwargs)


def randn(*shape: int, **kwargs: Any) -> Symbol:
    """Draw an array of shape `shape` from the normal distribution; keywords as for `normal`."""
    return normal(kwargs.pop("loc", 0), kwargs.pop("scale", 1), shape=shape or None, **kwargs)


def exponential(scale: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the exponential distribution of mean `scale`. Otherwise as `uniform`."""
    return _sample("exponential", {"lam": 1.0 / scale}, shape, dtype, kwargs)


def poisson(lam: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the Poisson distribution of mean `lam`. Otherwise as `uniform`."""
    return _sample("poisson", {"lam": lam}, shape, dtype, kwargs)


def gamma(alpha: Any = 1, beta: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw from the gamma distribution of shape `alpha` and scale `beta`. Otherwise as `uniform`."""
    return _sample("gamma", {"alpha": alpha, "beta": beta}, shape, dtype, kwargs)


def negative_binomial(k: Any = 1, p: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw numbers of failures before `k` successes of probability `p`. Otherwise as `uniform`."""
    return _sample("negative_binomial", {"k": k, "p": p}, shape, dtype, kwargs)


def generalized_negative_binomial(
    mu: Any = 1, alpha: Any = 1, shape: Any = None, dtype: Any = None, **kwargs: Any
) -> Symbol:
    """Draw negative binomial numbers of mean `mu` and variance mu + alpha mu^2. Otherwise as `uniform`."""
    return _sample("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, shape, dtype, kwargs)


def randint(low: int, high: int, shape: Any = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Draw whole numbers from [low, high). dtype : int32 (default) or int64."""
    return _sample("randint", {"low": low, "high": high}, shape, dtype, kwargs)


def multinomial(
    data: Symbol, shape: Any = None, get_prob: bool = True, dtype: Any = "int32", **kwargs: Any
) -> Symbol:
    """Draw positions with the probabilities in the rows (the last axis) of `data`.

    shape : how many draws for each row; one by default. get_prob : a second output with the logarithms of
    their probabilities.
    """
    return function("_sample_multinomial")(data, shape=shape, get_prob=get_prob, dtype=dtype, **kwargs)


def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """Make a node for the rows of `data` in random order."""
    return function("_shuffle")(data, **kwargs)


exponential_like = function("_random_exponential_like")
gamma_like = function("_random_gamma_like")
generalized_negative_binomial_like = function("_random_generalized_negative_binomial_like")
negative_binomial_like = function("_random_negative_binomial_like")
normal_like = function("_random_normal_like")
poisson_like = function("_random_poisson_like")
uniform_like = function("_random_uniform_like")
