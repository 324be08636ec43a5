"""Folded and packed weights: kept between calls, and never older than the parameters they come from."""

import os
from contextlib import contextmanager

import numpy as np
import pytest
from common import assert_close, mx, ours_only

nd, sym = mx.nd, mx.sym
pytestmark = ours_only

SWITCHES = ("SYMBIND_PREPARE", "SYMBIND_FUSE", "SYMBIND_LAYOUT", "SYMBIND_RECOMPUTE", "SYMBIND_WINOGRAD")


@contextmanager
def switched_off(*names):
    before = {n: os.environ.get(n) for n in names}
    os.environ.update(dict.fromkeys(names, "0"))
    try:
        yield
    finally:
        for n, value in before.items():
            os.environ.pop(n) if value is None else os.environ.update({n: value})


def conv(data, name, channels=16, **kwargs):
    return sym.Convolution(data, num_filter=channels, kernel=(3, 3), pad=(1, 1), name=name, **kwargs)


def batch_norm(data, name, **kwargs):
    return sym.BatchNorm(data, name=name, **{"fix_gamma": False, "eps": 2e-5, **kwargs})


def relu(data):
    return sym.Activation(data, act_type="relu")


def residual(data):
    """Two of ResNet's blocks, with and without a projection, and the pre-activation kind."""
    x = relu(batch_norm(conv(data, "c0", no_bias=True), "b0"))
    y = batch_norm(conv(x, "c1"), "b1")
    x = relu(y + x)
    y = relu(batch_norm(conv(x, "c2", no_bias=True), "b2"))
    short = batch_norm(conv(x, "c3"), "b3")
    x = relu(short + batch_norm(conv(y, "c4"), "b4"))
    pre = relu(batch_norm(x, "b5"))
    return sym.Pooling(conv(pre, "c5") + x, global_pool=True, pool_type="avg", kernel=(1, 1))


NETWORKS = {
    "conv_bn": lambda d: batch_norm(conv(d, "c"), "b"),
    "conv_bn_relu": lambda d: relu(batch_norm(conv(d, "c", no_bias=True), "b")),
    "conv_bn_fixed_gamma": lambda d: batch_norm(conv(d, "c"), "b", fix_gamma=True),
    "grouped_conv_bn": lambda d: batch_norm(conv(conv(d, "c"), "g", num_group=4), "b"),
    "conv_relu_bn": lambda d: batch_norm(relu(conv(d, "c")), "b"),
    "odd_channels": lambda d: relu(batch_norm(conv(d, "c", channels=10), "b") + conv(d, "s", channels=10)),
    "dense_bn": lambda d: relu(batch_norm(sym.FullyConnected(d, num_hidden=12, name="f"), "b")),
    "sum_of_one": lambda d: (lambda c: c + c)(conv(d, "c")),
    "sum_with_data": lambda d: relu(conv(d, "c", channels=16) + d),
    "sum_read_twice": lambda d: (lambda c, e: (c + e) * c)(conv(d, "c"), conv(d, "e")),
    "two_sums": lambda d: conv(d, "c") + conv(d, "e") + conv(d, "f"),
    "bn_read_twice": lambda d: (lambda b: b * sym.sigmoid(b))(batch_norm(conv(d, "c"), "b")),
    "conv_read_twice": lambda d: (lambda c: batch_norm(c, "b") + c)(conv(d, "c")),
    "shared_weight": lambda d: (
        lambda w: sym.Convolution(
            sym.Convolution(d, w, kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True),
            w, kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True,
        )
    )(sym.Variable("w_weight")),
    "residual": residual,
}  # fmt: skip


