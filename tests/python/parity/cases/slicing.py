"""Parts of arrays, elements in other places, and elements several times over."""

from parity.case_table import Table, integers, normal, values

table = Table("slicing")
add = table.add

SLICES = (
    ((5,), (1,), (4,), None),
    ((5,), (None,), (None,), (-1,)),
    ((5,), (4,), (0,), (-2,)),
    ((5,), (10,), (None,), (-2,)),
    ((5,), (-10,), (10,), None),
    ((2, 3, 4), (0, 1), (2, 3), None),
    ((2, 3, 4), (None, -2, 0), (None, None, 3), (1, None, 2)),
    ((2, 3, 4), (1, 2, 3), (None, 0, None), (-1, -1, -3)),
    ((2, 3, 4, 5), (0, 0, 1, 1), (1, 3, 3, 4), (1, 2, 1, 2)),
    ((1, 6, 1), (0, 2), (1, 6), ()),
)
for shape, begin, end, step in SLICES:
    attrs = {"begin": begin, "end": end}
    add("slice", attrs if step is None else {**attrs, "step": step}, data=normal(*shape))
add("crop", {"begin": (0, 1), "end": (1, 3)}, data=normal(2, 3))
add("slice", {"begin": (None, 160), "end": (None, None)}, data=normal(2, 170), req="add")
for dtype in ("float16", "float64", "int32", "int64", "uint8", "int8"):
    add("slice", {"begin": (0, 1), "end": (2, 4), "step": (1, 2)}, data=normal(2, 5, scale=4), dtype=dtype)

for axis, begin, end in ((0, 1, 3), (1, 0, None), (-1, -2, None), (1, 1, -1), (2, 0, 1), (-2, -3, -1)):
    add("slice_axis", {"axis": axis, "begin": begin, "end": end}, data=normal(3, 4, 5))
add("slice_axis", {"axis": 0, "begin": 1, "end": "None"}, data=normal(3), req="add")
add("slice_axis", {"axis": 1, "begin": 1, "end": 3}, data=normal(2, 4, scale=4), dtype="int32")
add("slice_axis", {"axis": 1, "begin": 1, "end": 3}, data=normal(2, 4), dtype="float16")

add("slice_like", {}, data=normal(2, 3, 4), shape_like=normal(1, 2, 3))
add("slice_like", {"axes": (2, 3)}, data=normal(1, 2, 5, 6), shape_like=normal(7, 1, 3, 4))
add("slice_like", {"axes": (-1,)}, data=normal(2, 3), shape_like=normal(2, 2), req="add")
add("slice_like", {"axes": (1,)}, data=normal(2, 3, 4), shape_like=normal(1, 2), dtype="float64")

RANGES = (
    ((3, 4), (1, 1), (3, 3), ()),
    ((3, 4), (0, None), (2, None), (1, 2)),
    ((2, 3, 4), (1,), (2,), ()),
    ((2, 3, 4), (None, 2), (None, None), (1, -1)),
)
PARTS = ((2, 2), (2, 2), (1, 3, 4), (2, 3, 4))
for (shape, begin, end, step), part in zip(RANGES, PARTS):
    attrs = {"begin": begin, "end": end, "step": step}
    add("_slice_assign", attrs, lhs=normal(*shape), rhs=normal(*part), grad=False)
    add("_slice_assign_scalar", {**attrs, "scalar": 2.5}, data=normal(*shape), grad=False)
add("_crop_assign", {"begin": (1,), "end": (2,)}, lhs=normal(3), rhs=normal(1), grad=False)
add("_crop_assign_scalar", {"begin": (1,), "end": (2,)}, data=normal(3, scale=3), dtype="int32", grad=False)

IMAGE = normal(2, 3, 5, 6)
add("Crop", {"h_w": (2, 3), "offset": (1, 2), "num_args": 1}, IMAGE)
add("Crop", {"h_w": (2, 3), "num_args": 1}, IMAGE, req="add")
add("Crop", {"h_w": (2, 3), "center_crop": True, "num_args": 1}, IMAGE)
add("Crop", {"offset": (1, 1), "num_args": 2}, IMAGE, normal(1, 1, 3, 4))
add("Crop", {"center_crop": True, "num_args": 2}, IMAGE, normal(1, 1, 4, 3))

for axis in (0, (1,), (0, 2), (0, 1, 2), ()):
    add("reverse", {"axis": axis}, data=normal(2, 3, 4))
add("flip", {"axis": 1}, data=normal(2, 3), req="add")
add("reverse", {"axis": 0}, data=normal(4, scale=4), dtype="int32")
add("reverse", {"axis": 0}, data=normal(4, 2), dtype="float16")

for shape, reps in (
    ((3,), (2,)),
    ((3,), (2, 2)),
    ((2, 3), 2),
    ((2, 3), (2, 1)),
    ((2, 3, 4), (2, 3)),
    ((2, 3, 4), (2, 1, 3)),
    ((2, 1, 3), (1, 4, 1)),
    ((2, 3), (1, 1)),
    ((2, 3), ()),
    ((1, 3), (2, 1, 2, 2)),
):
    add("tile", {"reps": reps}, data=normal(*shape))
add("tile", {"reps": "2"}, data=normal(2, 3), req="add")
add("tile", {"reps": (2, 2)}, data=normal(2, 3, scale=4), dtype="int32")
add("tile", {"reps": (2, 2)}, data=normal(2, 3), dtype="float16")
for repeats, axis in ((2, None), (3, 0), (2, 1), (2, -1), (1, 1)):
    add(
        "repeat",
        {"repeats": repeats} if axis is None else {"repeats": repeats, "axis": axis},
        data=normal(2, 3, 4),
    )
