"""Embedding against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import bind, check_add, check_forward, gradients_of, heads_for, refuses, symbol_of, uniform


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1,), (2, 2, 2)], ids=str)
@pytest.mark.parametrize("index_dtype", ["float32", "int32", "int64"])
def test_rows_are_looked_up_and_gradients_scattered(shape, index_dtype):
    indices, weight = np.random.RandomState(0).randint(0, 5, shape).astype(index_dtype), uniform(5, 3)
    inputs = {"data": indices, "weight": weight}
    attrs = {"input_dim": 5, "output_dim": 3}
    check_forward(
        "Embedding", inputs, weight[indices.astype(int)], dtypes=("float32",), keep=("data",), **attrs
    )
    symbol = symbol_of("Embedding", inputs, dtype="float64", **attrs)
    executor = bind(symbol, inputs, "float64", ["weight"], keep=("data",))
    heads = heads_for(executor.forward(is_train=True))
    executor.backward(heads)
    expected = np.zeros((5, 3))
    np.add.at(expected, indices.astype(int), heads[0].asnumpy())
    assert_close(executor.grad_dict["weight"], expected)
    check_add(symbol, inputs, ["weight"], keep=("data",))


def test_indices_outside_are_clipped():
    weight = uniform(4, 2)
    found = mx.nd.Embedding(mx.nd.array([-2, 0, 3, 9]), mx.nd.array(weight), input_dim=4, output_dim=2)
    assert_close(found, weight[[0, 0, 3, 3]].astype("f"))


def test_every_index_equal():
    inputs = {"data": np.zeros(1000, "float32"), "weight": uniform(3, 8)}
    symbol = symbol_of("Embedding", inputs, input_dim=3, output_dim=8)
    gradient = gradients_of(symbol, inputs, ["weight"], "float32", keep=("data",))["weight"]
    assert (gradient[1:] == 0).all()
    assert (gradient[0] != 0).all()


def test_shapes():
    net = mx.sym.Embedding(mx.sym.Variable("x"), input_dim=7, output_dim=3, name="e")
    assert net.infer_shape(x=(2, 5)) == ([(2, 5), (7, 3)], [(2, 5, 3)], [])
    assert net.infer_type(x="int32")[1] == [np.float32]


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    refuses(
        lambda: mx.sym.Embedding(a, output_dim=3, name="n"), "Error in operator n", "input_dim", "required"
    )
    refuses(
        lambda: mx.sym.Embedding(a, input_dim=3, name="n"), "Error in operator n", "output_dim", "required"
    )
    net = mx.sym.Embedding(a, input_dim=3, output_dim=2, name="n")
    refuses(lambda: net.infer_shape(a=(2,), n_weight=(4, 2)), "Error in operator n", "weight")
