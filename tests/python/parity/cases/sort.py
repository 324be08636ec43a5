"""Orders along an axis."""

from parity.case_table import Table, distinct, integers

table = Table("sort")
add = table.add

for axis in (-1, 0, 1, "None"):
    for ascend in (True, False):
        attrs = {"axis": axis, "is_ascend": ascend}
        add("sort", attrs, data=distinct(3, 4, 2))
        add("argsort", attrs, data=distinct(3, 4, 2), grad=False)
        for kind in ("value", "indices", "mask", "both"):
            grad = kind in ("value", "both")
            add("topk", {**attrs, "k": 2, "ret_typ": kind}, data=distinct(3, 4, 2), grad=grad)
add("sort", {"axis": -1}, data=distinct(2, 5))
add("sort", {"axis": -1}, data=distinct(2, 5), req="add")
add("sort", {"axis": -1}, data=distinct(2, 5), dtype="float64")
add("sort", {"axis": -1}, data=integers(0, 4, 2, 6))
add("sort", {"is_ascend": 0}, data=integers(0, 4, 2, 6), dtype="int32", grad=False)
add("sort", {"axis": -1}, data=integers(0, 4, 1, 1), dtype="uint8", grad=False)
add("argsort", {}, data=integers(0, 3, 2, 6), grad=False)
add("argsort", {"is_ascend": False}, data=integers(0, 3, 2, 6), grad=False)
for dtype in ("int32", "int64", "float64", "float16", "uint8"):
    add("argsort", {"dtype": dtype}, data=distinct(2, 5), grad=False)
    add("topk", {"dtype": dtype, "k": 3}, data=distinct(2, 5), grad=False)
add("topk", {}, data=distinct(2, 5), grad=False)
add("topk", {"k": 0}, data=distinct(2, 5), grad=False)
add("topk", {"k": 5, "ret_typ": "value"}, data=distinct(2, 5), req="add")
add("topk", {"k": 2, "ret_typ": "both", "dtype": "int32"}, data=distinct(2, 5), dtype="float64", grad=False)
add("topk", {"k": 2, "ret_typ": "value"}, data=distinct(2, 5), dtype="float64")
add("topk", {"k": 3, "ret_typ": "mask"}, data=integers(0, 3, 2, 6), grad=False)
add("topk", {"k": 3}, data=integers(0, 3, 2, 6), grad=False)
add("topk", {"k": 2, "ret_typ": "both"}, data=integers(0, 50, 2, 6), dtype="int32", grad=False)
