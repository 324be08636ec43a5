"""softmax, log_softmax and SoftmaxActivation against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import bind, check_forward, check_gradient, gradients_of, refuses, symbol_of, uniform


def softmax(x, axis=-1, temperature=1.0):
    e = np.exp((x - x.max(axis, keepdims=True)) / temperature)
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("temperature", [None, 0.5, 2.0])
@pytest.mark.parametrize(
    "shape, axis",
    [((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 2, 2), 1), ((5,), 0), ((3, 1), 1), ((1, 1), -1)],
    ids=str,
)
def test_softmax(shape, axis, temperature):
    x = uniform(*shape, low=-3, high=3)
    expected = softmax(x, axis, temperature or 1.0)
    check_forward("softmax", {"data": x}, expected, axis=axis, temperature=temperature)
    check_gradient("softmax", {"data": x}, axis=axis, temperature=temperature)
    check_forward("log_softmax", {"data": x}, np.log(expected), axis=axis, temperature=temperature)
    check_gradient("log_softmax", {"data": x}, axis=axis, temperature=temperature)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_large_values_do_not_overflow(op):
    out = getattr(mx.nd, op)(mx.nd.array([[1e4, 0, -1e4], [-1e30, -1e30, -1e30]])).asnumpy()
    assert np.isfinite(out).all()
    assert_close(out[1], np.full(3, 1 / 3 if op == "softmax" else -np.log(3), "f"))


@pytest.mark.parametrize("axis, lengths", [(-1, [[1, 2, 4], [4, 3, 1]]), (1, [[1, 2, 3, 1], [3, 3, 2, 1]])])
def test_softmax_with_lengths(axis, lengths):
    x, lengths = uniform(2, 3, 4), np.array(lengths, dtype="int32")
    inside = np.arange(x.shape[axis]).reshape((-1,) if axis == -1 else (-1, 1)) < np.expand_dims(
        lengths, axis
    )
    e = np.exp(x) * inside
    expected = e / e.sum(axis, keepdims=True)
    check_forward(
        "softmax", {"data": x, "length": lengths}, expected, keep=("length",), axis=axis, use_length=True
    )
    inputs = {"data": x, "length": lengths}
    symbol = symbol_of("softmax", inputs, axis=axis, use_length=True)
    gradient = gradients_of(symbol, inputs, ["data"], "float64", keep=("length",))["data"]
    assert (gradient[~np.broadcast_to(inside, x.shape)] == 0).all()


def test_output_dtype():
    assert mx.nd.softmax(mx.nd.ones((2, 3), dtype="float16"), dtype="float32").dtype == np.float32
    assert mx.sym.softmax(mx.sym.Variable("a"), dtype="float64").infer_type(a="float32")[1] == [np.float64]


def test_softmax_activation():
    x = uniform(2, 3, 4)
    check_forward("SoftmaxActivation", {"data": x}, softmax(x), dtypes=("float32",))
    check_forward("SoftmaxActivation", {"data": x}, softmax(x, 1), dtypes=("float32",), mode="channel")


def test_softmax_of_many_classes():
    x = uniform(3, 5000, low=-5, high=5)
    executor = bind(symbol_of("softmax", {"data": x}), {"data": x}, "float32", ["data"])
    assert_close(executor.forward(is_train=True)[0], softmax(x).astype("f"), 1e-4, 1e-8)


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    for op in ("softmax", "log_softmax"):
        function = getattr(mx.sym, op)
        refuses(
            lambda f=function: f(a, axis=2, name="n").infer_shape(a=(2, 3)),
            "Error in operator n",
            "axis",
            "2",
        )
        refuses(
            lambda f=function: f(a, temperature="hot", name="n"), "Error in operator n", "temperature", "hot"
        )
        refuses(lambda f=function: f(a, dtype="text", name="n"), "Error in operator n", "dtype", "text")
    refuses(
        lambda: mx.sym.softmax(a, use_length=True, name="n").infer_shape(a=(2, 3), n_length=(3,)),
        "Error in operator n",
        "length",
    )
