"""BatchNorm against NumPy: statistics, gradients, moving averages."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import bind, check_gradient, gradients_of, refuses, symbol_of, uniform

EPS = 1e-3


def setup(shape, axis=1):
    channels = shape[axis]
    inputs = {
        "data": uniform(*shape, low=-2, high=3),
        "gamma": uniform(channels, low=0.5, high=2, seed=2),
        "beta": uniform(channels, seed=3),
    }
    aux = {"moving_mean": uniform(channels, seed=4), "moving_var": uniform(channels, low=0.5, high=2, seed=5)}
    return inputs, aux


def reference(inputs, axis, mean, var, fix_gamma, eps=EPS):
    shape = [1] * inputs["data"].ndim
    shape[axis] = -1
    gamma = 1 if fix_gamma else inputs["gamma"].reshape(shape)
    return (inputs["data"] - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps) * gamma + inputs[
        "beta"
    ].reshape(shape)


CASES = [
    ((4, 3), 1),
    ((4, 3, 5), 1),
    ((2, 3, 4, 2), 1),
    ((2, 2, 3, 2, 2), 1),
    ((3, 2, 4), -1),
    ((2, 3, 4, 2), 3),
    ((3, 4, 2), 0),
    ((5, 1, 3), 1),
]


@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("shape, axis", CASES, ids=str)
def test_training_uses_the_batch_and_moves_the_averages(shape, axis, fix_gamma):
    inputs, aux = setup(shape, axis)
    symbol = symbol_of("BatchNorm", inputs, aux, fix_gamma=fix_gamma, axis=axis, momentum=0.75)
    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    mean, var = inputs["data"].mean(others), inputs["data"].var(others)
    for dtype in ("float32", "float64"):
        executor = bind(symbol, inputs, dtype, list(inputs), aux=aux)
        out = executor.forward(is_train=True)[0].asnumpy()
        assert_close(
            out,
            reference(inputs, axis, mean, var, fix_gamma).astype(dtype),
            1e-4,
            2e-5 if dtype == "float32" else 1e-10,
        )
        executor.backward(mx.nd.ones(shape, dtype=dtype))
        assert_close(
            executor.aux_dict["moving_mean"], (0.75 * aux["moving_mean"] + 0.25 * mean).astype(dtype), 1e-5
        )
        assert_close(
            executor.aux_dict["moving_var"], (0.75 * aux["moving_var"] + 0.25 * var).astype(dtype), 1e-5
        )


@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("shape, axis", CASES, ids=str)
def test_prediction_uses_the_averages_and_keeps_them(shape, axis, fix_gamma):
    inputs, aux = setup(shape, axis)
    symbol = symbol_of("BatchNorm", inputs, aux, fix_gamma=fix_gamma, axis=axis)
    expected = reference(inputs, axis, aux["moving_mean"], aux["moving_var"], fix_gamma)
    for dtype in ("float32", "float64"):
        executor = bind(symbol, inputs, dtype, aux=aux)
        assert_close(
            executor.forward(is_train=False)[0],
            expected.astype(dtype),
            1e-4,
            1e-5 if dtype == "float32" else 1e-10,
        )
        assert_close(executor.aux_dict["moving_mean"], aux["moving_mean"].astype(dtype), 0, 0)
        assert_close(executor.aux_dict["moving_var"], aux["moving_var"].astype(dtype), 0, 0)


@pytest.mark.parametrize("shape, axis", [((4, 3), 1), ((3, 2, 2, 2), 1), ((3, 2, 4), 2)], ids=str)
def test_gradient(shape, axis):
    inputs, aux = setup(shape, axis)
    check_gradient("BatchNorm", inputs, aux=aux, fix_gamma=False, axis=axis, rtol=1e-4)


def test_gradient_with_global_statistics():
    inputs, aux = setup((4, 3, 2))
    check_gradient("BatchNorm", inputs, aux=aux, fix_gamma=False, use_global_stats=True)


def test_fixed_gamma_has_no_gradient_and_counts_as_one():
    inputs, aux = setup((4, 3))
    symbol = symbol_of("BatchNorm", inputs, aux, fix_gamma=True)
    gradients = gradients_of(symbol, inputs, list(inputs), "float64", aux)
    assert (gradients["gamma"] == 0).all()
    check_gradient("BatchNorm", inputs, wrt=["data", "beta"], aux=aux, fix_gamma=True, rtol=1e-4)


def test_global_statistics_stay_in_training():
    inputs, aux = setup((4, 3, 2))
    symbol = symbol_of("BatchNorm", inputs, aux, fix_gamma=False, use_global_stats=True)
    executor = bind(symbol, inputs, "float64", list(inputs), aux=aux)
    expected = reference(inputs, 1, aux["moving_mean"], aux["moving_var"], False)
    assert_close(executor.forward(is_train=True)[0], expected, 1e-9)
    executor.backward(mx.nd.ones((4, 3, 2), dtype="float64"))
    assert_close(executor.aux_dict["moving_mean"], aux["moving_mean"], 0, 0)


def test_mean_and_variance_as_outputs():
    inputs, aux = setup((4, 3, 2))
    symbol = symbol_of("BatchNorm", inputs, aux, output_mean_var=True)
    outputs = [o.asnumpy() for o in bind(symbol, inputs, "float64", aux=aux).forward(is_train=True)]
    assert_close(outputs[1], inputs["data"].mean((0, 2)), 1e-9)
    assert outputs[2].shape == (3,)


def test_larger_sizes_agree_across_dtypes():
    inputs, aux = setup((8, 17, 13, 11))
    symbol = symbol_of("BatchNorm", inputs, aux, fix_gamma=False)
    single, double = (gradients_of(symbol, inputs, list(inputs), t, aux) for t in ("float32", "float64"))
    for name in inputs:
        assert_close(
            single[name], double[name].astype("float32"), 1e-3, 2e-5 * np.abs(double[name]).max(), name
        )


def test_shapes():
    bn = mx.sym.BatchNorm(mx.sym.Variable("x"), name="bn")
    assert bn.infer_shape(x=(2, 3, 4)) == ([(2, 3, 4), (3,), (3,)], [(2, 3, 4)], [(3,), (3,)])
    assert bn.infer_shape_partial(x=(0, 3, 4))[0][1:] == [(3,), (3,)]


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    bn = mx.sym.BatchNorm(a, name="n")
    refuses(lambda: bn.infer_shape(a=(2, 3), n_gamma=(4,)), "Error in operator n", "gamma")
    refuses(
        lambda: mx.sym.BatchNorm(a, axis=5, name="n").infer_shape(a=(2, 3)),
        "Error in operator n",
        "axis",
        "5",
    )
    refuses(lambda: mx.sym.BatchNorm(a, eps="tiny", name="n"), "Error in operator n", "eps", "tiny")