def bound(net, seed=0, dtype="float32", grad_req="null"):
    """An executor with seeded values, variances positive."""
    executor = net.simple_bind(mx.cpu(), grad_req=grad_req, data=(2, 16, 8, 8), type_dict={"data": dtype})
    rs = np.random.RandomState(seed)
    for name, array in {**executor.arg_dict, **executor.aux_dict}.items():
        low = 0.5 if name.endswith(("var", "gamma")) else -0.5
        array[:] = nd.array(rs.uniform(low, low + 1, array.shape), dtype=dtype)
    return executor


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_inference_agrees_with_the_plain_program(name, dtype):
    net = NETWORKS[name](sym.Variable("data"))
    fast = bound(net, dtype=dtype).forward()[0].asnumpy()
    for off in (SWITCHES, SWITCHES[:1], SWITCHES[1:2], SWITCHES[2:]):
        with switched_off(*off):
            plain = bound(net, dtype=dtype).forward()[0].asnumpy()
        assert_close(fast, plain, 1e-5 if dtype == "float32" else 1e-12, 1e-5 * np.abs(plain).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_training_agrees_with_the_plain_program(name):
    net = NETWORKS[name](sym.Variable("data"))

    def run():
        # A seed for which no value comes so close to relu's kink that rounding decides on its gradient.
        executor = bound(net, seed=4, grad_req="write")
        out = executor.forward(is_train=True)[0]
        head = nd.array(np.random.RandomState(1).uniform(-1, 1, out.shape))
        executor.backward(head)
        states = {**executor.grad_dict, **executor.aux_dict}
        return {"out": out.asnumpy(), **{k: v.asnumpy() for k, v in states.items()}}

    fast = run()
    with switched_off("SYMBIND_RECOMPUTE"):
        kept = run()
    for key, value in kept.items():
        np.testing.assert_array_equal(fast[key], value, err_msg=key)
    with switched_off(*SWITCHES):
        plain = run()
    # Sums that cancel (a bias before BatchNorm has gradient 0) leave rounding of the size of their terms.
    scale = max(np.abs(value).max() for value in plain.values())
    for key, value in plain.items():
        assert_close(fast[key], value, 1e-4, 2e-6 * scale, key)


def test_batch_norm_is_folded():
    net = relu(batch_norm(conv(sym.Variable("data"), "c"), "b"))
    executor = bound(net)
    executor.forward()
    steps = executor.debug_str()
    assert "BatchNorm" not in steps.split("Total")[0].replace("_fold_BatchNorm", "")
    assert "Activation" not in steps


def write_whole(array, values):
    array[:] = values


def write_part(array, values):
    array[1:] = values[1:]
    array[0] = values[0]


def write_elementwise(array, values):
    for i in range(values.shape[0]):
        array[i : i + 1] = values[i : i + 1]


def write_through_slice(array, values):
    array[0 : values.shape[0]][:] = values


def write_in_place(array, values):
    array *= 0
    array += nd.array(values)


def write_with_out(array, values):
    nd.elemwise_add(nd.array(values), nd.zeros(values.shape), out=array)


WRITERS = [write_whole, write_part, write_elementwise, write_through_slice, write_in_place, write_with_out]


@pytest.mark.parametrize("write", WRITERS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("name", ["c_weight", "c_bias", "b_gamma", "b_beta", "b_moving_mean", "b_moving_var"])
def test_a_written_parameter_counts_at_the_next_call(name, write):
    net = batch_norm(conv(sym.Variable("data"), "c"), "b")
    executor = bound(net)
    executor.forward()
    array = {**executor.arg_dict, **executor.aux_dict}[name]
    values = (np.random.RandomState(5).uniform(0.2, 2, array.shape)).astype("f")
    write(array, values)
    out = executor.forward()[0].asnumpy()
    with switched_off(*SWITCHES):
        plain = bound(net)
    {**plain.arg_dict, **plain.aux_dict}[name][:] = values
    assert_close(out, plain.forward()[0].asnumpy(), 1e-5, 1e-5)


def test_memory_that_others_can_write_is_never_trusted():
    net = batch_norm(conv(sym.Variable("data"), "c", no_bias=True), "b")
    executor = bound(net)
    first = executor.forward()[0].asnumpy()
    view = np.asarray(executor.arg_dict["c_weight"])
    for factor in (2.0, 3.0):
        view *= np.float32(factor)
        executor.forward()
    beta, mean = executor.arg_dict["b_beta"].asnumpy(), executor.aux_dict["b_moving_mean"].asnumpy()
    scale = executor.arg_dict["b_gamma"].asnumpy() / np.sqrt(
        executor.aux_dict["b_moving_var"].asnumpy() + 2e-5
    )
    offset = (beta - mean * scale)[None, :, None, None]
    assert_close(executor.outputs[0].asnumpy() - offset, 6 * (first - offset), 1e-4, 1e-4)


def test_training_steps_reach_the_folded_weights():
    net = sym.SoftmaxOutput(sym.Flatten(batch_norm(conv(sym.Variable("data"), "c"), "b")), name="softmax")
    rs = np.random.RandomState(0)
    data, label = rs.uniform(-1, 1, (4, 3, 6, 6)).astype("f"), np.arange(4, dtype="f")

    def train():
        mx.random.seed(1)
        module = mx.mod.Module(net)
        module.bind([("data", data.shape)], [("softmax_label", label.shape)])
        module.init_params(mx.init.Xavier(), force_init=True)
        module.set_params(*fixed_params(module))
        module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
        batch = mx.io.DataBatch([nd.array(data)], [nd.array(label)])
        outputs = []
        for _ in range(3):
            module.forward(batch, is_train=False)
            outputs.append(module.get_outputs()[0].asnumpy())
            module.forward_backward(batch)
            module.update()
        return outputs

    def fixed_params(module):
        args, aux = module.get_params()
        state = np.random.RandomState(2)
        return {k: nd.array(state.uniform(-0.1, 0.1, v.shape)) for k, v in sorted(args.items())}, aux

    fast = train()
    with switched_off(*SWITCHES):
        plain = train()
    for a, b in zip(fast, plain):
        assert_close(a, b, 1e-4, 1e-5)
    assert np.abs(fast[0] - fast[2]).max() > 1e-4


def test_recomputing_saves_memory():
    net = sym.Variable("data")
    for i in range(8):
        net = relu(batch_norm(conv(net, f"c{i}"), f"b{i}"))

    def arena():
        executor = net.simple_bind(mx.cpu(), data=(4, 16, 32, 32))
        executor.forward(is_train=True)
        return executor.memory_report()["arena_bytes"]

    with switched_off("SYMBIND_RECOMPUTE"):
        kept = arena()
    assert arena() < 0.75 * kept
