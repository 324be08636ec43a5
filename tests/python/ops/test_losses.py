"""SoftmaxOutput, the regression outputs, MakeLoss and BlockGrad against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import (
    bind,
    check_add,
    check_forward,
    check_gradient,
    gradients_of,
    heads_for,
    refuses,
    symbol_of,
    uniform,
)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels.astype(int)]


def loss_gradient(op, data, label, dtype="float64", heads=False, **attrs):
    """The gradient of data after one training step, and the output."""
    inputs = {"data": data, "label": label}
    symbol = symbol_of(op, inputs, **attrs)
    executor = bind(symbol, inputs, dtype, ["data"])
    out = executor.forward(is_train=True)
    executor.backward(heads_for(out) if heads else None)
    return executor.grad_dict["data"].asnumpy(), out[0].asnumpy()


# --- SoftmaxOutput -------------------------------------------------------------------------------

NORMALIZATIONS = ["null", "batch", "valid"]


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("use_ignore", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_output(normalization, use_ignore, dtype):
    x, labels = uniform(6, 4), np.array([0, 1, 2, 3, 1, 1.0])
    gradient, out = loss_gradient(
        "SoftmaxOutput",
        x,
        labels,
        dtype,
        normalization=normalization,
        use_ignore=use_ignore,
        ignore_label=1,
        grad_scale=3,
    )
    kept = np.ones(6) if not use_ignore else labels != 1
    # What is valid does not depend on use_ignore.
    divisor = {"null": 1, "batch": 6, "valid": (labels != 1).sum()}[normalization]
    assert_close(out, softmax(x).astype(dtype))
    expected = 3 * (softmax(x) - one_hot(labels, 4)) * kept[:, None] / divisor
    assert_close(gradient, expected.astype(dtype))


@pytest.mark.parametrize("label_shape", [(2, 3, 2), (2, 6), (2, 1, 3, 2)], ids=str)
def test_softmax_output_per_position(label_shape):
    x, labels = uniform(2, 4, 3, 2), np.random.RandomState(0).randint(0, 4, (2, 3, 2))
    gradient, out = loss_gradient(
        "SoftmaxOutput",
        x,
        labels.reshape(label_shape).astype(float),
        multi_output=True,
        normalization="valid",
    )
    assert_close(out, softmax(x, 1))
    assert_close(gradient, (softmax(x, 1) - np.moveaxis(one_hot(labels, 4), -1, 1)) / 12)


def test_softmax_output_over_the_last_axis():
    x, labels = uniform(2, 3, 4), np.random.RandomState(0).randint(0, 4, (2, 3)).astype(float)
    gradient, out = loss_gradient("SoftmaxOutput", x, labels, preserve_shape=True)
    assert_close(out, softmax(x))
    assert_close(gradient, softmax(x) - one_hot(labels, 4))


def test_softmax_output_flattens_other_axes():
    x = uniform(2, 3, 4)
    symbol = symbol_of("SoftmaxOutput", {"data": x, "label": None})
    out = bind(symbol, {"data": x, "label": np.zeros((2, 3))}, "float64").forward()[0]
    assert_close(out, softmax(x.reshape(2, 12)).reshape(x.shape))


def test_softmax_output_with_probabilities_as_labels():
    x, labels = uniform(3, 4), softmax(uniform(3, 4, seed=5))
    gradient, _ = loss_gradient("SoftmaxOutput", x, labels, grad_scale=2)
    assert_close(gradient, 2 * (softmax(x) - labels))


def test_label_smoothing():
    x, labels = uniform(5, 4), np.array([0, 1, 2, 3, 0.0])
    gradient, _ = loss_gradient("SoftmaxOutput", x, labels, smooth_alpha=0.3)
    target = one_hot(labels, 4) * 0.7 + (1 - one_hot(labels, 4)) * 0.1
    assert_close(gradient, softmax(x) - target)


def test_softmax_output_ignores_the_head_gradient():
    x, labels = uniform(3, 4), np.array([0, 1, 2.0])
    with_heads, _ = loss_gradient("SoftmaxOutput", x, labels, heads=True)
    without, _ = loss_gradient("SoftmaxOutput", x, labels)
    assert_close(with_heads, without)


def test_softmax_output_multiplies_by_itself_when_out_grad_is_set():
    # The documentation of MXNet 1.9.1 says: by the gradient of the output. This is what it computes.
    x, labels = uniform(3, 4), np.array([0, 1, 2.0])
    gradient, out = loss_gradient("SoftmaxOutput", x, labels, heads=True, out_grad=True)
    assert_close(gradient, (out - one_hot(labels, 4)) * out)


# --- regressions ---------------------------------------------------------------------------------

REGRESSIONS = {
    "LinearRegressionOutput": (lambda x: x, lambda d: d),
    "LogisticRegressionOutput": (lambda x: 1 / (1 + np.exp(-x)), lambda d: d),
    "MAERegressionOutput": (lambda x: x, np.sign),
}


@pytest.mark.parametrize("op", REGRESSIONS)
@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4,), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_regression(op, shape, dtype):
    x, label = uniform(*shape), uniform(*shape, low=0, seed=7)
    function, slope = REGRESSIONS[op]
    gradient, out = loss_gradient(op, x, label, dtype, grad_scale=1.5)
    per_sample = np.prod(shape[1:])
    assert_close(out, function(x).astype(dtype))
    assert_close(
        gradient,
        (1.5 * slope(function(x) - label) / per_sample).astype(dtype),
        1e-5 if dtype == "float32" else 1e-7,
    )


@pytest.mark.parametrize("op", REGRESSIONS)
def test_labels_without_the_last_axis(op):
    x, label = uniform(4, 1), uniform(4, low=0, seed=7)
    with_axis, _ = loss_gradient(op, x, label.reshape(4, 1))
    without, _ = loss_gradient(op, x, label)
    assert_close(without, with_axis)


@ours_only
@pytest.mark.parametrize("op", ["SoftmaxOutput", *REGRESSIONS])
def test_losses_add_when_asked(op):
    # MXNet 1.9.1 overwrites or scales the old gradient.
    inputs = {
        "data": uniform(4, 3),
        "label": np.array([0, 1, 2, 0.0]) if op == "SoftmaxOutput" else uniform(4, 3, seed=3),
    }
    check_add(symbol_of(op, inputs), inputs, ["data"], heads=False)


# --- MakeLoss, BlockGrad -------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_make_loss(normalization):
    x = uniform(4, 3)
    symbol = symbol_of("MakeLoss", {"data": x}, grad_scale=2, normalization=normalization, valid_thresh=0.25)
    executor = bind(symbol, {"data": x}, "float64", ["data"])
    assert_close(executor.forward(is_train=True)[0], x)
    executor.backward()
    divisor = {"null": 1, "batch": 4, "valid": (x > 0.25).sum()}[normalization]
    assert_close(executor.grad_dict["data"], np.full((4, 3), 2 / divisor))
    check_add(symbol, {"data": x}, ["data"], heads=False)


def test_make_loss_inside_a_graph():
    a = mx.sym.Variable("a")
    gradient = gradients_of(
        mx.sym.make_loss(a * a), {"a": np.array([1.0, 2.0])}, ["a"], "float64", heads=False
    )["a"]
    assert_close(gradient, np.array([2.0, 4.0]))


def test_block_grad():
    x = uniform(2, 3)
    check_forward("BlockGrad", {"data": x}, x, dtypes=("float32", "float64", "float16"))
    gradient = gradients_of(symbol_of("BlockGrad", {"data": x}), {"data": x}, ["data"], "float64")["data"]
    assert (gradient == 0).all()


def test_copy():
    x = uniform(2, 3)
    check_forward("_copy", {"data": x}, x, dtypes=("float32", "float64", "float16"))
    check_gradient("_copy", {"data": x})


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    net = mx.sym.SoftmaxOutput(a, name="n")
    refuses(lambda: net.infer_shape(a=(3, 4), n_label=(2,)), "Error in operator n", "label")
    refuses(
        lambda: mx.sym.SoftmaxOutput(a, normalization="none", name="n"),
        "Error in operator n",
        "normalization",
        "none",
    )
    refuses(
        lambda: mx.sym.SoftmaxOutput(a, multi_output=True, name="n").infer_shape(a=(3,)),
        "Error in operator n",
        "data",
    )
    refuses(
        lambda: mx.sym.SoftmaxOutput(a, use_ignore="maybe", name="n"),
        "Error in operator n",
        "use_ignore",
        "maybe",
    )
    for op in REGRESSIONS:
        net = getattr(mx.sym, op)(a, name="n")
        refuses(lambda net=net: net.infer_shape(a=(3, 4), n_label=(3, 5)), "Error in operator n", "label")
        refuses(
            lambda op=op: getattr(mx.sym, op)(a, grad_scale="much", name="n"),
            "Error in operator n",
            "grad_scale",
            "much",
        )
    refuses(
        lambda: mx.sym.MakeLoss(a, normalization="none", name="n"),
        "Error in operator n",
        "normalization",
        "none",
    )
