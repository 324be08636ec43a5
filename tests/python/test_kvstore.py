"""Key-value stores: values, sums over contexts, updaters, optimizers, compression, errors."""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only

SHAPE = (4, 3)
KEYS = [5, 7, 11]


def ones(scale=1.0, shape=SHAPE):
    return mx.nd.ones(shape) * scale


def check(array, value):
    np.testing.assert_allclose(array.asnumpy(), np.full(array.shape, value), rtol=1e-6)


@pytest.fixture(params=["int", "str"])
def keys(request):
    return KEYS if request.param == "int" else ["a", "b", "c"]


@pytest.fixture
def kv(keys):
    store = mx.kv.create("local")
    store.init(keys[0], mx.nd.zeros(SHAPE))
    store.init(keys[1:], [mx.nd.zeros(SHAPE)] * 2)
    return store


def test_facts():
    store = mx.kv.create("device")
    assert (store.type, store.rank, store.num_workers) == ("device", 0, 1)
    assert mx.kv.create().type == "local"
    assert store.is_capable("optimizer")


def test_single_pair(kv, keys):
    kv.push(keys[0], ones())
    out = mx.nd.empty(SHAPE)
    kv.pull(keys[0], out=out)
    check(out, 1)


def test_lists_of_keys(kv, keys):
    kv.push(keys, [ones(i + 1) for i in range(3)])
    outs = [mx.nd.empty(SHAPE) for _ in keys]
    kv.pull(keys, out=outs)
    for i, out in enumerate(outs):
        check(out, i + 1)


def test_sum_over_contexts_and_pull_to_all(kv, keys):
    contexts = [mx.cpu(i) for i in range(4)]
    values = [mx.nd.ones(SHAPE, ctx) * (i + 1) for i, ctx in enumerate(contexts)]
    kv.push(keys[0], values)
    outs = [mx.nd.empty(SHAPE, ctx) for ctx in contexts]
    kv.pull(keys[0], out=outs)
    for out in outs:
        check(out, 10)
    check(values[0], 1)  # what was pushed is not changed
    kv.push(keys[1:], [values, values[:2]])
    outs = [[mx.nd.empty(SHAPE)] * 2, [mx.nd.empty(SHAPE)]]
    kv.pull(keys[1:], out=outs)
    check(outs[0][1], 10)
    check(outs[1][0], 3)


def test_pull_converts_the_dtype():
    store = mx.kv.create()
    store.init("a", mx.nd.ones((2,)))
    out = mx.nd.zeros((2,), dtype="float64")
    if not hasattr(store, "_stored"):
        pytest.skip("MXNet's store keeps one dtype")
    store.pull("a", out=out)
    check(out, 1)


def test_init_copies():
    store, value = mx.kv.create(), ones()
    store.init(3, value)
    value[:] = 9
    out = mx.nd.empty(SHAPE)
    store.pull(3, out=out)
    check(out, 1)


def test_pushpull_and_broadcast():
    store, out = mx.kv.create(), mx.nd.zeros(SHAPE)
    store.broadcast("a", ones(4), out=out)
    check(out, 4)
    store.pushpull("a", [ones(), ones()], out=out)
    check(out, 2)
    value = ones(3)
    store.pushpull("a", value)
    check(value, 3)


def test_updater_function(kv, keys):
    def updater(key, merged, stored):
        stored += merged * 2

    kv._set_updater(updater)
    out = mx.nd.empty(SHAPE)
    for step in range(1, 4):
        kv.push(keys[0], [ones(), ones()])
        kv.pull(keys[0], out=out)
        check(out, 4 * step)


def test_optimizer_in_the_store(kv, keys):
    kv.set_optimizer(mx.optimizer.SGD(learning_rate=0.5))
    kv.push(keys, [[ones(), ones(3)]] * 3)
    outs = [mx.nd.empty(SHAPE) for _ in keys]
    kv.pull(keys, out=outs)
    for out in outs:
        check(out, -2)
    kv.pushpull(keys[0], ones(), out=outs[0])
    check(outs[0], -2.5)


def test_test_optimizer():
    store = mx.kv.create()
    store.init(3, ones())
    store.set_optimizer(mx.optimizer.create("test", rescale_grad=2))
    store.push(3, ones(5))
    out = mx.nd.empty(SHAPE)
    store.pull(3, out=out)
    check(out, 11)