add("repeat", {"repeats": 2, "axis": "None"}, data=normal(2, 3), req="add")
add("repeat", {"repeats": 2, "axis": 0}, data=normal(2, 3, scale=4), dtype="int64")
add("repeat", {"repeats": 2, "axis": 1}, data=normal(2, 3), dtype="float16")

WIDTHS = ((0, 0, 0, 0, 1, 1, 2, 0), (0, 0, 0, 0, 0, 3, 1, 2), (0, 0, 0, 0, 0, 0, 0, 0))
for mode in ("constant", "edge", "reflect"):
    for width in WIDTHS:
        add("Pad", {"mode": mode, "pad_width": width, "constant_value": 1.5}, data=normal(2, 2, 4, 3))
    add("Pad", {"mode": mode, "pad_width": (0,) * 4 + (1, 0, 2, 1, 1, 2)}, data=normal(1, 2, 2, 4, 3))
    add("pad", {"mode": mode, "pad_width": WIDTHS[0]}, data=normal(1, 1, 4, 3), dtype="float16")
    add("pad", {"mode": mode, "pad_width": WIDTHS[0]}, data=normal(1, 1, 4, 3), dtype="float64", req="add")

NEAREST = {"sample_type": "nearest"}
add("UpSampling", {**NEAREST, "scale": 2, "num_args": 1}, normal(2, 3, 2, 3))
add("UpSampling", {**NEAREST, "scale": 3, "num_args": 1}, normal(1, 2, 3, 1), req="add")
add("UpSampling", {**NEAREST, "scale": 1, "num_args": 1}, normal(1, 2, 3, 3), dtype="float64")
add("UpSampling", {**NEAREST, "scale": 2, "num_args": 2}, normal(2, 3, 4, 4), normal(2, 1, 2, 2))
add(
    "UpSampling",
    {**NEAREST, "scale": 2, "num_args": 3},
    normal(1, 1, 4, 4),
    normal(1, 2, 8, 8),
    normal(1, 1, 2, 2),
)
add(
    "UpSampling",
    {**NEAREST, "scale": 2, "num_args": 2, "multi_input_mode": "sum"},
    normal(1, 2, 4, 4),
    normal(1, 2, 2, 2),
)
add("UpSampling", {**NEAREST, "scale": 2, "num_args": 1}, normal(1, 2, 2, 2), dtype="float16")
for scale, edge in ((2, 4), (3, 5), (4, 8)):
    add(
        "UpSampling",
        {"sample_type": "bilinear", "scale": scale, "num_filter": 2, "num_args": 2},
        data=normal(2, 2, 3, 4),
        weight=normal(2, 1, edge, edge),
    )

for op, shape in (("space_to_depth", (2, 3, 4, 6)), ("depth_to_space", (2, 12, 2, 3))):
    add(op, {"block_size": 2}, data=normal(*shape))
    add(op, {"block_size": 1}, data=normal(*shape))
    add(op, {"block_size": 2}, data=normal(*shape), req="add", dtype="float64")
    add(op, {"block_size": 2}, data=normal(*shape, scale=4), dtype="int32")
add("space_to_depth", {"block_size": 3}, data=normal(1, 2, 6, 3))
add("depth_to_space", {"block_size": 3}, data=normal(1, 18, 1, 2))

for k in (-2, -1, 0, 1, 3):
    add("diag", {"k": k}, data=normal(3))
    add("diag", {"k": k}, data=normal(4, 5))
add("diag", {}, data=normal(2, 3, 4))
add("diag", {"axis1": 0, "axis2": 2, "k": 1}, data=normal(2, 3, 4))
add("diag", {"axis1": -1, "axis2": 1, "k": -1}, data=normal(2, 3, 4), req="add")
add("diag", {}, data=normal(3, 3, scale=4), dtype="int32")

for attrs, shape in (
    ({"indices": (0, 2, 4), "axis": 0}, (6,)),
    ({"indices": (0, 1), "axis": 1}, (2, 3, 4)),
    ({"indices": (0, 2)}, (2, 3)),
    ({"indices": (), "sections": 3, "axis": -1}, (2, 6)),
    ({"indices": (), "sections": 3, "axis": 1, "squeeze_axis": True}, (2, 3, 4)),
    ({"indices": (0, 1), "axis": 1, "squeeze_axis": True}, (3, 2)),
):
    add("_split_v2", attrs, data=normal(*shape))
add("_split_v2", {"indices": (0, 2), "axis": 0}, data=normal(3, 2, scale=4), dtype="int32")

CONDITION = integers(0, 2, 3, 4)
add("where", {}, condition=CONDITION, x=normal(3, 4), y=normal(3, 4), wrt=("x", "y"))
add("where", {}, condition=integers(0, 2, 3), x=normal(3, 4), y=normal(3, 4), wrt=("x", "y"))
add("where", {}, condition=values([0, -1, 0.5]), x=normal(3), y=normal(3), wrt=("x", "y"), req="add")
add("where", {}, condition=CONDITION.of("int32"), x=normal(3, 4), y=normal(3, 4), wrt=("x",))
add("where", {}, condition=CONDITION.of("uint8"), x=normal(3, 4), y=normal(3, 4), dtype="float64", wrt=("y",))
add("where", {}, condition=CONDITION, x=normal(3, 4, scale=4), y=normal(3, 4, scale=4), dtype="int32")
add("where", {}, condition=CONDITION, x=normal(3, 4), y=normal(3, 4), dtype="float16", wrt=("x", "y"))
