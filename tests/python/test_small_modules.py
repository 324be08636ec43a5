"""mx.engine, mx.misc, mx.util, mx.runtime, mx.libinfo, mx.rtc: small modules that old programs import."""

from __future__ import annotations

import logging
import os
from importlib import import_module

import pytest
from common import mx, ours_only

misc = import_module(mx.__name__ + ".misc")


@ours_only  # the synchronous engine of the reference has no size
def test_bulk_size():
    before = mx.engine.set_bulk_size(5)
    assert mx.engine.set_bulk_size(7) == 5
    with mx.engine.bulk(3):
        assert mx.engine.set_bulk_size(4) == 3
    assert mx.engine.set_bulk_size(before) == 7
    with pytest.raises(ZeroDivisionError), mx.engine.bulk(3):
        1 / 0  # noqa: B018
    assert mx.engine.set_bulk_size(before) == before


def test_old_learning_rates(caplog):
    caplog.set_level(logging.INFO)
    schedule = misc.FactorScheduler(2, 0.5)
    assert schedule.base_lr == 0.01
    assert [schedule(i) for i in range(5)] == [0.01, 0.01, 0.005, 0.005, 0.0025]
    assert caplog.text.count("At Iteration") == 2 and "0.00250" in caplog.text
    for wrong in ((0,), (2, 1.0)):
        with pytest.raises(ValueError):
            misc.FactorScheduler(*wrong)
    with pytest.raises(NotImplementedError):
        misc.LearningRateScheduler()(1)


def test_old_learning_rates_in_an_optimizer():
    optimizer = mx.optimizer.SGD(learning_rate=0.4, lr_scheduler=misc.FactorScheduler(1, 0.5))
    weight, grad = mx.nd.zeros((1,)), mx.nd.ones((1,))
    for _ in range(2):
        optimizer.update(0, weight, grad, None)
    assert abs(weight.asscalar() + 0.4 * 0.5 + 0.4 * 0.25) < 1e-6


def test_environment(monkeypatch):
    monkeypatch.delenv("SOME_VARIABLE", raising=False)
    assert mx.util.getenv("SOME_VARIABLE") is None
    mx.util.setenv("SOME_VARIABLE", "1")
    assert mx.util.getenv("SOME_VARIABLE") == "1"
    mx.util.setenv("SOME_VARIABLE", None)
    assert mx.util.getenv("SOME_VARIABLE") is None


@ours_only
def test_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        mx.util.makedirs("~/a/b")
    assert os.path.isdir(tmp_path / "a" / "b")


def test_gpus():
    assert mx.util.get_gpu_count() == 0
    with pytest.raises(mx.MXNetError):
        mx.util.get_gpu_memory(0)
    with pytest.raises(mx.MXNetError):
        mx.rtc.CudaModule("__global__ void f() {}")


@ours_only
def test_numpy_semantics_are_out_of_scope():
    assert not mx.util.is_np_shape() and not mx.util.is_np_array() and not mx.is_np_array()
    assert mx.set_np_shape(False) is False
    with mx.np_shape(False):
        pass
    with pytest.raises(mx.MXNetError, match="no part of symbind"), mx.np_shape():
        pass


def test_features():
    features = mx.runtime.Features()
    assert not features.is_enabled("CUDA") and features.is_enabled("openmp")
    assert features["CUDA"].name == "CUDA" and not features["CUDA"].enabled
    assert repr(features["CUDA"]) == "✖ CUDA" and repr(features).startswith("[✖ CUDA, ")
    assert [f.name for f in mx.runtime.feature_list()] == list(features)
    with pytest.raises(RuntimeError, match="NOSUCH"):
        features.is_enabled("NOSUCH")


def test_library():
    (path,) = mx.libinfo.find_lib_path()
    assert os.path.exists(path) and mx.libinfo.__version__ == "1.9.1"
