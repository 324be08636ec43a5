"""`FeedForward`: training and prediction on NumPy arrays or iterators, as there was before modules."""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any, Callable

import numpy as np

from .. import metric as _metric
from .. import ndarray as nd
from ..callback import LogValidationMetricsCallback
from ..context import Context, cpu, current_context
from ..initializer import InitDesc, Uniform
from ..ndarray import NDArray
from ..symbol import Symbol
from .checkpoint import load_checkpoint, save_checkpoint
from .prediction import Prediction
from .training import BatchEndParam, _multiple_callbacks

__all__ = ["FeedForward"]


class FeedForward(Prediction):
    """A network with its parameters. `mx.mod.Module` does more; this class remains for programs that use it.

    Parameters
    ----------
    symbol : Symbol, or callable
        A callable makes the symbol of a bucket from its key; `fit` then takes an iterator with buckets.
    ctx : Context or list of Context, optional
        Default the current one; batches are split over several.
    num_epoch : int, optional
        Number of the epoch to stop before; `fit` needs it.
    epoch_size : int, optional
        Batches of an epoch. Default: until the iterator ends.
    optimizer : str or Optimizer, default 'sgd'
    initializer : Initializer, default Uniform(0.01)
    numpy_batch_size : int, default 128
        Size of batches made of arrays.
    arg_params, aux_params : dict of str to NDArray, optional
        Parameters to start from.
    allow_extra_params : bool, default False
        Whether those may have names that the symbol does not have; they are then left out.
    begin_epoch : int, default 0
    **kwargs
        Arguments of an optimizer given by name, such as `learning_rate`. ``rescale_grad`` defaults to
        1 / batch size.

    Attributes
    ----------
    arg_params, aux_params : dict of str to NDArray
        The parameters: after `fit`, those it found.

    Raises
    ------
    TypeError
        If `symbol` is neither a Symbol nor callable.
    ValueError
        If two arguments of the symbol have one name.
    """

    def __init__(
        self,
        symbol,
        ctx=None,
        num_epoch=None,
        epoch_size=None,
        optimizer="sgd",
        initializer=None,
        numpy_batch_size=128,
        arg_params=None,
        aux_params=None,
        allow_extra_params=False,
        begin_epoch=0,
        **kwargs,
    ):
        warnings.warn(
            "mxnet.model.FeedForward has been deprecated. Please use mxnet.mod.Module instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.symbol: Any = symbol if isinstance(symbol, Symbol) else None
        self.sym_gen: Callable | None = None if isinstance(symbol, Symbol) else symbol
        if self.symbol is None and not callable(symbol):
            raise TypeError(
                f"[FeedForward] symbol: got {type(symbol).__name__}, expected a Symbol, or a function that "
                "makes one from a bucket's key"
            )
        self.arg_params, self.aux_params = arg_params, aux_params
        self.allow_extra_params = allow_extra_params
        self.argument_checked = False
        self.ctx = [current_context()] if ctx is None else [ctx] if isinstance(ctx, Context) else list(ctx)
        self.num_epoch, self.begin_epoch = num_epoch, begin_epoch
        self.epoch_size = epoch_size
        self.kwargs = kwargs
        self.optimizer = optimizer
        self.initializer = Uniform(0.01) if initializer is None else initializer
        self.numpy_batch_size = numpy_batch_size
        self._pred_exec: Any = None
        if self.symbol is not None:
            self._check_arguments()

    def __getstate__(self):
        """Everything but the executor, which is made anew when it is needed."""
        return {**self.__dict__, "_pred_exec": None}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def _check_arguments(self) -> None:
        """Checks names of arguments once, and leaves out extra parameters."""
        if self.argument_checked:
            return
        names = {
            "argument": self.symbol.list_arguments(),
            "auxiliary state": self.symbol.list_auxiliary_states(),
        }
        for kind, of_kind in names.items():
            twice = sorted({name for name in of_kind if of_kind.count(name) > 1})
            if twice:
                raise ValueError(f"[FeedForward] the {kind} name {twice[0]!r} is there twice: {of_kind}")
        self.argument_checked = True
        if not self.allow_extra_params:
            return
        if self.arg_params:
            known = set(names["argument"])
            self.arg_params = {k: v for k, v in self.arg_params.items() if k in known}
        if self.aux_params:
            known = set(names["auxiliary state"])
            self.aux_params = {k: v for k, v in self.aux_params.items() if k in known}

    def _init_params(self, inputs, overwrite=False):
        """Makes parameters for inputs (descriptions, or a dict of shapes), keeping those there are.

        Returns names of arguments, parameters and auxiliary states.
        """
        described = inputs.items() if isinstance(inputs, dict) else [(d[0], d[1]) for d in inputs]
        shapes = dict(described)
        dtypes = {} if isinstance(inputs, dict) else {d[0]: d.dtype for d in inputs if hasattr(d, "dtype")}
        arg_names = self.symbol.list_arguments()
        aux_names = self.symbol.list_auxiliary_states()
        arg_shapes, _, aux_shapes = self.symbol.infer_shape(**shapes)
        arg_types, _, aux_types = self.symbol.infer_type(
            **{k: v for k, v in dtypes.items() if k in arg_names}
        )
        param_names = [name for name in arg_names if name not in shapes]
        made: list[dict[str, NDArray]] = []
        attributes = self.symbol.attr_dict()
        for names, known_shapes, types, have in (
            (arg_names, arg_shapes, arg_types, self.arg_params),
            (aux_names, aux_shapes, aux_types, self.aux_params),
        ):
            params: dict[str, NDArray] = {}
            for name, shape, dtype in zip(names, known_shapes, types or [np.float32] * len(names)):
                if name in shapes:
                    continue
                params[name] = nd.zeros(shape, cpu(), dtype)
                if have and name in have and not overwrite:
                    if have[name].shape != tuple(shape):
                        raise ValueError(
                            f"[FeedForward] parameter {name!r}: got shape {have[name].shape}, "
                            f"expected {shape}"
                        )
                    have[name].copyto(params[name])
                else:
                    self.initializer(InitDesc(name, attributes.get(name)), params[name])
            made.append(params)
        self.arg_params, self.aux_params = made
        return arg_names, param_names, aux_names

    # ---- training

    def _init_eval_iter(self, eval_data):
        """An iterator over `eval_data`: an iterator, or a pair of arrays."""
        if eval_data is None or hasattr(eval_data, "provide_data"):
            return eval_data
        if not isinstance(eval_data, (tuple, list)) or len(eval_data) != 2:
            raise TypeError(
                "[FeedForward.fit] eval_data: expected a DataIter or a pair (X, y), got "
                f"{type(eval_data).__name__}"
            )
        if hasattr(eval_data[0], "provide_data"):
            if eval_data[1] is not None:
                raise ValueError("[FeedForward.fit] eval_data: labels beside an iterator are not used")
            return eval_data[0]
        X, y = (np.asarray(part) if isinstance(part, (list, tuple)) else part for part in eval_data)
        return self._init_iter(X, y, is_train=True)

    def _bound_module(self, data, work_load_list, logger):
        """A module for training with this object's parameters."""
        from .. import module as mod  # stands above this module

        data_names = [desc[0] for desc in data.provide_data]
        label_names = [desc[0] for desc in data.provide_label]
        options = {"context": self.ctx, "work_load_list": work_load_list, "logger": logger}
        if self.sym_gen is None:
            module: Any = mod.Module(self.symbol, data_names, label_names, **options)
        else:
            generate = self.sym_gen
            module = mod.BucketingModule(
                lambda key: (generate(key), data_names, label_names), data.default_bucket_key, **options
            )
        module.bind(data.provide_data, data.provide_label, for_training=True)
        module.set_params(self.arg_params, self.aux_params)
        return module

    def _take_params(self, module) -> None:
        """Copies a module's parameters into those of this object."""
        for params, current in zip((self.arg_params, self.aux_params), module.get_params()):
            for name, value in current.items():
                if name in params:
                    value.copyto(params[name])

    def fit(
        self,
        X,
        y=None,
        eval_data=None,
        eval_metric="acc",
        epoch_end_callback=None,
        batch_end_callback=None,
        kvstore="local",
        logger=None,
        work_load_list=None,
        monitor=None,
        eval_end_callback=None,
        eval_batch_end_callback=None,
    ):
        """Trains from epoch `begin_epoch` to `num_epoch`.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
            Arrays are shuffled.
        y : array (N,) or (N, 1)
            Labels, if X is an array.
        eval_data : DataIter, or pair of arrays, optional
            Measured after every epoch.
        eval_metric : EvalMetric, str, callable or list of them, default 'acc'
        epoch_end_callback : callable or list, optional
            Called with (epoch, symbol, arg_params, aux_params).
        batch_end_callback : callable or list, optional
            Called with a `BatchEndParam`, whose `nbatch` counts from 1.
        kvstore : str or KVStore, default 'local'
        logger : Logger, default the `logging` module
        work_load_list : list of float, optional
            Share of a batch for each context.
        monitor : Monitor, optional
        eval_end_callback : callable or list, default LogValidationMetricsCallback()
        eval_batch_end_callback : callable or list, optional

        Raises ValueError where there is no `num_epoch` or labels do not fit; TypeError for other data.
        """
        if self.num_epoch is None:
            raise ValueError(
                "[FeedForward.fit] num_epoch: got None, expected FeedForward(..., num_epoch=...)"
            )
        logger = logging if logger is None else logger
        if eval_end_callback is None:
            eval_end_callback = LogValidationMetricsCallback()
        train_data = self._init_iter(X, y, is_train=True)
        eval_data = self._init_eval_iter(eval_data)
        if self.sym_gen is not None:
            self.symbol = self.sym_gen(train_data.default_bucket_key)
            self._check_arguments()
        self._init_params(train_data.provide_data + train_data.provide_label)
        eval_metric = _metric.create(eval_metric)
        logger.info("Start training with %s", str(self.ctx))
        module = self._bound_module(train_data, work_load_list, logger)
        module.init_optimizer(kvstore, self.optimizer, self.kwargs)
        if monitor is not None:
            module.install_monitor(monitor)
        train_data.reset()
        for epoch in range(self.begin_epoch, self.num_epoch):
            tic = time.time()
            eval_metric.reset()
            for nbatch, data_batch in enumerate(self._batches(train_data, epoch, logger), 1):
                if monitor is not None:
                    monitor.tic()
                module.forward_backward(data_batch)
                module.update()
                if monitor is not None:
                    monitor.toc_print()
                module.update_metric(eval_metric, data_batch.label)
                _multiple_callbacks(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
            logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - tic)
            if epoch_end_callback or epoch + 1 == self.num_epoch:
                self._take_params(module)
            _multiple_callbacks(epoch_end_callback, epoch, self.symbol, self.arg_params, self.aux_params)
            if eval_data is not None:
                self._evaluate(
                    module, eval_data, eval_metric, epoch, eval_batch_end_callback, eval_end_callback
                )

    def _batches(self, train_data, epoch: int, logger):
        """The batches of one epoch. An iterator that ends before `epoch_size` starts again."""
        count = 0
        while True:
            do_reset = True
            for data_batch in train_data:
                yield data_batch
                count += 1
                if self.epoch_size is not None and count >= self.epoch_size:
                    do_reset = False
                    break
            if do_reset:
                logger.info("Epoch[%d] Resetting Data Iterator", epoch)
                train_data.reset()
            if self.epoch_size is None or count >= self.epoch_size:
                return
            if not count:
                raise ValueError("[FeedForward.fit] the iterator has no batches, expected epoch_size of them")

    def _evaluate(self, module, eval_data, eval_metric, epoch, eval_batch_end_callback, eval_end_callback):
        """Measures a metric on `eval_data` with the module's parameters."""
        eval_metric.reset()
        eval_data.reset()
        total = 0
        for i, data_batch in enumerate(eval_data):
            module.forward(data_batch, is_train=False)
            module.update_metric(eval_metric, data_batch.label)
            _multiple_callbacks(eval_batch_end_callback, BatchEndParam(epoch, i, eval_metric, locals()))
            total += 1
        _multiple_callbacks(eval_end_callback, BatchEndParam(epoch, total, eval_metric, locals()))

    # ---- files

    def save(self, prefix, epoch=None, remove_amp_cast=True):
        """Saves ``prefix-symbol.json`` and ``prefix-NNNN.params``; `epoch` is `num_epoch` by default."""
        epoch = self.num_epoch if epoch is None else epoch
        if epoch is None:
            raise ValueError("[FeedForward.save] epoch: got None, expected a number, or num_epoch to be set")
        save_checkpoint(prefix, epoch, self.symbol, self.arg_params, self.aux_params, remove_amp_cast)

    @staticmethod
    def load(prefix, epoch, ctx=None, **kwargs):
        """Loads what `save` or `mx.model.save_checkpoint` saved; `fit` goes on at `epoch`.

        kwargs : more arguments of `FeedForward`.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        return FeedForward(
            symbol, ctx=ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs
        )

    @staticmethod
    def create(
        symbol,
        X,
        y=None,
        ctx=None,
        num_epoch=None,
        epoch_size=None,
        optimizer="sgd",
        initializer=None,
        eval_data=None,
        eval_metric="acc",
        epoch_end_callback=None,
        batch_end_callback=None,
        kvstore="local",
        logger=None,
        work_load_list=None,
        eval_end_callback=None,
        eval_batch_end_callback=None,
        **kwargs,
    ):
        """Makes a `FeedForward` and trains it. Arguments are those of both; returns it."""
        model = FeedForward(
            symbol,
            ctx=ctx,
            num_epoch=num_epoch,
            epoch_size=epoch_size,
            optimizer=optimizer,
            initializer=initializer,
            **kwargs,
        )
        model.fit(
            X,
            y,
            eval_data=eval_data,
            eval_metric=eval_metric,
            epoch_end_callback=epoch_end_callback,
            batch_end_callback=batch_end_callback,
            kvstore=kvstore,
            logger=logger,
            work_load_list=work_load_list,
            eval_end_callback=eval_end_callback,
            eval_batch_end_callback=eval_batch_end_callback,
        )
        return model
