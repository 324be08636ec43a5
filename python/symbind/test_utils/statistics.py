"""Tests of random numbers: whether a generator draws from the distribution it should."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np

from .compare import _host

Buckets = Sequence[Any]


def gen_buckets_probs_with_ppf(
    ppf: Callable[[float], float], nbuckets: int
) -> tuple[list[tuple[float, float]], list[float]]:
    """Return intervals of equal probability, and the probabilities, of a continuous distribution.

    ppf : its quantile function, the inverse of the cumulative distribution. nbuckets : int, above 0.
    """
    if nbuckets < 1:
        raise ValueError(f"[gen_buckets_probs_with_ppf] nbuckets: got {nbuckets}, expected at least 1")
    edges = [ppf(i / nbuckets) for i in range(nbuckets + 1)]
    return list(zip(edges[:-1], edges[1:])), [1.0 / nbuckets] * nbuckets


def _upper_gamma(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function Q(a, x).

    By the series of P below the peak, by Lentz's continued fraction above it: Press et al., Numerical
    Recipes, 3rd edition, section 6.2.
    """
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1.0 / a
        n = a
        while abs(term) > abs(total) * 1e-15:
            n += 1
            term *= x / n
            total += term
        return 1.0 - total * scale
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    h = d
    for i in range(1, 100000):
        numerator = -i * (i - a)
        b += 2
        d = numerator * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + numerator / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return scale * h


def chi_square_check(
    generator: Callable[[int], Any], buckets: Buckets, probs: Sequence[float], nsamples: int = 1000000
) -> tuple[float, np.ndarray, np.ndarray]:
    """Pearson's chi-square test of a generator.

    Parameters
    ----------
    generator : callable
        ``generator(n)`` returns n numbers.
    buckets : list
        Values of a discrete distribution, or adjoining intervals (low, high) of a continuous one.
    probs : list of float
        Their probabilities, which sum to 1.
    nsamples : int, default 1000000

    Returns
    -------
    (float, numpy.ndarray, numpy.ndarray)
        The probability of a result that is at least as far off; the counts; the expected counts.

    Raises
    ------
    ValueError
        If the probabilities do not sum to 1, or there are not as many as buckets.
    """
    if len(probs) != len(buckets) or not math.isclose(sum(probs), 1.0, abs_tol=1e-6):
        raise ValueError(
            f"[chi_square_check] probs: got {len(probs)} numbers with sum {sum(probs):g}, expected "
            f"{len(buckets)} with sum 1"
        )
    samples = _host(generator(nsamples)).reshape(-1)
    if len(samples) != nsamples:
        raise ValueError(f"[chi_square_check] the generator made {len(samples)} numbers, expected {nsamples}")
    if isinstance(buckets[0], (list, tuple)):
        edges = np.array([buckets[0][0], *(high for _, high in buckets)], np.float64)
        places = np.searchsorted(edges, samples, side="right") - 1
        places[samples == edges[-1]] = len(buckets) - 1
        observed = np.bincount(places[(places >= 0) & (places < len(buckets))], minlength=len(buckets))
    else:
        observed = np.array([np.count_nonzero(samples == value) for value in buckets])
    expected = np.asarray(probs, np.float64) * nsamples
    statistic = float(((observed - expected) ** 2 / expected).sum())
    missed = nsamples - int(observed.sum())
    if missed > 0:  # what falls beside all buckets has no expected count: the generator is wrong
        return 0.0, observed, expected
    return _upper_gamma((len(buckets) - 1) / 2, statistic / 2), observed, expected


def verify_generator(
    generator: Callable[[int], Any],
    buckets: Buckets,
    probs: Sequence[float],
    nsamples: int = 1000000,
    nrepeat: int = 5,
    success_rate: float = 0.2,
    alpha: float = 0.05,
) -> list[float]:
    """Repeat `chi_square_check`, and raise AssertionError if less than `success_rate` of them pass.

    alpha : the probability below which one fails, default 0.05. Other arguments as there. Returns the
    probabilities.
    """
    results = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    passed = sum(p > alpha for p, _, _ in results)
    if passed < nrepeat * success_rate:
        raise AssertionError(
            f"Generator test fails: {passed} of {nrepeat} passed, p={[p for p, _, _ in results]}, "
            f"counts={[c.tolist() for _, c, _ in results]}, expected={results[0][2].tolist()}, "
            f"buckets={buckets}"
        )
    return [p for p, _, _ in results]
