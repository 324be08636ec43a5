"""Linear algebra on stacks of matrices."""

import numpy as np
from parity.case_table import Table, normal, values

table = Table("linalg")

TOLERANT = {"float32": {"rtol": 2e-3, "atol": 2e-4}, "float64": {"rtol": 1e-8, "atol": 1e-9}}


def given(array):
    array = np.asarray(array)
    return values(array.ravel(), *array.shape)


def random(seed, *shape):
    return np.random.RandomState(seed).uniform(-1, 1, shape)


def definite(seed, *shape):
    a = random(seed, *shape)
    return np.round(a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1]), 6)


def triangle(seed, *shape):
    """Lower triangles with a diagonal away from 0; what lies above must not be read."""
    return random(seed, *shape) + 2 * np.eye(shape[-1])


for dtype in ("float32", "float64"):
    options = {"dtype": dtype, **TOLERANT[dtype]}
    for ta in (False, True):
        for tb in (False, True):
            a, b = ((2, 5, 3) if ta else (2, 3, 5)), ((2, 4, 5) if tb else (2, 5, 4))
            attrs = {"transpose_a": ta, "transpose_b": tb, "alpha": 0.3}
            table.add("_linalg_gemm2", attrs, A=normal(*a), B=normal(*b), **options)
            table.add(
                "_linalg_gemm",
                dict(attrs, beta=1.7),
                A=normal(*a),
                B=normal(*b),
                C=normal(2, 3, 4),
                **options,
            )
            a, b = (a[1], 2, a[2]), (b[1], 2, b[2])
            table.add("_linalg_gemm2", dict(attrs, axis=0), A=normal(*a), B=normal(*b), **options)
            table.add(
                "_linalg_gemm", dict(attrs, axis=-3), A=normal(*a), B=normal(*b), C=normal(3, 2, 4), **options
            )
    table.add("_linalg_gemm2", {}, A=normal(3, 2), B=normal(2, 4), **options)
    table.add("_linalg_gemm2", {"axis": 1}, A=normal(2, 3, 2, 5), B=normal(2, 5, 2, 4), **options)
    for transpose in (False, True):
        table.add("_linalg_syrk", {"transpose": transpose, "alpha": 0.7}, A=normal(2, 3, 4), **options)
        table.add("_linalg_syrk", {"transpose": transpose}, A=normal(3, 4), **options)
        for rightside in (False, True):
            for lower in (True, False):
                attrs = {"transpose": transpose, "rightside": rightside, "lower": lower, "alpha": 1.3}
                b = normal(2, 4, 3) if rightside else normal(2, 3, 4)
                for op in ("_linalg_trmm", "_linalg_trsm"):
                    table.add(op, attrs, A=given(triangle(5, 2, 3, 3)), B=b, **options)
    for shape in ((3, 3), (2, 4, 4), (2, 2, 1, 1)):
        table.add("_linalg_potrf", {}, A=given(definite(1, *shape)), **options)
        table.add("_linalg_potri", {}, A=given(triangle(2, *shape)), **options)
        table.add("_linalg_sumlogdiag", {}, A=given(definite(3, *shape)), **options)
        table.add("_linalg_inverse", {}, A=given(triangle(4, *shape)), **options)
        table.add("_linalg_det", {}, A=given(random(5, *shape) * 2), **options)
        table.add("_linalg_slogdet", {}, A=given(random(6, *shape) * 2), **options)
        table.add("_linalg_gelqf", {}, A=given(random(7, *shape)), **options)
        table.add("_linalg_syevd", {}, A=given(definite(8, *shape)), **options)
    table.add("_linalg_gelqf", {}, A=given(random(9, 2, 3, 5)), **options)
    table.add("_linalg_det", {}, A=given(np.array([[1.0, 2], [2, 4]])), **options)
    table.add("_linalg_slogdet", {}, A=given(np.array([[[1.0, 2], [2, 4]], [[0, 1], [1, 0]]])), **options)
    for offset in (0, 1, -1, 2, -2):
        table.add("_linalg_extractdiag", {"offset": offset}, A=normal(2, 3, 3), **options)
        table.add("_linalg_makediag", {"offset": offset}, A=normal(2, 3), **options)
        table.add("_linalg_makediag", {"offset": offset}, A=normal(3), **options)
        for lower in (True, False):
            attrs = {"offset": offset, "lower": lower}
            table.add("_linalg_extracttrian", attrs, A=normal(2, 3, 3), **options)
            table.add("_linalg_maketrian", attrs, A=normal(2, 6), **options)
table.add("linalg_gemm2", {}, A=normal(2, 2), B=normal(2, 2))
table.add("_linalg_potrf", {}, A=given(definite(1, 3, 3)), req="add", **TOLERANT["float32"])
