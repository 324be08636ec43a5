"""Training, scoring and prediction, written in terms of the intermediate interface of modules."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import metric as _metric
from .. import ndarray as nd
from ..base import _as_list
from ..initializer import Uniform
from ..io import DataBatch
from ..model import BatchEndParam
from ..ndarray import NDArray
from .padding import padding_of, without_padding
from .read_ahead import BatchReader
from .slicing import joined

__all__ = ["HighLevelInterface"]

_DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int32", "int64")


class HighLevelInterface:
    """`fit`, `score` and `predict` for whatever has the intermediate interface (see `BaseModule`)."""

    logger: Any
    symbol: Any
    bind: Any
    init_params: Any
    init_optimizer: Any
    get_params: Any
    set_params: Any
    install_monitor: Any
    prepare: Any
    forward: Any
    backward: Any
    update: Any
    update_metric: Any
    get_outputs: Any
    _require: Any

    def forward_backward(self, data_batch):
        """Runs forward in training mode, then backward."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def score(
        self,
        eval_data,
        eval_metric,
        num_batch=None,
        batch_end_callback=None,
        score_end_callback=None,
        reset=True,
        epoch=0,
        sparse_row_id_fn=None,
        count_padding=False,
    ):
        """Runs prediction on `eval_data` and evaluates it.

        Parameters
        ----------
        eval_data : DataIter
        eval_metric : EvalMetric, str, or list of them
        num_batch : int, optional
            Number of batches; default all.
        batch_end_callback, score_end_callback : function or list of functions, optional
            Called with a `BatchEndParam` after each batch and at the end.
        reset : bool
            Default True: reset `eval_data` first.
        epoch : int
            Passed to callbacks.
        sparse_row_id_fn : function, optional
            See `prepare`.
        count_padding : bool
            Default False: samples that only fill up the last batch are left out. True counts them, as
            MXNet does.

        Returns
        -------
        list of (str, float)
            Name and value of each metric.
        """
        self._require("score")
        if reset:
            eval_data.reset()
        if not isinstance(eval_metric, _metric.EvalMetric):
            eval_metric = _metric.create(eval_metric)
        eval_metric.reset()
        actual_num_batch = 0
        for nbatch, eval_batch in enumerate(self._batches(eval_data, num_batch)):
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            self._update_metric_of(eval_metric, eval_batch, count_padding)
            if batch_end_callback is not None:
                batch_end_params = BatchEndParam(epoch, nbatch, eval_metric, locals())
                for callback in _as_list(batch_end_callback):
                    callback(batch_end_params)
            actual_num_batch += 1
        if score_end_callback:
            params = BatchEndParam(epoch, actual_num_batch, eval_metric, locals())
            for callback in _as_list(score_end_callback):
                callback(params)
        return eval_metric.get_name_value()

    def _batches(self, data_iter, num_batch):
        """The first `num_batch` batches, or all; the next one is read while one is in use.

        As MXNet does, one batch more than `num_batch` is taken from the iterator.
        """
        with BatchReader(self) as reader:
            reader.begin(iter(data_iter))
            count = 0
            while True:
                try:
                    batch = reader.next()
                except StopIteration:
                    return
                if count == num_batch:
                    return
                count += 1
                reader.start()
                yield batch

    def _update_metric_of(self, eval_metric, batch, count_padding=False):
        """Updates a metric with the labels of a batch, or of a list of batches, one per context."""
        if isinstance(batch, list):
            metric = eval_metric if count_padding else without_padding(eval_metric, self, batch)
            self.update_metric(metric, [b.label for b in batch], pre_sliced=True)
        elif count_padding or not padding_of(batch):
            self.update_metric(eval_metric, batch.label)
        else:
            self.update_metric(without_padding(eval_metric, self, batch), batch.label)

    def iter_predict(self, eval_data, num_batch=None, reset=True, sparse_row_id_fn=None):
        """Iterates over predictions.

        Yields ``(outputs, batch number, batch)``; padding of the last batch is cut off the outputs, which are
        only valid until the next step.

        Parameters
        ----------
        eval_data : DataIter
        num_batch : int, optional
            Number of batches; default all.
        reset : bool
            Default True: reset `eval_data` first.
        sparse_row_id_fn : function, optional
            See `prepare`.
        """
        self._require("iter_predict")
        if reset:
            eval_data.reset()
        # Not read ahead: a caller that stops early would find one batch more gone from the iterator.
        for nbatch, eval_batch in enumerate(eval_data):
            if num_batch is not None and nbatch == num_batch:
                break
            yield self._predict_batch(eval_batch, sparse_row_id_fn), nbatch, eval_batch

    def _predict_batch(self, batch, sparse_row_id_fn):
        self.prepare(batch, sparse_row_id_fn=sparse_row_id_fn)
        self.forward(batch, is_train=False)
        return self._unpadded_outputs(batch)

    def _unpadded_outputs(self, batch):
        pad = padding_of(batch)
        outputs = self.get_outputs()
        return [out[0 : out.shape[0] - pad] for out in outputs] if pad else outputs

    def predict(
        self,
        eval_data,
        num_batch=None,
        merge_batches=True,
        reset=True,
        always_output_list=False,
        sparse_row_id_fn=None,
    ):
        """Runs prediction and collects the outputs.

        Parameters
        ----------
        eval_data : DataIter, NDArray or numpy.ndarray
            An array is one batch for the module's only input.
        num_batch : int, optional
            Number of batches; default all.
        merge_batches : bool
            Default True: outputs of all batches are concatenated. False gives one list of outputs a batch.
        reset : bool
            Default True: reset `eval_data` first.
        always_output_list : bool
            Default False: a single output is returned bare.
        sparse_row_id_fn : function, optional
            See `prepare`.

        Returns
        -------
        NDArray, list of NDArray, or list of lists of NDArray
        """
        self._require("predict")
        if isinstance(eval_data, (NDArray, np.ndarray)):
            if isinstance(eval_data, np.ndarray):
                eval_data = nd.array(
                    eval_data, dtype=eval_data.dtype if eval_data.dtype.name in _DTYPES else None
                )
            self.forward(DataBatch([eval_data]), is_train=False)
            merged = [out.copy() for out in self.get_outputs()]
            if not merge_batches:
                return [merged]
            return merged if always_output_list or len(merged) != 1 else merged[0]
        if not hasattr(eval_data, "reset") or not hasattr(eval_data, "__iter__"):
            raise ValueError(
                f"[{type(self).__name__}.predict] eval_data: got {type(eval_data).__name__}, expected a "
                "DataIter, an NDArray or a NumPy array"
            )
        if reset:
            eval_data.reset()
        outputs = [
            [out.copy() for out in self._predict_batch(batch, sparse_row_id_fn)]
            for batch in self._batches(eval_data, num_batch)
        ]
        if not outputs or not merge_batches:
            return outputs
        if any(len(batch_outputs) != len(outputs[0]) for batch_outputs in outputs):
            raise ValueError(
                f"[{type(self).__name__}.predict] batches have different numbers of outputs and cannot be "
                "merged: pass merge_batches=False"
            )
        merged = [joined(parts) for parts in zip(*outputs)]
        return merged if always_output_list or len(merged) != 1 else merged[0]

    def fit(
        self,
        train_data,
        eval_data=None,
        eval_metric="acc",
        epoch_end_callback=None,
        batch_end_callback=None,
        kvstore="local",
        optimizer="sgd",
        optimizer_params=(("learning_rate", 0.01),),
        eval_end_callback=None,
        eval_batch_end_callback=None,
        initializer=Uniform(0.01),  # noqa: B008 - the documented default; initializers hold no state
        arg_params=None,
        aux_params=None,
        allow_missing=False,
        force_rebind=False,
        force_init=False,
        begin_epoch=0,
        num_epoch=None,
        validation_metric=None,
        monitor=None,
        sparse_row_id_fn=None,
        count_padding=False,
    ):
        """Trains the module: binds it, initializes parameters and optimizer, and runs the epochs.

        Parameters
        ----------
        train_data : DataIter
        eval_data : DataIter, optional
            Scored after every epoch.
        eval_metric : EvalMetric, str, or list of them
            Default accuracy.
        epoch_end_callback : function or list of functions, optional
            Called with (epoch, symbol, arg_params, aux_params).
        batch_end_callback : function or list of functions, optional
            Called with a `BatchEndParam`.
        kvstore, optimizer, optimizer_params
            See `init_optimizer`.
        eval_end_callback, eval_batch_end_callback : function or list of functions, optional
            The `score_end_callback` and `batch_end_callback` of scoring `eval_data`.
        initializer, arg_params, aux_params, allow_missing, force_init
            See `init_params`. Parameters that are initialized already stay, unless `force_init`.
        force_rebind : bool
            See `bind`.
        begin_epoch, num_epoch : int
            First epoch number, default 0, and the number to stop before, required.
        validation_metric : EvalMetric, str, or list of them
            Default `eval_metric`.
        monitor : Monitor, optional
        sparse_row_id_fn : function, optional
            See `prepare`.
        count_padding : bool
            See `score`; for both metrics.

        The next batch is read while the engine computes, where that cannot change any result; see
        `BatchReader`, also for how to switch it off.
        """
        if num_epoch is None:
            raise ValueError(
                f"[{type(self).__name__}.fit] num_epoch is missing: please specify number of epochs"
            )
        self.bind(
            data_shapes=train_data.provide_data,
            label_shapes=train_data.provide_label,
            for_training=True,
            force_rebind=force_rebind,
        )
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(
            initializer=initializer,
            arg_params=arg_params,
            aux_params=aux_params,
            allow_missing=allow_missing,
            force_init=force_init,
        )
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        if validation_metric is None:
            validation_metric = eval_metric
        if not isinstance(eval_metric, _metric.EvalMetric):
            eval_metric = _metric.create(eval_metric)

        with BatchReader(self) as reader:
            for epoch in range(begin_epoch, num_epoch):
                tic = time.time()
                eval_metric.reset()
                nbatch = 0
                eval_name_vals = []
                data_iter, next_data_batch = self._first_batch(train_data, reader)
                end_of_batch = False
                while not end_of_batch:
                    data_batch = next_data_batch
                    if monitor is not None:
                        monitor.tic()
                    if nbatch == 0:
                        self.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
                    reader.start()
                    self.forward_backward(data_batch)
                    self.update()
                    self._update_metric_of(eval_metric, data_batch, count_padding)
                    # Where it is not read ahead, the next batch is read when nothing needs this one any
                    # more: iterators may reuse arrays.
                    try:
                        next_data_batch = reader.next()
                    except StopIteration:
                        end_of_batch = True
                    else:
                        self.prepare(next_data_batch, sparse_row_id_fn=sparse_row_id_fn)
                    if monitor is not None:
                        monitor.toc_print()
                    if end_of_batch:
                        eval_name_vals = eval_metric.get_global_name_value()
                    if batch_end_callback is not None:
                        batch_end_params = BatchEndParam(epoch, nbatch, eval_metric, locals())
                        for callback in _as_list(batch_end_callback):
                            callback(batch_end_params)
                    nbatch += 1

                for name, val in eval_name_vals:
                    self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, val)
                toc = time.time()
                self.logger.info("Epoch[%d] Time cost=%.3f", epoch, toc - tic)

                # With several contexts this also makes their auxiliary states equal again.
                arg_params, aux_params = self.get_params()
                self.set_params(arg_params, aux_params)
                if epoch_end_callback is not None:
                    for callback in _as_list(epoch_end_callback):
                        callback(epoch, self.symbol, arg_params, aux_params)
                if eval_data is not None:
                    res = self.score(
                        eval_data,
                        validation_metric,
                        score_end_callback=eval_end_callback,
                        batch_end_callback=eval_batch_end_callback,
                        epoch=epoch,
                        count_padding=count_padding,
                    )
                    for name, val in res:
                        self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, val)
                train_data.reset()

    def _first_batch(self, train_data, reader):
        """An iterator over `train_data` and its first batch; an iterator left at its end is reset once."""
        for attempt in range(2):
            data_iter = iter(train_data)
            reader.begin(data_iter)
            try:
                return data_iter, reader.next()
            except StopIteration:
                if attempt == 0:
                    train_data.reset()
        raise ValueError(f"[{type(self).__name__}.fit] train_data has no batch")
