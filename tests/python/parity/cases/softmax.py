"""softmax, log_softmax and softmin."""

from parity.case_table import Table, integers, normal, values

table = Table("softmax")
add = table.add

for op in ("softmax", "log_softmax", "softmin"):
    add(op, {}, data=normal(3, 5))
    for axis in (-1, 0, 1, 2, -2):
        add(op, {"axis": axis}, data=normal(2, 3, 4))
    for temperature in (0.5, 1.0, 2.0, "None"):
        add(op, {"temperature": temperature}, data=normal(3, 4))
    add(op, {"axis": 1, "temperature": 3.0}, data=normal(2, 3, 2, 2))
    add(op, {"axis": 1}, data=normal(2, 3, 2, 2))
    for shape in ((1,), (6,), (3, 1), (1, 4)):
        add(op, {}, data=normal(*shape))
    add(op, {}, data=normal(3, 4), req="add")
    add(op, {}, data=normal(3, 4), train=False)
    add(op, {"axis": 1}, data=normal(2, 3, 4), req="add")
    for dtype in ("float64", "float16"):
        add(op, {}, data=normal(3, 4), dtype=dtype)
        add(op, {"axis": 0}, data=normal(3, 4), dtype=dtype)
    # MXNet computes in the type of the input, symbind in the wider one.
    add(op, {"dtype": "float64"}, data=normal(3, 4), rtol=1e-6)
    add(op, {"dtype": "float32"}, data=normal(3, 4), dtype="float16", rtol=2e-3, atol=2e-3)
    add(op, {}, data=values([1000.0, 999.0, 0.0, -1000.0, -1001.0, 500.0], 2, 3))
    add(op, {}, data=values([-1e30, 0.0, 1e30, 5.0, 5.0, 5.0], 2, 3))

add("softmax", {"use_length": True}, data=normal(3, 5), length=values([1, 3, 5]).of("int32"))
add("softmax", {"use_length": True}, data=normal(3, 5), length=values([2, 4, 5]).of("int64"))
add("softmax", {"use_length": True, "axis": 1}, data=normal(2, 4, 3), length=integers(1, 5, 2, 3).of("int32"))
add("softmax", {"use_length": True, "axis": 0}, data=normal(4, 3), length=integers(1, 5, 3).of("int32"))
add(
    "softmax", {"use_length": True, "axis": -1}, data=normal(2, 2, 4), length=integers(1, 5, 2, 2).of("int32")
)
add(
    "softmax",
    {"use_length": True, "temperature": 2.0},
    data=normal(3, 5),
    length=values([1, 3, 5]).of("int32"),
)
add("softmax", {"use_length": True}, data=normal(3, 5), length=values([1, 3, 5]).of("int32"), dtype="float64")
add("softmax", {"use_length": True}, data=normal(3, 5), length=values([0, 3, 5]).of("int32"), train=False)
add("softmax", {"use_length": True}, data=normal(3, 5), length=values([1, 3, 5]).of("int32"), req="add")
