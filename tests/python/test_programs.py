"""Programs in the style of those written for MXNet 1.x run as they are: see the folder programs/."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from common import mx, ours_only

pytestmark = [ours_only, pytest.mark.filterwarnings("ignore")]
FOLDER = Path(__file__).parent / "programs"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a program of the folder as ``python -m symbind run`` does; returns its global names."""
    from symbind.run import run_script

    monkeypatch.setenv("SYMBIND_GPU_FALLBACK", "cpu")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.chdir(tmp_path)
    numpy_names, modules = dict(vars(np)), set(sys.modules)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)

    def run_one(name, *args):
        with mx.name.NameManager():  # automatic names begin anew, as in a process of its own
            return run_script(FOLDER / name, args)

    yield run_one
    root.setLevel(level)
    root.handlers[:] = handlers
    for name in set(sys.modules) - modules:
        if name.split(".")[0] in ("mxnet", "common", "symbols"):
            del sys.modules[name]
    for name in set(vars(np)) - set(numpy_names):
        delattr(np, name)
    np.fromstring = numpy_names["fromstring"]


def test_feed_forward_on_a_gpu(run):
    names = run("mlp_feedforward.py")
    assert names["accuracy"] > 0.95
    assert names["features"].shape == (200, 32)


@pytest.fixture
def without_module_common(monkeypatch):
    """The programs have a package `common` beside them, which is also the name of a module of these tests."""
    monkeypatch.delitem(sys.modules, "common", raising=False)


def test_training_with_arguments(run, tmp_path, caplog, without_module_common):
    caplog.set_level(logging.DEBUG)
    prefix = str(tmp_path / "models" / "lenet")
    names = run(
        "train_images.py", "--num-epochs", "2", "--model-prefix", prefix, "--gpus", "0,1", "--top-k", "2"
    )
    assert names["score"][0][1] > 0.8
    assert {p.name for p in (tmp_path / "models").iterdir()} >= {"lenet-symbol.json", "lenet-0002.params"}
    assert "top_k_accuracy_2" in caplog.text and "Speed:" in caplog.text


def test_training_goes_on(run, tmp_path, caplog, without_module_common):
    caplog.set_level(logging.DEBUG)
    prefix = str(tmp_path / "models" / "lenet")
    options = ["--model-prefix", prefix, "--lr-step-epochs", "1,3", "--kv-store", "local"]
    run("train_images.py", "--num-epochs", "1", "--num-examples", "64", *options)
    for name in ("common", "common.fit", "symbols", "symbols.lenet"):
        sys.modules.pop(name, None)
    run("train_images.py", "--num-epochs", "2", "--load-epoch", "1", "--monitor", "3", *options)
    assert "Adjust learning rate to 5.000000e-03 for epoch 1" in caplog.text
    assert "Epoch[1]" in caplog.text and (tmp_path / "models" / "lenet-0002.params").exists()


def test_loop_by_hand(run):
    names = run("manual_loop.py")
    assert names["accuracy"] > 0.9
    assert names["grad"][0].shape == (10, 8)


def test_language_model_with_buckets(run, tmp_path, capsys):
    names = run("lstm_bucketing.py", "--model-prefix", str(tmp_path / "lm"), "--gpus", "0")
    assert names["perplexity"] < 3
    assert "'lstm_l1_i2h_weight'" in capsys.readouterr().out


def test_recommender(run):
    names = run("matrix_fact.py")
    assert names["first"] < 1 and names["second"] < 1


@pytest.mark.skipif(not hasattr(mx, "operator"), reason="needs mx.operator")
def test_custom_operator(run):
    assert run("custom_softmax.py")["accuracy"] > 0.9


def test_detector(run):
    assert run("ssd_like.py")["found"] > 0.5


def test_two_modules(run):
    mean = run("gan_two_modules.py")["samples"].mean(axis=0)
    assert abs(mean - [2, -1]).max() < 0.7


def test_fine_tuning(run, tmp_path, capsys):
    names = run("finetune.py", str(tmp_path))
    assert names["unchanged"] and names["features"].shape == (1, 8) and names["prob"].shape == (200, 2)
    assert "Total params" in capsys.readouterr().out


def test_several_losses(run):
    scores = run("multi_task.py")["scores"]
    assert set(scores) == {"multi-accuracy-task0", "multi-accuracy-task1"} and min(scores.values()) > 0.9


def test_chained_modules(run, tmp_path):
    names = run("chained_modules.py", str(tmp_path / "profile.json"))
    assert min(names["accuracy"], names["svm_accuracy"], names["python_accuracy"]) > 0.85
    assert (tmp_path / "profile.json").exists()


def test_input_that_is_optimized(run):
    losses = run("neural_style_input.py")["losses"]
    assert losses[-1] < losses[0] / 10


def test_module_of_its_own(run):
    names = run("mutable_module.py")
    assert names["accuracy"] > 0.9
    losses = names["losses"]
    assert losses["local"] < 0.6 and abs(losses["local"] - losses["device"]) < 1e-4
