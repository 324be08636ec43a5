"""Deconvolution against a scatter in NumPy, in every rank."""

import itertools

import numpy as np
import pytest
from common import IS_MXNET, mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, uniform


def spread(x, weight, bias, kernel, stride, dilate, pad, adj, groups):
    """Adds weight * x at every place that an element of x reaches."""
    n, channels, *space = x.shape
    filters = weight.shape[1] * groups
    full = [s * (i - 1) + d * (k - 1) + 1 + a for i, k, s, d, a in zip(space, kernel, stride, dilate, adj)]
    y = np.zeros((n, filters, *full))
    per = channels // groups
    for g in range(groups):
        ins, outs = slice(g * per, (g + 1) * per), slice(g * weight.shape[1], (g + 1) * weight.shape[1])
        for offset in itertools.product(*map(range, kernel)):
            where = tuple(
                slice(o * d, o * d + s * (i - 1) + 1, s) for o, d, s, i in zip(offset, dilate, stride, space)
            )
            y[(slice(None), outs, *where)] += np.einsum(
                "nc...,cf->nf...", x[:, ins], weight[(ins, slice(None), *offset)]
            )
    cut = tuple(slice(p, f - p) for p, f in zip(pad, full))
    y = y[(slice(None), slice(None), *cut)]
    return y if bias is None else y + bias.reshape(1, -1, *[1] * len(kernel))


SETTINGS = (
    ((2, 3, 5), (4,), {"stride": (2,), "pad": (1,), "adj": (1,)}, 1),
    ((2, 4, 3, 4), (3, 2), {"stride": (2, 3), "dilate": (2, 1)}, 2),
    ((1, 3, 4, 3), (4, 4), {"stride": (2, 2), "pad": (1, 1)}, 1),
    ((1, 3, 3, 3), (2, 2), {"stride": (3, 3), "adj": (1, 2)}, 3),
    ((1, 2, 2, 3, 2), (2, 3, 2), {"stride": (2, 1, 2), "pad": (0, 1, 0), "adj": (1, 0, 1)}, 1),
    ((1, 4, 2, 2, 2), (2, 2, 2), {"dilate": (1, 2, 1)}, 2),
)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("shape, kernel, given, groups", SETTINGS, ids=str)
def test_deconvolution(shape, kernel, given, groups, with_bias):
    if IS_MXNET and len(kernel) == 3:
        pytest.skip("MXNet 1.9.1 has no 3-D deconvolution on the CPU")
    rank = len(kernel)
    weight = uniform(shape[1], 2, *kernel, seed=2)
    inputs = {"data": uniform(*shape), "weight": weight}
    if with_bias:
        inputs["bias"] = uniform(2 * groups, seed=3)
    full = {"stride": (1,) * rank, "dilate": (1,) * rank, "pad": (0,) * rank, "adj": (0,) * rank, **given}
    expected = spread(inputs["data"], weight, inputs.get("bias"), kernel, groups=groups, **full)
    attrs = {
        "kernel": kernel,
        "num_filter": 2 * groups,
        "num_group": groups,
        "no_bias": not with_bias,
        **given,
    }
    check_forward("Deconvolution", inputs, expected, **attrs)
    check_gradient("Deconvolution", inputs, **attrs)


@pytest.mark.parametrize("target", [(9, 9), (8, 7), (5, 6)])
def test_target_shape_cuts_evenly(target):
    inputs = {"data": uniform(1, 2, 4, 4), "weight": uniform(2, 3, 3, 3, seed=2)}
    whole = spread(*inputs.values(), None, (3, 3), (2, 2), (1, 1), (0, 0), (0, 0), 1)
    begin = [(9 - t + 1) // 2 for t in target]
    padded = np.pad(whole, ((0, 0), (0, 0), (0, 1), (0, 1)))
    expected = padded[:, :, begin[0] : begin[0] + target[0], begin[1] : begin[1] + target[1]]
    attrs = {"kernel": (3, 3), "stride": (2, 2), "num_filter": 3, "target_shape": target}
    check_forward("Deconvolution", inputs, expected, **attrs)
    check_gradient("Deconvolution", inputs, **attrs)


def test_shapes():
    x = mx.sym.Variable("x")
    symbol = mx.sym.Deconvolution(
        x, kernel=(64, 64), stride=(32, 32), pad=(16, 16), num_filter=21, no_bias=False, name="d"
    )
    assert symbol.list_arguments() == ["x", "d_weight", "d_bias"]
    args, outs, _ = symbol.infer_shape(x=(1, 21, 7, 9))
    assert args[1:] == [(21, 21, 64, 64), (21,)] and outs == [(1, 21, 224, 288)]


@ours_only
def test_shape_of_data_from_the_output_and_channels_last():
    x = mx.sym.Variable("x")
    symbol = mx.sym.Deconvolution(x, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=3, name="d")
    args, _, _ = (symbol + mx.sym.Variable("y")).infer_shape(x=(0, 5, 0, 0), y=(2, 3, 8, 12))
    assert args[0] == (2, 5, 4, 6)
    attrs = {"kernel": (3, 3), "stride": (2, 2), "num_filter": 2, "no_bias": False}
    data, weight, bias = uniform(1, 3, 4, 5), uniform(3, 2, 3, 3, seed=2), uniform(2, seed=3)
    first = mx.nd.Deconvolution(*map(mx.nd.array, (data, weight, bias)), **attrs)
    moved = [np.moveaxis(data, 1, -1), np.moveaxis(weight, 1, -1), bias]
    last = mx.nd.Deconvolution(*map(mx.nd.array, moved), layout="NHWC", **attrs)
    np.testing.assert_allclose(np.moveaxis(last.asnumpy(), -1, 1), first.asnumpy(), rtol=1e-5, atol=1e-6)


@ours_only
def test_errors():
    x = mx.sym.Variable("x")

    def check(*words, shape=(1, 4, 4, 4), **attrs):
        attrs = {"kernel": (3, 3), "num_filter": 4, **attrs}
        refuses(lambda: mx.sym.Deconvolution(x, name="n", **attrs).infer_shape(x=shape), "operator n", *words)

    check("adj is too large", "stride", adj=(1, 0))
    check("target_shape is too large", "at most 6", target_shape=(7, 6))
    check("wrong number of dimensions", shape=(1, 4, 4))
    check("not divisible", "num_group", num_group=3)
    check("not divisible", "3 channels", num_group=2, shape=(1, 3, 4, 4))
    check("pad cuts everything off", pad=(3, 3))
    check("kernel has the wrong length", kernel=(1, 1, 1, 1))
