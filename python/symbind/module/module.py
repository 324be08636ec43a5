"""Module: a symbol with parameters, an optimizer, and executors on one or more contexts."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from .. import context as _context
from .. import optimizer as opt
from .._files import atomic_write
from ..base import MXNetError
from ..initializer import Uniform
from ..model import (
    _create_kvstore,
    _initialize_kvstore,
    _update_params_on_kvstore,
    _with_grad,
    load_checkpoint,
    save_checkpoint,
)
from .base_module import BaseModule, _check_input_names, _parse_data_desc
from .executor_group import DataParallelExecutorGroup
from .parameters import assign_params, check_given, host_copies, run_initializer, warn_ignored
from .slicing import resized_labels, with_shape
from .updates import load_states, make_optimizer, make_plans

__all__ = ["Module"]


class Module(BaseModule):
    """A module that runs a symbol.

    Parameters
    ----------
    symbol : Symbol
    data_names : list of str
        Default ``('data',)``.
    label_names : list of str or None
        Default ``('softmax_label',)``. None: no labels.
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
        self._data_names = data_names
        self._label_names = label_names
        self._state_names = state_names
        self._fixed_param_names = fixed_param_names
        inputs = {*data_names, *label_names, *state_names}
        self._param_names = [name for name in symbol.list_arguments() if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()

        self._arg_params: Any = None
        self._aux_params: Any = None
        self._dirty = [False]  # whether the dicts lag behind; shared with modules that share the parameters

        self._optimizer: Any = None
        self._kvstore: Any = None
        self._update_on_kvstore: Any = None
        self._updater: Any = None
        self._preload_opt_states = None
        self._grad_req: Any = None
        self._plans: Any = None
        self._update_keys: dict[str, int] = {}

        self._exec_group: Any = None
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

    # --------------------------------------------------------------------------------------------- parameters

    @property
    def _params_dirty(self):
        return self._dirty[0]

    @_params_dirty.setter
    def _params_dirty(self, value):
        self._dirty[0] = value

    def get_params(self):
        """Returns (arg_params, aux_params), dicts of str to NDArray with the current values."""
        if not (self.binded and self.params_initialized):
            self._require("get_params")
        if self._params_dirty:
            self._sync_params_from_devices()
        return self._arg_params, self._aux_params

    def _sync_params_from_devices(self):
        """Copies the parameters in use into the dicts that `get_params` returns."""
        self._exec_group.get_params(self._arg_params, self._aux_params)
        self._params_dirty = False

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
            Values to start from. Must be complete unless `allow_missing`.
        allow_missing : bool
            Default False. True leaves missing values to `initializer`, or as they are where that is None.
        force_init : bool
            Default False: a warning, and nothing else, if the parameters are initialized already.
        allow_extra : bool
            Default False: a warning names values that the symbol does not use.

        Raises
        ------
        RuntimeError
            Naming a parameter that is missing. Nothing has changed then.
        ValueError
            Naming a parameter whose shape differs.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "[Module.init_params] Parameters already initialized and force_init=False. init_params "
                "call ignored.",
                stacklevel=2,
            )
            return
        self._require("init_params", params=False)
        if self._params_dirty:
            self._sync_params_from_devices()
        if not allow_extra:
            warn_ignored({**(arg_params or {}), **(aux_params or {})}, {*self._param_names, *self._aux_names})
        group = self._exec_group
        attributes = self.symbol.attr_dict()
        arg_arrays = {name: arrays[0] for name, arrays in zip(group.param_names_in_order, group.param_arrays)}
        aux_arrays = {name: arrays[0] for name, arrays in zip(self._aux_names, group.aux_arrays)}
        # What is given is checked in full before an initializer draws anything.
        given = [
            check_given(arrays, params, initializer, allow_missing)
            for arrays, params in ((arg_arrays, arg_params), (aux_arrays, aux_params))
        ]
        args = run_initializer(arg_arrays, given[0], initializer, attributes)
        aux = run_initializer(aux_arrays, given[1], initializer, attributes)
        # Nothing can fail from here on.
        self._arg_params = assign_params(self._arg_params, arg_arrays, args)
        self._aux_params = assign_params(self._aux_params, aux_arrays, aux)
        group.set_params(self._arg_params, self._aux_params)
        self.params_initialized = True
        self._params_dirty = False

    def set_params(self, arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False):
        """Sets parameters and auxiliary states.

        Parameters
        ----------
        arg_params, aux_params : dict of str to NDArray
        allow_missing : bool
            Default False: a missing parameter raises RuntimeError. True keeps its current value.
        force_init : bool
            Default True: set them though they are initialized already.
        allow_extra : bool
            Default False: unknown names raise ValueError with `allow_missing`, else a warning.
        """
        if not allow_missing:
            self.init_params(
                initializer=None,
                arg_params=arg_params,
                aux_params=aux_params,
                allow_missing=allow_missing,
                force_init=force_init,
                allow_extra=allow_extra,
            )
            return
        if self.params_initialized and not force_init:
            warnings.warn(
                "[Module.set_params] Parameters already initialized and force_init=False. set_params call "
                "ignored.",
                stacklevel=2,
            )
            return
        self._require("set_params", params=False)
        self._exec_group.set_params(arg_params, aux_params, allow_extra=allow_extra)
        if self._arg_params is None:
            self._arg_params = host_copies(
                self._exec_group.param_names_in_order, self._exec_group.param_arrays
            )
            self._aux_params = host_copies(self._aux_names, self._exec_group.aux_arrays)
        self._params_dirty = True
        self.params_initialized = True

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
        if shared_module is not None:
            self._arg_params = shared_module._arg_params
            self._aux_params = shared_module._aux_params
            self._dirty = shared_module._dirty
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

    def _fill(self, group):
        """Copies parameters that were loaded, or kept from an earlier bind, into new executors."""
        # With label_names=None, for prediction, labels count as parameters; no checkpoint has them.
        wanted = [n for n in group.param_names_in_order if not n.endswith("label")]
        missing = [n for n in wanted if n not in self._arg_params]
        missing += [n for n in self._aux_names if n not in self._aux_params]
        if missing:
            raise ValueError(
                f"[Module.bind] the loaded parameters lack {', '.join(map(repr, missing))}: the checkpoint "
                "does not belong to this symbol; use set_params(..., allow_missing=True) after bind() to "
                "load part of it"
            )
        group.set_params(self._arg_params, self._aux_params)

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

    # ---------------------------------------------------------------------------------------------- optimizer

    def init_optimizer(
        self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), force_init=False
    ):
        """Installs an optimizer and, for several contexts, the store that sums gradients.

        Parameters
        ----------
        kvstore : KVStore, str or None
            Default 'local'.
        optimizer : Optimizer or str
            Default 'sgd'.
        optimizer_params : dict, or pairs
            Arguments of an optimizer given by name. ``rescale_grad`` defaults to 1 / batch size.
        force_init : bool
            Default False: an installed optimizer stays.
        """
        self._require("init_optimizer")
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        if self._params_dirty:
            self._sync_params_from_devices()
        store, update_on_kvstore = _create_kvstore(kvstore, len(self._context), self._arg_params)
        group = self._exec_group
        rescale_grad = 1.0 / max(
            group.batch_size * (store.num_workers if store and "dist" in store.type else 1), 1
        )
        names = group.param_names_in_order
        contexts = 1 if update_on_kvstore else len(self._context)
        idx2name = {i * contexts + k: name for k in range(contexts) for i, name in enumerate(names)}
        optimizer = make_optimizer(optimizer, optimizer_params, self.symbol, idx2name, rescale_grad)
        if store is not None:
            if self._compression_params:
                store.set_gradient_compression(self._compression_params)
            if update_on_kvstore:
                store.set_optimizer(optimizer)
            _initialize_kvstore(
                kvstore=store,
                param_arrays=group.param_arrays,
                arg_params=self._arg_params,
                param_names=names,
                update_on_kvstore=update_on_kvstore,
            )
        updater = None
        if not update_on_kvstore:
            updater = opt.get_updater(optimizer)
            updater.key_names = idx2name
        if self._preload_opt_states is not None:
            load_states(self._preload_opt_states, store, updater)
            self._preload_opt_states = None
        self._optimizer = optimizer
        self._kvstore = store
        self._update_on_kvstore = update_on_kvstore
        self._updater = updater
        self._update_keys = {name: i * len(self._context) for i, name in enumerate(names)}
        self._plans = None
        self.optimizer_initialized = True

    def borrow_optimizer(self, shared_module):
        """Uses the optimizer, store and states of another module, as buckets do."""
        if not shared_module.optimizer_initialized:
            raise RuntimeError(
                "[Module.borrow_optimizer] the optimizer of shared_module is not initialized: call its "
                "init_optimizer() first"
            )
        self._optimizer = shared_module._optimizer
        self._kvstore = shared_module._kvstore
        self._update_on_kvstore = shared_module._update_on_kvstore
        self._updater = shared_module._updater
        self._update_keys = shared_module._update_keys
        self._plans = None
        self.optimizer_initialized = True

    def save_optimizer_states(self, fname):
        """Saves the optimizer's states to a file that MXNet 1.x reads too."""
        self._require("save_optimizer_states", optimizer=True)
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname)
            return
        content = self._updater.get_states()
        with atomic_write(fname, "wb") as file:
            file.write(content)

    def load_optimizer_states(self, fname):
        """Loads the optimizer's states from a file of this package or of MXNet 1.x; runs no code from it."""
        self._require("load_optimizer_states", optimizer=True)
        load_states(fname, self._kvstore, self._updater)

    # -------------------------------------------------------------------------------------------- computation

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
        self._reshape_inferring(data_shapes, label_shapes)
        if not self._exec_group.load_batch(batch):
            described = [(d.name, tuple(d.shape)) for d in self._data_shapes + (self._label_shapes or [])]
            actual = [tuple(a.shape) for a in list(batch.data) + list(label or [])]
            raise ValueError(
                "[Module.forward] the arrays of the batch do not have the shapes it describes: got "
                f"{actual}, expected {described}"
            )

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

    def update(self):
        """Updates the parameters by the installed optimizer and the gradients of the last backward."""
        if not (self.binded and self.params_initialized and self.optimizer_initialized):
            self._require("update", optimizer=True)
        self._dirty[0] = True
        group = self._exec_group
        if self._update_on_kvstore:
            _update_params_on_kvstore(
                group.param_arrays, group.grad_arrays, self._kvstore, group.param_names_in_order
            )
            return
        if self._plans is None:
            self._plans = make_plans(group, self._updater, self._update_keys)
        if self._kvstore is not None:
            names, _, grads = _with_grad(group.param_arrays, group.grad_arrays, group.param_names_in_order)
            self._kvstore.push(names, grads)
            self._kvstore.pull(names, grads)
        for plan in self._plans:
            plan()

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

    def prepare(self, data_batch, sparse_row_id_fn=None):
        """Prepares for a batch: pulls the rows of row_sparse parameters that `sparse_row_id_fn` names.

        Parameters
        ----------
        data_batch : DataBatch
        sparse_row_id_fn : function, optional
            Of the batch; returns a dict of parameter name to row ids.
        """
        if sparse_row_id_fn is None:
            return
        self._require("prepare")
        if not self._kvstore or not self._update_on_kvstore:
            warnings.warn(
                "[Module.prepare] parameters are not updated in a kvstore: sparse_row_id_fn is not needed",
                stacklevel=2,
            )
            return
        row_ids = sparse_row_id_fn(data_batch)
        if not isinstance(row_ids, dict):
            raise TypeError(
                f"[Module.prepare] sparse_row_id_fn returned {type(row_ids).__name__}, expected a dict"
            )
        for name, rows in row_ids.items():
            arrays = self._exec_group.param_array(name)
            self._kvstore.row_sparse_pull(name, out=arrays, row_ids=rows)
