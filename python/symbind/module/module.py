"""Module: a symbol with parameters, an optimizer, and executors on one or more contexts."""

from __future__ import annotations

import logging
from typing import Any

from .. import context as _context
from ..model import (
    load_checkpoint,
    save_checkpoint,
)
from .descriptions import _check_input_names, _parse_data_desc, check_compute_dtype, unnamed_labels
from .executor_group import DataParallelExecutorGroup
from .module_computation import ModuleComputation

__all__ = ["Module"]


class Module(ModuleComputation):
    """A module that runs a symbol.

    Parameters
    ----------
    symbol : Symbol
    data_names : list of str
        Default ``('data',)``.
    label_names : list of str or None
        Default ``('softmax_label',)``. None: no labels; the losses' are no parameters either.
    logger : Logger
        Default the `logging` module.
    context : Context or list of Context
        Default ``cpu()``. Several contexts share every batch.
    work_load_list : list of number, optional
        Share of the batch for each context; default equal.
    fixed_param_names : list of str, optional
        Parameters that are not trained.
    state_names : list of str, optional
        Inputs that no iterator provides: zero at first, set by `set_states`.
    group2ctxs : dict of str to context(s), or list of such dicts, optional
        Context of each ``ctx_group``.
    compression_params : dict, optional
        Gradient compression of the store, such as ``{'type': '2bit', 'threshold': 0.5}``.
    compute_dtype : str, optional
        ``'bfloat16'``: convolutions, and what lies between them, compute in bfloat16 on processors that have
        instructions for it (AVX512-BF16; others go on in float32). Parameters, gradients, inputs and outputs
        stay float32. Default ``'float32'``.
    """

    def __init__(
        self,
        symbol,
        data_names=("data",),
        label_names=("softmax_label",),
        logger=logging,
        context=_context.cpu(),  # noqa: B008 - the documented default; contexts are values
        work_load_list=None,
        fixed_param_names=None,
        state_names=None,
        group2ctxs=None,
        compression_params=None,
        compute_dtype=None,
    ):
        super().__init__(logger=logger)
        contexts = [context] if isinstance(context, _context.Context) else list(context)
        if not contexts or not all(isinstance(c, _context.Context) for c in contexts):
            raise TypeError(f"[Module] context: got {context!r}, expected a Context or a list of them")
        work_load_list = [1] * len(contexts) if work_load_list is None else list(work_load_list)
        if len(work_load_list) != len(contexts) or any(load <= 0 for load in work_load_list):
            raise ValueError(
                f"[Module] work_load_list: got {work_load_list}, expected a positive number for each of the "
                f"{len(contexts)} contexts"
            )
        data_names = list(data_names) if data_names is not None else []
        label_names = list(label_names) if label_names is not None else []
        state_names = list(state_names) if state_names is not None else []
        fixed_param_names = list(fixed_param_names) if fixed_param_names is not None else []
        _check_input_names(symbol, data_names, "data", True)
        _check_input_names(symbol, label_names, "label", False)
        _check_input_names(symbol, state_names, "state", True)
        _check_input_names(symbol, fixed_param_names, "fixed_param", True)

        self._symbol = symbol
        self._context = contexts
        self._work_load_list = work_load_list
        self._group2ctxs = group2ctxs
        self._compression_params = compression_params
        self._compute_dtype = check_compute_dtype("Module", compute_dtype)
        self._data_names = data_names
        self._label_names = label_names
        self._state_names = state_names
        self._fixed_param_names = fixed_param_names
        inputs = {*data_names, *label_names, *state_names}
        if not label_names:
            inputs.update(unnamed_labels(symbol))
        self._param_names = [name for name in symbol.list_arguments() if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()

        self._arg_params: Any = None
        self._aux_params: Any = None
        self._shares: Any = None
        self._dirty = [False]  # whether the dicts lag behind; shared with modules that share the parameters
        self._borrowed = [False]  # whether they hold the bound arrays themselves; shared likewise

        self._optimizer: Any = None
        self._kvstore: Any = None
        self._update_on_kvstore: Any = None
        self._updater: Any = None
        self._preload_opt_states = None
        self._grad_req: Any = None
        self._plans: Any = None
        self._update_keys: dict[str, int] = {}

        self._exec_group: Any = None
        self._pool: Any = None  # memory for inputs and outputs, shared with other buckets
        self._data_shapes: Any = None
        self._label_shapes: Any = None

    @staticmethod
    def load(prefix, epoch, load_optimizer_states=False, **kwargs):
        """Creates a module from a checkpoint.

        Parameters
        ----------
        prefix : str
            Of ``prefix-symbol.json``, ``prefix-%04d.params`` and, optionally, ``prefix-%04d.states``.
        epoch : int
        load_optimizer_states : bool
            Default False. True loads the states too, when the optimizer is initialized.
        kwargs
            Further arguments of `Module`.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        module = Module(symbol=symbol, **kwargs)
        module._arg_params = arg_params
        module._aux_params = aux_params
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    def save_checkpoint(self, prefix, epoch, save_optimizer_states=False, remove_amp_cast=True):
        """Saves symbol, parameters and, optionally, optimizer states.

        Parameters
        ----------
        prefix : str
        epoch : int
        save_optimizer_states : bool
            Default False. True writes ``prefix-%04d.states``.
        remove_amp_cast : bool
            Default True: leave amp_cast and amp_multicast operators out of the saved symbol.
        """
        self._require("save_checkpoint")
        if save_optimizer_states:
            self._require("save_checkpoint", optimizer=True)
        arg_params, aux_params = self.get_params()
        save_checkpoint(prefix, epoch, self._symbol, arg_params, aux_params, remove_amp_cast=remove_amp_cast)
        if save_optimizer_states:
            state_name = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(state_name)
            logging.info('Saved optimizer state to "%s"', state_name)

    # -------------------------------------------------------------------------------------------- description

    @property
    def data_names(self):
        """Names of the data inputs."""
        return self._data_names

    @property
    def label_names(self):
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self):
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self):
        """List of DataDesc of the data inputs."""
        self._require("data_shapes", params=False)
        return self._data_shapes

    @property
    def label_shapes(self):
        """List of DataDesc of the labels; None where bound without labels."""
        self._require("label_shapes", params=False)
        return self._label_shapes

    @property
    def output_shapes(self):
        """List of (name, shape) of the outputs."""
        self._require("output_shapes", params=False)
        return self._exec_group.get_output_shapes()

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
        """Allocates memory and compiles the symbol for the given shapes. On failure nothing changes.

        Parameters
        ----------
        data_shapes : list of DataDesc or (str, tuple)
            Typically ``data_iter.provide_data``.
        label_shapes : list of DataDesc or (str, tuple), optional
            Typically ``data_iter.provide_label``.
        for_training : bool
            Default True.
        inputs_need_grad : bool
            Default False. Whether gradients of the data are computed.
        force_rebind : bool
            Default False: a bound module stays as it is. True binds again; parameters are kept.
        shared_module : Module, optional
            A bound module with initialized parameters, whose parameters, gradients and optimizer this one
            uses.
        grad_req : str, list of str, dict of str to str
            'write', 'add' or 'null', for all arguments, or for each by order or by name.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if inputs_need_grad and not for_training:
            raise ValueError("[Module.bind] inputs_need_grad=True needs for_training=True")
        data_shapes, label_shapes = _parse_data_desc(
            self._data_names, self._label_names, data_shapes, label_shapes
        )
        shared_group = self._shared_group(shared_module)
        if self.binded and self._params_dirty:
            self._sync_params_from_devices()
        group = DataParallelExecutorGroup(
            self._symbol,
            self._context,
            self._work_load_list,
            data_shapes,
            label_shapes,
            self._param_names,
            for_training,
            inputs_need_grad,
            shared_group,
            logger=self.logger,
            fixed_param_names=self._fixed_param_names,
            grad_req=grad_req,
            group2ctxs=self._group2ctxs,
            state_names=self._state_names,
            pool=self._pool,
            compute_dtype=self._compute_dtype,
        )
        if shared_module is None and self.params_initialized:
            self._fill(group)
        self._exec_group = group
        self._data_shapes, self._label_shapes = data_shapes, label_shapes
        self._grad_req = grad_req
        self._plans = None
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.binded = True
        self._shares = None if shared_module is None else shared_module._shares or shared_module
        if shared_module is not None:
            self._arg_params = shared_module._arg_params
            self._aux_params = shared_module._aux_params
            self._dirty, self._borrowed = shared_module._dirty, shared_module._borrowed
            self.params_initialized = True
            if shared_module.optimizer_initialized:
                self.borrow_optimizer(shared_module)

    def _shared_group(self, shared_module):
        """The executor group of a shared module, checked to be usable."""
        if shared_module is None:
            return None
        if not isinstance(shared_module, Module):
            raise TypeError(
                f"[Module.bind] shared_module: got {type(shared_module).__name__}, expected a Module"
            )
        if not (shared_module.binded and shared_module.params_initialized):
            raise RuntimeError(
                "[Module.bind] shared_module is not ready: bind it and initialize its parameters first"
            )
        group = shared_module._exec_group
        if len(group.execs) < len(self._context):
            raise ValueError(
                f"[Module.bind] shared_module has {len(group.execs)} contexts, expected at least "
                f"{len(self._context)}"
            )
        known = {*group.arg_names, *group.aux_names}
        missing = [name for name in self._param_names + self._aux_names if name not in known]
        if missing:
            raise ValueError(f"[Module.bind] shared_module does not have the parameters {missing}")
        return group

    def reshape(self, data_shapes, label_shapes=None):
        """Changes the input shapes of a bound module; parameters stay. On failure nothing changes.

        Parameters
        ----------
        data_shapes, label_shapes : as in `bind`
            Without `label_shapes` the shapes of labels are inferred.
        """
        self._require("reshape", params=False)
        data_shapes, label_shapes = _parse_data_desc(
            self._data_names, self._label_names, data_shapes, label_shapes
        )
        self._exec_group.reshape(data_shapes, label_shapes)
        if label_shapes is None and self._label_shapes:
            label_shapes = self._exec_group.described_labels(self._label_shapes)
        self._data_shapes, self._label_shapes = data_shapes, label_shapes
