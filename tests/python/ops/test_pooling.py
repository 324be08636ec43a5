"""Pooling against a NumPy reference that walks the windows."""

import itertools

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, distinct, gradients_of, refuses, symbol_of, uniform


def length(size, kernel, stride, pad, convention):
    span = size + 2 * pad - kernel
    return (span // stride if convention == "valid" else -(-span // stride)) + 1


def reference(x, kernel, stride, pad, kind, convention="valid", include_pad=True, p=2):
    """Windows over (N, C, *spatial); a window of the 'full' convention may reach beyond the padding."""
    rank = x.ndim - 2
    out = [length(x.shape[2 + i], kernel[i], stride[i], pad[i], convention) for i in range(rank)]
    result = np.zeros((*x.shape[:2], *out))
    for at in itertools.product(*map(range, out)):
        start = [a * s - q for a, s, q in zip(at, stride, pad)]
        stop = [min(b + k, n + q) for b, k, n, q in zip(start, kernel, x.shape[2:], pad)]
        inside = tuple(slice(max(b, 0), min(e, n)) for b, e, n in zip(start, stop, x.shape[2:]))
        window = x[(slice(None), slice(None), *inside)].reshape(*x.shape[:2], -1)
        if kind == "max":
            value = window.max(-1)
        elif kind == "lp":
            value = (np.abs(window) ** p).sum(-1) ** (1 / p)
        else:
            count = np.prod([e - b for b, e in zip(start, stop)]) if include_pad else window.shape[-1]
            value = window.sum(-1) / (count if kind == "avg" else 1)
        result[(slice(None), slice(None), *at)] = value
    return result


GEOMETRIES = [
    ((2, 2, 7), (3,), (2,), (1,)),
    ((1, 2, 5, 6), (2, 3), (1, 2), (0, 1)),
    ((2, 1, 6, 6), (3, 3), (2, 2), (1, 1)),
    ((1, 2, 4, 4), (2, 2), (2, 2), (0, 0)),
    ((1, 2, 5, 5), (3, 3), (3, 3), (0, 0)),
    ((1, 1, 3, 4, 3), (2, 2, 2), (1, 2, 1), (0, 0, 1)),
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0)),
]


@pytest.mark.parametrize("kind", ["max", "avg", "sum", "lp"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: "x".join(map(str, g[0])))
def test_pooling(geometry, convention, kind):
    shape, kernel, stride, pad = geometry
    x = distinct(*shape)
    attrs = {
        "kernel": kernel,
        "stride": stride,
        "pad": pad,
        "pool_type": kind,
        "pooling_convention": convention,
    }
    if kind == "lp":
        attrs["p_value"] = 2
    check_forward("Pooling", {"data": x}, reference(x, kernel, stride, pad, kind, convention), **attrs)
    check_gradient("Pooling", {"data": x}, **attrs)


@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: "x".join(map(str, g[0])))
def test_average_without_the_padding(geometry, convention):
    shape, kernel, stride, pad = geometry
    x = uniform(*shape)
    expected = reference(x, kernel, stride, pad, "avg", convention, include_pad=False)
    attrs = {
        "kernel": kernel,
        "stride": stride,
        "pad": pad,
        "pool_type": "avg",
        "pooling_convention": convention,
    }
    check_forward("Pooling", {"data": x}, expected, count_include_pad=False, **attrs)
    check_gradient("Pooling", {"data": x}, count_include_pad=False, **attrs)


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 2, 2)], ids=str)
def test_global_pooling_ignores_the_kernel(shape, kind):
    x = distinct(*shape)
    axes = tuple(range(2, len(shape)))
    expected = {
        "max": x.max(axes, keepdims=True),
        "avg": x.mean(axes, keepdims=True),
        "sum": x.sum(axes, keepdims=True),
    }[kind]
    check_forward("Pooling", {"data": x}, expected, global_pool=True, pool_type=kind, kernel=(7,) * len(axes))
    check_forward("Pooling", {"data": x}, expected, global_pool=True, pool_type=kind)
    check_gradient("Pooling", {"data": x}, global_pool=True, pool_type=kind)


def test_missing_stride_is_one():
    x = distinct(1, 1, 4, 4)
    check_forward("Pooling", {"data": x}, reference(x, (2, 2), (1, 1), (0, 0), "max"), kernel=(2, 2))


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(
    "shape, kernel, stride, pad",
    [((2, 20, 24, 24), 2, 2, 0), ((2, 17, 15, 15), 3, 2, 1), ((1, 64, 7, 7), 7, 1, 0)],
)
def test_larger_sizes_agree_across_dtypes(shape, kernel, stride, pad, kind):
    x = uniform(*shape)
    attrs = {"kernel": (kernel,) * 2, "stride": (stride,) * 2, "pad": (pad,) * 2, "pool_type": kind}
    check_forward(
        "Pooling", {"data": x}, reference(x, (kernel,) * 2, (stride,) * 2, (pad,) * 2, kind), **attrs
    )
    symbol = symbol_of("Pooling", {"data": x}, **attrs)
    single, double = (gradients_of(symbol, {"data": x}, ["data"], t)["data"] for t in ("float32", "float64"))
    assert_close(single, double.astype("float32"), 1e-4, 1e-5)


@ours_only
def test_errors():
    a = mx.sym.Variable("a")

    def net(**attrs):
        return mx.sym.Pooling(a, name="n", **attrs)

    refuses(
        lambda: net(kernel=(2, 2), pool_type="median"), "Error in operator n", "pool_type", "median", "max"
    )
    refuses(
        lambda: net(kernel=(2, 2), pooling_convention="half"),
        "Error in operator n",
        "pooling_convention",
        "half",
    )
    refuses(lambda: net(kernel=(5, 5)).infer_shape(a=(1, 1, 4, 4)), "Error in operator n", "kernel")
    refuses(lambda: net(kernel=(2, 2)).infer_shape(a=(1, 1, 4)), "Error in operator n", "data")
    refuses(
        lambda: net(kernel=(2, 2), stride=(0, 1)).infer_shape(a=(1, 1, 4, 4)), "Error in operator n", "stride"
    )
    refuses(lambda: net(kernel=(0, 2)).infer_shape(a=(1, 1, 4, 4)), "Error in operator n", "kernel")
    refuses(lambda: net().infer_shape(a=(1, 1, 4, 4)), "Error in operator n", "kernel")
    refuses(
        lambda: net(kernel=(2, 2), pool_type="lp").infer_shape(a=(1, 1, 4, 4)),
        "Error in operator n",
        "p_value",
    )
