"""dot and batch_dot against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, uniform


@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("m, k, n", [(3, 4, 2), (1, 4, 1), (4, 1, 3), (1, 1, 1)])
def test_dot(m, k, n, ta, tb):
    a, b = uniform(m, k), uniform(k, n, seed=2)
    inputs = {"lhs": a.T if ta else a, "rhs": b.T if tb else b}
    check_forward("dot", inputs, a @ b, transpose_a=ta, transpose_b=tb)
    check_gradient("dot", inputs, transpose_a=ta, transpose_b=tb)


@pytest.mark.parametrize(
    "left, right",
    [((5,), (5,)), ((3, 5), (5,)), ((2, 3, 4), (4, 2)), ((3, 4), (4, 2, 2)), ((2, 3, 4), (4, 2, 3))],
    ids=str,
)
def test_dot_of_other_ranks(left, right):
    a, b = uniform(*left), uniform(*right, seed=2)
    check_forward("dot", {"lhs": a, "rhs": b}, np.atleast_1d(np.tensordot(a, b, 1)))
    check_gradient("dot", {"lhs": a, "rhs": b})


@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_batch_dot(batch, ta, tb):
    a, b = uniform(batch, 3, 4), uniform(batch, 4, 2, seed=2)
    inputs = {"lhs": a.swapaxes(1, 2) if ta else a, "rhs": b.swapaxes(1, 2) if tb else b}
    check_forward("batch_dot", inputs, a @ b, transpose_a=ta, transpose_b=tb)
    check_gradient("batch_dot", inputs, transpose_a=ta, transpose_b=tb)


@pytest.mark.parametrize("m, k, n", [(65, 129, 33), (1, 1000, 10), (128, 3, 257)])
def test_larger_sizes(m, k, n):
    a, b = uniform(m, k), uniform(k, n, seed=2)
    for dtype in ("float32", "float64"):
        found = mx.nd.dot(mx.nd.array(a, dtype=dtype), mx.nd.array(b, dtype=dtype))
        assert_close(found, (a @ b).astype(dtype), 1e-4, 1e-5)


def test_shapes():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    assert mx.sym.dot(a, b, transpose_a=True).infer_shape(a=(4, 3), b=(4, 2))[1] == [(3, 2)]
    assert mx.sym.batch_dot(a, b, transpose_b=True).infer_shape(a=(5, 3, 4), b=(5, 2, 4))[1] == [(5, 3, 2)]


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    refuses(
        lambda: mx.sym.dot(a, b, name="n").infer_shape(a=(2, 3), b=(2, 3)), "Error in operator n", "(2,3)"
    )
    refuses(
        lambda: mx.sym.batch_dot(a, b, name="n").infer_shape(a=(2, 3, 4), b=(3, 4, 2)), "Error in operator n"
    )
    refuses(lambda: mx.sym.batch_dot(a, b, name="n").infer_shape(a=(2, 3), b=(3, 2)), "Error in operator n")
    refuses(
        lambda: mx.sym.dot(a, b, transpose_a="yes please", name="n"), "Error in operator n", "transpose_a"
    )
