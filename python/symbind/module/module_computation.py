"""The computation of a Module: forward, backward, and what comes out of them."""

from __future__ import annotations

from typing import Any

from ..base import MXNetError
from .descriptions import resized_labels, with_shape
from .module_optimizer import ModuleOptimizer


class ModuleComputation(ModuleOptimizer):
    """What Module does with its executors."""

    _data_shapes: Any
    _label_shapes: Any
    reshape: Any

    def forward(self, data_batch, is_train=None):
        """Forward computation.

        A batch of another size or shape rebinds the module to it; executors for recent shapes are kept.

        Parameters
        ----------
        data_batch : DataBatch
            Anything with ``data`` and, optionally, ``label``: lists of NDArray or NumPy arrays. Values are
            converted to the bound dtypes. A list of batches, one for each context, is accepted too.
        is_train : bool, optional
            Default `for_training`.
        """
        if not (self.binded and self.params_initialized):
            self._require("forward")
        group = self._exec_group
        if isinstance(data_batch, list):
            self._load_presliced(data_batch)
        elif not group.load_batch(data_batch):
            self._reshape_for(data_batch)
        group.run_forward(self.for_training if is_train is None else is_train)

    def _reshape_for(self, batch):
        """Rebinds to the shapes of a batch and loads it."""
        label = getattr(batch, "label", None)
        data_shapes = getattr(batch, "provide_data", None)
        if not data_shapes:
            data_shapes = [with_shape(d, source.shape) for d, source in zip(self._data_shapes, batch.data)]
        label_shapes = None
        if self._label_shapes and label:
            label_shapes = getattr(batch, "provide_label", None)
            if not label_shapes:
                label_shapes = [with_shape(d, source.shape) for d, source in zip(self._label_shapes, label)]
        described = [tuple(d[1]) for d in [*data_shapes, *(label_shapes or [])]]
        actual = [tuple(a.shape) for a in [*batch.data, *((label_shapes and label) or [])]]
        if described != actual:
            raise ValueError(
                "[Module.forward] the arrays of the batch do not have the shapes it describes: got "
                f"{actual}, expected {described}"
            )
        before = self._shapes_now()
        self._reshape_inferring(data_shapes, label_shapes)
        if not self._exec_group.load_batch(batch):
            self._back_to(before)
            raise ValueError(
                f"[Module.forward] the labels of the batch do not fit its data: got {actual}, with labels of "
                f"{[tuple(a.shape) for a in label or []]}"
            )

    def _shapes_now(self):
        return self._data_shapes, self._label_shapes

    def _back_to(self, shapes):
        if self._data_shapes is not shapes[0] or self._label_shapes is not shapes[1]:
            self.reshape(*shapes)

    def _reshape_inferring(self, data_shapes, label_shapes):
        """`reshape`; labels that are not described follow the batch size, or else the inferred shape."""
        if label_shapes is None and self._label_shapes:
            try:
                self.reshape(data_shapes, resized_labels(self._label_shapes, data_shapes))
                return
            except (MXNetError, ValueError):
                pass  # not only the batch size changed
        self.reshape(data_shapes, label_shapes)

    def _load_presliced(self, batches):
        """Loads one batch for each context."""
        if len(batches) != len(self._context):
            raise ValueError(
                f"[Module.forward] got {len(batches)} batches, expected one for each of "
                f"{len(self._context)} contexts"
            )
        group = self._exec_group
        data, labels = group.joined_shapes(batches)
        if data != [tuple(d.shape) for d in self._data_shapes]:
            label_shapes = None
            if labels and self._label_shapes:
                label_shapes = [with_shape(d, shape) for d, shape in zip(self._label_shapes, labels)]
            self._reshape_inferring(
                [with_shape(d, shape) for d, shape in zip(self._data_shapes, data)], label_shapes
            )
        group.load_presliced(batches)

    def backward(self, out_grads=None):
        """Backward computation.

        Parameters
        ----------
        out_grads : NDArray or list of NDArray, optional
            Gradients of the outputs; needed where the outputs are not losses.
        """
        if not (self.binded and self.params_initialized):
            self._require("backward")
        self._exec_group.backward(out_grads)

    def get_outputs(self, merge_multi_context=True):
        """Outputs of the last forward.

        Parameters
        ----------
        merge_multi_context : bool
            Default True: one array an output. False: a list by context for each output.

        Returns
        -------
        list of NDArray, or list of lists of NDArray
            The arrays of the executors themselves with one context: the next forward overwrites them.
        """
        if not (self.binded and self.params_initialized):
            self._require("get_outputs")
        return self._exec_group.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """Gradients of the data inputs from the last backward, in the form of `get_outputs`.

        Needs ``bind(..., inputs_need_grad=True)``.
        """
        self._require("get_input_grads")
        if not self.inputs_need_grad:
            raise RuntimeError(
                "[Module.get_input_grads] no gradients of inputs: bind with inputs_need_grad=True"
            )
        return self._exec_group.get_input_grads(merge_multi_context=merge_multi_context)

    def get_states(self, merge_multi_context=True):
        """The states in the order of `state_names`, in the form of `get_outputs`."""
        self._require("get_states")
        return self._exec_group.get_states(merge_multi_context=merge_multi_context)

    def set_states(self, states=None, value=None):
        """Sets the states.

        Parameters
        ----------
        states : list of list of NDArray, or list of NDArray
            By state, then by context; or whole, such as merged outputs.
        value : number
            For all states, instead of `states`.
        """
        self._require("set_states")
        self._exec_group.set_states(states, value)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of the last forward.

        Parameters
        ----------
        eval_metric : EvalMetric
        labels : list of NDArray
            Typically ``data_batch.label``; with `pre_sliced` a list of those, one for each context.
        pre_sliced : bool
            Default False.
        """
        if not (self.binded and self.params_initialized):
            self._require("update_metric")
        self._exec_group.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon):
        """Installs a monitor on all executors."""
        self._require("install_monitor", params=False)
        self._exec_group.install_monitor(mon)
