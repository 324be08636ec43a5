"""Activation and LeakyReLU against NumPy."""

import numpy as np
import pytest
from common import mx, ours_only
from ops.checks import bind, check_forward, check_gradient, distinct, refuses, symbol_of, uniform

erf = np.vectorize(__import__("math").erf)
SHAPES = [(3, 4), (2, 3, 4), (1,), (2, 1, 3, 1), (3, 1031)]

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softrelu": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
}
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAKY = {
    "leaky": lambda x, s: np.where(x > 0, x, s * x),
    "elu": lambda x, s: np.where(x > 0, x, s * np.expm1(x)),
    "selu": lambda x, s: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
    "gelu": lambda x, s: x / 2 * (1 + erf(x / np.sqrt(2))),
}


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_activation(act, shape):
    x = distinct(*shape, step=0.01 if np.prod(shape) > 100 else 0.3)
    check_forward("Activation", {"data": x}, ACTIVATIONS[act](x), act_type=act)
    if x.size < 100:
        check_gradient("Activation", {"data": x}, act_type=act)


@pytest.mark.parametrize("act", LEAKY)
@pytest.mark.parametrize("slope", [0.25, 0.1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_leaky_relu(act, slope, shape):
    x = distinct(*shape, step=0.002 if np.prod(shape) > 100 else 0.3)
    check_forward("LeakyReLU", {"data": x}, LEAKY[act](x, slope), act_type=act, slope=slope)
    # MXNet's gradient of selu, which symbind follows, is not that of its output.
    if x.size < 100 and act != "selu":
        check_gradient("LeakyReLU", {"data": x}, act_type=act, slope=slope)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 3, 2, 2), (4, 1)], ids=str)
def test_prelu(shape):
    x, gamma = distinct(*shape), uniform(shape[1])
    slope = gamma.reshape((1, -1) + (1,) * (len(shape) - 2))
    check_forward("LeakyReLU", {"data": x, "gamma": gamma}, np.where(x > 0, x, slope * x), act_type="prelu")
    check_gradient("LeakyReLU", {"data": x, "gamma": gamma}, act_type="prelu")


def test_prelu_with_one_slope_for_all_channels():
    x, gamma = distinct(2, 3, 4), uniform(1)
    check_forward("LeakyReLU", {"data": x, "gamma": gamma}, np.where(x > 0, x, gamma * x), act_type="prelu")
    check_gradient("LeakyReLU", {"data": x, "gamma": gamma}, act_type="prelu")


def test_prelu_learns_the_shape_of_gamma():
    net = mx.sym.LeakyReLU(mx.sym.Variable("x"), act_type="prelu", name="p")
    assert net.infer_shape(x=(2, 3, 4)) == ([(2, 3, 4), (3,)], [(2, 3, 4)], [])


@ours_only  # MXNet 1.9.1 fails for want of a resource
def test_rrelu_draws_slopes_in_training_only():
    x = -np.ones((50, 20))
    symbol = symbol_of("LeakyReLU", {"data": x}, act_type="rrelu", lower_bound=0.1, upper_bound=0.5)
    executor = bind(symbol, {"data": x}, "float32", ["data"])
    np.testing.assert_allclose(executor.forward(is_train=False)[0].asnumpy(), -0.3, rtol=1e-6)
    mx.random.seed(1)
    slopes = -executor.forward(is_train=True)[0].asnumpy()
    assert slopes.min() >= 0.1
    assert slopes.max() < 0.5
    assert abs(slopes.mean() - 0.3) < 0.01
    executor.backward([mx.nd.ones(o.shape) for o in executor.outputs])
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), slopes, rtol=1e-6)


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    refuses(
        lambda: mx.sym.Activation(a, act_type="swish", name="n"),
        "Error in operator n",
        "act_type",
        "swish",
        "tanh",
    )
    refuses(lambda: mx.sym.Activation(a, name="n"), "Error in operator n", "act_type", "required")
    refuses(lambda: mx.sym.LeakyReLU(a, act_type="relu6", name="n"), "Error in operator n", "relu6", "prelu")
    refuses(lambda: mx.sym.LeakyReLU(a, slope="steep", name="n"), "Error in operator n", "slope", "steep")
    net = mx.sym.LeakyReLU(a, act_type="prelu", name="n")
    refuses(lambda: net.infer_shape(a=(2, 3), n_gamma=(4,)), "Error in operator n", "gamma")
