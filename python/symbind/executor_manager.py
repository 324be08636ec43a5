"""Data parallel executors as `FeedForward` drove them before there were modules.

`DataParallelExecutorManager` serves training loops that were written for it; new ones use `mx.mod.Module`.
"""

from __future__ import annotations

import logging
from typing import Any, Callable

from .io import DataDesc
from .module.executor_group import DataParallelExecutorGroup as _ModuleGroup
from .module.slicing import _load_slice, _split_input_slice

__all__ = ["DataParallelExecutorGroup", "DataParallelExecutorManager", "_split_input_slice"]


def _check_arguments(symbol) -> None:
    """Raises ValueError where two arguments or two auxiliary states have one name."""
    for kind, names in (
        ("argument", symbol.list_arguments()),
        ("auxiliary state", symbol.list_auxiliary_states()),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"[executor_manager] the {kind} name {twice[0]!r} is there more than once in {names}: "
                "give every variable a name of its own"
            )


def _load_general(data, targets) -> None:
    """Copies arrays into their targets: an NDArray each, or a list of (slice, NDArray) by context."""
    for source, target in zip(data, targets):
        if isinstance(target, (list, tuple)):
            for part, array in target:
                _load_slice(array, source, part, 0)
        else:
            source.copyto(target)


def _load_data(batch, targets) -> None:
    """Copies the data of a batch, see `_load_general`."""
    _load_general(batch.data, targets)


def _load_label(batch, targets) -> None:
    """Copies the labels of a batch, see `_load_general`."""
    _load_general(batch.label, targets)


def _descriptions(described) -> list[DataDesc]:
    return [d if isinstance(d, DataDesc) else DataDesc(*d) for d in described or []]


class DataParallelExecutorGroup:
    """Executors of one symbol for slices of a batch, bound for training.

    Parameters
    ----------
    sym : Symbol
    arg_names, param_names : list of str
    ctx : list of Context
    slices : list of slice
        What each context works on, as `_split_input_slice` returns them.
    train_data : DataIter, or another object with `provide_data` and `provide_label`
    shared_group : DataParallelExecutorGroup, optional
        Its parameters are used.
    """

    def __init__(self, sym, arg_names, param_names, ctx, slices, train_data, shared_group=None):
        _check_arguments(sym)
        self._group = _ModuleGroup(
            sym,
            ctx,
            [part.stop - part.start for part in slices],
            _descriptions(train_data.provide_data),
            _descriptions(train_data.provide_label),
            param_names,
            for_training=True,
            inputs_need_grad=False,
            shared_group=None if shared_group is None else shared_group._group,
        )
        self.slices = slices
        self.train_execs = self._group.execs
        self.data_arrays, self.label_arrays = self._group.data_arrays, self._group.label_arrays
        self.param_arrays, self.grad_arrays = self._group.param_arrays, self._group.grad_arrays
        self.aux_arrays = self._group.aux_arrays

    def load_data_batch(self, data_batch):
        """Copies a batch into the executors."""
        _load_data(data_batch, self.data_arrays)
        if self.label_arrays and data_batch.label:
            _load_label(data_batch, self.label_arrays)

    def forward(self, is_train=False):
        """Runs all executors on what `load_data_batch` loaded."""
        for executor in self.train_execs:
            executor.forward(is_train=is_train)

    def backward(self):
        """Runs all executors backward."""
        for executor in self.train_execs:
            executor.backward()

    def update_metric(self, metric, labels, pre_sliced=False):
        """Gives a metric the outputs of every context with its part of the labels."""
        for i, (executor, part) in enumerate(zip(self.train_execs, self.slices)):
            own = labels[i] if pre_sliced else [label[part] for label in labels]
            metric.update(own, executor.outputs)


