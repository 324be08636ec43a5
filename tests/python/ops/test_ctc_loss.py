"""CTCLoss against the sum over all alignments, and its gradient against differences."""

import itertools

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_add, gradients_of, refuses, symbol_of, uniform


def reference(data, labels, blank):
    """-log of the sum over every path that collapses to the label."""
    steps, batch, classes = data.shape
    p = np.exp(data) / np.exp(data).sum(-1, keepdims=True)
    costs = []
    for b in range(batch):
        total = 0.0
        for path in itertools.product(range(classes), repeat=steps):
            collapsed = [k for k, _ in itertools.groupby(path) if k != blank]
            if collapsed == list(labels[b]):
                total += np.prod([p[t, b, k] for t, k in enumerate(path)])
        costs.append(-np.log(total))
    return np.array(costs)


@pytest.mark.parametrize("blank", ["first", "last"])
@pytest.mark.parametrize("label", [[1, 2], [1, 1], [2]], ids=str)
def test_against_all_paths(label, blank):
    data = uniform(4, 2, 4, low=-2, high=2)
    labels = np.array([label, label])
    expected = reference(data, labels, 0 if blank == "first" else 3)
    for dtype in ("float32", "float64"):
        loss = mx.nd.CTCLoss(
            mx.nd.array(data, dtype=dtype), mx.nd.array(labels, dtype=dtype), blank_label=blank
        )
        assert_close(loss, expected.astype(dtype))


@ours_only
@pytest.mark.parametrize("label_dtype", ["float32", "int32", "int64"])
def test_gradient(label_dtype):
    data, label = uniform(6, 3, 5, low=-2, high=2), np.array([[1, 2], [3, 3], [4, 0]], label_dtype)
    inputs = {"data": data, "label": label}
    symbol = symbol_of("CTCLoss", inputs)
    keep = ("label",)
    gradient = gradients_of(symbol, inputs, ["data"], "float64", keep=keep)["data"]
    heads = np.random.RandomState(9).uniform(-1, 1, 3)

    def value(x):
        loss = mx.nd.CTCLoss(mx.nd.array(x, dtype="float64"), mx.nd.array(label, dtype=label_dtype))
        return (loss.asnumpy() * heads).sum()

    numeric = np.zeros_like(data)
    for at in np.ndindex(data.shape):
        step = np.zeros_like(data)
        step[at] = 1e-5
        numeric[at] = (value(data + step) - value(data - step)) / 2e-5
    assert_close(gradient, numeric, 1e-5, 1e-7)
    check_add(symbol, inputs, ["data"], keep=keep)


def test_extreme_logits_stay_finite():
    data = np.zeros((3, 1, 3), "float32")
    data[:, 0, 0] = 5000
    loss = mx.nd.CTCLoss(mx.nd.array(data), mx.nd.array([[1]])).asnumpy()
    assert_close(loss, np.array([5000 - np.log(3)], "float32"), 1e-5)


@ours_only
def test_too_long_labels_cost_and_teach_nothing():
    inputs = {"data": uniform(2, 1, 4), "label": np.array([[1, 1]], "float32")}
    symbol = symbol_of("CTCLoss", inputs)
    assert (gradients_of(symbol, inputs, ["data"], "float32")["data"] == 0).all()
    assert mx.nd.CTCLoss(mx.nd.array(inputs["data"]), mx.nd.array(inputs["label"])).asscalar() == 0


@ours_only
def test_half_precision():
    data, label = uniform(6, 2, 5), np.array([[1, 2], [3, 0]])
    half, single = (
        mx.nd.CTCLoss(mx.nd.array(data.astype("float16"), dtype=d), mx.nd.array(label)).asnumpy()
        for d in ("float16", "float32")
    )
    assert half.dtype == np.float16
    assert_close(half, single.astype("float16"))


def test_inputs_follow_the_attributes():
    x = mx.sym.Variable("x")
    net = mx.sym.CTCLoss(x, use_label_lengths=True, name="c")
    assert net.list_arguments() == ["x", "c_label", "c_label_lengths"]
    assert net.list_outputs() == ["c_output0"]
    assert net.infer_shape(x=(5, 2, 4), c_label=(2, 3))[0] == [(5, 2, 4), (2, 3), (2,)]
    assert mx.sym.contrib.ctc_loss(x, x).list_outputs()[0].startswith("ctc_loss")


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    net = mx.sym.CTCLoss(a, b, name="n")
    refuses(lambda: net.infer_shape(a=(5, 2), b=(2, 3)), "Error in operator n", "data", "(5,2)")
    refuses(lambda: net.infer_shape(a=(5, 2, 3), b=(3, 3)), "Error in operator n", "label")
    refuses(lambda: net.infer_shape(a=(2, 2, 3), b=(2, 3)), "at most as many labels")
    refuses(lambda: mx.sym.CTCLoss(a, b, blank_label="middle", name="n"), "blank_label", "first")
    data = mx.nd.zeros((3, 1, 4))
    refuses(lambda: mx.nd.CTCLoss(data, mx.nd.array([[7]])), "label[0,0]", "7", "below 4")
    refuses(
        lambda: mx.nd.CTCLoss(data, mx.nd.array([[1]]), mx.nd.array([9]), use_data_lengths=True),
        "data_lengths[0]",
        "9",
    )
