"""Linear algebra against NumPy, gradients against differences, errors."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, gradients_of, refuses, uniform


def definite(*shape, seed=1):
    a = uniform(*shape, seed=seed)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def triangle(*shape, seed=2):
    return np.tril(uniform(*shape, seed=seed)) + 2 * np.eye(shape[-1])


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3)], ids=str)
def test_decompositions(shape):
    a, low = definite(*shape), triangle(*shape)
    check_forward("_linalg_potrf", {"A": a}, np.linalg.cholesky(a))
    check_forward("_linalg_potri", {"A": low}, np.linalg.inv(low @ np.swapaxes(low, -1, -2)))
    check_forward("_linalg_inverse", {"A": low}, np.linalg.inv(low))
    det = np.linalg.det(a)
    check_forward("_linalg_det", {"A": a}, det if det.ndim else det[None])
    sign, log_abs = np.linalg.slogdet(a)
    check_forward("_linalg_slogdet", {"A": a}, [np.atleast_1d(sign), np.atleast_1d(log_abs)])
    diagonal = np.atleast_1d(np.log(np.diagonal(a, axis1=-2, axis2=-1)).sum(-1))
    check_forward("_linalg_sumlogdiag", {"A": a}, diagonal)
    for name, matrix in (("potri", low), ("inverse", low), ("det", a), ("sumlogdiag", a)):
        check_gradient("_linalg_" + name, {"A": matrix}, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 5)], ids=str)
def test_lq(shape):
    a = uniform(*shape)
    q, low = (x.asnumpy() for x in mx.nd.linalg.gelqf(mx.nd.array(a, dtype="float64")))
    assert_close(low @ q, a)
    assert_close(q @ np.swapaxes(q, -1, -2), np.broadcast_to(np.eye(shape[-2]), low.shape).copy())
    assert_close(np.triu(low, 1), np.zeros_like(low))


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3)], ids=str)
def test_eigenvectors(shape):
    a = definite(*shape)
    u, values = (x.asnumpy() for x in mx.nd.linalg.syevd(mx.nd.array(a, dtype="float64")))
    assert_close(np.swapaxes(u, -1, -2) @ (values[..., None] * u), a)
    assert_close(values, np.linalg.eigvalsh(a))


@pytest.mark.parametrize(
    "name, output", [("potrf", 0), ("gelqf", 0), ("gelqf", 1), ("syevd", 0), ("syevd", 1), ("slogdet", 1)]
)
def test_gradients_of_decompositions(name, output):
    """Of a function of one output, along symmetric directions where only one triangle is read."""
    a = definite(2, 3, 3) + np.diag([0.0, 0.7, 1.9])
    symbol = getattr(mx.sym.linalg, name)(mx.sym.Variable("A"))[output]
    gradient = gradients_of(symbol, {"A": a}, ["A"], "float64")["A"]
    heads = np.random.RandomState(9).uniform(-1, 1, symbol.infer_shape(A=a.shape)[1][0])
    direction = uniform(2, 3, 3, seed=5)
    if name != "gelqf":
        direction = direction + direction.transpose(0, 2, 1)

    def value(t):
        made = getattr(mx.nd.linalg, name)(mx.nd.array(a + t * direction, dtype="float64"))
        return ((made[output] if isinstance(made, list) else made).asnumpy() * heads).sum()

    numeric = (value(1e-6) - value(-1e-6)) / 2e-6
    assert_close(np.array((gradient * direction).sum()), np.array(numeric), 1e-6, 1e-7)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("rightside", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
def test_triangles(transpose, rightside, lower):
    full = uniform(2, 3, 3) + 2 * np.eye(3)
    a = np.tril(full) if lower else np.triu(full)
    b = uniform(2, 4, 3) if rightside else uniform(2, 3, 4)
    op = np.swapaxes(a, -1, -2) if transpose else a
    attrs = {"transpose": transpose, "rightside": rightside, "lower": lower, "alpha": 0.5}
    inputs = {"A": full, "B": b}
    check_forward("_linalg_trmm", inputs, 0.5 * (b @ op if rightside else op @ b), **attrs)
    inverse = np.linalg.inv(op)
    check_forward("_linalg_trsm", inputs, 0.5 * (b @ inverse if rightside else inverse @ b), **attrs)
    check_gradient("_linalg_trmm", inputs, rtol=1e-4, **attrs)
    check_gradient("_linalg_trsm", inputs, rtol=1e-4, **attrs)


@ours_only
def test_a_factor_that_float_does_not_hold():
    a, b = uniform(2, 3, 4), uniform(2, 4, 5)
    check_forward("_linalg_gemm2", {"A": a, "B": b}, 0.1 * (a @ b), dtypes=("float64",), alpha=0.1)


@pytest.mark.parametrize("axis", [0, 1, -3])
def test_rows_along_another_axis(axis):
    a, b = uniform(3, 4, 2, 5), uniform(3, 4, 2, 5)
    moved = [np.moveaxis(x, axis, -2) for x in (a, b)]
    expected = np.moveaxis(moved[0] @ np.swapaxes(moved[1], -1, -2), -2, axis)
    check_forward("_linalg_gemm2", {"A": a, "B": b}, expected, transpose_b=True, axis=axis)
    check_gradient("_linalg_gemm2", {"A": a, "B": b}, transpose_b=True, axis=axis)


def test_parts_of_matrices_survive_a_round_trip():
    a = mx.nd.array(uniform(2, 4, 4))
    for offset in (-2, 0, 3):
        part = mx.nd.linalg.extracttrian(a, offset=offset)
        made = mx.nd.linalg.maketrian(part, offset=offset)
        assert made.shape == (2, 4, 4)
        assert_close(mx.nd.linalg.extracttrian(made, offset=offset), part.asnumpy())
        diagonal = mx.nd.linalg.extractdiag(a, offset=offset)
        assert_close(diagonal, np.diagonal(a.asnumpy(), offset, 1, 2))


def test_the_other_triangle_is_not_read():
    a = definite(3, 3)
    spoiled = np.tril(a) + np.triu(np.full((3, 3), np.nan), 1)
    for name in ("potrf", "syevd"):
        one, other = (getattr(mx.nd.linalg, name)(mx.nd.array(x, dtype="float64")) for x in (a, spoiled))
        for x, y in zip(*(r if isinstance(r, list) else [r] for r in (one, other))):
            assert_close(y, x.asnumpy())


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    linalg = mx.sym.linalg
    refuses(lambda: linalg.potrf(a, name="n").infer_shape(a=(2, 3)), "Error in operator n", "square", "(2,3)")
    refuses(lambda: linalg.gemm2(a, b, name="n").infer_shape(a=(2, 3), b=(4, 3)), "Error in operator n", "B")
    refuses(lambda: linalg.gemm2(a, b, name="n").infer_shape(a=(2, 3), b=(1, 3, 3)), "number of dimensions")
    refuses(
        lambda: linalg.gemm2(a, b, name="n", axis=1).infer_shape(a=(2, 3), b=(3, 3)),
        "axis",
        "before the last",
    )
    refuses(lambda: linalg.gelqf(a, name="n").infer_shape(a=(3, 2)), "no more rows than columns")
    refuses(lambda: linalg.maketrian(a, name="n").infer_shape(a=(4,)), "m (m + 1) / 2")
    refuses(lambda: linalg.extractdiag(a, name="n", offset=3).infer_shape(a=(3, 3)), "offset", "3")
    refuses(lambda: mx.nd.linalg.potrf(mx.nd.array([[1, 0], [0, -1]])), "positive definite", "matrix 0 of 1")
    refuses(lambda: mx.nd.linalg.inverse(mx.nd.zeros((3, 2, 2))), "no inverse", "matrix 0 of 3")
    refuses(lambda: mx.nd.linalg.det(mx.nd.zeros((2, 2), dtype="float16")), "float16", "float32 or float64")
