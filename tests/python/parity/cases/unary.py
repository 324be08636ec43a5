"""Elementwise functions of one array."""

from parity.case_table import Table, distinct, positive, uniform, values

table = Table("unary")
add = table.add

EVERYWHERE = (
    "exp",
    "square",
    "abs",
    "sigmoid",
    "tanh",
    "relu",
    "negative",
    "sign",
    "sin",
    "cos",
    "tan",
    "arctan",
    "sinh",
    "cosh",
    "arcsinh",
    "expm1",
    "softsign",
    "floor",
    "ceil",
    "round",
    "rint",
    "fix",
    "trunc",
    "degrees",
    "radians",
    "cbrt",
    "erf",
)
POSITIVE = ("log", "sqrt", "rsqrt", "log2", "log10", "log1p", "reciprocal", "rcbrt")
INSIDE = ("arcsin", "arccos", "arctanh")
CORE = ("exp", "log", "sqrt", "square", "abs", "sigmoid", "tanh", "relu", "negative", "sign")

for op in EVERYWHERE + POSITIVE + INSIDE:
    make = positive if op in POSITIVE else distinct if op in EVERYWHERE else uniform
    add(op, {}, data=make(2, 3, 4))
    # MXNet keeps the constants of these three in float32.
    add(op, {}, data=make(3, 4), dtype="float64", rtol=1e-7 if op in ("degrees", "radians", "erf") else None)
    add(op, {}, data=make(2, 1, 3), req="add")
    if op in CORE:
        add(op, {}, data=make(1))
        add(op, {}, data=make(3, 4), dtype="float16")
        add(op, {}, data=make(33), train=False)
EDGES = values([0.0, -0.0, 1.0, -1.0, 50.0, -50.0, 100.0, -100.0, 1e-20, -1e-20])
for op in ("exp", "sigmoid", "tanh", "relu", "abs", "square", "sign", "negative"):
    add(op, {}, data=EDGES)
for op in ("log", "sqrt"):
    add(op, {}, data=values([0.0, 1.0, 4.0, 1e-20, 1e20]))
    add(op, {}, data=values([-1.0, float("nan"), float("inf")]))
for op in ("exp", "relu", "sigmoid", "tanh", "abs"):
    add(op, {}, data=values([float("nan"), float("inf"), float("-inf")]))
for op in ("square", "abs", "relu", "negative", "sign"):
    for dtype in ("int32", "int64", "int8"):
        add(op, {}, data=values([0, 1, -1, 5, -7]), dtype=dtype)
add("arccosh", {}, data=values([1.5, 2.0, 10.0]))
add("round", {}, data=values([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997]))
add("rint", {}, data=values([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997]))

for low, high in ((-0.5, 0.5), (0, 6), (-1e18, 1e18), (0.25, 0.25), (-1, 0)):
    add("clip", {"a_min": low, "a_max": high}, data=distinct(3, 4, step=0.7))
add("clip", {"a_min": -0.5, "a_max": 0.5}, data=values([-0.5, 0.5, 0.0, -0.6, 0.6]))
add("clip", {"a_min": -0.5, "a_max": 0.5}, data=distinct(3, 4), dtype="float64")
add("clip", {"a_min": -0.5, "a_max": 0.5}, data=distinct(3, 4), dtype="float16")
add("clip", {"a_min": -0.5, "a_max": 0.5}, data=distinct(3, 4), req="add")
add("clip", {"a_min": -0.5, "a_max": 0.5}, data=distinct(3, 4), train=False)
for dtype in ("int32", "uint8", "int64"):
    add("clip", {"a_min": 1, "a_max": 4}, data=values([0, 1, 2, 4, 5, 9]), dtype=dtype)
for scalar in (1.0, 3.0):
    add("smooth_l1", {"scalar": scalar}, data=distinct(3, 4, step=0.3))
