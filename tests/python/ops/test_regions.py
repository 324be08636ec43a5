"""Operators over regions: gradients against differences, what MXNet leaves undefined, dtypes, errors."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, distinct, gradients_of, refuses, symbol_of, uniform

ROIS = np.array([[0, 0.3, 0.2, 4.1, 4.4], [1, 2.2, 1.7, 9.1, 5.3], [0, 1.1, 1.3, 2.9, 3.2]])


@pytest.mark.parametrize(
    "name, attrs, make",
    [
        ("ROIPooling", {}, distinct),
        ("_contrib_ROIAlign", {"sample_ratio": 2}, uniform),
        ("_contrib_ROIAlign", {"aligned": True, "position_sensitive": True}, uniform),
    ],
)
def test_gradient_of_data(name, attrs, make):
    inputs = {"data": make(2, 8, 6, 7), "rois": ROIS}
    check_gradient(name, inputs, wrt=["data"], pooled_size=(2, 2), spatial_scale=0.5, **attrs)


def test_gradient_of_position_sensitive_pooling():
    inputs = {"data": uniform(2, 8, 6, 7), "rois": ROIS}
    attrs = {"spatial_scale": 0.5, "output_dim": 2, "pooled_size": 2}
    check_gradient("_contrib_PSROIPooling", inputs, wrt=["data"], **attrs)
    inputs["trans"] = uniform(3, 4, 2, 2)
    attrs.update(group_size=2, trans_std=0.1, sample_per_part=2)
    check_gradient("_contrib_DeformablePSROIPooling", inputs, wrt=["data", "trans"], rtol=1e-4, **attrs)


def modulated_reference(data, offset, mask, weight, bias, pad, stride, deformable_groups):
    """A loop over every tap; between pixels bilinear, outside of the image zero."""
    n, channels, height, width = data.shape
    filters, _, kh, kw = weight.shape
    out = np.zeros((n, filters, *offset.shape[2:])) + bias[:, None, None]
    for b, y, x, c, i, j in np.ndindex(n, *offset.shape[2:], channels, kh, kw):
        group = c // (channels // deformable_groups)
        tap = group * kh * kw + i * kw + j
        py = y * stride + i - pad + offset[b, 2 * tap, y, x]
        px = x * stride + j - pad + offset[b, 2 * tap + 1, y, x]
        value = 0.0
        for qy in (int(np.floor(py)), int(np.floor(py)) + 1):
            for qx in (int(np.floor(px)), int(np.floor(px)) + 1):
                if 0 <= qy < height and 0 <= qx < width:
                    value += data[b, c, qy, qx] * (1 - abs(py - qy)) * (1 - abs(px - qx))
        out[b, :, y, x] += weight[:, c, i, j] * value * mask[b, tap, y, x]
    return out


@ours_only  # MXNet has it on GPUs alone
def test_modulated_deformable_convolution():
    inputs = {
        "data": uniform(2, 4, 5, 4),
        "offset": uniform(2, 36, 3, 2, low=-1.5, high=1.5),
        "mask": uniform(2, 18, 3, 2, low=0, high=1),
        "weight": uniform(3, 4, 3, 3),
        "bias": uniform(3),
    }
    attrs = {"kernel": (3, 3), "num_filter": 3, "pad": (1, 1), "stride": (2, 2), "num_deformable_group": 2}
    expected = modulated_reference(*inputs.values(), pad=1, stride=2, deformable_groups=2)
    check_forward("_contrib_ModulatedDeformableConvolution", inputs, expected, **attrs)
    check_gradient("_contrib_ModulatedDeformableConvolution", inputs, rtol=1e-4, **attrs)


def test_deformable_convolution_without_offsets_is_convolution():
    data, weight, bias = uniform(2, 4, 6, 7), uniform(6, 2, 3, 3), uniform(6)
    attrs = {"kernel": (3, 3), "num_filter": 6, "num_group": 2, "pad": (1, 1), "stride": (2, 1)}
    arrays = [mx.nd.array(a) for a in (data, weight, bias)]
    expected = mx.nd.Convolution(*arrays, **attrs)
    offset = mx.nd.zeros((2, 18, 3, 7))
    found = mx.nd.contrib.DeformableConvolution(arrays[0], offset, *arrays[1:], **attrs)
    assert_close(found, expected.asnumpy(), 1e-4, 1e-5)


@ours_only
def test_deformable_convolution_gradient():
    inputs = {
        "data": uniform(1, 2, 5, 5),
        "offset": uniform(1, 18, 5, 5, low=0.1, high=0.9),
        "weight": uniform(2, 2, 3, 3),
    }
    attrs = {"kernel": (3, 3), "num_filter": 2, "pad": (1, 1), "no_bias": True}
    # At the border of the image the operator jumps, so only what lies inside can be compared.
    inputs["offset"][:, :, [0, -1], :] = 0.25
    symbol = symbol_of("_contrib_DeformableConvolution", inputs, **attrs)
    both = [gradients_of(symbol, inputs, list(inputs), t) for t in ("float32", "float64")]
    for name in inputs:
        assert_close(both[0][name], both[1][name].astype("float32"), 1e-4, 1e-5)
    check_gradient("_contrib_DeformableConvolution", inputs, wrt=["data", "weight"], **attrs)


@pytest.mark.parametrize("multiply", [True, False])
def test_correlation_gradient(multiply):
    inputs = {"data1": distinct(1, 2, 5, 5), "data2": distinct(1, 2, 5, 5, seed=7) + 0.03}
    attrs = {"kernel_size": 3, "max_displacement": 1, "pad_size": 2, "is_multiply": multiply}
    check_gradient("Correlation", inputs, **attrs)


def test_regions_of_images_that_do_not_exist_give_zero():
    data = mx.nd.ones((1, 4, 5, 5))
    rois = mx.nd.array([[-1, 0, 0, 3, 3], [4, 0, 0, 3, 3]])
    attrs = {"pooled_size": (2, 2), "spatial_scale": 1}
    assert (mx.nd.ROIPooling(data, rois, **attrs).asnumpy() == 0).all()
    assert (mx.nd.contrib.ROIAlign(data, rois, **attrs).asnumpy() == 0).all()


@ours_only
def test_aligned_regions_without_extent_give_zero():
    rois = mx.nd.array([[0, 2, 2, 2, 2], [0, 4, 4, 1, 1]])
    found = mx.nd.contrib.ROIAlign(
        mx.nd.ones((1, 1, 5, 5)), rois, pooled_size=(1, 1), spatial_scale=1, aligned=True
    )
    assert (found.asnumpy() == 0).all()


@pytest.mark.parametrize("count", [0, 1])
def test_few_regions(count):
    rois = mx.nd.array(ROIS[:count].reshape(count, 5))
    data = mx.nd.ones((2, 8, 6, 7))
    assert mx.nd.ROIPooling(data, rois, pooled_size=(2, 3), spatial_scale=1).shape == (count, 8, 2, 3)
    assert mx.nd.contrib.ROIAlign(data, rois, pooled_size=(2, 3), spatial_scale=1).shape == (count, 8, 2, 3)


@ours_only
@pytest.mark.parametrize("op", ["ROIPooling", "_contrib_ROIAlign"])
def test_half_precision(op):
    data, rois = distinct(1, 2, 6, 6), np.array([[0, 1, 1, 4, 4]])
    function = mx.nd.ROIPooling if op == "ROIPooling" else mx.nd.contrib.ROIAlign
    half, single = (
        function(mx.nd.array(data, dtype=t), mx.nd.array(rois, dtype=t), pooled_size=(2, 2), spatial_scale=1)
        for t in ("float16", "float32")
    )
    assert half.dtype == np.float16
    assert_close(half, single.asnumpy().astype("float16"))


def test_proposals_of_equal_scores_are_a_grid():
    """Scores alike and no offsets: the anchors themselves, in order, as far as they overlap little."""
    found = mx.nd.contrib.Proposal(
        mx.nd.ones((1, 2, 3, 3)),
        mx.nd.zeros((1, 4, 3, 3)),
        mx.nd.array([[48, 48, 1]]),
        scales=(1,),
        ratios=(1,),
        feature_stride=16,
        rpn_min_size=1,
        rpn_post_nms_top_n=9,
        threshold=0.5,
    ).asnumpy()
    expected = [[0, 16 * x, 16 * y, 16 * x + 15, 16 * y + 15] for y in range(3) for x in range(3)]
    assert sorted(map(tuple, found.tolist())) == sorted(tuple(map(float, row)) for row in expected)


@ours_only
def test_errors():
    a, b, c = (mx.sym.Variable(n) for n in "abc")
    contrib = mx.sym.contrib

    def roi(**attrs):
        return mx.sym.ROIPooling(a, b, **{"name": "n", "pooled_size": (2, 2), "spatial_scale": 1, **attrs})

    refuses(lambda: roi(pooled_size=(0, 1)), "Error in operator n", "pooled_size", "(0, 1)")
    refuses(lambda: roi().infer_shape(a=(1, 2, 3)), "Error in operator n", "data", "(1,2,3)")
    refuses(lambda: roi().infer_shape(a=(1, 2, 3, 3), b=(2, 4)), "rois")
    refuses(
        lambda: contrib.ROIAlign(
            a, b, name="n", pooled_size=(2, 2), spatial_scale=1, position_sensitive=True
        ).infer_shape(a=(1, 6, 3, 3), b=(2, 5)),
        "Error in operator n",
        "multiple of the 4 bins",
    )
    refuses(
        lambda: contrib.PSROIPooling(
            a, b, name="n", output_dim=2, pooled_size=2, spatial_scale=1
        ).infer_shape(a=(1, 6, 3, 3), b=(2, 5)),
        "8 channels",
    )
    refuses(lambda: contrib.Proposal(a, b, c, name="n").infer_shape(a=(2, 24, 4, 4)), "MultiProposal")
    refuses(lambda: contrib.Proposal(a, b, c, name="n", ratios=()), "ratios")
    refuses(lambda: mx.sym.Correlation(a, b, name="n", kernel_size=2), "kernel_size", "odd")
    refuses(
        lambda: mx.sym.Correlation(a, b, name="n", max_displacement=4).infer_shape(a=(1, 1, 5, 5)),
        "max_displacement",
    )
    refuses(
        lambda: contrib.DeformableConvolution(a, b, c, name="n", kernel=(3,), num_filter=1), "kernel", "(3,)"
    )
    refuses(
        lambda: contrib.DeformableConvolution(a, b, c, name="n", kernel=(3, 3), num_filter=1).infer_shape(
            a=(1, 1, 2, 2)
        ),
        "kernel's extent",
    )
    refuses(
        lambda: contrib.DeformableConvolution(
            a, b, c, name="n", kernel=(1, 1), num_filter=1, num_deformable_group=2
        ).infer_shape(a=(1, 3, 2, 2)),
        "num_deformable_group",
    )
