"""The executors of a module, one for each context, and the slicing of batches between them."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..io import DataDesc
from ..ndarray import NDArray
from .binder import Binder, Bound, batch_axes, resolve_grad_req
from .loading import BatchLoading
from .slicing import (
    _load,
    _load_slice,
    _merge,
    _prepare_group2ctxs,
    _sliced_label,
    _split_input_slice,
    state_parts,
)

__all__ = ["DataParallelExecutorGroup"]

# How many sets of executors for other input shapes are kept: enough for training and evaluation batches and
# their remainders, without holding on to the memory of every shape ever seen.
_KEPT_SHAPES = 4


class DataParallelExecutorGroup(BatchLoading):
    """Executors of one symbol on several contexts. Each works on a slice of the batch.

    Parameters
    ----------
    symbol : Symbol
    contexts : list of Context
    workload : list of float
        Share of the batch for each context.
    data_shapes : list of DataDesc
    label_shapes : list of DataDesc or None
    param_names : list of str
    for_training, inputs_need_grad : bool
    shared_group : DataParallelExecutorGroup, optional
        Parameters, their gradients and auxiliary states are used from this group by reference.
    logger : Logger
    fixed_param_names : list of str, optional
        Parameters without gradient.
    grad_req : str, list of str, dict of str to str
    state_names : list of str, optional
    group2ctxs : dict or list of dict, optional
    pool : ArrayPool, optional
        Memory for inputs and outputs that this group shares with others.

    Attributes
    ----------
    execs : list of Executor
    param_arrays, grad_arrays, aux_arrays : list of list of NDArray
        By name, then by context; gradients are None where there are none.
    data_arrays, label_arrays : list of list of (slice, NDArray)
    """

    def __init__(
        self,
        symbol,
        contexts,
        workload,
        data_shapes,
        label_shapes,
        param_names,
        for_training,
        inputs_need_grad,
        shared_group=None,
        logger=logging,
        fixed_param_names=None,
        grad_req="write",
        state_names=None,
        group2ctxs=None,
        pool=None,
        compute_dtype="float32",
    ):
        self.symbol = symbol
        self.contexts = contexts
        self.workload = workload
        self.param_names = param_names
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.logger = logger
        self.fixed_param_names = fixed_param_names or []
        self.state_names = state_names or []
        self.group2ctxs = _prepare_group2ctxs(group2ctxs, len(contexts))
        self.arg_names = symbol.list_arguments()
        self.aux_names = symbol.list_auxiliary_states()
        self.output_names = symbol.list_outputs()
        self.param_names_in_order = [n for n in self.arg_names if n in set(param_names)]
        self.output_layouts = [self._output_axis(name) for name in self.output_names]
        self.data_names = [d.name for d in data_shapes]
        taken = {*self.param_names, *self.data_names, *self.state_names}
        self.label_names = [n for n in self.arg_names if n not in taken]
        if label_shapes:
            described = [d.name for d in label_shapes]
            self.label_names = described + [n for n in self.label_names if n not in described]
        wanted = {n for n in param_names if n not in self.fixed_param_names}
        wanted.update(self.data_names if inputs_need_grad else ())
        self.grad_req = resolve_grad_req(grad_req, self.arg_names, for_training, wanted)
        self._binder = Binder(
            symbol,
            contexts,
            workload,
            param_names,
            self.label_names,
            self.state_names,
            self.grad_req,
            self.group2ctxs,
            pool,
            compute_dtype,
        )
        self._kept: OrderedDict[Any, Bound] = OrderedDict()
        self._monitors: list[Any] = []
        self._bound: Bound | None = None
        self.bind_exec(data_shapes, label_shapes, shared_group)

    def _output_axis(self, name: str) -> int:
        # An output node's attribute may say where its batch axis is; the default is the first axis.
        layout = self.symbol[name].attr("__layout__")
        return DataDesc.get_batch_axis(layout)

    # ------------------------------------------------------------------------------------------------ binding

    def decide_slices(self, data_shapes):
        """Batch axis of each description; sets `batch_size` and `slices` for the contexts."""
        layouts, batch_size = batch_axes(data_shapes)
        if batch_size is not None:
            self.slices = _split_input_slice(batch_size, self.workload)
            self.batch_size = batch_size
        return layouts

    def bind_exec(self, data_shapes, label_shapes, shared_group=None, reshape=False):
        """Makes executors for the shapes, or takes kept ones. On failure the group stays as it was."""
        key = self._key(data_shapes, label_shapes)
        bound = None if self._monitors else self._kept.get(key)
        if bound is None:
            base = self._bound or shared_group
            bound = self._binder.bind(data_shapes, label_shapes, None if base is None else base.execs)
        for monitor in self._monitors:
            self._move_monitor(monitor, bound)
        if self._monitors:
            self._kept.clear()
        self._kept[key] = bound
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_SHAPES:
            self._kept.popitem(last=False)
        self._current_key = key
        self._use(bound)

    @staticmethod
    def _key(data_shapes, label_shapes):
        """What tells sets of executors apart."""
        return tuple(
            (d.name, tuple(d.shape), np.dtype(d.dtype).str, d.layout)
            for d in data_shapes + (label_shapes or [])
        )

    def reshape(self, data_shapes, label_shapes):
        """Changes the input shapes. Parameters, gradients and auxiliary states stay the same arrays."""
        if self._bound is None or self._key(data_shapes, label_shapes) != self._current_key:
            self.bind_exec(data_shapes, label_shapes, reshape=True)

    def _use(self, bound: Bound) -> None:
        """Makes a set of executors the current one and collects its arrays."""
        previous, self._bound = self._bound, bound
        execs = bound.execs
        self.execs = execs
        self.slices, self.batch_size = bound.slices, bound.batch_size
        self.data_shapes, self.label_shapes = bound.data_shapes, bound.label_shapes
        self.data_layouts = [t.axis for t in bound.data]
        self.label_layouts = [t.axis for t in bound.labels]
        self._data, self._labels = bound.data, bound.labels
        self._data_fast = [t.fast() for t in bound.data]
        self._labels_fast = [t.fast() for t in bound.labels]
        self._outputs = bound.outputs
        self._named_outputs = dict(zip(self.output_names, bound.outputs[0]))
        self._only = execs[0] if len(execs) == 1 else None
        self.data_arrays = [list(zip(bound.slices, t.arrays)) for t in bound.data]
        self.label_arrays = (
            [list(zip(bound.slices, t.arrays)) for t in bound.labels] if bound.label_shapes else None
        )
        arg_dicts = [e.arg_dict for e in execs]
        grad_dicts = [e.grad_dict for e in execs]
        self.state_arrays = [[args[name] for args in arg_dicts] for name in self.state_names]
        self.input_grad_arrays = None
        if self.for_training and self.inputs_need_grad:
            self.input_grad_arrays = [[grads.get(d.name) for grads in grad_dicts] for d in bound.data_shapes]
        if previous is None:
            self.param_arrays = [[args[name] for args in arg_dicts] for name in self.param_names_in_order]
            self.grad_arrays = [
                [grads.get(name) for grads in grad_dicts] for name in self.param_names_in_order
            ]
            self.aux_arrays = [[e.aux_dict[name] for e in execs] for name in self.aux_names]

    # --------------------------------------------------------------------------------------------- parameters

    def param_array(self, name):
        """The arrays of a parameter by context. Raises ValueError for an unknown name."""
        if name not in self.param_names_in_order:
            raise ValueError(f"[Module] no parameter {name!r}: expected one of {self.param_names_in_order}")
        return self.param_arrays[self.param_names_in_order.index(name)]

    def described_labels(self, descs):
        """Descriptions of labels with the shapes that are bound now."""
        shapes = {name: target.shape for name, target in zip(self.label_names, self._labels)}
        return [DataDesc(d.name, shapes.get(d.name, d.shape), d.dtype, d.layout) for d in descs]

    def set_params(self, arg_params, aux_params, allow_extra=False):
        """Copies parameters to all contexts. Names that the symbol does not have raise ValueError.

        With `allow_extra` they are left out. Nothing is copied where any name or shape is wrong.
        """
        pairs = []
        for what, params, attribute in (
            ("arguments", arg_params, "arg_dict"),
            ("auxiliary states", aux_params, "aux_dict"),
        ):
            for name, value in (params or {}).items():
                for executor in self.execs:
                    target = getattr(executor, attribute).get(name)
                    if target is None:
                        if allow_extra:
                            break
                        raise ValueError(f'[Module.set_params] Find name "{name}" that is not in the {what}')
                    if tuple(value.shape) != tuple(target.shape):
                        raise ValueError(
                            f"[Module.set_params] parameter {name!r}: got shape {tuple(value.shape)}, "
                            f"expected {tuple(target.shape)}"
                        )
                    pairs.append((target, value))
        for target, value in pairs:
            _load(target, value)

    def get_params(self, arg_params, aux_params):
        """Copies parameters into the arrays of the two dicts; several contexts are averaged."""
        for names, arrays, params in (
            (self.param_names_in_order, self.param_arrays, arg_params),
            (self.aux_names, self.aux_arrays, aux_params),
        ):
            for name, on_devices in zip(names, arrays):
                target = params[name]
                if len(on_devices) == 1:
                    _load(target, on_devices[0])
                else:
                    total = on_devices[0].copy()
                    for other in on_devices[1:]:
                        total += other.as_in_context(total.context)
                    total /= len(on_devices)
                    _load(target, total)

    # -------------------------------------------------------------------------------------------- computation

    def run_forward(self, is_train: bool) -> None:
        """Runs forward on what is loaded."""
        if self._only is not None:
            self._only.handle.forward(is_train)
            return
        for executor in self.execs:
            executor.forward(is_train)

    def forward(self, data_batch, is_train=None):
        """Loads a batch of the bound shapes and runs forward.

        Parameters
        ----------
        data_batch : DataBatch, or list of them, one for each context
        is_train : bool, optional
            Default `for_training`.
        """
        if isinstance(data_batch, list):
            self.load_presliced(data_batch)
        elif not self.load_batch(data_batch):
            raise ValueError(
                "[DataParallelExecutorGroup.forward] the batch does not have the bound shapes "
                f"{self.data_shapes}: call reshape() first"
            )
        self.run_forward(self.for_training if is_train is None else is_train)

    def backward(self, out_grads=None):
        """Runs backward on all contexts.

        Parameters
        ----------
        out_grads : NDArray or list of NDArray, optional
            Gradients of the outputs, for the whole batch.
        """
        if not self.for_training:
            raise RuntimeError("[Module.backward] re-bind with for_training=True to run backward")
        if out_grads is None:
            for executor in self.execs:
                executor.handle.backward([])
            return
        if isinstance(out_grads, NDArray):
            out_grads = (out_grads,)
        if self._only is not None:
            self._only.backward(list(out_grads))
            return
        for i, (executor, part) in enumerate(zip(self.execs, self.slices)):
            executor.backward(
                [
                    self._sliced_grad(g, self.output_layouts[o], part, self._outputs[i][o])
                    for o, g in enumerate(out_grads)
                ]
            )

    @staticmethod
    def _sliced_grad(grad, axis, part, output):
        if axis < 0:
            return grad.as_in_context(output.context)
        local = nd.zeros(output.shape, output.context, dtype=output.dtype)
        _load_slice(local, grad, part, axis)
        return local

    # ------------------------------------------------------------------------------------------------ results

    def get_outputs(self, merge_multi_context=True, begin=0, end=None):
        """Outputs `begin` to `end` of the last forward, merged or as a list by context for each."""
        if self._only is not None:
            outputs = self._outputs[0][begin:end]
            return outputs if merge_multi_context else [[out] for out in outputs]
        by_output = [list(parts) for parts in zip(*self._outputs)][begin:end]
        if not merge_multi_context:
            return by_output
        return [_merge(parts, axis) for parts, axis in zip(by_output, self.output_layouts[begin:end])]

    def get_output_shapes(self):
        """(name, shape) of each output for the whole batch."""
        shapes = []
        for i, (name, axis) in enumerate(zip(self.output_names, self.output_layouts)):
            shape = list(self._outputs[0][i].shape)
            if axis >= 0 and len(self.execs) > 1:
                shape[axis] = sum(outputs[i].shape[axis] for outputs in self._outputs)
            shapes.append((name, tuple(shape)))
        return shapes

    @property
    def output_dtypes(self):
        """Dtype of each output."""
        return [out.dtype for out in self._outputs[0]]

    def get_input_grads(self, merge_multi_context=True):
        """Gradients of the data inputs from the last backward, in the form of `get_outputs`."""
        if self.input_grad_arrays is None:
            raise RuntimeError(
                "[Module.get_input_grads] bind with inputs_need_grad=True to compute gradients of inputs"
            )
        if merge_multi_context:
            return [_merge(parts, axis) for parts, axis in zip(self.input_grad_arrays, self.data_layouts)]
        return [list(parts) for parts in self.input_grad_arrays]

    def get_states(self, merge_multi_context=True):
        """The states: list of NDArray, or of lists by context if not merged."""
        if merge_multi_context:
            return [_merge(parts, 0) for parts in self.state_arrays]
        return [list(parts) for parts in self.state_arrays]

    def set_states(self, states=None, value=None):
        """Sets all states to a number, or to arrays: by state, each whole or as a list by context."""
        if value is not None:
            if states is not None:
                raise ValueError("[Module.set_states] only one of states and value can be specified")
            number = float(value)  # before any array is touched
            for arrays in self.state_arrays:
                for array in arrays:
                    array[:] = number
            return
        if states is None:
            raise ValueError("[Module.set_states] at least one of states and value must be specified")
        if len(states) != len(self.state_arrays):
            raise ValueError(
                f"[Module.set_states] got {len(states)} states, expected {len(self.state_arrays)}: "
                f"{self.state_names}"
            )
        pairs = []
        for name, arrays, source in zip(self.state_names, self.state_arrays, states):
            pairs += state_parts(name, arrays, source)
        for array, values in pairs:
            _load(array, values)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of each context and the labels that belong to it."""
        names = self.label_names
        if self._only is not None and not pre_sliced:
            eval_metric.update_dict(dict(zip(names, labels or ())), dict(self._named_outputs))
            return
        for i, (outputs, part) in enumerate(zip(self._outputs, self.slices)):
            if pre_sliced:
                mine = labels[i]
            else:
                mine = [
                    _sliced_label(label, axis, part) for label, axis in zip(labels or (), self._label_axes())
                ]
            eval_metric.update_dict(dict(zip(names, mine)), dict(zip(self.output_names, outputs)))

    def _label_axes(self) -> list[int]:
        return self.label_layouts or [0] * len(self.label_names)

    def install_monitor(self, mon):
        """Installs a monitor on all executors, and on those that replace them after a reshape."""
        for executor in self.execs:
            mon.install(executor)
        self._monitors.append(mon)
        current = self._bound
        self._kept = OrderedDict((key, bound) for key, bound in self._kept.items() if bound is current)

    def _move_monitor(self, monitor, bound: Bound) -> None:
        old = [] if self._bound is None else self._bound.execs
        installed = getattr(monitor, "exes", None)
        if installed is not None:
            monitor.exes = [e for e in installed if not any(e is o for o in old)]
        for executor in bound.execs:
            monitor.install(executor)
