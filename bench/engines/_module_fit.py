"""Whole calls of `fit` with MXNet's Module API: a language model over sentences in buckets."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

import numpy as np

from engines._module_api import module_params
from engines._worker import CHECK_ROWS, Session, Unsupported

PADDING = 0


class _Enough(Exception):
    """Ends a fit."""


class BucketFitSession(Session):
    """A step is one epoch of `fit` by a new BucketingModule: binding every bucket is part of it."""

    def __init__(self, mx: Any, case: Any) -> None:
        super().__init__()
        self._mx, self._case, self._net = mx, case, case.net()
        self._buckets = list(range(10, self._net.data_shape[0] + 1, 10))
        coded = sentences(self._buckets, case.batch * case.batches, self._net.data_high, case.seed)
        start = time.perf_counter()
        random.seed(case.seed)  # the iterator shuffles with both
        np.random.seed(case.seed)
        self._data = mx.rnn.BucketSentenceIter(
            coded, case.batch, buckets=self._buckets, invalid_label=PADDING
        )
        self.metrics["iterator_s"] = time.perf_counter() - start
        self.metrics["samples"] = len(coded)
        self._module: Any = None
        self._params = module_params(mx, self._net, case.seed)[0]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self._fit()
        self._mx.nd.waitall()
        if hasattr(self._module, "memory_report"):
            report = self._module.memory_report()
            self.metrics.update({name: float(value) for name, value in report.items()})

    def _fit(self, callback: Any = None) -> None:
        mx, case, net = self._mx, self._case, self._net
        embed, hidden = net.nodes[0].attrs, net.nodes[1].attrs["hidden"]
        cells = mx.rnn.SequentialRNNCell()
        for layer in range(net.nodes[1].attrs["layers"]):
            cells.add(mx.rnn.LSTMCell(hidden, prefix=f"lstm_l{layer}_"))

        def sym_gen(length: int) -> Any:
            words, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
            x = mx.sym.Embedding(words, input_dim=embed["vocab"], output_dim=embed["size"], name="embed")
            cells.reset()
            x, _ = cells.unroll(length, inputs=x, merge_outputs=True)
            x = mx.sym.FullyConnected(
                mx.sym.Reshape(x, shape=(-1, hidden)), num_hidden=net.classes, name="fc"
            )
            label = mx.sym.Reshape(label, shape=(-1,))
            ignore = {"use_ignore": True, "ignore_label": PADDING, "normalization": "valid"}
            return mx.sym.SoftmaxOutput(x, label, name="softmax", **ignore), ("data",), ("softmax_label",)

        self._module = mx.mod.BucketingModule(sym_gen, default_bucket_key=self._buckets[-1])
        self._module.fit(
            self._data,
            eval_metric=mx.metric.Perplexity(PADDING),
            arg_params=self._params,
            optimizer="sgd",
            optimizer_params={"learning_rate": case.lr, "momentum": case.momentum, "rescale_grad": 1.0},
            batch_end_callback=callback,
            num_epoch=1,
        )

    def check_fit(self, steps: int) -> tuple[list[float], Any]:
        """Running losses of the first `steps` batches, and outputs of the last."""
        losses: list[float] = []

        def note(param: Any) -> None:
            losses.append(float(np.log(param.eval_metric.get()[1])))
            if len(losses) == steps:
                raise _Enough

        with contextlib.suppress(_Enough):
            self._fit(note)
        self._data.reset()
        return losses, self._module.get_outputs()[0][:CHECK_ROWS].asnumpy()

    def check_train(self) -> Any:
        raise Unsupported("a step of this case is a call of fit")

    def check_infer(self) -> list[Any]:
        raise Unsupported("a step of this case is a call of fit")


def sentences(buckets: list[int], count: int, vocabulary: int, seed: int) -> list[list[int]]:
    """`count` sentences for each bucket, up to 9 words shorter, of words of which few are common."""
    rng = np.random.RandomState(seed)
    made = []
    for length in buckets:
        for words in rng.randint(length - 9, length + 1, count):
            made.append((1 + (vocabulary - 1) * rng.rand(words) ** 4).astype(int).tolist())
    return made
