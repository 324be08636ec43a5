"""sum, mean, max, min and norm over axes."""

from parity.case_table import Table, distinct, integers, normal

table = Table("reduce")
add = table.add

for op in ("sum", "mean", "max", "min"):
    for attrs in (
        {},
        {"axis": 0},
        {"axis": 1},
        {"axis": -1},
        {"axis": (0, 2)},
        {"axis": ()},
        {"axis": (1, 2)},
        {"axis": (0, 1, 2)},
        {"axis": 1, "keepdims": True},
        {"axis": (0, -1), "keepdims": True},
        {"keepdims": True},
        {"axis": 1, "exclude": True},
        {"axis": (0, 2), "exclude": True},
        {"axis": 1, "exclude": True, "keepdims": True},
    ):
        add(op, attrs, data=distinct(2, 3, 4))
    for shape in ((1,), (5,), (1, 3), (3, 1), (2, 1, 3, 1), (1, 1)):
        add(op, {}, data=distinct(*shape))
        add(op, {"axis": -1}, data=distinct(*shape))
    add(op, {"axis": 1}, data=distinct(2, 3, 4), req="add")
    add(op, {"axis": 1}, data=distinct(2, 3, 4), train=False)
    add(op, {"axis": (1, 3)}, data=distinct(2, 3, 2, 2))
    for dtype in ("float64", "float16"):
        add(op, {"axis": 1}, data=distinct(2, 3, 4), dtype=dtype)
        add(op, {}, data=distinct(2, 3, 4), dtype=dtype)
    for dtype in ("int32", "int64"):
        add(op, {"axis": 1}, data=integers(-9, 9, 2, 3, 4), dtype=dtype)
        add(op, {}, data=integers(-9, 9, 2, 3, 4), dtype=dtype)
for op in ("max", "min"):  # ties: every element equal to the result takes the gradient
    add(op, {"axis": 1}, data=integers(0, 2, 3, 5))
    add(op, {}, data=integers(0, 2, 3, 5))
    add(op, {"axis": 0, "keepdims": True}, data=integers(0, 2, 3, 5))
for attrs in (
    {},
    {"axis": 1},
    {"axis": 1, "keepdims": True},
    {"ord": 1, "axis": 1},
    {"ord": 2, "axis": (0, 1)},
):
    add("norm", attrs, data=distinct(2, 3))
for attrs in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}):
    add("sum", attrs, data=normal(3, 7, 5))
    add("mean", attrs, data=normal(3, 7, 5))
