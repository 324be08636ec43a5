"""mx.random: its functions draw from the distributions they name."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from common import mx, ours_only

utils = mx.test_utils
SAMPLES = 20000


def poisson(mean, k):
    return math.exp(-mean) * mean**k / math.factorial(k)


CONTINUOUS = {
    "uniform": (lambda n: mx.random.uniform(-1, 3, shape=n), lambda p: -1 + 4 * p),
    "normal": (lambda n: mx.random.normal(2, 0.5, shape=n), NormalDist(2, 0.5).inv_cdf),
    "randn": (lambda n: mx.random.randn(n // 4, 4, loc=1, scale=2), NormalDist(1, 2).inv_cdf),
    "exponential": (lambda n: mx.random.exponential(3, shape=n), lambda p: -3 * math.log1p(-p)),
    "gamma": (lambda n: mx.random.gamma(1, 2, shape=n), lambda p: -2 * math.log1p(-p)),
}
DISCRETE = {
    "randint": (lambda n: mx.random.randint(2, 6, shape=n), [2, 3, 4, 5], [0.25] * 4),
    "multinomial": (
        lambda n: mx.random.multinomial(mx.nd.array([0.2, 0.5, 0.3]), shape=n),
        [0, 1, 2],
        [0.2, 0.5, 0.3],
    ),
}


def quantile(inverse):
    def ppf(p):
        if p in (0, 1):
            return inverse(p) if inverse is CONTINUOUS["uniform"][1] else (-math.inf, math.inf)[int(p)]
        return inverse(p)

    return ppf


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name):
    mx.random.seed(11)
    draw, inverse = CONTINUOUS[name]
    buckets, probs = utils.gen_buckets_probs_with_ppf(quantile(inverse), 10)
    utils.verify_generator(lambda n: draw(n).asnumpy().ravel(), buckets, probs, SAMPLES, 3, 0.6, 0.01)


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name):
    mx.random.seed(12)
    draw, values, probs = DISCRETE[name]
    utils.verify_generator(lambda n: draw(n).asnumpy(), values, probs, SAMPLES, 3, 0.6, 0.01)


@ours_only  # the reference counts what falls outside of the buckets as an error
def test_counts():
    mx.random.seed(13)
    top = 30
    for draw, probability in (
        (lambda n: mx.random.poisson(4, shape=n), lambda k: poisson(4, k)),
        (lambda n: mx.random.negative_binomial(2, 0.5, shape=n), lambda k: (k + 1) * 0.5 ** (k + 2)),
        # mean 1 and alpha 0.5: 2 failures before successes of probability 2 / 3
        (
            lambda n: mx.random.generalized_negative_binomial(1, 0.5, shape=n),
            lambda k: (k + 1) * (2 / 3) ** 2 * (1 / 3) ** k,
        ),
    ):
        edges = [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, top * 100]
        probs = [probability(k) for k in range(5)]
        probs.append(1 - sum(probs))
        buckets = list(zip(edges[:-1], edges[1:]))
        utils.verify_generator(lambda n, d=draw: d(n).asnumpy(), buckets, probs, SAMPLES, 3, 0.6, 0.01)


def test_shuffle_and_seed():
    mx.random.seed(3)
    x = mx.nd.arange(50)
    first = mx.random.shuffle(x).asnumpy()
    assert sorted(first) == list(range(50)) and list(first) != list(range(50))
    mx.random.seed(3)
    assert (mx.random.shuffle(x).asnumpy() == first).all()
