"""Boxes: suppression, overlap, matching, encoding, and the operators of single-shot detection."""

import numpy as np
from parity.case_table import Table, integers, normal, positive, uniform, values

table = Table("detection")


def given(array):
    """An input that has exactly these values."""
    array = np.asarray(array)
    return values(array.ravel(), *array.shape)


def boxes(seed, *shape, center=False):
    """Random boxes (..., 4) in the unit square, in thousandths; some share corners."""
    rs = np.random.RandomState(seed)
    low = rs.randint(0, 14, (*shape, 2)) / 20
    size = rs.randint(1, 10, (*shape, 2)) / 20
    return np.concatenate([low + size / 2, size] if center else [low, low + size], -1)


def rows(seed, *shape, classes=3, center=False, ties=False):
    """Rows (class, score, box); with ties every score is one of four."""
    rs = np.random.RandomState(seed)
    ids = rs.randint(-1, classes, (*shape, 1))
    scores = (
        rs.randint(0, 4, (*shape, 1)) / 4
        if ties
        else rs.permutation(int(np.prod(shape))).reshape(*shape, 1) / 20
    )
    return np.concatenate([ids, scores, boxes(seed + 1, *shape, center=center)], -1)


NMS = "_contrib_box_nms"
for attrs in (
    {},
    {"overlap_thresh": 0.2},
    {"overlap_thresh": 0.0},
    {"overlap_thresh": 0.3, "id_index": 0},
    {"overlap_thresh": 0.3, "id_index": 0, "force_suppress": True},
    {"overlap_thresh": 0.3, "id_index": 0, "background_id": 1},
    {"overlap_thresh": 0.3, "background_id": 1},
    {"valid_thresh": 0.3, "topk": 5},
    {"overlap_thresh": 0.1, "topk": 100},
    {"topk": 0},
    {"topk": -5, "overlap_thresh": 0.4},
    {"valid_thresh": 100},
    {"overlap_thresh": 0.3, "out_format": "center"},
    {"coord_start": 2, "score_index": 1, "valid_thresh": -1},
):
    table.add(NMS, attrs, data=given(rows(1, 2, 12)))
    table.add(NMS, attrs, data=given(rows(2, 12, ties=True)))
    if attrs.get("topk") != 0:
        table.add(NMS, dict(attrs, in_format="center"), data=given(rows(3, 2, 10, center=True)))
        table.add(
            NMS, dict(attrs, in_format="center", out_format="center"), data=given(rows(4, 10, center=True))
        )
table.add(NMS, {"overlap_thresh": 0.3}, data=given(rows(5, 2, 2, 6)), dtype="float64")
table.add(NMS, {"overlap_thresh": 0.3}, data=given(rows(5, 2, 2, 6)), req="add")
table.add(
    NMS,
    {"overlap_thresh": 0.3, "coord_start": 1, "score_index": 0, "topk": 4},
    data=given(rows(6, 9)[:, 1:]),
)
table.add("_contrib_box_non_maximum_suppression", {"overlap_thresh": 0.3}, data=given(rows(7, 6)))

for center in (False, True):
    attrs = {"format": "center" if center else "corner"}
    table.add(
        "_contrib_box_iou",
        attrs,
        lhs=given(boxes(1, 5, center=center)),
        rhs=given(boxes(2, 4, center=center)),
    )
    table.add(
        "_contrib_box_iou",
        attrs,
        lhs=given(boxes(1, 2, 3, center=center)),
        rhs=given(boxes(2, 2, 2, center=center)),
        dtype="float64",
    )
table.add("_contrib_box_iou", {}, lhs=given(boxes(1, 5)), rhs=normal(6, 4))

for ascend in (False, True):
    for topk in (-1, 0, 1, 2):
        attrs = {"is_ascend": ascend, "topk": topk, "threshold": 0.5}
        table.add("_contrib_bipartite_matching", attrs, data=uniform(2, 5, 4, low=0, high=1))
        table.add("_contrib_bipartite_matching", attrs, data=uniform(3, 6, low=0, high=1), dtype="float64")
        table.add("_contrib_bipartite_matching", dict(attrs, threshold=1.5), data=integers(0, 4, 3, 6))

