"""Detection operators beyond the recorded cases: dtypes, gradients, sizes, errors."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import gradients_of, refuses, symbol_of


def random_boxes(count, seed=0):
    rs = np.random.RandomState(seed)
    low = rs.uniform(0, 0.7, (count, 2))
    return np.concatenate([low, low + rs.uniform(0.05, 0.3, (count, 2))], 1)


def overlap(a, b):
    w = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    h = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    common = max(w, 0) * max(h, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def test_nms_keeps_what_greedy_suppression_keeps():
    rows = np.concatenate([np.random.RandomState(3).permutation(60)[:, None] / 60, random_boxes(60)], 1)
    kept = []
    for row in rows[np.argsort(-rows[:, 0])]:
        if row[0] > 0.1 and all(overlap(row[1:], k[1:]) <= 0.3 for k in kept):
            kept.append(row)
    expected = -np.ones_like(rows)
    expected[: len(kept)] = kept
    attrs = {"overlap_thresh": 0.3, "valid_thresh": 0.1, "coord_start": 1, "score_index": 0}
    for dtype in ("float32", "float64"):
        found = mx.nd.contrib.box_nms(mx.nd.array(rows, dtype=dtype), **attrs)
        assert_close(found, expected.astype(dtype))


def test_nms_gradient_goes_to_the_rows_that_survive():
    rows = np.array([[0.2, 0, 0, 1, 1], [0.9, 2, 2, 3, 3], [0.8, 0, 0, 1, 0.95]])
    attrs = {"coord_start": 1, "score_index": 0}
    symbol = symbol_of("_contrib_box_nms", {"data": rows}, **attrs)
    gradient = gradients_of(symbol, {"data": rows}, ["data"], "float64")["data"]
    heads = np.random.RandomState(9).uniform(-1, 1, rows.shape)
    assert_close(gradient, np.stack([np.zeros(5), heads[0], heads[1]]))


def test_nms_of_nan_scores_and_of_nothing():
    rows = np.array([[np.nan, 0, 0, 1, 1], [0.5, 0, 0, 1, 1]], "float32")
    found = mx.nd.contrib.box_nms(mx.nd.array(rows), coord_start=1, score_index=0).asnumpy()
    assert_close(found, np.array([rows[1], [-1] * 5], "float32"))
    empty = mx.nd.contrib.box_nms(mx.nd.zeros((2, 0, 6)))
    assert empty.shape == (2, 0, 6)


def test_nms_shapes_and_names():
    symbol = mx.sym.contrib.box_nms(mx.sym.Variable("x"), name="nms")
    assert symbol.list_outputs() == ["nms_output0"]
    assert symbol.infer_shape(x=(2, 5, 6))[1] == [(2, 5, 6)]
    assert mx.sym.contrib.box_non_maximum_suppression(mx.sym.Variable("x")).name.startswith("box_non")


def test_half_precision():
    rows = np.array([[0, 0.5, 0, 0, 1, 1], [0, 0.75, 0, 0, 1, 0.5]], "float16")
    found = mx.nd.contrib.box_nms(mx.nd.array(rows, dtype="float16"), overlap_thresh=0.25)
    assert_close(found, np.array([rows[1], [-1] * 6], "float16"))
    iou = mx.nd.contrib.box_iou(*[mx.nd.array(rows[:, 2:], dtype="float16")] * 2)
    assert_close(iou, np.array([[1, 0.5], [0.5, 1]], "float16"))


def test_decode_inverts_encode():
    anchors, refs = random_boxes(8, 1)[None], random_boxes(8, 2)[None]
    to_nd = mx.nd.array
    targets, masks = mx.nd.contrib.box_encode(
        mx.nd.ones((1, 8)),
        mx.nd.arange(8).reshape((1, 8)),
        to_nd(anchors),
        to_nd(refs),
        mx.nd.zeros(4),
        mx.nd.array([0.1, 0.1, 0.2, 0.2]),
    )
    assert (masks.asnumpy() == 1).all()
    decoded = mx.nd.contrib.box_decode(
        targets, to_nd(anchors), std0=0.1, std1=0.1, std2=0.2, std3=0.2, format="corner"
    )
    assert_close(decoded, refs.astype("float32"), 1e-4, 1e-5)


def test_a_detector_finds_what_its_targets_say():
    """Targets of labels, turned into certain predictions, give the labels back."""
    anchors = mx.nd.contrib.MultiBoxPrior(mx.nd.zeros((1, 1, 4, 4)), sizes=(0.4, 0.2), ratios=(1, 2, 0.5))
    label = np.array([[[1, 0.1, 0.1, 0.45, 0.5], [0, 0.55, 0.5, 0.95, 0.8], [-1] * 5]])
    count = anchors.shape[1]
    loc, mask, cls = mx.nd.contrib.MultiBoxTarget(anchors, mx.nd.array(label), mx.nd.zeros((1, 3, count)))
    assert set(cls.asnumpy().ravel()) == {0, 1, 2}
    prob = (np.arange(3)[:, None] == cls.asnumpy()[0]).astype("float32")[None]
    found = mx.nd.contrib.MultiBoxDetection(mx.nd.array(prob), loc * mask, anchors).asnumpy()[0]
    best = found[found[:, 0] >= 0]
    assert_close(
        best[np.argsort(-best[:, 0])][:, [0, 2, 3, 4, 5]], label[0, :2].astype("float32"), 1e-4, 1e-5
    )


@pytest.mark.parametrize("op", ["_contrib_box_iou"])
def test_no_gradient_flows(op):
    inputs = {"lhs": random_boxes(3), "rhs": random_boxes(2, 5)}
    gradients = gradients_of(symbol_of(op, inputs), inputs, ["lhs", "rhs"], "float32")
    assert all((g == 0).all() for g in gradients.values())


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    contrib = mx.sym.contrib
    refuses(lambda: contrib.box_nms(a, name="n").infer_shape(a=(6,)), "Error in operator n", "data", "(6,)")
    refuses(lambda: contrib.box_nms(a, name="n", coord_start=4).infer_shape(a=(3, 6)), "coord_start", "4")
    refuses(lambda: contrib.box_nms(a, name="n", in_format="xy"), "in_format", "corner")
    refuses(lambda: contrib.box_iou(a, b, name="n").infer_shape(a=(2, 5), b=(2, 4)), "lhs", "(..., 4)")
    refuses(lambda: contrib.bipartite_matching(a, name="n"), "threshold", "required")
    refuses(lambda: contrib.MultiBoxPrior(a, name="n", sizes=()), "sizes")
    refuses(lambda: contrib.MultiBoxPrior(a, name="n", steps=(1, -1)), "steps")
    refuses(lambda: contrib.MultiBoxTarget(a, b, a, name="n").infer_shape(b=(1, 2, 4)), "label", "at least 5")
    refuses(lambda: contrib.MultiBoxDetection(a, b, a, name="n", variances=(1, 2)), "variances", "4 numbers")
    refuses(lambda: mx.nd.contrib.box_nms(mx.nd.zeros((2, 6), dtype="int32")), "box_nms", "floating", "int32")
