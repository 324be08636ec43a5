"""Modules written in Python: PythonModule to derive from, and PythonLossModule to end a chain with."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..initializer import Uniform
from ..ndarray import NDArray
from .base_module import BaseModule
from .descriptions import _as_desc

__all__ = ["PythonLossModule", "PythonModule"]


class PythonModule(BaseModule):
    """Base of modules without parameters that compute in Python: most methods are there and do nothing.

    A subclass implements `_compute_output_shapes`, `forward`, `get_outputs` and, for training, `backward` and
    `get_input_grads`; one with parameters also what concerns parameters and the optimizer.

    Parameters
    ----------
    data_names : list of str
    label_names : list of str or None
        None: the module takes no labels.
    output_names : list of str
    logger : Logger
        Default the `logging` module.
    """

    def __init__(self, data_names, label_names, output_names, logger=logging):
        super().__init__(logger=logger)
        self._data_names = list(data_names)
        self._label_names = None if label_names is None else list(label_names)
        self._output_names = list(output_names)
        self._data_shapes: Any = None
        self._label_shapes: Any = None
        self._output_shapes: Any = None

    # -------------------------------------------------------------------------------------------- description

    @property
    def data_names(self):
        """Names of the data inputs."""
        return self._data_names

    @property
    def label_names(self):
        """Names of the labels; None where the module takes none."""
        return self._label_names

    @property
    def output_names(self):
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self):
        """List of DataDesc of the data inputs."""
        if self._data_shapes is None:
            self._require("data_shapes", params=False)
        return self._data_shapes

    @property
    def label_shapes(self):
        """List of DataDesc of the labels; [] where the module takes none or is bound without."""
        if self._data_shapes is None:
            self._require("label_shapes", params=False)
        return self._label_shapes or []

    @property
    def output_shapes(self):
        """List of (name, shape) of the outputs."""
        if self._output_shapes is None:
            self._require("output_shapes", params=False)
        return self._output_shapes

    # --------------------------------------------------------------------------------------------- parameters

    def get_params(self):
        """Returns ({}, {}): there are no parameters."""
        return {}, {}

    def init_params(
        self,
        initializer=Uniform(0.01),  # noqa: B008
        arg_params=None,
        aux_params=None,
        allow_missing=False,
        force_init=False,
        allow_extra=False,
    ):
        """Has no parameters to initialize; marks the module as ready."""
        if not (self.params_initialized and not force_init):
            self._require("init_params", params=False)
            self.params_initialized = True

    def init_optimizer(
        self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), force_init=False
    ):
        """Has nothing to optimize; marks the module as ready."""
        self._require("init_optimizer", params=False)
        self.optimizer_initialized = True

    def update(self):
        """Has no parameters to update."""

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of the last forward, unless the module takes no labels.

        Parameters
        ----------
        eval_metric : EvalMetric
        labels : list of NDArray
        pre_sliced : bool
            Must be False: there is one context.
        """
        if not self._label_shapes:
            return
        if pre_sliced:
            raise ValueError(
                f"[{type(self).__name__}.update_metric] pre_sliced labels: got one list a context, expected "
                "the labels of the whole batch, since a PythonModule has no contexts"
            )
        eval_metric.update(labels, self.get_outputs())

    def install_monitor(self, mon):
        """Has no executor to watch."""

    # ------------------------------------------------------------------------------------------------ binding

    def bind(
        self,
        data_shapes,
        label_shapes=None,
        for_training=True,
        inputs_need_grad=False,
        force_rebind=False,
        shared_module=None,
        grad_req="write",
    ):
        """Takes in the shapes of the inputs. On failure nothing changes.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            In the order of `data_names` and `label_names`.
        for_training, inputs_need_grad : bool
            Default True and False.
        force_rebind : bool
            Default False: a bound module stays as it is.
        shared_module
            Not used: there is nothing to share.
        grad_req : str
            Must be 'write'.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        where = f"[{type(self).__name__}.bind]"
        if grad_req != "write":
            raise ValueError(f"{where} grad_req: got {grad_req!r}, expected 'write', the only one in Python")
        data = self._checked(where, "data", self._data_names, data_shapes)
        labels = (
            self._checked(where, "label", self._label_names or [], label_shapes) if label_shapes else None
        )
        before = self._data_shapes, self._label_shapes
        self._data_shapes, self._label_shapes = data, labels
        try:
            self._output_shapes = self._compute_output_shapes()
        except BaseException:
            self._data_shapes, self._label_shapes = before
            raise
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.binded = True

    @staticmethod
    def _checked(where, what, names, shapes):
        descs = [_as_desc(desc) for desc in shapes]
        if [desc.name for desc in descs] != names:
            raise ValueError(
                f"{where} {what}_shapes: got {[desc.name for desc in descs]}, expected {names} in this order"
            )
        return descs

    def _compute_output_shapes(self):
        """List of (name, shape) of the outputs, from ``self.data_shapes``; `bind` calls it."""
        raise self._abstract("_compute_output_shapes")


class PythonLossModule(PythonModule):
    """A loss at the end of a chain: its outputs are its inputs, its backward is a function of yours.

    Parameters
    ----------
    name : str
        Default 'pyloss'. The output is ``name + '_output'``.
    data_names : list of str
        One name, default 'data': the scores.
    label_names : list of str
        One name, default 'softmax_label'.
    logger : Logger
        Default the `logging` module.
    grad_func : function, optional
        Of scores and labels, both NDArrays; returns the gradient of the scores as an NDArray or NumPy array.
        A subclass may override `_backward_impl` instead.
    """

    def __init__(
        self,
        name="pyloss",
        data_names=("data",),
        label_names=("softmax_label",),
        logger=logging,
        grad_func=None,
    ):
        for what, names in (("data_names", data_names), ("label_names", label_names)):
            if not isinstance(names, (list, tuple)) or len(names) != 1:
                raise ValueError(f"[PythonLossModule] {what}: got {names!r}, expected a list of one name")
        if grad_func is not None and not callable(grad_func):
            raise TypeError(
                f"[PythonLossModule] grad_func: got {type(grad_func).__name__}, expected a function"
            )
        super().__init__(data_names, label_names, [f"{name}_output"], logger=logger)
        self._name = name
        self._grad_func = grad_func
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None

    def _compute_output_shapes(self):
        return [(self._output_names[0], tuple(self._data_shapes[0].shape))]

    def forward(self, data_batch, is_train=None):
        """Keeps the scores and, in training, the labels of a batch.

        Parameters
        ----------
        data_batch : DataBatch
        is_train : bool, optional
            Default `for_training`.
        """
        self._require("forward", params=False)
        labels = getattr(data_batch, "label", None)
        is_train = self.for_training if is_train is None else is_train
        if is_train and not labels:
            raise ValueError("[PythonLossModule.forward] the batch has no label, which training needs")
        self._scores = data_batch.data[0]
        self._labels = labels[0] if labels else None
        self._scores_grad = None

    def get_outputs(self, merge_multi_context=True):
        """The scores, in a list of one. `merge_multi_context` must be True."""
        self._require_one_context("get_outputs", merge_multi_context)
        if self._scores is None:
            raise RuntimeError("[PythonLossModule.get_outputs] there is no output: call forward() first")
        return [self._scores]

    def backward(self, out_grads=None):
        """Computes the gradient of the scores. `out_grads` must be None, since this is a loss."""
        self._require("backward", params=False)
        if out_grads is not None:
            raise ValueError("[PythonLossModule.backward] out_grads: got gradients, expected None for a loss")
        if not self.for_training:
            raise RuntimeError("[PythonLossModule.backward] re-bind with for_training=True to run backward")
        if self._scores is None or self._labels is None:
            raise RuntimeError("[PythonLossModule.backward] call forward() with a label first")
        self._backward_impl()

    def _backward_impl(self):
        """Sets ``self._scores_grad`` from ``self._scores`` and ``self._labels``."""
        if self._grad_func is None:
            raise NotImplementedError(
                f"[{type(self).__name__}.backward] there is no gradient: pass grad_func, or override "
                "_backward_impl in a subclass"
            )
        grad = self._grad_func(self._scores, self._labels)
        if not isinstance(grad, (NDArray, np.ndarray)):
            raise TypeError(
                f"[PythonLossModule.backward] grad_func returned {type(grad).__name__}, expected an NDArray "
                "or a NumPy array"
            )
        if tuple(grad.shape) != tuple(self._scores.shape):
            raise ValueError(
                f"[PythonLossModule.backward] grad_func returned shape {tuple(grad.shape)}, expected that of "
                f"the scores {tuple(self._scores.shape)}"
            )
        self._scores_grad = grad if isinstance(grad, NDArray) else nd.array(grad, dtype=self._scores.dtype)

    def get_input_grads(self, merge_multi_context=True):
        """The gradient of the scores, in a list of one. `merge_multi_context` must be True."""
        self._require_one_context("get_input_grads", merge_multi_context)
        if self._scores_grad is None:
            raise RuntimeError(
                "[PythonLossModule.get_input_grads] there is no gradient: call backward() first"
            )
        return [self._scores_grad]

    @staticmethod
    def _require_one_context(method, merge_multi_context):
        if not merge_multi_context:
            raise ValueError(
                f"[PythonLossModule.{method}] merge_multi_context: got False, expected True, since there "
                "are no contexts"
            )
