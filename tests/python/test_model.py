"""Checkpoints and the helpers of training loops."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from common import mx, ours_only


def net():
    fc = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    return mx.sym.SoftmaxOutput(fc, name="softmax")


def params():
    args = {"fc_weight": mx.nd.ones((3, 4)) * 2, "fc_bias": mx.nd.ones((3,))}
    return args, {"bn_moving_mean": mx.nd.ones((3,)) * 5}


def test_checkpoint_round_trip(tmp_path):
    prefix = str(tmp_path / "model")
    args, aux = params()
    mx.model.save_checkpoint(prefix, 7, net(), args, aux)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model-0007.params", "model-symbol.json"]
    assert set(mx.nd.load(f"{prefix}-0007.params")) == {"arg:fc_weight", "arg:fc_bias", "aux:bn_moving_mean"}
    symbol, loaded_args, loaded_aux = mx.model.load_checkpoint(prefix, 7)
    assert symbol.list_arguments() == net().list_arguments()
    for saved, loaded in ((args, loaded_args), (aux, loaded_aux)):
        assert set(saved) == set(loaded)
        for name, value in saved.items():
            np.testing.assert_array_equal(value.asnumpy(), loaded[name].asnumpy())


def test_without_symbol(tmp_path):
    mx.model.save_checkpoint(str(tmp_path / "m"), 12345, None, *params())
    assert [p.name for p in tmp_path.iterdir()] == ["m-12345.params"]


def test_saving_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        mx.model.save_checkpoint(str(tmp_path / "m"), 1, net(), *params())
    assert f'Saved checkpoint to "{tmp_path}/m-0001.params"' in caplog.text


def test_missing_files(tmp_path):
    with pytest.raises(Exception, match=r"none-0001\.params"):
        mx.model.load_params(str(tmp_path / "none"), 1)


def test_empty_params_file(tmp_path, caplog):
    mx.nd.save(str(tmp_path / "m-0001.params"), {})
    assert mx.model.load_params(str(tmp_path / "m"), 1) == ({}, {})
    assert "is empty" in caplog.text


@ours_only
def test_names_without_prefix(tmp_path):
    mx.nd.save(str(tmp_path / "m-0001.params"), {"weight": mx.nd.ones((2,))})
    with pytest.raises(
        ValueError, match=r"m-0001.params: no name starts with 'arg:' or 'aux:'.*'weight'.*Gluon"
    ):
        mx.model.load_params(str(tmp_path / "m"), 1)
    mx.nd.save(str(tmp_path / "m-0001.params"), {"opt:weight": mx.nd.ones((2,)), "arg:w": mx.nd.ones((2,))})
    with pytest.warns(UserWarning, match="left out: opt:weight"):
        args, aux = mx.model.load_params(str(tmp_path / "m"), 1)
    assert list(args) == ["w"]
    assert aux == {}
    mx.nd.save(str(tmp_path / "m-0001.params"), [mx.nd.ones((2,))])
    with pytest.raises(ValueError, match="a list of arrays without names"):
        mx.model.load_params(str(tmp_path / "m"), 1)


def test_batch_end_param():
    assert mx.model.BatchEndParam._fields == ("epoch", "nbatch", "eval_metric", "locals")


def test_create_kvstore(monkeypatch):
    args, _ = params()
    create = mx.model._create_kvstore
    assert create(None, 2, args) == (None, False)
    assert create("local", 1, args) == (None, False)
    store, update_on_kvstore = create("local", 2, args)
    assert (store.type, update_on_kvstore) == ("local", True)
    own = mx.kv.create("device")
    assert create(own, 1, args) == (own, True)
    with pytest.raises(TypeError):
        create(3, 2, args)
    monkeypatch.setenv("MXNET_UPDATE_ON_KVSTORE", "0")
    assert create("local", 2, args)[1] is False


def test_big_parameters_are_updated_on_the_devices():
    class Big:
        shape, size = (16 * 1024 * 1024 + 1,), 16 * 1024 * 1024 + 1

    assert mx.model._create_kvstore("local", 2, {"w": Big()})[1] is False
    assert mx.model._create_kvstore("device", 2, {"w": Big()})[1] is True


@pytest.mark.parametrize("with_store", [False, True])
def test_update_params_on_devices(with_store):
    weights = [[mx.nd.ones((2,)), mx.nd.ones((2,))], [mx.nd.ones((3,)), mx.nd.ones((3,))]]
    grads = [[mx.nd.ones((2,)), mx.nd.ones((2,)) * 2], [None, None]]
    seen = []

    def updater(index, grad, weight):
        for i, g in zip(index, grad) if isinstance(index, (list, tuple)) else [(index, grad)]:
            seen.append((i, g.asnumpy()[0]))

    store = None
    if with_store:
        store = mx.kv.create()
        store.init("a", mx.nd.ones((2,)))
    mx.model._update_params(weights, grads, updater, 2, kvstore=store, param_names=["a", "b"])
    assert seen == ([(0, 3), (1, 3)] if with_store else [(0, 1), (1, 2)])


def test_update_params_on_kvstore():
    store = mx.kv.create()
    weights, grads = [[mx.nd.zeros((2,)), mx.nd.zeros((2,))]], [[mx.nd.ones((2,)), mx.nd.ones((2,))]]
    store.set_optimizer(mx.optimizer.SGD(learning_rate=0.5))
    mx.model._initialize_kvstore(store, weights, {"a": mx.nd.ones((2,)) * 3}, ["a"], True)
    np.testing.assert_allclose(weights[0][1].asnumpy(), 3)
    mx.model._update_params_on_kvstore(weights, grads, store, ["a"])
    np.testing.assert_allclose(weights[0][0].asnumpy(), 2)
    np.testing.assert_allclose(weights[0][1].asnumpy(), 2)
