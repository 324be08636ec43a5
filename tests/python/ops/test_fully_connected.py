"""FullyConnected and Flatten against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, gradients_of, named, refuses, symbol_of, uniform


@pytest.mark.parametrize("no_bias", [False, True])
@pytest.mark.parametrize(
    "data, flatten",
    [((3, 5), True), ((2, 3, 4), True), ((2, 3, 4), False), ((1, 1), True), ((2, 1, 2, 3), False)],
    ids=str,
)
def test_fully_connected(data, flatten, no_bias):
    features = int(np.prod(data[1:])) if flatten else data[-1]
    x, w, b = uniform(*data), uniform(4, features, seed=2), uniform(4, seed=3)
    rows = x.reshape(data[0], -1) if flatten else x
    inputs = {"data": x, "weight": w} if no_bias else {"data": x, "weight": w, "bias": b}
    attrs = {"num_hidden": 4, "no_bias": no_bias, "flatten": flatten}
    check_forward("FullyConnected", inputs, rows @ w.T + (0 if no_bias else b), **attrs)
    check_gradient("FullyConnected", inputs, **attrs)


@pytest.mark.parametrize(
    "batch, features, hidden", [(1, 784, 128), (100, 784, 128), (7, 130, 1), (64, 17, 10), (257, 33, 65)]
)
def test_larger_sizes_agree_across_dtypes(batch, features, hidden):
    inputs = {
        "data": uniform(batch, features),
        "weight": uniform(hidden, features, seed=2),
        "bias": uniform(hidden, seed=3),
    }
    check_forward(
        "FullyConnected", inputs, inputs["data"] @ inputs["weight"].T + inputs["bias"], num_hidden=hidden
    )
    symbol = symbol_of("FullyConnected", inputs, num_hidden=hidden)
    single, double = (gradients_of(symbol, inputs, list(inputs), t) for t in ("float32", "float64"))
    for name in inputs:
        assert_close(
            single[name], double[name].astype("float32"), 1e-4, 1e-5 * np.abs(double[name]).max(), name
        )


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (3,), (1, 2, 1, 2)], ids=str)
def test_flatten(shape):
    x = uniform(*shape)
    check_forward("Flatten", {"data": x}, x.reshape(shape[0], -1), dtypes=("float32", "float64", "float16"))
    check_gradient("Flatten", {"data": x})


def test_shapes():
    net = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=4, name="fc")
    assert net.infer_shape(x=(2, 3, 5)) == ([(2, 3, 5), (4, 15), (4,)], [(2, 4)], [])
    assert net.infer_shape_partial(x=(0, 5))[1] == [(0, 4)]


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    refuses(lambda: mx.sym.FullyConnected(a, name="n"), "Error in operator n", "num_hidden", "required")
    refuses(
        lambda: mx.sym.FullyConnected(a, num_hidden=0, name="n").infer_shape(a=(2, 3)),
        "Error in operator n",
        "num_hidden",
    )
    net = mx.sym.FullyConnected(a, num_hidden=4, name="n")
    refuses(
        lambda: net.infer_shape(a=(2, 3), n_weight=(4, 5)), "Error in operator n", "weight", "(4,5)", "(4,3)"
    )
    refuses(lambda: net.infer_shape(a=(2, 3), n_bias=(3,)), "Error in operator n", "bias")
    refuses(
        lambda: mx.nd.FullyConnected(
            *map(mx.nd.array, named([uniform(2, 3), uniform(4, 4), uniform(4)]).values()), num_hidden=4
        ),
        "FullyConnected",
        "weight",
    )
