"""What the recorded results of quantized operators do not say: formulas, inference, errors."""

import numpy as np
import pytest
from common import mx, ours_only

contrib = mx.nd.contrib


def array(values, dtype="float32"):
    return mx.nd.array(np.asarray(values), dtype=dtype)


def ends(low, high):
    return array([low]), array([high])


def test_there_and_back_is_within_half_a_unit():
    x = np.random.default_rng(0).uniform(-3, 3, (4, 50)).astype("float32")
    for out_type, low in (("int8", -3.0), ("uint8", 0.0)):
        data = array(np.maximum(x, low))
        quantized = contrib.quantize_v2(data, out_type=out_type, min_calib_range=low, max_calib_range=3.0)
        assert quantized[0].dtype == np.dtype(out_type)
        back = contrib.dequantize(*quantized).asnumpy()
        unit = 3 / (127.5 if out_type == "int8" else 255.5)
        assert np.abs(back - data.asnumpy()).max() <= unit * 0.51 + (3 - unit * int(3 / unit)) + 1e-6


def test_batch_norm():
    rs = np.random.RandomState(3)
    data = rs.randint(-127, 128, (2, 4, 5, 3)).astype("int8")
    gamma, beta, mean = (rs.uniform(-1, 2, 4).astype("float32") for _ in range(3))
    var = rs.uniform(0.3, 2, 4).astype("float32")
    output, low, high = contrib.quantized_batch_norm(
        array(data, "int8"),
        *map(array, (gamma, beta, mean, var)),
        *ends(-2.0, 3.0),
        min_calib_range=-3.0,
        max_calib_range=5.0,
        eps=1e-3,
        fix_gamma=False,
    )

    def by_channel(v):
        return v.reshape(1, -1, 1, 1)

    real = data * (3 / 127.5)
    real = (real - by_channel(mean)) / np.sqrt(by_channel(var) + 1e-3) * by_channel(gamma) + by_channel(beta)
    expected = np.clip(np.rint(real * 127.5 / 5), -128, 127)
    assert output.dtype == np.int8
    assert np.abs(output.asnumpy() - expected).max() <= 1
    assert (low.asscalar(), high.asscalar()) == (-3.0, 5.0)


@pytest.mark.parametrize("out_type, low, dtype", [("auto", -1.0, "int8"), ("auto", 0.0, "uint8")])
def test_auto_goes_by_the_range(out_type, low, dtype):
    data = mx.sym.Variable("data")
    symbol = mx.sym.contrib.quantize_v2(data, out_type=out_type, min_calib_range=low, max_calib_range=2.0)
    _, outputs, _ = symbol.infer_type(data="float32")
    assert [np.dtype(t) for t in outputs] == [np.dtype(dtype), np.float32, np.float32]


def test_shapes_in_both_directions():
    quantized = mx.sym.contrib.quantize_v2(mx.sym.Variable("data"), out_type="int8")
    assert quantized.infer_shape(data=(2, 3))[1] == [(2, 3), (1,), (1,)]
    pooled = mx.sym.contrib.quantized_pooling(
        *quantized, kernel=(2, 2), stride=(2, 2), pooling_convention="full", pool_type="max"
    )
    assert pooled.infer_shape(data=(2, 3, 5, 5))[1] == [(2, 3, 3, 3), (1,), (1,)]
    layer = mx.sym.contrib.quantized_fully_connected(
        quantized[0],
        mx.sym.Variable("weight"),
        quantized[1],
        quantized[2],
        mx.sym.Variable("low"),
        mx.sym.Variable("high"),
        num_hidden=7,
        no_bias=True,
    )
    arguments, outputs, _ = layer.infer_shape(data=(2, 3, 4))
    assert arguments == [(2, 3, 4), (7, 12), (1,), (1,)] and outputs == [(2, 7), (1,), (1,)]


@ours_only
def test_errors():
    x = array(np.ones((2, 3)))
    with pytest.raises(mx.MXNetError, match=r"\[_contrib_dequantize\] data: got float32, expected int8"):
        contrib.dequantize(x, *ends(0, 1))
    with pytest.raises(mx.MXNetError, match=r"act_type: only relu"):
        contrib.quantized_act(array([[1]], "int8"), *ends(0, 1), act_type="tanh")
    with pytest.raises(mx.MXNetError, match=r"pool_type: got sum, expected max or avg"):
        contrib.quantized_pooling(array([[[[1]]]], "int8"), *ends(0, 1), pool_type="sum", kernel=(1, 1))
    with pytest.raises(mx.MXNetError, match=r"min_calib_range and max_calib_range are needed"):
        contrib.quantized_batch_norm(array([[1]], "int8"), *[x] * 4, *ends(0, 1))
    with pytest.raises(mx.MXNetError, match=r"_sg_mkldnn_conv\] got 0 subgraphs, expected 1"):
        mx.sym._internal._sg_mkldnn_conv(mx.sym.Variable("data"))


@ours_only
def test_a_quantized_block_refuses_floats():
    from parity.fused_blocks import BLOCKS, arrays_of, symbol_of

    block = BLOCKS[0]
    symbol, arrays = symbol_of(mx, block), arrays_of(block)
    arguments = {n: array(arrays[n], "float32") for n in symbol.list_arguments()}
    with pytest.raises(mx.MXNetError, match=r"data of a quantized layer: got float32"):
        symbol.bind(mx.cpu(), arguments)
