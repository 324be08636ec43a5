"""Windows as columns and back."""

from parity.case_table import Table, normal

table = Table("columns")
add = table.add

add("im2col", {"kernel": (2, 3)}, data=normal(2, 3, 5, 6))
add("im2col", {"kernel": (3, 3), "stride": (2, 1), "pad": (1, 2), "dilate": (1, 2)}, data=normal(1, 2, 6, 7))
add("im2col", {"kernel": (3, 3)}, data=normal(1, 2, 5, 5), dtype="float64")
add("im2col", {"kernel": (3, 3)}, data=normal(1, 2, 5, 5), req="add")
add("col2im", {"kernel": (2, 3), "output_size": (5, 6)}, data=normal(2, 18, 16))
attrs = {"kernel": (3, 3), "output_size": (6, 7), "stride": (2, 1), "pad": (1, 2), "dilate": (1, 2)}
add("col2im", attrs, data=normal(1, 18, 21))
add("col2im", {"kernel": (2, 2), "output_size": (3, 3)}, data=normal(1, 8, 4), req="add")
