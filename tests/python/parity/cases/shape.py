"""Reshape in all its spellings, transpose and expand_dims."""

from parity.case_table import Table, normal

table = Table("shape")
add = table.add

# (input shape, attributes)
RESHAPES = (
    ((2, 3), {"shape": (3, 2)}),
    ((2, 3), {"shape": (6,)}),
    ((2, 3), {"shape": (-1,)}),
    ((2, 3), {"shape": (1, 6)}),
    ((2, 3, 4), {"shape": (4, -1)}),
    ((2, 3, 4), {"shape": (4, 0, 2)}),
    ((2, 3, 4), {"shape": (2, 0, 0)}),
    ((2, 3, 4), {"shape": (6, 1, -1)}),
    ((2, 3, 4), {"shape": (3, -1, 8)}),
    ((2, 3, 4), {"shape": (0, -1)}),
    ((2, 3, 4), {"shape": (-2,)}),
    ((2, 3, 4), {"shape": (2, -2)}),
    ((2, 3, 4), {"shape": (-2, 1, 1)}),
    ((2, 3, 4), {"shape": (-3, 4)}),
    ((2, 3, 4, 5), {"shape": (-3, -3)}),
    ((2, 3, 4), {"shape": (0, -3)}),
    ((2, 3, 4), {"shape": (-3, -2)}),
    ((2, 3, 4), {"shape": (-4, 1, 2, -2)}),
    ((2, 3, 4), {"shape": (2, -4, -1, 3, -2)}),
    ((2, 3, 4), {"shape": (-4, 1, -1, 0, 0)}),
    ((2, 8, 2, 2), {"shape": (0, -4, 2, -1, -2)}),
    ((2, 2, 4, 3), {"shape": (0, -3, -2)}),
    ((8, 3), {"shape": (-4, 2, -1, 0)}),
    ((2, 3, 4), {"shape": (0, 0, -1)}),
    ((2, 3, 4), {"shape": (0, 0, 0)}),
    ((2, 1, 4), {"shape": (-3, 0)}),
    ((1, 1, 1), {"shape": (1,)}),
    ((10, 5, 4), {"shape": (-1, 0), "reverse": True}),
    ((10, 5, 4), {"shape": (-1, 0), "reverse": False}),
    ((2, 3, 4), {"shape": (0, -1), "reverse": True}),
    ((2, 3, 4), {"shape": (-3, 0), "reverse": True}),
    ((2, 3, 4), {"shape": (0, -3), "reverse": True}),
    ((2, 3, 4), {"shape": (0, 0, 2, -1, -4), "reverse": True}),
    ((8, 3), {"shape": (2, -1, -4, 0), "reverse": True}),
    ((2, 6), {"shape": (-1, 2, 0), "reverse": True}),
    ((2, 3, 4), {"shape": (-2,), "reverse": True}),
    ((2, 3, 4), {"shape": (-1, 4), "reverse": 1}),
    ((2, 3, 4), {"shape": "(-1, 4)"}),
    ((2, 3, 4), {"shape": (24, 1)}),
    ((4, 3), {"shape": [2, 6]}),
    ((5,), {"shape": (5, 1)}),
    ((2, 3, 4), {"target_shape": (2, 12)}),
    ((2, 3, 4), {"target_shape": (2, 0)}),
    ((2, 3, 4), {"target_shape": (0, 4)}),
    ((2, 3, 4), {"target_shape": (0,)}),
    ((2, 3, 4), {"target_shape": (2, 0), "keep_highest": True}),
    ((2, 3, 4), {"target_shape": (0, 0), "keep_highest": True}),
    ((2, 3, 4), {"target_shape": (0, 4, 3), "keep_highest": True}),
)
for data, attrs in RESHAPES:
    add("Reshape", attrs, data=normal(*data))
add("Reshape", {"shape": (-1, 2)}, data=normal(2, 3), req="add")
add("Reshape", {"shape": (-1, 2)}, data=normal(2, 3), train=False)
for dtype in ("float64", "float16", "int32", "uint8"):
    add("Reshape", {"shape": (-1, 2)}, data=normal(2, 3, scale=4), dtype=dtype)

TRANSPOSES = (
    ((2, 3), {}),
    ((2, 3), {"axes": ()}),
    ((2, 3), {"axes": (0, 1)}),
    ((2, 3), {"axes": (1, 0)}),
    ((2, 3, 4), {}),
    ((2, 3, 4), {"axes": (0, 2, 1)}),
    ((2, 3, 4), {"axes": (1, 0, 2)}),
    ((2, 3, 4), {"axes": (2, 0, 1)}),
    ((2, 3, 4), {"axes": (1, 2, 0)}),
    ((2, 3, 2, 2), {"axes": (0, 2, 3, 1)}),
    ((2, 3, 2, 2), {"axes": (0, 3, 1, 2)}),
    ((2, 3, 2, 2), {}),
    ((1, 2, 1, 3), {"axes": (3, 2, 1, 0)}),
    ((2, 1, 2, 1, 3), {"axes": (4, 0, 3, 1, 2)}),
    ((2, 2, 2, 1, 2, 1), {"axes": (5, 3, 0, 1, 4, 2)}),
    ((4,), {}),
    ((1, 1), {}),
    ((1, 5), {}),
)
for data, attrs in TRANSPOSES:
    add("transpose", attrs, data=normal(*data))
add("transpose", {"axes": (1, 0)}, data=normal(2, 3), req="add")
add("transpose", {"axes": (2, 0, 1)}, data=normal(2, 3, 4), train=False)
for dtype in ("float64", "float16", "int32", "uint8"):
    add("transpose", {"axes": (0, 2, 1)}, data=normal(2, 3, 2, scale=4), dtype=dtype)

for axis in (0, 1, 2, -1, -2, -3):
    add("expand_dims", {"axis": axis}, data=normal(2, 3))
add("expand_dims", {"axis": 0}, data=normal(4))
add("expand_dims", {"axis": 3}, data=normal(2, 1, 3))
add("expand_dims", {"axis": 1}, data=normal(2, 3), req="add")
add("expand_dims", {"axis": 1}, data=normal(2, 3), dtype="float64")
add("expand_dims", {"axis": 1}, data=normal(2, 3, scale=4), dtype="int32")
for attrs in ({}, {"axis": 1}, {"axis": (1, 3)}, {"axis": -1}):
    add("squeeze", attrs, data=normal(2, 1, 3, 1))
for attrs in ({"dim1": 0, "dim2": 1}, {"dim1": 0, "dim2": 2}, {"dim1": 1, "dim2": 1}):
    add("SwapAxis", attrs, data=normal(2, 3, 4))
