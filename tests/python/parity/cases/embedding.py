"""Embedding, with indices inside and outside the table."""

from parity.case_table import Table, integers, normal, values

table = Table("embedding")


def add(indices, rows=5, width=3, dtype="float32", **options):
    """An Embedding of a ``rows`` by ``width`` table; whatever holds the indices gets no gradient here."""
    attrs = {"input_dim": rows, "output_dim": width, **options.pop("attrs", {})}
    options.setdefault("wrt", ("weight",))
    table.add("Embedding", attrs, data=indices, weight=normal(rows, width), dtype=dtype, **options)


add(integers(0, 5, 4))
add(integers(0, 5, 2, 3))
add(integers(0, 5, 2, 2, 2))
add(integers(0, 5, 6), req="add")
add(integers(0, 5, 4), width=1)
add(integers(0, 1, 4), rows=1)
add(integers(0, 5, 1))
add(values([0, 4, 4, 4, 0]))
add(values([-3, -1, 0, 4, 5, 9]))
add(values([0.9, 1.2, 2.7, 3.99]))
add(values([0.9, 1.2, 2.7, 3.99]), train=False)
add(integers(0, 5, 2, 3).of("int32"))
add(integers(0, 5, 2, 3).of("int64"))
add(integers(0, 5, 2, 3).of("uint8"))
add(integers(-3, 9, 2, 5).of("int32"))
add(integers(0, 5, 2, 3).of("float64"), attrs={"dtype": "float32"})
add(integers(0, 5, 2, 3), attrs={"dtype": "float64"}, dtype="float64")
add(integers(0, 5, 2, 3).of("float32"), attrs={"dtype": "float64"}, dtype="float64")
add(integers(0, 5, 2, 3).of("int32"), attrs={"dtype": "float16"}, dtype="float16", train=False)
add(integers(0, 5, 2, 3), attrs={"sparse_grad": False}, train=False)
