"""Module(compute_dtype='bfloat16'): near float32, in effect where the processor can, float32 outside."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from common import mx, ours_only

pytestmark = ours_only


def can_bfloat16() -> bool:
    """Whether this build and processor compute in bfloat16."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    return mx._core.has_onednn and cpuinfo.exists() and "avx512_bf16" in cpuinfo.read_text()


def conv_bn(data, name, filters, kernel=(3, 3), stride=(1, 1), pad=(1, 1), act=True, **kwargs):
    out = mx.sym.Convolution(
        data, num_filter=filters, kernel=kernel, stride=stride, pad=pad, no_bias=True, name=name, **kwargs
    )
    out = mx.sym.BatchNorm(out, fix_gamma=False, name=f"{name}_bn")
    return mx.sym.Activation(out, act_type="relu") if act else out


def residual(filters=32):
    """Blocks as ResNet has them: sums, pooling, a strided shortcut."""
    data = mx.sym.Variable("data")
    body = conv_bn(data, "stem", filters, (7, 7), (2, 2), (3, 3))
    body = mx.sym.Pooling(body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    for i, stride in enumerate(((1, 1), (2, 2))):
        branch = conv_bn(body, f"a{i}", filters, stride=stride)
        branch = conv_bn(branch, f"b{i}", filters, act=False)
        short = body if stride == (1, 1) else conv_bn(body, f"s{i}", filters, (1, 1), stride, (0, 0), False)
        body = mx.sym.Activation(branch + short, act_type="relu")
    body = mx.sym.Pooling(body, global_pool=True, kernel=(1, 1), pool_type="avg")
    return mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=7, name="fc")


def ragged():
    """Channels that fill no block, a bias, average pooling, a concatenation."""
    data = mx.sym.Variable("data")
    one = mx.sym.Activation(
        mx.sym.Convolution(data, num_filter=20, kernel=(5, 5), name="one"), act_type="tanh"
    )
    one = mx.sym.Pooling(one, kernel=(2, 2), stride=(2, 2), pool_type="avg")
    left = mx.sym.Convolution(one, num_filter=10, kernel=(3, 3), pad=(1, 1), name="left")
    right = mx.sym.Convolution(one, num_filter=20, kernel=(1, 1), num_group=5, name="right")
    both = mx.sym.Activation(mx.sym.Concat(left, right), act_type="sigmoid")
    return mx.sym.FullyConnected(mx.sym.Flatten(both), num_hidden=7, name="fc")


def volume():
    data = mx.sym.Variable("data")
    out = mx.sym.Convolution(data, num_filter=16, kernel=(3, 3, 3), pad=(1, 1, 1), name="one")
    out = mx.sym.Convolution(mx.sym.relu(out), num_filter=16, kernel=(3, 3, 3), name="two")
    return mx.sym.FullyConnected(mx.sym.Flatten(out), num_hidden=7, name="fc")


def line():
    data = mx.sym.Variable("data")
    out = mx.sym.Convolution(data, num_filter=16, kernel=(3,), pad=(1,), name="one")
    out = mx.sym.Convolution(mx.sym.relu(out), num_filter=32, kernel=(5,), name="two")
    return mx.sym.FullyConnected(mx.sym.Flatten(out), num_hidden=7, name="fc")


NETWORKS = {
    "residual": (residual, (4, 3, 64, 64)),
    "ragged": (ragged, (4, 3, 28, 28)),
    "volume": (volume, (2, 2, 7, 8, 9)),
    "line": (line, (3, 4, 40)),
}


def run(network, shape, compute_dtype):
    """Outputs in inference and in training, and all gradients, from the same parameters."""
    module = mx.mod.Module(network(), label_names=None, compute_dtype=compute_dtype)
    module.bind([("data", shape)], for_training=True, inputs_need_grad=True)
    rng = np.random.RandomState(3)
    mx.random.seed(5)
    module.init_params(mx.init.Xavier())
    batch = mx.io.DataBatch([mx.nd.array(rng.uniform(-1, 1, shape))])
    module.forward(batch, is_train=False)
    results = {"inference": module.get_outputs()[0].asnumpy()}
    module.forward(batch, is_train=True)
    results["training"] = module.get_outputs()[0].asnumpy()
    module.backward([mx.nd.array(rng.uniform(-1, 1, results["training"].shape))])
    results["data"] = module.get_input_grads()[0].asnumpy()
    grads = module._exec_group.execs[0].grad_dict
    results.update({name: g.asnumpy() for name, g in grads.items() if g is not None})
    return results


