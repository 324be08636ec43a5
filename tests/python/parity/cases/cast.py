"""Cast between every pair of dtypes."""

from parity.case_table import Table, distinct, integers, uniform, values

table = Table("cast")
add = table.add

TYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")
for source in TYPES:
    for target in TYPES:
        data = (
            integers(0, 2, 6)
            if source == "bool"
            else integers(0, 100, 6)
            if source.startswith(("u", "i"))
            else uniform(6, low=0.0, high=100.0)
        )
        add("Cast", {"dtype": target}, data=data, dtype=source, grad=target.startswith("float"))
for source in ("float32", "float64", "float16"):
    for target in ("int8", "int32", "int64", "float16", "float32", "float64"):
        add(
            "Cast",
            {"dtype": target},
            data=values([-1.5, -0.9, -0.1, 0.0, 0.1, 0.9, 1.5, 2.5, 100.7, -100.7]),
            dtype=source,
            grad=target.startswith("float"),
        )
add(
    "Cast",
    {"dtype": "float16"},
    data=values([65504.0, 65519.0, 65520.0, 1e-8, 6e-8, 5.96e-8, 1.0009765625, 1.00048828125]),
)
add("Cast", {"dtype": "bool"}, data=values([0.0, -0.0, 0.5, -2.0, 1e-20]), grad=False)
add("Cast", {"dtype": "uint8"}, data=values([0, 1, 255, 256, 300, 511]), dtype="int32")
add("Cast", {"dtype": "int8"}, data=values([0, 127, 128, 255, 256, -129]), dtype="int32")
add("Cast", {"dtype": "float64"}, data=distinct(2, 1, 3), req="add")
add("Cast", {"dtype": "float32"}, data=distinct(2, 1, 3), req="add")
