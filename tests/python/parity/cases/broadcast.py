"""broadcast_* of two arrays, and the broadcasts of one."""

from parity.case_table import Table, distinct, integers, positive

table = Table("broadcast")
add = table.add

ARITHMETIC = (
    "broadcast_add",
    "broadcast_sub",
    "broadcast_mul",
    "broadcast_div",
    "broadcast_maximum",
    "broadcast_minimum",
    "broadcast_power",
    "broadcast_mod",
    "broadcast_hypot",
)
COMPARE = (
    "broadcast_equal",
    "broadcast_not_equal",
    "broadcast_greater",
    "broadcast_greater_equal",
    "broadcast_lesser",
    "broadcast_lesser_equal",
    "broadcast_logical_and",
    "broadcast_logical_or",
    "broadcast_logical_xor",
)
PAIRS = (
    ((2, 3), (2, 3)),
    ((2, 3), (1, 3)),
    ((2, 3), (2, 1)),
    ((1, 3), (2, 1)),
    ((2, 3), (1, 1)),
    ((1, 1), (2, 3)),
    ((2, 3, 4), (1, 3, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((2, 3, 2, 2), (1, 3, 1, 1)),
    ((1,), (4,)),
    ((2, 1, 2, 1, 2), (1, 3, 1, 2, 1)),
    ((1, 1), (1, 1)),
)

for op in ARITHMETIC:
    make = positive if op == "broadcast_power" else distinct
    for left, right in PAIRS:
        add(op, {}, lhs=make(*left), rhs=positive(*right))
    add(op, {}, lhs=make(2, 3), rhs=positive(1, 3), req="add")
    add(op, {}, lhs=make(2, 3), rhs=positive(2, 1), dtype="float64")
    add(op, {}, lhs=make(2, 3), rhs=positive(2, 1), dtype="float16", train=False)
    add(op, {}, lhs=make(2, 3), rhs=positive(2, 1), wrt=("lhs",))
    add(op, {}, lhs=make(2, 3), rhs=positive(2, 1), wrt=("rhs",))
for op in (
    "broadcast_add",
    "broadcast_sub",
    "broadcast_mul",
    "broadcast_maximum",
    "broadcast_minimum",
    "broadcast_mod",
):
    for dtype in ("int32", "int64"):
        add(op, {}, lhs=integers(-9, 10, 2, 3), rhs=integers(1, 6, 1, 3), dtype=dtype)
for op in COMPARE:
    for left, right in PAIRS[:8]:
        add(op, {}, lhs=integers(0, 2, *left), rhs=integers(0, 2, *right))
    add(op, {}, lhs=integers(0, 2, 2, 3), rhs=integers(0, 2, 1, 3), dtype="float64")
    add(op, {}, lhs=integers(0, 2, 2, 3), rhs=integers(0, 2, 1, 3), dtype="int32")
add("broadcast_maximum", {}, lhs=integers(0, 2, 4, 3), rhs=integers(0, 2, 1, 3))
add("broadcast_minimum", {}, lhs=integers(0, 2, 4, 3), rhs=integers(0, 2, 1, 3))

for attrs in ({"axis": 1, "size": 3}, {"axis": (1, 2), "size": (3, 2)}, {"axis": 1, "size": 1}):
    add("broadcast_axis", attrs, data=distinct(2, 1, 1))
for attrs in ({"shape": (2, 3)}, {"shape": (2, 0)}, {"shape": (0, 3)}):
    add("broadcast_to", attrs, data=distinct(1, 3))
add("broadcast_like", {}, lhs=distinct(1, 3), rhs=distinct(4, 3))
