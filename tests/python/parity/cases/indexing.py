"""Elements at indices, points and masks."""

from parity.case_table import Table, integers, normal, values

table = Table("indexing")
add = table.add

OUTSIDE = values([-5, -1, 1, 2, 7])
for mode in ("clip", "wrap"):
    for axis in (0, 1, -1):
        add("take", {"axis": axis, "mode": mode}, a=normal(2, 3, 4), indices=OUTSIDE, wrt=("a",))
    add("take", {"axis": 1, "mode": mode}, a=normal(2, 3), indices=OUTSIDE.of("int32"), wrt=("a",))
add("take", {"mode": "raise"}, a=normal(4, 3), indices=values([0, 3, 1, 1]), wrt=("a",))
add("take", {}, a=normal(5), indices=integers(0, 5, 2, 3), wrt=("a",))
add("take", {}, a=normal(5, 2), indices=integers(0, 5, 2, 3), wrt=("a",), req="add")
add("take", {"axis": 2}, a=normal(2, 2, 3), indices=values([1.7, -0.5]), wrt=("a",))
for dtype in ("float64", "float16"):
    add("take", {"axis": 1}, a=normal(2, 3), indices=integers(0, 3, 4), wrt=("a",), dtype=dtype)
add(
    "take",
    {"axis": 1},
    a=normal(2, 3, scale=4),
    indices=integers(0, 3, 4).of("int64"),
    dtype="int32",
    grad=False,
)

for mode in ("clip", "wrap"):
    add("pick", {"axis": 2, "mode": mode}, data=normal(2, 3, 4), index=integers(-6, 9, 2, 3), wrt=("data",))
add("pick", {}, data=normal(3, 4), index=integers(0, 4, 3), wrt=("data",))
add("pick", {"keepdims": True}, data=normal(3, 4), index=integers(0, 4, 3, 1), wrt=("data",))
add("pick", {"keepdims": True}, data=normal(3, 4), index=integers(0, 4, 3), wrt=("data",))
add("pick", {"axis": 0}, data=normal(3, 4), index=integers(0, 3, 4).of("int32"), wrt=("data",), req="add")
add("pick", {"axis": 1}, data=normal(2, 3, 4), index=integers(0, 3, 2, 4), wrt=("data",), dtype="float64")
add("pick", {"axis": -1}, data=normal(3, 4, scale=4), index=integers(0, 4, 3), dtype="int32", grad=False)
add("choose_element_0index", {}, data=normal(3, 4), index=integers(0, 4, 3), wrt=("data",))

ROWS = integers(-1, 6, 4).of("int32")
add("batch_take", {}, a=normal(4, 3), indices=ROWS, grad=False)
add("batch_take", {}, a=normal(4, 3), indices=ROWS, dtype="float64", grad=False)

for attrs in (
    {},
    {"on_value": 5, "off_value": -1},
    {"dtype": "int32"},
    {"dtype": "float64"},
    {"dtype": "float16"},
):
    add("one_hot", {"depth": 3, **attrs}, indices=values([0, 2, 3, -1, 1.5]), grad=False)
add("one_hot", {"depth": 4}, indices=integers(0, 4, 2, 3).of("int32"), grad=False)
add("one_hot", {"depth": 1, "dtype": "uint8"}, indices=integers(0, 4, 2, 1), grad=False)

POINTS = values([0, 1, 0, 2, 0, 2], 2, 3)
add("gather_nd", {}, data=normal(2, 3, 4), indices=POINTS, wrt=("data",))
add("gather_nd", {}, data=normal(2, 3), indices=POINTS, wrt=("data",))
add("gather_nd", {}, data=normal(2, 3), indices=values([0, -1, -2, 1], 1, 2, 2), grad=False)
add("gather_nd", {}, data=normal(2, 3, 2), indices=POINTS.of("int32"), wrt=("data",), req="add")
add("gather_nd", {}, data=normal(2, 3), indices=POINTS, wrt=("data",), dtype="float64")
add("scatter_nd", {"shape": (2, 3)}, data=normal(3), indices=values([0, 1, 0, 2, 0, 1], 2, 3), wrt=("data",))
add("scatter_nd", {"shape": (2, 3, 2)}, data=normal(2, 2), indices=values([0, 1, 2, 0], 2, 2), wrt=("data",))
add(
    "scatter_nd",
    {"shape": (4, 2)},
    data=normal(3, 2),
    indices=values([3, 0, 1], 1, 3).of("int64"),
    wrt=("data",),
)

NUMBERS = values([22, 41, 37])
for dtype in ("float32", "int32", "int64", "float64"):
    add("_unravel_index", {"shape": (7, 6)}, data=NUMBERS, dtype=dtype, grad=False)
    add(
        "_ravel_multi_index",
        {"shape": (7, 6)},
        data=values([3, 6, 6, 4, 5, 1], 2, 3),
        dtype=dtype,
        grad=False,
    )
add("unravel_index", {"shape": (-1, 6)}, data=integers(0, 42, 6), grad=False)
add("unravel_index", {"shape": (3, 4, 5)}, data=integers(0, 60, 6), grad=False)
add("ravel_multi_index", {"shape": (-1, 4, 5)}, data=integers(0, 4, 3, 4), grad=False)

COPIES = {"index_vector": values([3, 0]), "wrt": ("old_tensor", "new_tensor")}
add("_contrib_index_copy", {}, old_tensor=normal(4, 2), new_tensor=normal(2, 2), **COPIES)
add("_contrib_index_copy", {}, old_tensor=normal(4, 2, 3), new_tensor=normal(2, 2, 3), **COPIES)
add("_contrib_index_copy", {}, old_tensor=normal(4), new_tensor=normal(2), req="add", **COPIES)
for attrs in ({}, {"axes": (1, 0)}, {"axes": (-1,)}):
    add("_contrib_index_array", attrs, data=normal(2, 3), grad=False)
for attrs in (
    {},
    {"start": 1.5, "step": -2},
    {"axis": 1, "start": 1},
    {"axis": -2, "repeat": 2},
    {"repeat": 2},
):
    add("_contrib_arange_like", attrs, data=normal(2, 4), grad=False)
add("_contrib_arange_like", {"axis": 0, "repeat": 3}, data=normal(5), dtype="float64", grad=False)

COUNTED = values([0, 1, 2, 2, 3, 10, 4.9, 5, -1])
add("_histogram", {"bin_cnt": 5, "range": (0, 5)}, data=COUNTED, grad=False)
add("_histogram", {"bin_cnt": 4, "range": (-1.5, 3.25)}, data=normal(20, 3), grad=False)
add("_histogram", {"bin_cnt": 5, "range": (0, 5)}, data=COUNTED, dtype="int32", grad=False)
add("_histogram", {}, data=COUNTED, bins=values([0, 1, 2.5, 5]), grad=False)
add("_histogram", {}, data=normal(4, 5), bins=values([-1, 0, 0.5]), dtype="float64", grad=False)
