"""Convolution against a NumPy reference of windows and einsum."""

import itertools

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, gradients_of, refuses, symbol_of, uniform


def reference(x, w, b, stride, pad, dilate, groups):
    """Cross-correlation of (N, C, *spatial) with (K, C / groups, *kernel), one kernel position at a time."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in pad])
    kernel = w.shape[2:]
    out = [(x.shape[2 + i] - dilate[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(rank)]
    result = np.zeros((x.shape[0], w.shape[0], *out))
    filters, channels = w.shape[0] // groups, w.shape[1]
    for group in range(groups):
        rows = slice(group * filters, (group + 1) * filters)
        data = x[:, group * channels : (group + 1) * channels]
        for at in itertools.product(*map(range, kernel)):
            window = tuple(
                slice(a * d, a * d + (o - 1) * s + 1, s) for a, d, o, s in zip(at, dilate, out, stride)
            )
            result[:, rows] += np.einsum(
                "nc...,kc->nk...", data[(slice(None), slice(None), *window)], w[(rows, slice(None), *at)]
            )
    return result if b is None else result + b.reshape((-1,) + (1,) * rank)


def inputs_for(data, kernel, filters, groups, no_bias):
    made = {"data": uniform(*data), "weight": uniform(filters, data[1] // groups, *kernel, seed=2)}
    if not no_bias:
        made["bias"] = uniform(filters, seed=3)
    return made


def run(data, kernel, filters, stride=None, pad=None, dilate=None, groups=1, no_bias=False, gradient=True):
    rank = len(kernel)
    stride, pad, dilate = stride or (1,) * rank, pad or (0,) * rank, dilate or (1,) * rank
    inputs = inputs_for(data, kernel, filters, groups, no_bias)
    attrs = {
        "kernel": kernel,
        "num_filter": filters,
        "stride": stride,
        "pad": pad,
        "dilate": dilate,
        "num_group": groups,
        "no_bias": no_bias,
    }
    expected = reference(inputs["data"], inputs["weight"], inputs.get("bias"), stride, pad, dilate, groups)
    check_forward("Convolution", inputs, expected, **attrs)
    if gradient:
        check_gradient("Convolution", inputs, **attrs)
    return inputs, attrs


@pytest.mark.parametrize("no_bias", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        {"data": (2, 2, 6), "kernel": (3,), "filters": 2},
        {"data": (1, 2, 7), "kernel": (3,), "filters": 2, "stride": (2,), "pad": (1,), "dilate": (2,)},
        {"data": (2, 2, 4, 3), "kernel": (3, 2), "filters": 2},
        {"data": (1, 2, 4, 5), "kernel": (3, 3), "filters": 2, "pad": (1, 1), "stride": (2, 1)},
        {"data": (1, 1, 5, 5), "kernel": (2, 2), "filters": 2, "dilate": (2, 3)},
        {"data": (1, 4, 3, 3), "kernel": (2, 2), "filters": 4, "groups": 2},
        {"data": (1, 3, 3, 3), "kernel": (3, 3), "filters": 3, "groups": 3, "pad": (1, 1)},
        {"data": (1, 2, 3, 3), "kernel": (1, 1), "filters": 3},
        {"data": (1, 1, 3, 3, 3), "kernel": (2, 2, 2), "filters": 2},
        {
            "data": (1, 2, 3, 2, 3),
            "kernel": (2, 1, 2),
            "filters": 2,
            "groups": 2,
            "pad": (1, 0, 0),
            "stride": (1, 1, 2),
        },
    ],
    ids=lambda c: "x".join(map(str, c["data"])),
)
def test_convolution(case, no_bias):
    run(**case, no_bias=no_bias)


@pytest.mark.parametrize(
    "case",
    [
        {"data": (4, 3, 28, 28), "kernel": (5, 5), "filters": 20},
        {"data": (2, 16, 14, 14), "kernel": (3, 3), "filters": 24, "pad": (1, 1)},
        {
            "data": (2, 16, 14, 14),
            "kernel": (3, 3),
            "filters": 16,
            "pad": (1, 1),
            "stride": (2, 2),
            "groups": 16,
        },
        {"data": (1, 32, 9, 9), "kernel": (1, 1), "filters": 64, "stride": (2, 2), "no_bias": True},
        {"data": (1, 32, 7, 7), "kernel": (3, 3), "filters": 32, "pad": (1, 1), "groups": 4},
        {"data": (2, 8, 30), "kernel": (5,), "filters": 9, "pad": (2,)},
        {"data": (1, 4, 6, 8, 8), "kernel": (3, 3, 3), "filters": 8, "pad": (1, 1, 1)},
        {"data": (1, 3, 3, 300), "kernel": (3, 300), "filters": 7},
        {"data": (1, 6, 13, 13), "kernel": (3, 3), "filters": 5, "pad": (6, 6), "dilate": (6, 6)},
    ],
    ids=lambda c: "x".join(map(str, c["data"])),
)
def test_larger_sizes_agree_across_dtypes(case):
    inputs, attrs = run(**case, gradient=False)
    symbol = symbol_of("Convolution", inputs, **attrs)
    single, double = (gradients_of(symbol, inputs, list(inputs), t) for t in ("float32", "float64"))
    for name in inputs:
        assert_close(
            single[name], double[name].astype("float32"), 1e-4, 1e-5 * np.abs(double[name]).max(), name
        )


@pytest.mark.parametrize("layout", ["NCHW", None])
def test_accepted_and_ignored_attributes(layout):
    inputs = inputs_for((1, 2, 4, 4), (3, 3), 2, 1, False)
    expected = reference(inputs["data"], inputs["weight"], inputs["bias"], (1, 1), (0, 0), (1, 1), 1)
    attrs = {"kernel": (3, 3), "num_filter": 2, "workspace": 128, "cudnn_tune": "off", "cudnn_off": True}
    check_forward("Convolution", inputs, expected, layout=layout, **attrs)


def test_shapes_both_ways():
    net = mx.sym.Convolution(
        mx.sym.Variable("x"), kernel=(3, 3), num_filter=4, num_group=2, stride=(2, 2), pad=(1, 1), name="c"
    )
    assert net.infer_shape(x=(2, 6, 7, 8)) == ([(2, 6, 7, 8), (4, 3, 3, 3), (4,)], [(2, 4, 4, 4)], [])
    assert net.infer_shape_partial(x=(0, 6, 7, 8))[1] == [(0, 4, 4, 4)]


@ours_only
def test_errors():
    a = mx.sym.Variable("a")

    def net(**attrs):
        return mx.sym.Convolution(a, name="n", **{"kernel": (3, 3), "num_filter": 2, **attrs})

    refuses(
        lambda: mx.sym.Convolution(a, num_filter=2, name="n"), "Error in operator n", "kernel", "required"
    )
    refuses(lambda: net(num_filter=0).infer_shape(a=(1, 2, 5, 5)), "Error in operator n", "num_filter")
    refuses(lambda: net(num_group=2).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "num_group")
    refuses(lambda: net(num_group=3).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "num_group")
    refuses(lambda: net().infer_shape(a=(1, 3, 2, 2)), "Error in operator n", "kernel")
    refuses(lambda: net().infer_shape(a=(1, 3, 5)), "Error in operator n", "data")
    refuses(lambda: net(stride=(0, 1)).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "stride")
    refuses(lambda: net(kernel=(0, 3)).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "kernel")
    refuses(lambda: net(dilate=(0, 1)).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "dilate")
    refuses(lambda: net(stride=(1,)).infer_shape(a=(1, 3, 5, 5)), "Error in operator n", "stride")
    refuses(lambda: net(layout="CHWN"), "Error in operator n", "layout", "CHWN")
    refuses(lambda: net().infer_shape(a=(1, 3, 5, 5), n_weight=(2, 2, 3, 3)), "Error in operator n", "weight")
