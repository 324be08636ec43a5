"""Resizing, pooling to a size, grids, attention, transforms: against NumPy and against differences."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, uniform


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 9)], ids=str)
def test_adaptive_pooling(size):
    x = uniform(2, 3, 5, 6)
    expected = np.zeros((2, 3, *size))
    for i, j in np.ndindex(*size):
        rows = slice(i * 5 // size[0], -(-(i + 1) * 5 // size[0]))
        cols = slice(j * 6 // size[1], -(-(j + 1) * 6 // size[1]))
        expected[:, :, i, j] = x[:, :, rows, cols].mean((2, 3))
    check_forward("_contrib_AdaptiveAvgPooling2D", {"data": x}, expected, output_size=size)
    check_gradient("_contrib_AdaptiveAvgPooling2D", {"data": x}, output_size=size)


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (8, 4), (4, 5)], ids=str)
def test_bilinear_resize(size, corners):
    x = uniform(2, 2, 4, 5)
    result = x
    for axis, (length, wanted) in enumerate(zip((4, 5), size), 2):
        if corners:
            at = np.arange(wanted) * ((length - 1) / (wanted - 1) if wanted > 1 else 0)
        else:
            step = length / wanted if wanted > 1 else 0  # a single output reads the first pixel
            at = np.maximum((np.arange(wanted) + 0.5) * step - 0.5, 0)
        low = np.floor(at).astype(int)
        high, weight = np.minimum(low + 1, length - 1), at - low
        shape = [-1 if a == axis else 1 for a in range(4)]
        weight = weight.reshape(shape)
        result = result.take(low, axis) * (1 - weight) + result.take(high, axis) * weight
    attrs = {"height": size[0], "width": size[1], "align_corners": corners}
    check_forward("_contrib_BilinearResize2D", {"data": x}, result, **attrs)
    check_gradient("_contrib_BilinearResize2D", {"data": x}, **attrs)


@ours_only  # MXNet has float32 alone
@pytest.mark.parametrize(
    "attrs", [{"transform_type": "affine", "target_shape": (3, 4)}, {"transform_type": "warp"}]
)
def test_grid_gradient(attrs):
    data = uniform(2, 6) if attrs["transform_type"] == "affine" else uniform(2, 2, 3, 4)
    check_gradient("GridGenerator", {"data": data}, **attrs)


def test_sampler_gradient():
    inputs = {"data": uniform(2, 2, 4, 5), "grid": uniform(2, 2, 3, 3, low=-1.2, high=1.2)}
    check_gradient("BilinearSampler", inputs, rtol=1e-4)


def test_identity_transform_is_the_identity():
    data = uniform(2, 3, 4, 5)
    loc = np.tile([1, 0, 0, 0, 1, 0], (2, 1))
    attrs = {"target_shape": (4, 5), "transform_type": "affine", "sampler_type": "bilinear"}
    check_forward("SpatialTransformer", {"data": data, "loc": loc}, data, dtypes=("float64",), **attrs)
    check_gradient(
        "SpatialTransformer", {"data": data, "loc": loc * 0.7 + uniform(2, 6) * 0.1}, rtol=1e-4, **attrs
    )


def split_heads(x, heads, parts):
    """(length, batch, heads * parts * width) to a list of parts, each (batch * heads, length, width)."""
    length, batch, total = x.shape
    width = total // heads // parts
    x = x.reshape(length, batch, heads, parts, width).transpose(3, 1, 2, 0, 4)
    return list(x.reshape(parts, batch * heads, length, width))


@ours_only  # MXNet has float32 alone
def test_attention():
    both, attention = uniform(4, 2, 18), uniform(6, 4, 4, seed=3)
    q, k, v = split_heads(both, 3, 3)
    name = "_contrib_interleaved_matmul_selfatt_"
    inputs = {"queries_keys_values": both}
    check_forward(name + "qk", inputs, q @ k.transpose(0, 2, 1) / np.sqrt(2), heads=3)
    check_gradient(name + "qk", inputs, heads=3)
    mixed = (attention @ v).reshape(2, 3, 4, 2).transpose(2, 0, 1, 3).reshape(4, 2, 6)
    inputs["attention"] = attention
    check_forward(name + "valatt", inputs, mixed, heads=3)
    check_gradient(name + "valatt", inputs, heads=3)
    name = "_contrib_interleaved_matmul_encdec_"
    queries, others, attention = uniform(4, 2, 6), uniform(5, 2, 12, seed=4), uniform(6, 4, 5, seed=5)
    (q,), (k, v) = split_heads(queries, 3, 1), split_heads(others, 3, 2)
    inputs = {"queries": queries, "keys_values": others}
    check_forward(name + "qk", inputs, q @ k.transpose(0, 2, 1) / np.sqrt(2), heads=3)
    check_gradient(name + "qk", inputs, heads=3)
    inputs = {"keys_values": others, "attention": attention}
    mixed = (attention @ v).reshape(2, 3, 4, 2).transpose(2, 0, 1, 3).reshape(4, 2, 6)
    check_forward(name + "valatt", inputs, mixed, heads=3)
    check_gradient(name + "valatt", inputs, heads=3)


@ours_only  # MXNet has these on GPUs alone
@pytest.mark.parametrize("shape", [(3, 8), (2, 1), (2, 7), (1, 2, 3, 12), (2, 30)], ids=str)
def test_fourier_transforms(shape):
    x = uniform(*shape)
    spectrum = np.fft.fft(x)
    expected = np.stack([spectrum.real, spectrum.imag], -1).reshape(*shape[:-1], -1)
    check_forward("_contrib_fft", {"data": x}, expected)
    check_gradient("_contrib_fft", {"data": x})
    check_forward("_contrib_ifft", {"data": expected}, x * shape[-1])
    check_gradient("_contrib_ifft", {"data": uniform(*shape[:-1], 2 * shape[-1])})


@ours_only
def test_long_transform_keeps_its_precision():
    x = uniform(2, 5000)
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-14)):
        back = mx.nd.contrib.ifft(mx.nd.contrib.fft(mx.nd.array(x, dtype=dtype))).asnumpy() / 5000
        assert np.abs(back - x).max() < tolerance * 10


@ours_only
def test_count_sketch():
    x, h, s = uniform(3, 6), np.array([[0, 3, 3, 1, 0, 4]]), np.array([[1, -1, 1, 1, -1, -1]])
    expected = np.zeros((3, 5))
    for i in range(6):
        expected[:, h[0, i]] += s[0, i] * x[:, i]
    inputs = {"data": x, "h": h, "s": s}
    check_forward("_contrib_count_sketch", inputs, expected, out_dim=5)
    check_gradient("_contrib_count_sketch", inputs, wrt=["data"], out_dim=5)


def test_synchronised_normalisation_updates_its_statistics():
    net = mx.sym.contrib.SyncBatchNorm(mx.sym.Variable("x"), key="k", name="bn", momentum=0.5)
    executor = net.simple_bind(mx.cpu(), x=(4, 2, 3, 3))
    x = uniform(4, 2, 3, 3)
    executor.forward(is_train=True, x=mx.nd.array(x))
    executor.backward(mx.nd.ones(x.shape))
    assert_close(executor.aux_dict["bn_moving_mean"], (0.5 * x.mean((0, 2, 3))).astype("float32"), 1e-4, 1e-6)
    assert net.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    contrib, sym = mx.sym.contrib, mx.sym
    refuses(
        lambda: contrib.AdaptiveAvgPooling2D(a, name="n", output_size=(1, 2, 3)), "output_size", "(1, 2, 3)"
    )
    refuses(
        lambda: contrib.AdaptiveAvgPooling2D(a, name="n").infer_shape(a=(2, 3)), "Error in operator n", "data"
    )
    refuses(lambda: contrib.BilinearResize2D(a, name="n", mode="odd_scale"), "scale_height", "odd_scale")
    refuses(lambda: contrib.BilinearResize2D(a, name="n", mode="bigger"), "mode", "to_odd_up")
    refuses(lambda: sym.GridGenerator(a, name="n"), "transform_type", "required")
    refuses(
        lambda: sym.GridGenerator(a, name="n", transform_type="affine").infer_shape(a=(2, 6)), "target_shape"
    )
    refuses(lambda: sym.BilinearSampler(a, b, name="n").infer_shape(a=(2, 1, 3, 3), b=(2, 3, 3, 3)), "grid")
    refuses(lambda: contrib.SyncBatchNorm(a, name="n"), "key", "missing")
    refuses(lambda: contrib.SyncBatchNorm(a, name="n", key="k", axis=2), "unknown attribute 'axis'")
    refuses(
        lambda: contrib.interleaved_matmul_selfatt_qk(a, name="n", heads=4).infer_shape(a=(2, 2, 18)),
        "multiple of 12",
    )
    refuses(lambda: contrib.ifft(a, name="n").infer_shape(a=(2, 3)), "even")
    refuses(lambda: contrib.fft(a, name="n").infer_shape(a=(2,)), "2 or 4 dimensions")
    refuses(
        lambda: contrib.count_sketch(a, b, b, name="n", out_dim=3).infer_shape(a=(2, 3), b=(1, 4)),
        "3 numbers",
    )