class DataParallelExecutorManager:
    """Executors on several contexts, one group for each bucket.

    Parameters
    ----------
    symbol : Symbol
    ctx : list of Context
    train_data : DataIter
        With `sym_gen`, one that has a `default_bucket_key`.
    arg_names, param_names, aux_names : list of str
    work_load_list : list of float, optional
        Share of the batch for each context; equal ones by default.
    logger : Logger, optional
    sym_gen : callable, optional
        Makes the symbol of a bucket from its key.
    """

    def __init__(
        self,
        symbol,
        ctx,
        train_data,
        arg_names,
        param_names,
        aux_names,
        work_load_list=None,
        logger=None,
        sym_gen: Callable[[Any], Any] | None = None,
    ):
        self.logger = logging if logger is None else logger
        self.logger.info("Start training with %s", str(ctx))
        work_load_list = [1] * len(ctx) if work_load_list is None else work_load_list
        if not isinstance(work_load_list, list) or len(work_load_list) != len(ctx):
            raise ValueError(
                f"[DataParallelExecutorManager] work_load_list: got {work_load_list}, expected a list of "
                f"{len(ctx)} numbers"
            )
        self.slices = _split_input_slice(train_data.batch_size, work_load_list)
        self.arg_names, self.param_names, self.aux_names = arg_names, param_names, aux_names
        self.ctx, self.symbol, self.sym_gen = ctx, symbol, sym_gen
        group = DataParallelExecutorGroup(symbol, arg_names, param_names, ctx, self.slices, train_data)
        self.execgrp = self.curr_execgrp = group
        self.execgrp_bucket = {train_data.default_bucket_key: group} if sym_gen is not None else {}

    def install_monitor(self, monitor):
        """Installs a monitor on all executors. Raises NotImplementedError with buckets, as MXNet does."""
        if self.sym_gen is not None:
            raise NotImplementedError("[DataParallelExecutorManager] a monitor cannot watch buckets")
        for executor in self.execgrp.train_execs:
            monitor.install(executor)

    def set_params(self, arg_params, aux_params):
        """Copies parameters to all contexts."""
        for executor in self.execgrp.train_execs:
            executor.copy_params_from(arg_params, aux_params)

    def copy_to(self, arg_params, aux_params):
        """Copies parameters into the arrays of two dicts: the means over the contexts."""
        for names, by_name, params in (
            (self.param_names, self.param_arrays, arg_params),
            (self.aux_names, self.aux_arrays, aux_params),
        ):
            for name, arrays in zip(names, by_name):
                mean = sum(array.as_in_context(arrays[0].context) for array in arrays) / len(arrays)
                mean.astype(params[name].dtype).copyto(params[name])

    @property
    def param_arrays(self):
        """Parameters, by name and then by context."""
        return self.execgrp.param_arrays

    @property
    def grad_arrays(self):
        """Gradients of the parameters, by name and then by context."""
        return self.execgrp.grad_arrays

    @property
    def aux_arrays(self):
        """Auxiliary states, by name and then by context."""
        return self.execgrp.aux_arrays

    def load_data_batch(self, data_batch):
        """Copies a batch into the executors, with `sym_gen` into those of its bucket."""
        if self.sym_gen is not None:
            key = data_batch.bucket_key
            if key not in self.execgrp_bucket:
                self.execgrp_bucket[key] = DataParallelExecutorGroup(
                    self.sym_gen(key),
                    self.arg_names,
                    self.param_names,
                    self.ctx,
                    self.slices,
                    data_batch,
                    shared_group=self.execgrp,
                )
            self.curr_execgrp = self.execgrp_bucket[key]
        self.curr_execgrp.load_data_batch(data_batch)

    def forward(self, is_train=False):
        """Runs the executors of the loaded batch."""
        self.curr_execgrp.forward(is_train=is_train)

    def backward(self):
        """Runs the executors of the loaded batch backward."""
        self.curr_execgrp.backward()

    def update_metric(self, metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of the loaded batch."""
        self.curr_execgrp.update_metric(metric, labels, pre_sliced)
