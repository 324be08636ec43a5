"""sum, mean, max and min against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, distinct, gradients_of, refuses, symbol_of, uniform

REDUCE = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}


@pytest.mark.parametrize("op", REDUCE)
@pytest.mark.parametrize("axis", [None, (), 0, 1, -1, (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduce(op, axis, keepdims):
    x = distinct(2, 3, 4)
    expected = REDUCE[op](x, axis=None if axis == () else axis, keepdims=keepdims)
    expected = expected if np.ndim(expected) else np.reshape(expected, 1)
    attrs = {"keepdims": keepdims} if axis is None else {"axis": axis, "keepdims": keepdims}
    check_forward(op, {"data": x}, expected, **attrs)
    check_gradient(op, {"data": x}, **attrs)


@pytest.mark.parametrize("op", REDUCE)
def test_exclude_reduces_the_other_axes(op):
    x = distinct(2, 3, 4)
    check_forward(op, {"data": x}, REDUCE[op](x, axis=(0, 2)), axis=1, exclude=True)
    check_gradient(op, {"data": x}, axis=1, exclude=True)


@pytest.mark.parametrize("op", REDUCE)
@pytest.mark.parametrize(
    "shape, axis", [((1, 5), 0), ((5, 1), 1), ((1, 1), (0, 1)), ((3, 1, 2), (0, 1))], ids=str
)
def test_axes_of_length_one(op, shape, axis):
    x = distinct(*shape)
    expected = np.atleast_1d(REDUCE[op](x, axis=axis))
    check_forward(op, {"data": x}, expected, axis=axis)
    check_gradient(op, {"data": x}, axis=axis)


@pytest.mark.parametrize("op", REDUCE)
@pytest.mark.parametrize(
    "shape, axis", [((100, 257), 0), ((100, 257), 1), ((7, 33, 65), (0, 2)), ((70000,), 0)], ids=str
)
def test_larger_sizes(op, shape, axis):
    x = uniform(*shape)
    check_forward(op, {"data": x}, np.atleast_1d(REDUCE[op](x, axis=axis)), axis=axis, dtypes=("float64",))
    found = getattr(mx.nd, op)(mx.nd.array(x), axis=axis)
    assert_close(found, np.atleast_1d(REDUCE[op](x, axis=axis)).astype("f"), 1e-4, 1e-3)


@pytest.mark.parametrize("op", ["max", "min"])
def test_ties_all_receive_the_gradient(op):
    x = np.array([[1.0, 1, 0], [0, 0, 0]])
    gradient = gradients_of(symbol_of(op, {"data": x}, axis=1), {"data": x}, ["data"], "float64")["data"]
    best = x == getattr(np, op)(x, axis=1, keepdims=True)
    assert ((gradient != 0) == best).all()


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    for op in REDUCE:
        function = getattr(mx.sym, op)
        refuses(
            lambda f=function: f(a, axis=2, name="n").infer_shape(a=(2, 3)),
            "Error in operator n",
            "axis",
            "2",
        )
        refuses(
            lambda f=function: f(a, axis=(0, 0), name="n").infer_shape(a=(2, 3)),
            "Error in operator n",
            "axis",
        )
        refuses(
            lambda f=function: f(a, keepdims="perhaps", name="n"),
            "Error in operator n",
            "keepdims",
            "perhaps",
        )