def distance(actual, expected):
    return np.linalg.norm(actual - expected) / (np.linalg.norm(expected) + 1e-12)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_near_float32(name):
    expected, actual = run(*NETWORKS[name], "float32"), run(*NETWORKS[name], "bfloat16")
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert actual[key].dtype == np.float32
        # Eight bits of mantissa. Gradients of early layers collect the errors of all others, and where a relu
        # or a maximum turns on the last bits, the gradient of a whole element is another one's.
        limit = 0.02 if key in ("inference", "training") else 0.25 if name == "residual" else 0.08
        assert distance(actual[key], value) < limit, key
    if can_bfloat16():
        assert distance(actual["training"], expected["training"]) > 1e-5
    else:
        np.testing.assert_array_equal(actual["training"], expected["training"])


def test_repeats_bit_for_bit():
    first, second = run(*NETWORKS["residual"], "bfloat16"), run(*NETWORKS["residual"], "bfloat16")
    for key, value in first.items():
        np.testing.assert_array_equal(second[key], value)


def test_not_a_number_stays_one():
    data = mx.sym.Variable("data")
    symbol = mx.sym.relu(mx.sym.Convolution(data, num_filter=16, kernel=(1, 1), no_bias=True) * 1.0)
    symbol = symbol + data
    module = mx.mod.Module(symbol, label_names=None, compute_dtype="bfloat16")
    module.bind([("data", (1, 16, 4, 4))], for_training=False)
    module.init_params(mx.init.One())
    values = np.ones((1, 16, 4, 4), np.float32)
    values[0, 0, 1, 2], values[0, 0, 3, 3] = np.nan, np.inf
    module.forward(mx.io.DataBatch([mx.nd.array(values)]), is_train=False)
    result = module.get_outputs()[0].asnumpy()
    assert np.isnan(result[0, :, 1, 2]).all()
    assert np.isinf(result[0, :, 3, 3]).all()
    assert (result[0, :, 0, 0] == 17).all()


def test_digits_train_as_well():
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, None]
    accuracy = {}
    for compute_dtype in ("float32", "bfloat16"):
        mx.random.seed(1)
        np.random.seed(1)
        train = mx.io.NDArrayIter(images[:1400], digits.target[:1400], 50, shuffle=True)
        test = mx.io.NDArrayIter(images[1400:], digits.target[1400:], 50)
        data = mx.sym.Variable("data")
        body = conv_bn(conv_bn(data, "one", 16), "two", 32)
        body = mx.sym.Pooling(body, kernel=(2, 2), stride=(2, 2), pool_type="max")
        body = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=10)
        symbol = mx.sym.SoftmaxOutput(body, name="softmax")
        module = mx.mod.Module(symbol, compute_dtype=compute_dtype)
        options = {"learning_rate": 0.05, "momentum": 0.9}
        module.fit(train, optimizer_params=options, initializer=mx.init.Xavier(), num_epoch=8)
        accuracy[compute_dtype] = dict(module.score(test, "acc"))["accuracy"]
    assert accuracy["float32"] > 0.94
    assert accuracy["bfloat16"] > accuracy["float32"] - 0.0101  # four of 397 digits


def test_parameters_stay_float32_and_cross_over(tmp_path):
    shape = NETWORKS["ragged"][1]
    module = mx.mod.Module(ragged(), label_names=None, compute_dtype=np.dtype("float32"))
    module.bind([("data", shape)])
    module.init_params()
    module.save_checkpoint(str(tmp_path / "net"), 1)
    loaded = mx.mod.Module.load(str(tmp_path / "net"), 1, label_names=None, compute_dtype="bfloat16")
    loaded.bind([("data", shape)], for_training=False)
    arg_params, _ = loaded.get_params()
    for name, value in module.get_params()[0].items():
        assert arg_params[name].dtype == np.float32
        np.testing.assert_array_equal(arg_params[name].asnumpy(), value.asnumpy())


def test_survives_changed_shapes():
    module = mx.mod.Module(ragged(), label_names=None, compute_dtype="bfloat16")
    module.bind([("data", (4, 3, 28, 28))], for_training=False)
    module.init_params()
    values = np.random.RandomState(0).uniform(-1, 1, (6, 3, 28, 28)).astype(np.float32)
    module.forward(mx.io.DataBatch([mx.nd.array(values[:4])]), is_train=False)
    four = module.get_outputs()[0].asnumpy()
    module.reshape([("data", (6, 3, 28, 28))])
    module.forward(mx.io.DataBatch([mx.nd.array(values)]), is_train=False)
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy()[:4], four, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("wrong", ["float16", "bf16", np.float64, 3])
def test_unknown_dtype(wrong):
    with pytest.raises(ValueError, match="compute_dtype: got"):
        mx.mod.Module(ragged(), label_names=None, compute_dtype=wrong)
    with pytest.raises(ValueError, match="compute_dtype: got"):
        mx.mod.BucketingModule(lambda key: (ragged(), ["data"], None), 1, compute_dtype=wrong)
