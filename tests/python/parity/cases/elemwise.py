"""Elementwise operators of two arrays of one shape."""

from parity.case_table import Table, distinct, integers, positive, uniform, values

table = Table("elemwise")
add = table.add

ARITHMETIC = (
    "elemwise_add",
    "elemwise_sub",
    "elemwise_mul",
    "elemwise_div",
    "_mod",
    "_power",
    "_hypot",
    "_maximum",
    "_minimum",
)
COMPARE = (
    "_equal",
    "_not_equal",
    "_greater",
    "_greater_equal",
    "_lesser",
    "_lesser_equal",
    "_logical_and",
    "_logical_or",
    "_logical_xor",
)

for op in ARITHMETIC:
    left = positive if op == "_power" else distinct
    add(op, {}, lhs=left(2, 3, 4), rhs=positive(2, 3, 4))
    add(op, {}, lhs=left(3, 4), rhs=distinct(3, 4))
    add(op, {}, lhs=left(1), rhs=distinct(1))
    add(op, {}, lhs=left(2, 1, 3), rhs=positive(2, 1, 3), req="add")
    add(op, {}, lhs=left(3, 4), rhs=distinct(3, 4), dtype="float64")
    add(op, {}, lhs=left(3, 4), rhs=positive(3, 4), dtype="float16")
    add(op, {}, lhs=left(3, 4), rhs=positive(3, 4), wrt=("lhs",))
    add(op, {}, lhs=left(3, 4), rhs=positive(3, 4), wrt=("rhs",))
    add(op, {}, lhs=left(33), rhs=positive(33), train=False)
for op in ("elemwise_add", "elemwise_sub", "elemwise_mul", "_maximum", "_minimum", "_mod", "elemwise_div"):
    for dtype in ("int32", "int64"):
        add(op, {}, lhs=integers(-9, 10, 3, 4), rhs=integers(1, 6, 3, 4), dtype=dtype)
add("_maximum", {}, lhs=integers(0, 3, 12), rhs=integers(0, 3, 12))
add("_minimum", {}, lhs=integers(0, 3, 12), rhs=integers(0, 3, 12))
add("_mod", {}, lhs=values([5.5, -5.5, 5.5, -5.5, 3.0, 0.0]), rhs=values([2.0, 2.0, -2.0, -2.0, 0.0, 2.0]))
add("_mod", {}, lhs=values([5, -5, 5, -5]), rhs=values([3, 3, -3, -3]), dtype="int32")
add("elemwise_div", {}, lhs=values([1.0, -1.0, 0.0, 2.0]), rhs=values([0.0, 0.0, 0.0, 4.0]), grad=False)
add("_power", {}, lhs=values([2.0, 0.0, -2.0, 4.0, -8.0]), rhs=values([3.0, 2.0, 2.0, 0.5, 3.0]), grad=False)
add("_hypot", {}, lhs=values([3.0, 0.0, -3.0]), rhs=values([4.0, 2.0, 4.0]))
for op in COMPARE:
    add(op, {}, lhs=integers(0, 3, 2, 3, 4), rhs=integers(0, 3, 2, 3, 4))
    add(op, {}, lhs=integers(0, 2, 3, 4), rhs=integers(0, 2, 3, 4), dtype="float64")
    add(op, {}, lhs=integers(0, 2, 3, 4), rhs=integers(0, 2, 3, 4), dtype="int32")
    add(op, {}, lhs=uniform(1), rhs=uniform(1), req="add")
