"""Random arrays: `mx.nd.random`."""

from ..random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)
from .op import function as _function

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

exponential_like = _function("_random_exponential_like")
gamma_like = _function("_random_gamma_like")
generalized_negative_binomial_like = _function("_random_generalized_negative_binomial_like")
negative_binomial_like = _function("_random_negative_binomial_like")
normal_like = _function("_random_normal_like")
poisson_like = _function("_random_poisson_like")
uniform_like = _function("_random_uniform_like")
