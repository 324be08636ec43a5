"""What a BucketingModule passes on to the module of its current bucket."""

from __future__ import annotations

from typing import Any

from .base_module import BaseModule


class CurrentBucket(BaseModule):
    """Description and computation, which are those of the current bucket."""

    _curr_module: Any
    _described: Any  # names of data and of outputs of the default bucket

    @property
    def data_names(self):
        """Names of the data inputs of the current bucket; of the default one before `bind`."""
        return self._curr_module.data_names if self.binded else self._described[0]

    @property
    def output_names(self):
        """Names of the outputs of the current bucket; of the default one before `bind`."""
        return self._curr_module.output_names if self.binded else self._described[1]

    @property
    def data_shapes(self):
        """List of DataDesc of the data inputs of the current bucket."""
        self._require("data_shapes", params=False)
        return self._curr_module.data_shapes

    @property
    def label_shapes(self):
        """List of DataDesc of the labels of the current bucket; None where it is bound without labels."""
        self._require("label_shapes", params=False)
        return self._curr_module.label_shapes

    @property
    def output_shapes(self):
        """List of (name, shape) of the outputs of the current bucket."""
        self._require("output_shapes", params=False)
        return self._curr_module.output_shapes

    @property
    def symbol(self):
        """The symbol of the current bucket."""
        self._require("symbol", params=False)
        return self._curr_module.symbol

    def get_states(self, merge_multi_context=True):
        """The states of the current bucket; buckets with states of the same shape share them."""
        self._require("get_states")
        return self._curr_module.get_states(merge_multi_context=merge_multi_context)

    def set_states(self, states=None, value=None):
        """Sets the states of the current bucket; see `Module.set_states`."""
        self._require("set_states")
        self._curr_module.set_states(states, value)

    def update(self):
        """Updates the parameters by the installed optimizer and the gradients of the last backward."""
        if not (self.binded and self.params_initialized and self.optimizer_initialized):
            self._require("update", optimizer=True)
        self._curr_module.update()

    def backward(self, out_grads=None):
        """Backward computation of the current bucket; see `Module.backward`."""
        if not (self.binded and self.params_initialized):
            self._require("backward")
        self._curr_module.backward(out_grads)

    def get_outputs(self, merge_multi_context=True):
        """Outputs of the last forward; see `Module.get_outputs`."""
        if not (self.binded and self.params_initialized):
            self._require("get_outputs")
        return self._curr_module.get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """Gradients of the data inputs from the last backward; see `Module.get_input_grads`."""
        self._require("get_input_grads")
        return self._curr_module.get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of the last forward; see `Module.update_metric`."""
        if not (self.binded and self.params_initialized):
            self._require("update_metric")
        self._curr_module.update_metric(eval_metric, labels, pre_sliced)
