"""Samplers by their statistics, densities by their integrals and gradients."""

import math

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, operator, refuses, symbol_of, uniform

COUNT = 20000

# name -> (parameters, mean, variance)
DISTRIBUTIONS = {
    "uniform": ({"low": -1, "high": 3}, 1, 16 / 12),
    "normal": ({"loc": 2, "scale": 3}, 2, 9),
    "gamma": ({"alpha": 2.5, "beta": 1.5}, 3.75, 2.5 * 2.25),
    "exponential": ({"lam": 0.5}, 2, 4),
    "poisson": ({"lam": 3.5}, 3.5, 3.5),
    "negative_binomial": ({"k": 4, "p": 0.4}, 6, 15),
    "generalized_negative_binomial": ({"mu": 2, "alpha": 0.3}, 2, 3.2),
}
SMALL_AND_LARGE = [
    ("gamma", {"alpha": 0.4, "beta": 2}, 0.8, 1.6),
    ("gamma", {"alpha": 50, "beta": 0.1}, 5, 0.5),
    ("poisson", {"lam": 0.2}, 0.2, 0.2),
    ("poisson", {"lam": 40}, 40, 40),
    ("poisson", {"lam": 3000}, 3000, 3000),
    ("negative_binomial", {"k": 2, "p": 1}, 0, 0),
    ("generalized_negative_binomial", {"mu": 5, "alpha": 0}, 5, 5),
]
ALL = [(n, *d) for n, d in DISTRIBUTIONS.items()] + SMALL_AND_LARGE


def check_moments(values, mean, variance):
    """Mean and variance are within five standard errors (the fourth moment taken as if it were 12 var^2)."""
    values = values.astype("float64")
    assert abs(values.mean() - mean) <= 5 * math.sqrt(variance / values.size) + 1e-6
    assert abs(values.var() - variance) <= 5 * math.sqrt(12 / values.size) * variance + 1e-6


