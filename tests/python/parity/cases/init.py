"""Operators without inputs, and the copies."""

from parity.case_table import Table, integers, normal

table = Table("init")
add = table.add

TYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64")
for dtype in TYPES:
    add("_zeros", {"shape": (2, 3), "dtype": dtype})
    add("_ones", {"shape": (2, 3), "dtype": dtype})
    add("_full", {"shape": (2, 3), "value": 3, "dtype": dtype})
    add("_arange", {"start": 1, "stop": 9, "step": 2, "dtype": dtype})
    add("_copy", {}, data=normal(2, 3, scale=3), dtype=dtype)
    add("BlockGrad", {}, data=normal(2, 3, scale=3), dtype=dtype)
    add("zeros_like", {}, data=integers(0, 9, 2, 3), dtype=dtype)
    add("ones_like", {}, data=integers(0, 9, 2, 3), dtype=dtype)
add("_zeros", {"shape": (1,)})
add("_zeros", {"shape": (2, 1, 3)})
add("_ones", {"shape": (4,)})
add("_ones", {"shape": (1, 1)})
add("_full", {"shape": (4,), "value": -2.5})
add("_full", {"shape": (2, 2), "value": 1e-30})
add("_full", {"shape": (2, 2), "value": "inf"})
add("_full", {"shape": (2,), "value": 1.0 / 3.0, "dtype": "float64"})
for attrs in (
    {"start": 0, "stop": 5},
    {"start": 5},
    {"start": 2, "stop": 11, "step": 3},
    {"start": 2, "stop": 12, "step": 3},
    {"start": 10, "stop": 0, "step": -3},
    {"start": 0, "stop": 1, "step": 0.1},
    {"start": 0.5, "stop": 3},
    {"start": 0, "stop": 3, "repeat": 2},
    {"start": -2, "stop": 2, "repeat": 3},
    {"start": 0, "stop": 2, "step": 0.5, "repeat": 1, "dtype": "float64"},
    {"start": 0, "stop": "None"},
    {"start": 4, "stop": "None", "step": 1.0},
):
    if attrs.get("stop") == "None" and attrs["start"] == 0:
        continue  # an empty range is refused
    add("_arange", attrs)
for shape in ((1,), (3, 1), (2, 3, 2)):
    add("_copy", {}, data=normal(*shape))
    add("_copy", {}, data=normal(*shape), req="add")
    add("BlockGrad", {}, data=normal(*shape))
    add("BlockGrad", {}, data=normal(*shape), req="add")
