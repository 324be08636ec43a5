"""What `FeedForward` does with a trained network: predictions and scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import io
from .. import metric as _metric
from ..ndarray import NDArray
from .training import BatchEndParam, _multiple_callbacks


def _is_parameter(name: str) -> bool:
    """Whether an argument must be a parameter, and cannot be a label, by its name."""
    return name.endswith(("_weight", "_bias", "_gamma", "_beta", "_parameters"))


def as_iter(X, y, batch_size: int, is_train: bool) -> io.DataIter:
    """An iterator as it is; arrays, shuffled for training, as an NDArrayIter.

    Raises TypeError for other things, ValueError for labels that do not fit.
    """
    if isinstance(X, io.DataIter) or hasattr(X, "provide_data"):
        return X
    if not isinstance(X, (np.ndarray, NDArray)):
        raise TypeError(
            f"[FeedForward] X: got {type(X).__name__}, expected DataIter, NDArray or numpy.ndarray"
        )
    if y is None:
        if is_train:
            raise ValueError("[FeedForward] y must be specified when X is an array")
        y = np.zeros(X.shape[0], np.float32)
    y = np.asarray(y.asnumpy() if isinstance(y, NDArray) else y)
    if X.shape[0] != y.shape[0]:
        raise ValueError(f"[FeedForward] y: got {y.shape[0]} labels, expected {X.shape[0]}, the samples of X")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.flatten()
    if y.ndim != 1:
        raise ValueError(f"[FeedForward] y: got shape {y.shape}, expected one label for each sample")
    return io.NDArrayIter(
        X,
        y,
        min(X.shape[0], batch_size),
        shuffle=is_train,
        last_batch_handle="roll_over" if is_train else "pad",
    )


class Prediction:
    """`predict` and `score` for whatever has a symbol with parameters."""

    symbol: Any
    arg_params: Any
    aux_params: Any
    ctx: list[Any]
    numpy_batch_size: int
    _pred_exec: Any

    def _init_iter(self, X, y, is_train):
        """An iterator over what `fit`, `predict` and `score` were given."""
        return as_iter(X, y, self.numpy_batch_size, is_train)

    def _init_predictor(self, described):
        """An executor for inputs of these descriptions, with the current parameters."""
        if self.arg_params is None:
            raise RuntimeError(
                "[FeedForward] there are no parameters yet: call fit() first, or give arg_params"
            )
        if self.symbol is None:
            raise RuntimeError("[FeedForward] a network of buckets predicts after fit() only")
        shapes = {d[0]: tuple(d[1]) for d in described}
        dtypes = {d[0]: np.dtype(getattr(d, "dtype", np.float32)).type for d in described}
        key = sorted(shapes.items()), sorted((name, np.dtype(t).str) for name, t in dtypes.items())
        if self._pred_exec is None or self._pred_exec[0] != key:
            executor = self.symbol.simple_bind(self.ctx[0], grad_req="null", type_dict=dtypes, **shapes)
            self._pred_exec = key, executor
        executor = self._pred_exec[1]
        missing = [n for n in self.symbol.list_arguments() if _is_parameter(n) and n not in self.arg_params]
        if missing:
            raise ValueError(f"[FeedForward] arg_params has no parameter {missing[0]!r}")
        executor.copy_params_from(self.arg_params, self.aux_params, allow_extra_params=True)
        return executor

    def _run(self, X, num_batch):
        """Yields (number, batch, executor) for the batches of an iterator, with the executor's outputs."""
        for i, batch in enumerate(X):
            if num_batch is not None and i == num_batch:
                return
            described = [
                io.DataDesc(d[0], array.shape, array.dtype) for d, array in zip(X.provide_data, batch.data)
            ]
            executor = self._init_predictor(described)
            for desc, array in zip(described, batch.data):
                array.copyto(executor.arg_dict[desc.name])
            executor.forward(is_train=False)
            yield i, batch, executor

    def predict(self, X, num_batch=None, return_data=False, reset=True):
        """Predicts.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
        num_batch : int, optional
            Stop after so many batches.
        return_data : bool, default False
            Whether to return the data and labels, too.
        reset : bool, default True
            Whether to reset the iterator first.

        Returns
        -------
        numpy.ndarray, or list of them
            The output, or all outputs where there are several. With `return_data`: outputs, data, labels.
        """
        X = self._init_iter(X, None, is_train=False)
        if reset:
            X.reset()
        outputs: list[list[np.ndarray]] = []
        data: list[list[np.ndarray]] = []
        label: list[list[np.ndarray]] = []
        for _, batch, executor in self._run(X, num_batch):
            real = batch.data[0].shape[0] - (batch.pad or 0)
            outputs.append([array.asnumpy()[:real] for array in executor.outputs])
            if return_data:
                data.append([array.asnumpy()[:real] for array in batch.data])
                label.append([array.asnumpy()[:real] for array in batch.label or []])
        merged = [[np.concatenate(parts) for parts in zip(*batches)] for batches in (outputs, data, label)]
        results = [arrays[0] if len(arrays) == 1 else arrays for arrays in merged]
        return tuple(results) if return_data else results[0]

    def score(self, X, eval_metric="acc", num_batch=None, batch_end_callback=None, reset=True):
        """Measures a metric on an iterator with labels.

        Parameters
        ----------
        X : DataIter
        eval_metric : EvalMetric, str, callable or list of them, default 'acc'
        num_batch : int, optional
            Stop after so many batches.
        batch_end_callback : callable or list, optional
            Called with a `BatchEndParam`.
        reset : bool, default True
            Whether to reset the iterator first.

        Returns
        -------
        float, or list of them
            The value, or those of all metrics.
        """
        X = self._init_iter(X, None, is_train=False)
        if reset:
            X.reset()
        eval_metric = _metric.create(eval_metric)
        eval_metric.reset()
        for i, batch, executor in self._run(X, num_batch):
            eval_metric.update(batch.label, executor.outputs)
            _multiple_callbacks(batch_end_callback, BatchEndParam(0, i, eval_metric, locals()))
        return eval_metric.get()[1]
