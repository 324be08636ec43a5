"""Elementwise functions of one array, of an array and a number, and of two arrays, against NumPy."""

import numpy as np
import pytest
from common import mx, ours_only
from ops.checks import check_forward, check_gradient, distinct, refuses, uniform

SHAPES = [(3, 4), (1,), (2, 1, 3), (3, 341)]

# name: (NumPy, lowest, highest argument, differentiable)
UNARY = {
    "exp": (np.exp, -2, 2, True),
    "log": (np.log, 0.5, 3, True),
    "sqrt": (np.sqrt, 0.5, 3, True),
    "square": (np.square, -2, 2, True),
    "abs": (np.abs, 0.1, 2, True),
    "negative": (np.negative, -2, 2, True),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -3, 3, True),
    "tanh": (np.tanh, -2, 2, True),
    "relu": (lambda x: np.maximum(x, 0), 0.1, 2, True),
    "sign": (np.sign, -2, 2, False),
    "floor": (np.floor, -3, 3, False),
    "ceil": (np.ceil, -3, 3, False),
    "trunc": (np.trunc, -3, 3, False),
    "log1p": (np.log1p, -0.4, 2, True),
    "expm1": (np.expm1, -1, 1, True),
    "log2": (np.log2, 0.5, 3, True),
    "log10": (np.log10, 0.5, 3, True),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.5, 3, True),
    "reciprocal": (lambda x: 1 / x, 0.5, 3, True),
    "cbrt": (np.cbrt, 0.5, 3, True),
    "sin": (np.sin, -2, 2, True),
    "cos": (np.cos, -2, 2, True),
    "tan": (np.tan, -1, 1, True),
    "arcsin": (np.arcsin, -0.9, 0.9, True),
    "arccos": (np.arccos, -0.9, 0.9, True),
    "arctan": (np.arctan, -2, 2, True),
    "sinh": (np.sinh, -2, 2, True),
    "cosh": (np.cosh, -2, 2, True),
    "arcsinh": (np.arcsinh, -2, 2, True),
    "arccosh": (np.arccosh, 1.2, 3, True),
    "arctanh": (np.arctanh, -0.9, 0.9, True),
    "softsign": (lambda x: x / (1 + np.abs(x)), 0.1, 2, True),
}


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_unary(op, shape):
    function, low, high, differentiable = UNARY[op]
    x = uniform(*shape, low=low, high=high)
    check_forward(op, {"data": x}, function(x))
    if differentiable and x.size < 100:
        check_gradient(op, {"data": x})


def test_clip():
    x = distinct(4, 5, step=0.21)
    check_forward("clip", {"data": x}, np.clip(x, -1, 1.3), a_min=-1, a_max=1.3)
    check_gradient("clip", {"data": x}, a_min=-1, a_max=1.3)


# name: (NumPy of array and number, lowest, highest argument, differentiable)
SCALAR = {
    "_plus_scalar": (lambda x, s: x + s, -2, 2, True),
    "_minus_scalar": (lambda x, s: x - s, -2, 2, True),
    "_rminus_scalar": (lambda x, s: s - x, -2, 2, True),
    "_mul_scalar": (lambda x, s: x * s, -2, 2, True),
    "_div_scalar": (lambda x, s: x / s, -2, 2, True),
    "_rdiv_scalar": (lambda x, s: s / x, 0.5, 2, True),
    "_mod_scalar": (lambda x, s: np.mod(x, s), 0.2, 1.2, True),
    "_rmod_scalar": (lambda x, s: np.mod(s, x), 1.6, 2.4, True),
    "_power_scalar": (lambda x, s: x**s, 0.5, 2, True),
    "_rpower_scalar": (lambda x, s: s**x, -2, 2, True),
    "_hypot_scalar": (np.hypot, -2, 2, True),
    "_maximum_scalar": (np.maximum, 1.6, 2, True),
    "_minimum_scalar": (np.minimum, 0, 1.2, True),
    "_equal_scalar": (np.equal, -2, 2, False),
    "_not_equal_scalar": (np.not_equal, -2, 2, False),
    "_greater_scalar": (np.greater, -2, 2, False),
    "_greater_equal_scalar": (np.greater_equal, -2, 2, False),
    "_lesser_scalar": (np.less, -2, 2, False),
    "_lesser_equal_scalar": (np.less_equal, -2, 2, False),
}


@pytest.mark.parametrize("op", SCALAR)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scalar(op, shape):
    function, low, high, differentiable = SCALAR[op]
    x = uniform(*shape, low=low, high=high)
    check_forward(op, {"data": x}, function(x, 1.5), scalar=1.5)
    if differentiable and x.size < 100:
        check_gradient(op, {"data": x}, scalar=1.5)


