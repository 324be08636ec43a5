"""dot and batch_dot."""

from parity.case_table import Table, normal

table = Table("dot")
add = table.add

for ta in (False, True):
    for tb in (False, True):
        flags = {"transpose_a": ta, "transpose_b": tb}
        left, right = ((4, 3) if ta else (3, 4)), ((2, 4) if tb else (4, 2))
        add("dot", flags, lhs=normal(*left), rhs=normal(*right))
        add("dot", flags, lhs=normal(*left), rhs=normal(*right), dtype="float64")
        add("dot", flags, lhs=normal(*left), rhs=normal(*right), req="add")
        add("dot", flags, lhs=normal(*left), rhs=normal(*right), train=False)
        add("batch_dot", flags, lhs=normal(5, *left), rhs=normal(5, *right))
        add("batch_dot", flags, lhs=normal(2, *left), rhs=normal(2, *right), dtype="float64")
        add("batch_dot", flags, lhs=normal(2, *left), rhs=normal(2, *right), req="add")
        add("batch_dot", flags, lhs=normal(1, *left), rhs=normal(1, *right), train=False)
        # More than two dimensions: the last of the left meets the first of the right, or the
        # other end of either when it is transposed.
        left = (4, 2, 3) if ta else (3, 2, 4)
        right = (2, 3, 4) if tb else (4, 3, 2)
        add("dot", flags, lhs=normal(*left), rhs=normal(*right))
        add("dot", flags, lhs=normal(*left), rhs=normal(*((2, 4) if tb else (4, 2))))
add("dot", {}, lhs=normal(5), rhs=normal(5))
add("dot", {}, lhs=normal(1), rhs=normal(1))
add("dot", {}, lhs=normal(5), rhs=normal(5), dtype="float64")
add("dot", {}, lhs=normal(5), rhs=normal(5), req="add")
add("dot", {}, lhs=normal(3, 5), rhs=normal(5))
add("dot", {}, lhs=normal(2, 3, 5), rhs=normal(5))
add("dot", {}, lhs=normal(1, 4), rhs=normal(4, 1))
add("dot", {}, lhs=normal(4, 1), rhs=normal(1, 4))
add("dot", {}, lhs=normal(3, 4), rhs=normal(4, 2), wrt=("lhs",))
add("dot", {}, lhs=normal(3, 4), rhs=normal(4, 2), wrt=("rhs",))
add("dot", {}, lhs=normal(9, 17), rhs=normal(17, 11))
add("batch_dot", {}, lhs=normal(3, 1, 4), rhs=normal(3, 4, 1))
add("batch_dot", {}, lhs=normal(3, 4, 1), rhs=normal(3, 1, 4))
