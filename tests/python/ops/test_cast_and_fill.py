"""Cast, _zeros, _ones, _full, _arange and the random samplers."""

import numpy as np
import pytest
from common import mx, ours_only
from ops.checks import check_gradient, refuses, uniform

DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_cast(source, target):
    x = np.array([0, 1, 0, 1] if source == "bool" else [0, 1, 2.75, 100]).astype(source)
    array = mx.nd.array(x, dtype=source)
    bound = mx.sym.Cast(mx.sym.Variable("a"), dtype=target).bind(mx.cpu(), {"a": array}).forward()[0]
    for found in (mx.nd.Cast(array, dtype=target), mx.nd.cast(array, dtype=target), bound):
        assert np.dtype(found.dtype) == np.dtype(target)
        np.testing.assert_array_equal(found.asnumpy(), x.astype(target))


def test_cast_gradient_returns_to_the_input_dtype():
    gradient = mx.nd.zeros((2,), dtype="float64")
    net = mx.sym.Cast(mx.sym.Variable("a"), dtype="float32")
    executor = net.bind(mx.cpu(), {"a": mx.nd.ones((2,), dtype="float64")}, args_grad={"a": gradient})
    executor.forward(is_train=True)
    executor.backward(mx.nd.array([0.5, 2.0]))
    assert gradient.asnumpy().tolist() == [0.5, 2.0]
    check_gradient("Cast", {"data": uniform(3)}, dtype="float64")


@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_filled(dtype):
    for op, value, attrs in (("zeros", 0, {}), ("ones", 1, {}), ("full", 3, {"val": 3})):
        found = getattr(mx.sym, op)(shape=(2, 3), dtype=dtype, **attrs).eval()[0]
        assert np.dtype(found.dtype) == np.dtype(dtype)
        np.testing.assert_array_equal(found.asnumpy(), np.full((2, 3), value))


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({"start": 5}, np.arange(5)),
        ({"start": 1, "stop": 4}, np.arange(1, 4)),
        ({"start": 0, "stop": 1, "step": 0.25}, np.arange(0, 1, 0.25)),
        ({"start": 3, "stop": 0, "step": -1}, np.arange(3, 0, -1)),
        ({"start": 0, "stop": 3, "repeat": 2}, np.repeat(np.arange(3), 2)),
    ],
    ids=str,
)
def test_arange(arguments, expected):
    for dtype in ("float32", "float64", "int32"):
        if dtype == "int32" and arguments.get("step") == 0.25:
            continue
        np.testing.assert_array_equal(
            mx.sym.arange(dtype=dtype, **arguments).eval()[0].asnumpy(), expected.astype(dtype)
        )
        np.testing.assert_array_equal(
            mx.nd.arange(dtype=dtype, **arguments).asnumpy(), expected.astype(dtype)
        )


def test_samplers_in_a_graph():
    mx.random.seed(2)
    uniform_sample = mx.sym.random_uniform(low=-1, high=3, shape=(200, 100)).eval()[0].asnumpy()
    normal_sample = mx.sym.random_normal(loc=1, scale=2, shape=(200, 100)).eval()[0].asnumpy()
    assert uniform_sample.min() >= -1
    assert uniform_sample.max() < 3
    assert abs(uniform_sample.mean() - 1) < 0.05
    assert abs(normal_sample.mean() - 1) < 0.08
    assert abs(normal_sample.std() - 2) < 0.08


def test_a_graph_draws_anew_each_time_and_repeats_with_the_seed():
    executor = mx.sym.random_uniform(shape=(4,)).bind(mx.cpu(), {})
    draws = []
    for _ in range(2):
        mx.random.seed(7)
        draws.append([executor.forward()[0].asnumpy() for _ in range(2)])
    assert not np.array_equal(draws[0][0], draws[0][1])
    np.testing.assert_array_equal(draws[0], draws[1])


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    refuses(lambda: mx.sym.Cast(a, name="n"), "Error in operator n", "dtype", "required")
    refuses(lambda: mx.sym.Cast(a, dtype="text", name="n"), "Error in operator n", "dtype", "text")
    refuses(
        lambda: mx.sym._internal._arange(start=0, stop=5, step=0, name="n").infer_shape(),
        "Error in operator n",
        "step",
    )
    refuses(lambda: mx.sym.zeros((2, 0), name="n").simple_bind(mx.cpu()), "Error in operator n", "shape")