# name: (NumPy, lowest, highest argument, differentiable)
BINARY = {
    "elemwise_add": (np.add, -2, 2, True),
    "elemwise_sub": (np.subtract, -2, 2, True),
    "elemwise_mul": (np.multiply, -2, 2, True),
    "elemwise_div": (np.divide, 0.5, 2, True),
    "_mod": (np.mod, 0.5, 3, True),
    "_power": (np.power, 0.5, 2, True),
    "_hypot": (np.hypot, 0.5, 2, True),
    "_maximum": (np.maximum, -2, 2, True),
    "_minimum": (np.minimum, -2, 2, True),
    "_equal": (np.equal, 0, 3, False),
    "_not_equal": (np.not_equal, 0, 3, False),
    "_greater": (np.greater, 0, 3, False),
    "_greater_equal": (np.greater_equal, 0, 3, False),
    "_lesser": (np.less, 0, 3, False),
    "_lesser_equal": (np.less_equal, 0, 3, False),
}


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_binary(op, shape):
    function, low, high, differentiable = BINARY[op]
    x, y = uniform(*shape, low=low, high=high), uniform(*shape, low=low, high=high, seed=2)
    if not differentiable:  # comparisons need equal pairs
        x, y = np.floor(x), np.floor(y)
    check_forward(op, {"lhs": x, "rhs": y}, function(x, y))
    if differentiable and x.size < 100:
        check_gradient(op, {"lhs": x, "rhs": y})


BROADCAST = {
    "broadcast_" + name: BINARY[key]
    for name, key in {
        "add": "elemwise_add",
        "sub": "elemwise_sub",
        "mul": "elemwise_mul",
        "div": "elemwise_div",
        "mod": "_mod",
        "power": "_power",
        "hypot": "_hypot",
        "maximum": "_maximum",
        "minimum": "_minimum",
        "equal": "_equal",
        "not_equal": "_not_equal",
        "greater": "_greater",
        "greater_equal": "_greater_equal",
        "lesser": "_lesser",
        "lesser_equal": "_lesser_equal",
    }.items()
}
BROADCAST.update(
    {
        "broadcast_logical_and": (np.logical_and, 0, 2, False),
        "broadcast_logical_or": (np.logical_or, 0, 2, False),
        "broadcast_logical_xor": (np.logical_xor, 0, 2, False),
    }
)


@pytest.mark.parametrize("op", BROADCAST)
@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (1, 4)),
        ((3, 1), (1, 4)),
        ((1, 1), (2, 3)),
        ((2, 3, 2), (1, 3, 1)),
        ((5,), (1,)),
        ((2, 3), (2, 3)),
        ((3, 16, 9), (1, 16, 1)),
        ((2, 1, 2, 1), (1, 3, 1, 2)),
    ],
    ids=str,
)
def test_broadcast(op, shapes):
    function, low, high, differentiable = BROADCAST[op]
    x, y = uniform(*shapes[0], low=low, high=high), uniform(*shapes[1], low=low, high=high, seed=2)
    if not differentiable:
        x, y = np.floor(x), np.floor(y)
    check_forward(op, {"lhs": x, "rhs": y}, function(x, y))
    if differentiable and x.size < 100:
        check_gradient(op, {"lhs": x, "rhs": y})


def test_add_n():
    arrays = [uniform(2, 3, seed=i) for i in range(4)]
    check_forward("add_n", arrays, sum(arrays))
    check_gradient("add_n", arrays)


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    refuses(
        lambda: mx.sym.elemwise_mul(a, b, name="n").infer_shape(a=(2, 3), b=(3, 2)),
        "Error in operator n",
        "(2,3)",
        "(3,2)",
    )
    refuses(
        lambda: mx.sym.broadcast_add(a, b, name="n").infer_shape(a=(2, 3), b=(3, 2)),
        "Error in operator n",
        "(2,3)",
        "(3,2)",
    )
    refuses(
        lambda: mx.sym.broadcast_add(a, b, name="n").infer_shape(a=(2, 3), b=(2, 3, 1)), "Error in operator n"
    )
    refuses(
        lambda: mx.sym.elemwise_mul(a, b, name="n").infer_type(a="float32", b="int32"),
        "Error in operator n",
        "float32",
        "int32",
    )
    refuses(lambda: mx.sym.clip(a, a_min=0, name="n"), "Error in operator n", "a_max", "required")
    refuses(
        lambda: mx.sym._internal._plus_scalar(a, scalar="one", name="n"),
        "Error in operator n",
        "scalar",
        "one",
    )
    refuses(lambda: mx.sym.exp(a, base=2, name="n"), "Error in operator n", "base")
