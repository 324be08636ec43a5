"""mx.contrib beside operators: vocabularies, metrics for TensorBoard."""

from __future__ import annotations

import sys
import types
from collections import Counter

import pytest
from common import IS_MXNET, mx, ours_only

text = mx.contrib.text
COUNTS = Counter(["a", "b", "b", "c", "c", "c", "some_word$", "d"])
WRONG = AssertionError if IS_MXNET else ValueError


def test_count_tokens():
    count = text.utils.count_tokens_from_str
    assert count(" Life is great ! \n life is good . \n", to_lower=True) == Counter(
        {"life": 2, "is": 2, "great": 1, "!": 1, "good": 1, ".": 1}
    )
    counts = Counter({"a": 1})
    assert count("a<x>b<x>a<y>", "<x>", "<y>", counter_to_update=counts) is counts
    assert counts == Counter({"a": 3, "b": 1})


@pytest.mark.parametrize(
    "options, tokens",
    [
        ({}, ["<unk>", "c", "b", "a", "d", "some_word$"]),
        ({"most_freq_count": 2}, ["<unk>", "c", "b"]),
        ({"min_freq": 2}, ["<unk>", "c", "b"]),
        ({"most_freq_count": 1, "min_freq": 2}, ["<unk>", "c"]),
        ({"most_freq_count": 0}, ["<unk>"]),
        ({"reserved_tokens": ["<pad>", "b"]}, ["<unk>", "<pad>", "b", "c", "a", "d", "some_word$"]),
        ({"unknown_token": "b"}, ["b", "c", "a", "d", "some_word$"]),
    ],
)
def test_vocabulary(options, tokens):
    vocabulary = text.vocab.Vocabulary(COUNTS, **options)
    assert vocabulary.idx_to_token == tokens and len(vocabulary) == len(tokens)
    assert vocabulary.token_to_idx == {token: i for i, token in enumerate(tokens)}
    assert vocabulary.reserved_tokens == options.get("reserved_tokens")


def test_looking_up():
    vocabulary = text.vocab.Vocabulary(COUNTS)
    assert vocabulary.to_indices("c") == 1 and vocabulary.to_indices(["c", "nosuch"]) == [1, 0]
    assert vocabulary.to_tokens(1) == "c" and vocabulary.to_tokens([0, 2]) == ["<unk>", "b"]
    for wrong in (100, [1.5]):
        with pytest.raises(ValueError):
            vocabulary.to_tokens(wrong)
    assert len(text.vocab.Vocabulary()) == 1


@pytest.mark.parametrize(
    "options", [{"min_freq": 0}, {"reserved_tokens": ["<unk>"]}, {"reserved_tokens": ["a", "a"]}]
)
def test_wrong_vocabulary(options):
    with pytest.raises(WRONG):
        text.vocab.Vocabulary(COUNTS, **options)


@ours_only
def test_metrics_for_tensorboard(monkeypatch, tmp_path):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, *args):
            written.append(args)

    monkeypatch.setitem(sys.modules, "mxboard", None)
    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    callback = mx.contrib.tensorboard.LogMetricsCallback(str(tmp_path), prefix="train")
    assert callback.summary_writer.folder == str(tmp_path)
    metric = mx.metric.create("acc")
    metric.update([mx.nd.array([0, 1])], [mx.nd.array([[1, 0], [1, 0]])])
    for _ in range(2):
        callback(mx.model.BatchEndParam(0, 0, metric, {}))
    assert written == [("train-accuracy", 0.5, 1), ("train-accuracy", 0.5, 2)]
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        mx.contrib.tensorboard.LogMetricsCallback(str(tmp_path))
