"""Concat, SliceChannel and add_n: many inputs or many outputs."""

from parity.case_table import Table, normal

table = Table("join")
add = table.add

add("Concat", {}, normal(2, 3), normal(2, 1))
add("Concat", {"dim": 0}, normal(2, 3), normal(1, 3))
add("Concat", {"dim": 1}, normal(2, 3), normal(2, 2), normal(2, 4))
add("Concat", {"dim": -1}, normal(2, 2, 3), normal(2, 2, 1))
add("Concat", {"dim": -3}, normal(1, 2, 3), normal(2, 2, 3))
add("Concat", {"dim": 2}, normal(2, 2, 3), normal(2, 2, 1))
add("Concat", {"dim": 1}, normal(1, 2, 2, 2), normal(1, 3, 2, 2))
add("Concat", {"dim": 3}, normal(1, 2, 2, 2), normal(1, 2, 2, 1), normal(1, 2, 2, 3))
add("Concat", {"dim": 0}, normal(3), normal(1), normal(2))
add("Concat", {"dim": 1}, normal(2, 3))
add("Concat", {"dim": 1}, *[normal(2, 1) for _ in range(12)])
add("Concat", {"dim": 1}, normal(2, 3), normal(2, 2), req="add")
add("Concat", {"dim": 1}, normal(2, 3), normal(2, 2), wrt=("arg1",))
add("Concat", {"dim": 1, "num_args": 2}, normal(2, 3), normal(2, 2), train=False)
for dtype in ("float64", "float16"):
    add("Concat", {"dim": 1}, normal(2, 3), normal(2, 2), dtype=dtype)
for dtype in ("int32", "int64", "uint8", "int8"):
    add("Concat", {"dim": 0}, normal(2, 3, scale=4), normal(1, 3, scale=4), dtype=dtype)

add("SliceChannel", {"num_outputs": 2}, data=normal(2, 4))
add("SliceChannel", {"num_outputs": 3}, data=normal(2, 3))
add("SliceChannel", {"num_outputs": 3, "squeeze_axis": True}, data=normal(2, 3))
add("SliceChannel", {"num_outputs": 3, "squeeze_axis": 1}, data=normal(2, 3, 2))
add("SliceChannel", {"num_outputs": 2, "axis": 0}, data=normal(4, 3))
add("SliceChannel", {"num_outputs": 2, "axis": 0, "squeeze_axis": True}, data=normal(2, 3))
add("SliceChannel", {"num_outputs": 2, "axis": -1}, data=normal(2, 3, 4))
add("SliceChannel", {"num_outputs": 4, "axis": -1, "squeeze_axis": True}, data=normal(2, 3, 4))
add("SliceChannel", {"num_outputs": 3, "axis": 2}, data=normal(1, 2, 6, 2))
add("SliceChannel", {"num_outputs": 2, "axis": 3}, data=normal(1, 2, 2, 4))
add("SliceChannel", {"num_outputs": 1}, data=normal(2, 3))
add("SliceChannel", {"num_outputs": 1, "axis": 1, "squeeze_axis": True}, data=normal(2, 1, 3))
add("SliceChannel", {"num_outputs": 2}, data=normal(2, 4), req="add")
add("SliceChannel", {"num_outputs": 2}, data=normal(2, 4), train=False)
for dtype in ("float64", "float16"):
    add("SliceChannel", {"num_outputs": 2}, data=normal(2, 4), dtype=dtype)
add("SliceChannel", {"num_outputs": 2}, data=normal(2, 4, scale=4), dtype="int32")

add("add_n", {}, normal(2, 3))
add("add_n", {}, normal(2, 3), normal(2, 3))
add("add_n", {}, *[normal(2, 3) for _ in range(5)])
add("add_n", {}, normal(2, 3), normal(2, 3), normal(2, 3), req="add")
add("add_n", {}, normal(2, 3), normal(2, 3), normal(2, 3), dtype="float64")
