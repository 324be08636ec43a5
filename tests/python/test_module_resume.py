"""Training goes on from a checkpoint on other contexts, or with another store, as if it had not stopped."""

from __future__ import annotations

import os

import numpy as np
import pytest
from common import mx, ours_only
from parity.module_cases import batch, mlp, values_for
from parity.module_fit_cases import OPTIMIZERS, STORES

pytestmark = ours_only
PLACES = ["one_none", "one_object", "two_local", "two_local_pulls", "three_device"]
#: Their rates depend on which parameters are updated in one call, or on how often the optimizer is called.
BY_CALLS = ["lars", "lbsgd", "nadam"]


def made(optimizer, place, monkeypatch, checkpoint=None):
    contexts, kvstore, update_on_kvstore, _ = STORES[place]
    contexts = [mx.cpu(i) for i in range(contexts)]
    shapes = {"data": (6, 6), "softmax_label": (6,)}
    if checkpoint is None:
        module = mx.mod.Module(mlp(mx), context=contexts)
    else:
        module = mx.mod.Module.load(checkpoint, 1, load_optimizer_states=True, context=contexts)
    module.bind([("data", shapes["data"])], [("softmax_label", shapes["softmax_label"])])
    if checkpoint is None:
        module.init_params(arg_params=values_for(mx, mlp(mx), **shapes)[0], aux_params={})
    monkeypatch.setitem(os.environ, "MXNET_UPDATE_ON_KVSTORE", str(int(update_on_kvstore)))
    rate = OPTIMIZERS[optimizer]["learning_rate"]
    module.init_optimizer(
        kvstore=mx.kv.create("local") if kvstore is object else kvstore,
        optimizer=optimizer,
        optimizer_params={
            **OPTIMIZERS[optimizer],
            "lr_scheduler": mx.lr_scheduler.FactorScheduler(4, factor=0.7, base_lr=rate),
        },
    )
    return module


def train(module, steps):
    for step in steps:
        module.forward_backward(batch(mx, 6, step))
        module.update()
    return {name: value.asnumpy() for name, value in module.get_params()[0].items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_states_move_between_contexts_and_stores(optimizer, tmp_path, monkeypatch):
    places = ["one_none", "one_object_pulls"] if optimizer in BY_CALLS else PLACES
    for before in places:
        straight = made(optimizer, before, monkeypatch)
        train(straight, range(3))
        checkpoint = str(tmp_path / before)
        straight.save_checkpoint(checkpoint, 1, save_optimizer_states=True)
        expected = train(straight, range(3, 7))
        for after in places:
            actual = train(made(optimizer, after, monkeypatch, checkpoint), range(3, 7))
            for name, value in expected.items():
                what = f"{name}, from {before} to {after}"
                np.testing.assert_allclose(actual[name], value, rtol=1e-4, atol=2e-5, err_msg=what)