@pytest.mark.parametrize("name, params, mean, variance", ALL, ids=str)
def test_moments(name, params, mean, variance):
    mx.random.seed(7)
    out = operator(mx.nd, f"_random_{name}")(shape=(COUNT,), **params)
    assert out.shape == (COUNT,) and out.dtype == np.float32
    check_moments(out.asnumpy(), mean, variance)
    like = getattr(mx.nd.random, f"{name}_like")(mx.nd.zeros((100, 50), dtype="float64"), **params)
    assert like.shape == (100, 50) and like.dtype == np.float64
    inputs = [mx.nd.array([v, v]) for v in params.values()]
    each = operator(mx.nd, f"_sample_{name}")(*inputs, shape=(COUNT // 2, 2))
    assert each.shape == (2, COUNT // 2, 2)
    for row in each.asnumpy():
        check_moments(row, mean, variance)


def test_each_element_has_its_own_distribution():
    mx.random.seed(3)
    out = mx.nd.random.normal(mx.nd.array([[-10, 0], [5, 100]]), mx.nd.array([[1, 2], [3, 0]]), shape=5000)
    assert out.shape == (2, 2, 5000)
    values = out.asnumpy()
    assert_close(values.mean(-1), np.array([[-10, 0], [5, 100]], "f"), 0.05, 0.2)
    assert_close(values.std(-1), np.array([[1, 2], [3, 0]], "f"), 0.05, 0.05)


def test_chi_square_of_small_numbers():
    mx.random.seed(11)
    for values, probabilities in (
        (mx.nd.random.randint(-3, 7, shape=(COUNT,)).asnumpy() + 3, np.full(10, 0.1)),
        (
            mx.nd.random.multinomial(mx.nd.array([0.1, 0.2, 0.3, 0.4]), shape=COUNT).asnumpy(),
            np.arange(1, 5) / 10,
        ),
        (
            mx.nd.random.poisson(12.5, shape=(COUNT,)).asnumpy(),
            np.exp([k * math.log(12.5) - 12.5 - math.lgamma(k + 1) for k in range(40)]),
        ),
    ):
        counts = np.bincount(values.astype(int), minlength=len(probabilities))[: len(probabilities)]
        expected = probabilities * COUNT
        usual = expected > 5
        statistic = ((counts - expected)[usual] ** 2 / expected[usual]).sum()
        degrees = usual.sum() - 1
        assert statistic < degrees + 5 * math.sqrt(2 * degrees), statistic


def test_the_seed_decides():
    def draws():
        mx.random.seed(5)
        return [
            mx.nd.random.gamma(2, 1, shape=(7,)).asnumpy(),
            mx.nd.random.gamma(2, 1, shape=(7,)).asnumpy(),
        ]

    first, second = draws(), draws()
    assert (first[0] == second[0]).all() and (first[1] == second[1]).all()
    assert (first[0] != first[1]).any()


def test_front_ends():
    for module in (mx.nd.random, mx.random):
        assert module.exponential(4, shape=(2, 3)).shape == (2, 3)
        assert module.gamma(shape=3).shape == (3,)
        assert module.poisson(mx.nd.array([1, 2]), shape=4, dtype="float64").dtype == np.float64
        assert module.negative_binomial(3, 0.4).shape == (1,)
        assert module.generalized_negative_binomial(3, 0.4, shape=2).shape == (2,)
        assert module.randint(0, 5, shape=(2,)).dtype == np.int32
        assert module.randint(0, 5, dtype="int64").dtype == np.int64
        assert module.randn(2, 3).shape == (2, 3)
        assert module.shuffle(mx.nd.ones((2, 2))).shape == (2, 2)
        assert module.multinomial(mx.nd.array([[0.5, 0.5]]), dtype="float32").dtype == np.float32
        with pytest.raises((ValueError, AssertionError), match="all"):
            module.uniform(mx.nd.ones((2,)), 3)
    out = mx.nd.zeros((3,))
    assert mx.nd.random.gamma(2, 1, out=out) is out and (out.asnumpy() > 0).all()
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    assert mx.sym.random.gamma(a, b, shape=(2, 3)).infer_shape(a=(4,))[1] == [(4, 2, 3)]
    assert mx.sym.random.exponential(2, shape=3).attr_dict()["_random_exponential0"]["lam"] == "0.5"
    assert len(mx.sym.random.multinomial(a, shape=2).list_outputs()) == 2
    assert mx.sym.random.normal_like(a).infer_shape(a=(2, 3))[1] == [(2, 3)]
    assert mx.sym.random.randint(0, 9, shape=(2,)).infer_type()[1] == [np.int32]
    assert mx.sym.sample_normal(name="n").list_arguments() == ["n_mu", "n_sigma"]


def test_multinomial_probabilities_and_gradient():
    data = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], "f")
    mx.random.seed(1)
    draws, logs = mx.nd.random.multinomial(mx.nd.array(data), shape=(4,), get_prob=True)
    rows = np.take_along_axis(data, draws.asnumpy(), 1)
    assert draws.shape == (2, 4) and (rows > 0).all()
    assert_close(logs, np.log(rows))
    symbol = mx.sym.random.multinomial(mx.sym.Variable("p"), shape=4, get_prob=True)
    gradient = mx.nd.zeros(data.shape)
    executor = symbol.bind(mx.cpu(), [mx.nd.array(data)], [gradient])
    picked = executor.forward(True)[0].asnumpy()
    executor.backward([mx.nd.zeros((2, 4), dtype="int32"), mx.nd.ones((2, 4))])
    counts = np.stack([np.bincount(r, minlength=3) for r in picked])
    expected = np.divide(counts, data, out=np.zeros_like(data), where=counts > 0)
    assert_close(gradient, expected)


def test_shuffle():
    mx.random.seed(2)
    x = np.arange(300).reshape(100, 3).astype("f")
    out = mx.nd.random.shuffle(mx.nd.array(x)).asnumpy()
    assert (out != x).any()
    assert_close(out[out[:, 0].argsort()], x)
    first = np.array([mx.nd.random.shuffle(mx.nd.array([0, 1, 2])).asnumpy()[0] for _ in range(600)])
    assert (np.bincount(first.astype(int)) > 150).all()


@ours_only
def test_gradient_of_shuffle():
    x, head = uniform(6, 2).astype("f"), uniform(6, 2, seed=2).astype("f")
    gradient = mx.nd.zeros((6, 2))
    executor = mx.sym.shuffle(mx.sym.Variable("x")).bind(mx.cpu(), [mx.nd.array(x)], [gradient])
    order = [np.flatnonzero((x == row).all(1))[0] for row in executor.forward(True)[0].asnumpy()]
    executor.backward([mx.nd.array(head)])
    assert_close(gradient.asnumpy()[order], head)


PDFS = [
    ("uniform", (-1.0, 3.0), lambda x: np.full_like(x, 0.25)),
    ("normal", (0.5, 2.0), lambda x: np.exp(-((x - 0.5) ** 2) / 8) / np.sqrt(8 * np.pi)),
    ("gamma", (2.5, 1.5), lambda x: 1.5**2.5 * x**1.5 * np.exp(-1.5 * x) / math.gamma(2.5)),
    ("exponential", (2.0,), lambda x: 2 * np.exp(-2 * x)),
]
COUNTS = [
    ("poisson", (2.5,), lambda k: math.exp(-2.5) * 2.5**k / math.factorial(k)),
    ("negative_binomial", (3.0, 0.4), lambda k: math.comb(k + 2, k) * 0.4**3 * 0.6**k),
    ("generalized_negative_binomial", (2.0, 0.5), lambda k: (k + 1) * 0.5**2 * 0.5**k),
]
NAMES = {
    "uniform": ("low", "high"),
    "normal": ("mu", "sigma"),
    "gamma": ("alpha", "beta"),
    "exponential": ("lam",),
    "poisson": ("lam",),
    "negative_binomial": ("k", "p"),
    "generalized_negative_binomial": ("mu", "alpha"),
}


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "name, params, pdf", PDFS + COUNTS, ids=lambda v: str(v) if isinstance(v, str) else ""
)
def test_pdf(name, params, pdf, log):
    whole = name in [c[0] for c in COUNTS]
    x = np.arange(6.0).reshape(1, 6) if whole else uniform(1, 6, low=0.2, high=2)
    expected = np.array([[pdf(int(k)) for k in x[0]]]) if whole else pdf(x)
    inputs = {"sample": x, **{n: np.array([v]) for n, v in zip(NAMES[name], params)}}
    check_forward(f"_random_pdf_{name}", inputs, np.log(expected) if log else expected, is_log=log)
    wrt = list(NAMES[name]) if whole else list(inputs)
    check_gradient(f"_random_pdf_{name}", inputs, wrt=wrt, is_log=log)


