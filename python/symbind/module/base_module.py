"""The interface of all modules: states, description, parameters, computation, setup."""

from __future__ import annotations

import logging
import warnings

from .. import ndarray as nd
from ..base import _as_list  # noqa: F401  programs take these helpers from here
from ..initializer import Uniform
from ..model import pack_params, unpack_params
from .descriptions import _check_input_names, _check_names_match, _parse_data_desc  # noqa: F401
from .high_level import HighLevelInterface

__all__ = ["BaseModule"]


class BaseModule(HighLevelInterface):
    """Base class of modules: a machine that runs forward, backward and updates on a computation.

    A subclass implements the intermediate interface (`bind`, `init_params`, `init_optimizer`, `forward`,
    `backward`, `update`, `get_outputs`, ...); `fit`, `score` and `predict` here are written in terms of it.

    Parameters
    ----------
    logger : Logger
        Default the `logging` module.

    Attributes
    ----------
    binded, for_training, inputs_need_grad, params_initialized, optimizer_initialized : bool
        The state: memory allocated; bound for training; gradients of inputs wanted; parameters set; optimizer
        set.
    """

    def __init__(self, logger=logging):
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol = None
        self._total_exec_bytes = 0

    def _require(self, method, params=True, optimizer=False):
        """Raises RuntimeError naming the missing step if the module is not ready for `method`."""
        where = f"[{type(self).__name__}.{method}]"
        if not self.binded:
            raise RuntimeError(f"{where} the module is not bound: call bind() first")
        if params and not self.params_initialized:
            raise RuntimeError(f"{where} the parameters are not initialized: call init_params() first")
        if optimizer and not self.optimizer_initialized:
            raise RuntimeError(f"{where} the optimizer is not initialized: call init_optimizer() first")

    def _abstract(self, method):
        return NotImplementedError(
            f"[{type(self).__name__}.{method}] a subclass of BaseModule must implement this"
        )

    def _shapes_now(self):
        """What `_back_to` needs: containers return to it where a later module of theirs fails."""

    def _back_to(self, shapes):
        """Binds to the shapes that `_shapes_now` told again."""

    # -------------------------------------------------------------------------------------------- description

    @property
    def data_names(self):
        """Names of the data inputs."""
        raise self._abstract("data_names")

    @property
    def output_names(self):
        """Names of the outputs."""
        raise self._abstract("output_names")

    @property
    def data_shapes(self):
        """List of (name, shape) of the data inputs."""
        raise self._abstract("data_shapes")

    @property
    def label_shapes(self):
        """List of (name, shape) of the labels; empty or None where the module needs none."""
        raise self._abstract("label_shapes")

    @property
    def output_shapes(self):
        """List of (name, shape) of the outputs."""
        raise self._abstract("output_shapes")

    @property
    def symbol(self):
        """The symbol of this module; not constant for every kind of module."""
        return self._symbol

    # --------------------------------------------------------------------------------------------- parameters

    def get_params(self):
        """Returns (arg_params, aux_params), dicts of str to NDArray, copies of the values in use."""
        raise self._abstract("get_params")

    def init_params(
        self,
        initializer=Uniform(0.01),  # noqa: B008
        arg_params=None,
        aux_params=None,
        allow_missing=False,
        force_init=False,
        allow_extra=False,
    ):
        """Initializes parameters and auxiliary states.

        Parameters
        ----------
        initializer : Initializer
            For parameters that are not given. Default uniform in [-0.01, 0.01].
        arg_params, aux_params : dict of str to NDArray, optional
            Values to start from.
        allow_missing : bool
            Default False: where values are given, all must be. True leaves missing ones to `initializer`.
        force_init : bool
            Default False: do nothing if the parameters are initialized already.
        allow_extra : bool
            Default False. Whether values that the symbol does not use are expected.
        """
        raise self._abstract("init_params")

    def set_params(self, arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False):
        """Sets parameters and auxiliary states; `init_params` without an initializer."""
        self.init_params(
            initializer=None,
            arg_params=arg_params,
            aux_params=aux_params,
            allow_missing=allow_missing,
            force_init=force_init,
            allow_extra=allow_extra,
        )

    def save_params(self, fname):
        """Saves parameters and auxiliary states to a ``.params`` file."""
        arg_params, aux_params = self.get_params()
        nd.save(fname, pack_params(arg_params, aux_params))

    def load_params(self, fname):
        """Loads parameters and auxiliary states from a ``.params`` file."""
        arg_params, aux_params = unpack_params(nd.load(fname), fname)
        self.set_params(arg_params, aux_params)

    def get_states(self, merge_multi_context=True):
        """Returns the states: list of NDArray, or of lists by context. Modules without states return []."""
        self._require("get_states")
        return []

    def set_states(self, states=None, value=None):
        """Sets the states from arrays, or all to a number. Modules without states accept neither."""
        self._require("set_states")
        if states or value:
            raise ValueError(f"[{type(self).__name__}.set_states] this module has no states")

    def install_monitor(self, mon):
        """Installs a monitor on all executors."""
        raise self._abstract("install_monitor")

    # -------------------------------------------------------------------------------------------- computation

    def prepare(self, data_batch, sparse_row_id_fn=None):
        """Prepares for a data batch, before `forward`: switches buckets, pulls rows of sparse parameters.

        Parameters
        ----------
        data_batch : DataBatch
        sparse_row_id_fn : function, optional
            Of the batch; returns a dict of parameter name to the row ids to pull.
        """
        if sparse_row_id_fn is not None:
            warnings.warn(
                f"[{type(self).__name__}.prepare] sparse_row_id_fn is not used by this module", stacklevel=2
            )

    def forward(self, data_batch, is_train=None):
        """Forward computation.

        Parameters
        ----------
        data_batch : DataBatch
        is_train : bool, optional
            Default `for_training`.
        """
        raise self._abstract("forward")

    def backward(self, out_grads=None):
        """Backward computation.

        Parameters
        ----------
        out_grads : NDArray or list of NDArray, optional
            Gradients of the outputs; needed where the outputs are not losses.
        """
        raise self._abstract("backward")

    def get_outputs(self, merge_multi_context=True):
        """Outputs of the last forward: list of NDArray; not `merge_multi_context`: of lists by context."""
        raise self._abstract("get_outputs")

    def get_input_grads(self, merge_multi_context=True):
        """Gradients of the inputs from the last backward, in the form of `get_outputs`."""
        raise self._abstract("get_input_grads")

    def update(self):
        """Updates the parameters by the installed optimizer and the last gradients."""
        raise self._abstract("update")

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of the last forward.

        Parameters
        ----------
        eval_metric : EvalMetric
        labels : list of NDArray
            With `pre_sliced` a list of those, one for each context.
        pre_sliced : bool
        """
        raise self._abstract("update_metric")

    # -------------------------------------------------------------------------------------------------- setup

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
        """Allocates memory and prepares the computation.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
        for_training : bool
            Default True.
        inputs_need_grad : bool
            Default False. Whether gradients of the data are computed.
        force_rebind : bool
            Default False: a bound module stays as it is.
        shared_module : BaseModule, optional
            A module whose parameters this one uses.
        grad_req : str, list of str, dict of str to str
            'write', 'add' or 'null', for all arguments or for each.
        """
        raise self._abstract("bind")

    def init_optimizer(
        self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), force_init=False
    ):
        """Installs an optimizer and the store for parameters.

        Parameters
        ----------
        kvstore : KVStore, str or None
        optimizer : Optimizer or str
        optimizer_params : dict, or pairs
            Arguments for an optimizer given by name.
        force_init : bool
            Default False: an installed optimizer stays.
        """
        raise self._abstract("init_optimizer")
