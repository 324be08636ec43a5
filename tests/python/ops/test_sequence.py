"""SequenceMask, SequenceLast and SequenceReverse against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, uniform

LENGTHS = np.array([2, 4, 1])


def masked(x, value=0.0):
    y = x.copy()
    for b, n in enumerate(LENGTHS):
        y[n:, b] = value
    return y


def last(x):
    return np.stack([x[n - 1, b] for b, n in enumerate(LENGTHS)])


def turned(x):
    y = x.copy()
    for b, n in enumerate(LENGTHS):
        y[:n, b] = x[:n, b][::-1]
    return y


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 2)])
@pytest.mark.parametrize(
    "op, reference", [("SequenceMask", masked), ("SequenceLast", last), ("SequenceReverse", turned)]
)
def test_with_lengths(op, reference, shape):
    x = uniform(*shape)
    for dtype in ("float64", "int32"):
        inputs = {"data": x, "sequence_length": LENGTHS.astype(dtype)}
        check_forward(
            op,
            inputs,
            reference(x),
            ("float16", "float32", "float64"),
            ("sequence_length",),
            use_sequence_length=True,
        )
    inputs["sequence_length"] = LENGTHS.astype("float64")
    check_gradient(op, inputs, wrt=("data",), use_sequence_length=True)


def test_without_lengths():
    x = uniform(4, 3, 2)
    for op, expected in (("SequenceMask", x), ("SequenceLast", x[-1]), ("SequenceReverse", x[::-1])):
        check_forward(op, {"data": x}, expected)
        check_gradient(op, {"data": x})


def test_the_other_axis_and_value():
    x = uniform(3, 4, 2)
    across = x.transpose(1, 0, 2)
    inputs = {"data": x, "sequence_length": LENGTHS.astype("f")}
    attrs = {"use_sequence_length": True, "axis": 1}
    check_forward("SequenceMask", inputs, masked(across, -3).transpose(1, 0, 2), value=-3, **attrs)
    check_forward("SequenceLast", inputs, last(across), **attrs)
    check_gradient("SequenceLast", inputs, wrt=("data",), **attrs)


@ours_only
def test_lengths_out_of_range_are_clamped():
    x = mx.nd.array(uniform(4, 2))
    lengths = mx.nd.array([0, 9])
    out = mx.nd.SequenceLast(x, lengths, use_sequence_length=True).asnumpy()
    assert_close(out, np.array([x.asnumpy()[0, 0], x.asnumpy()[3, 1]]))
    assert (mx.nd.SequenceMask(x, lengths, use_sequence_length=True).asnumpy()[:, 0] == 0).all()


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    refuses(lambda: mx.sym.SequenceReverse(a, axis=1, name="n"), "[SequenceReverse] axis", "1")
    refuses(lambda: mx.sym.SequenceMask(a, axis=2, name="n"), "[SequenceMask] axis", "2")
    refuses(lambda: mx.sym.SequenceLast(a, name="n").infer_shape(a=(3,)), "at least 2 dimensions")
    refuses(
        lambda: mx.sym.SequenceMask(a, b, use_sequence_length=True, name="n").infer_shape(a=(4, 3), b=(4,)),
        "sequence_length",
    )