@pytest.mark.parametrize("log", [False, True])
def test_pdf_of_dirichlet(log):
    x, alpha = np.array([[[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]]), np.array([[1.5, 2.0, 0.7]])
    constant = math.gamma(alpha.sum()) / np.prod([math.gamma(a) for a in alpha[0]])
    expected = constant * np.prod(x ** (alpha - 1), -1)
    inputs = {"sample": x, "alpha": alpha}
    check_forward("_random_pdf_dirichlet", inputs, np.log(expected) if log else expected, is_log=log)
    check_gradient("_random_pdf_dirichlet", inputs, is_log=log)


@ours_only
def test_errors():
    for name, params, word in (
        ("gamma", {"alpha": 0}, "alpha > 0"),
        ("exponential", {"lam": -1}, "lam > 0"),
        ("negative_binomial", {"p": 1.5}, "p <= 1"),
        ("randint", {"low": 3, "high": 3}, "low < high"),
        ("poisson", {"dtype": "int32"}, "floating dtype"),
    ):
        refuses(
            lambda n=name, p=params: operator(mx.nd, f"_random_{n}")(shape=(2,), **p), f"_random_{name}", word
        )
    refuses(lambda: mx.nd.random.multinomial(mx.nd.ones((2,)), dtype="int8"), "dtype", "int8")
    refuses(
        lambda: symbol_of("_random_pdf_normal", {"sample": 1, "mu": 1, "sigma": 1}).infer_shape(
            sample=(2, 3), mu=(3,)
        ),
        "sample",
    )