for dtype in ("float32", "float64"):
    table.add(
        "_contrib_box_encode",
        {},
        samples=integers(-1, 2, 2, 6),
        matches=integers(0, 3, 2, 6),
        anchors=given(boxes(1, 2, 6)),
        refs=given(boxes(2, 2, 3)),
        means=values([0.1, 0, 0.2, 0]),
        stds=values([0.1, 0.1, 0.2, 0.3]),
        grad=False,
        dtype=dtype,
    )
    for attrs in (
        {},
        {"std0": 0.1, "std1": 0.2, "std2": 0.3, "std3": 0.4},
        {"clip": 0.3, "std3": 0.5},
        {"format": "corner", "std0": 0.1},
        {"format": "corner", "clip": 0.1},
    ):
        corner = attrs.get("format") == "corner"
        table.add(
            "_contrib_box_decode",
            attrs,
            data=normal(2, 5, 4),
            anchors=given(boxes(3, 1, 5, center=not corner)),
            grad=False,
            dtype=dtype,
        )

PRIOR = "_contrib_MultiBoxPrior"
for attrs in (
    {},
    {"sizes": (0.5, 0.25), "ratios": (1, 2, 0.5)},
    {"sizes": "[0.2, 0.272]", "ratios": (4, 2)},
    {"sizes": (0.9,), "ratios": (1, 2), "clip": True},
    {"sizes": (0.3, 0.2), "steps": (0.3, 0.2), "offsets": (0, 0.25)},
):
    table.add(PRIOR, attrs, data=normal(2, 3, 3, 5))
    table.add(PRIOR, attrs, data=normal(1, 1, 1, 1))


def labels(seed, batch, count, width=5):
    """Labels (batch, count, width) whose rows end at different places with -1."""
    rs = np.random.RandomState(seed)
    result = -np.ones((batch, count, width))
    for b in range(batch):
        used = min(count, b)
        result[b, :used, 0] = rs.randint(0, 3, used)
        result[b, :used, 1:5] = boxes(seed + 10 * b, used)
    return result


TARGET = "_contrib_MultiBoxTarget"
for seed, attrs in enumerate(
    (
        {},
        {"overlap_threshold": 0.2},
        {"overlap_threshold": 0},
        {"negative_mining_ratio": 1},
        {"negative_mining_ratio": 3, "negative_mining_thresh": 0.3, "ignore_label": -2},
        {"negative_mining_ratio": 0.3, "minimum_negative_samples": 3},
        {"negative_mining_ratio": 2, "overlap_threshold": 0},
        {"variances": (0.5, 0.4, 0.3, 0.2), "overlap_threshold": 0.3},
    )
):
    for width in (5, 6):
        table.add(
            TARGET,
            attrs,
            anchor=given(boxes(seed, 1, 20)),
            label=given(labels(seed + 50, 4, 3, width)),
            cls_pred=normal(4, 4, 20),
            grad=False,
        )

DETECTION = "_contrib_MultiBoxDetection"
for seed, attrs in enumerate(
    (
        {},
        {"threshold": 0.6},
        {"nms_threshold": 0.1},
        {"nms_threshold": 0.1, "force_suppress": True},
        {"nms_threshold": 0},
        {"nms_threshold": 1.5, "nms_topk": 3},
        {"nms_topk": 4, "nms_threshold": 0.2},
        {"nms_topk": 100, "clip": False},
        {"background_id": 1, "variances": (0.2, 0.1, 0.3, 0.1)},
        {"threshold": 2},
    )
):
    table.add(
        DETECTION,
        attrs,
        cls_prob=uniform(3, 4, 12, low=0, high=1),
        loc_pred=normal(3, 48),
        anchor=given(boxes(seed, 1, 12)),
    )
    table.add(
        DETECTION,
        attrs,
        cls_prob=integers(0, 2, 1, 3, 12),
        loc_pred=positive(1, 48),
        anchor=given(boxes(seed, 1, 12)),
    )
