"""Elementwise operators of an array and a number."""

from parity.case_table import Table, distinct, integers, positive, values

table = Table("scalar")
add = table.add

ARITHMETIC = (
    "_plus_scalar",
    "_minus_scalar",
    "_rminus_scalar",
    "_mul_scalar",
    "_div_scalar",
    "_rdiv_scalar",
    "_mod_scalar",
    "_rmod_scalar",
    "_power_scalar",
    "_rpower_scalar",
    "_hypot_scalar",
    "_maximum_scalar",
    "_minimum_scalar",
)
COMPARE = (
    "_equal_scalar",
    "_not_equal_scalar",
    "_greater_scalar",
    "_greater_equal_scalar",
    "_lesser_scalar",
    "_lesser_equal_scalar",
    "_logical_and_scalar",
    "_logical_or_scalar",
    "_logical_xor_scalar",
)
POSITIVE_DATA = ("_power_scalar", "_rdiv_scalar", "_rmod_scalar")

for op in ARITHMETIC:
    make = positive if op in POSITIVE_DATA else distinct
    for scalar in (1.5, 2, 0.3):
        add(op, {"scalar": scalar}, data=make(3, 4))
    if op != "_rpower_scalar":
        add(op, {"scalar": -2.5}, data=make(3, 4))
    add(op, {}, data=make(2, 3))
    add(op, {"scalar": 1.5}, data=make(2, 1, 3), req="add")
    add(op, {"scalar": 0.3}, data=make(3, 4), dtype="float64")
    add(op, {"scalar": 1.5}, data=make(3, 4), dtype="float16")
    add(op, {"scalar": 1.5}, data=make(1), train=False)
for op in (
    "_plus_scalar",
    "_minus_scalar",
    "_rminus_scalar",
    "_mul_scalar",
    "_maximum_scalar",
    "_minimum_scalar",
    "_mod_scalar",
    "_rmod_scalar",
):
    for dtype in ("int32", "int64"):
        add(op, {"scalar": 3}, data=integers(1, 9, 3, 4), dtype=dtype)
for op in ("_plus_scalar", "_mul_scalar"):
    add(op, {"scalar": 2}, data=integers(1, 9, 3, 4), dtype="uint8")
    add(op, {"scalar": "1e-4"}, data=distinct(3, 4))
    add(op, {"scalar": "inf"}, data=positive(3))
add("_div_scalar", {"scalar": 3.0}, data=values([0.0, -0.0, 1.0, 10.0]))
add("_mod_scalar", {"scalar": 2.0}, data=values([5.5, -5.5, 4.0, -4.0, 0.0]))
add("_mod_scalar", {"scalar": -2.0}, data=values([5.5, -5.5, 4.0, -4.0, 0.0]))
add("_mod_scalar", {"scalar": 0.0}, data=values([5.5, -5.5]))
add("_rmod_scalar", {"scalar": 5.5}, data=values([2.0, -2.0, 5.5, 0.0]))
add("_power_scalar", {"scalar": 2.0}, data=values([-2.0, 0.0, 3.0]))
add("_power_scalar", {"scalar": 3}, data=values([-2.0, 0.0, 3.0]))
add("_power_scalar", {"scalar": 0.0}, data=values([-2.0, 0.0, 3.0]))
add("_power_scalar", {"scalar": 0.5}, data=positive(5))
add("_power_scalar", {"scalar": -1.0}, data=positive(5))
add("_maximum_scalar", {"scalar": 1.0}, data=integers(0, 3, 8))
add("_minimum_scalar", {"scalar": 1.0}, data=integers(0, 3, 8))
for op in COMPARE:
    for scalar in (1, 0.0, 0.5):
        add(op, {"scalar": scalar}, data=integers(0, 3, 3, 4))
    add(op, {"scalar": 1}, data=integers(0, 3, 3, 4), dtype="float64")
    add(op, {"scalar": 1}, data=integers(0, 3, 3, 4), dtype="int32")
    add(op, {"scalar": 1.0}, data=integers(0, 3, 3, 4), req="add")