def test_save_and_load_optimizer_states(tmp_path):
    def store():
        made = mx.kv.create()
        made.init("w_weight", mx.nd.zeros(SHAPE))
        made.set_optimizer(mx.optimizer.SGD(learning_rate=1.0, momentum=0.5))
        return made

    first, second, out = store(), store(), mx.nd.empty(SHAPE)
    first.push("w_weight", ones())
    first.save_optimizer_states(str(tmp_path / "kv.states"))
    second.load_optimizer_states(str(tmp_path / "kv.states"))
    second.push("w_weight", ones(0))
    second.pull("w_weight", out=out)
    check(out, -0.5)


@pytest.mark.parametrize("pushed", [1, 2])
def test_two_bit_compression(pushed):
    store = mx.kv.create("device")
    store.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    store.init("a", mx.nd.zeros((5,)))
    grad = mx.nd.array([0.2, 0.6, -0.9, 0.5, -0.5])
    out = mx.nd.empty((5,))
    expected = [[0, 1, -1, 1, -1], [0, 1, -1, 1, -1], [1, 1, -1, 1, -1], [0, 1, -1, 1, -1]]
    for signs in expected:
        store.push("a", [grad] * pushed)
        store.pull("a", out=out)
        np.testing.assert_allclose(out.asnumpy(), 0.5 * pushed * np.array(signs))
    check(grad[0:1], 0.2)


def test_compression_needs_a_device_store():
    with pytest.raises(Exception, match="not supported"):
        mx.kv.create("local").set_gradient_compression({"type": "2bit", "threshold": 0.5})


@ours_only
def test_compression_errors():
    store = mx.kv.create("device")
    with pytest.raises(ValueError, match="type: got '3bit', expected '2bit'"):
        store.set_gradient_compression({"type": "3bit"})
    with pytest.raises(ValueError, match="threshold: got -1"):
        store.set_gradient_compression({"type": "2bit", "threshold": -1})
    with pytest.raises(ValueError, match=r"unknown arguments: \['size'\]"):
        store.set_gradient_compression({"type": "2bit", "size": 3})
    with pytest.raises(TypeError, match="got int"):
        store.set_gradient_compression(3)


@pytest.mark.parametrize("name", ["local_allreduce_cpu", "local_update_cpu", "local_allreduce_device"])
def test_long_names(name):
    assert mx.kv.create(name).type == name


@ours_only
def test_create_errors():
    with pytest.raises(ValueError, match="'nosuch': unknown type; expected one of: local, device"):
        mx.kv.create("nosuch")
    with pytest.raises(ValueError, match="'dist_sync': distributed stores are not part of this build"):
        mx.kv.create("dist_sync")
    with pytest.raises(TypeError, match="name: got int, expected str"):
        mx.kv.create(3)


@ours_only
def test_value_errors():
    store = mx.kv.create()
    with pytest.raises(mx.MXNetError, match=r"\[KVStore.pull\] key 'a' does not exist: call init\(\) first"):
        store.pull("a", out=ones())
    with pytest.raises(mx.MXNetError, match=r"\[KVStore.push\] key 'a' does not exist"):
        store.push("a", ones())
    store.init("a", ones())
    with pytest.raises(mx.MXNetError, match="key 'a' is initialized already"):
        store.init(["b", "a"], [ones(), ones()])
    with pytest.raises(mx.MXNetError, match="key 'b' does not exist"):
        store.push("b", ones())
    with pytest.raises(mx.MXNetError, match="key 3: got int, but this store's keys are str"):
        store.push(3, ones())
    with pytest.raises(TypeError, match=r"key 2\.5: got float, expected int or str"):
        store.init(2.5, ones())
    with pytest.raises(mx.MXNetError, match=r"key 'a': got shape \(2,\), expected \(4, 3\)"):
        store.push("a", mx.nd.ones((2,)))
    with pytest.raises(mx.MXNetError, match=r"key 'a': got shape \(2,\), expected \(4, 3\)"):
        store.pull("a", out=mx.nd.ones((2,)))
    with pytest.raises(ValueError, match="2 keys need as many values: got 1"):
        store.push(["a", "a"], [ones()])
    with pytest.raises(ValueError, match="out is missing"):
        store.pull("a")
    with pytest.raises(TypeError, match="key 'a': got ndarray, expected NDArray"):
        store.push("a", np.ones(SHAPE))
    with pytest.raises(TypeError, match="got str, expected an Optimizer"):
        store.set_optimizer("sgd")
    with pytest.raises(RuntimeError, match="no optimizer: call set_optimizer"):
        store.save_optimizer_states("unused")
    with pytest.raises(ValueError, match="stored value is 'default', expected 'row_sparse'"):
        store.row_sparse_pull("a", out=ones(), row_ids=mx.nd.array([0]))
