"""The optimizer of a Module: installing it, updating by it, its states in files."""

from __future__ import annotations

import warnings
from typing import Any

from .. import optimizer as opt
from .._files import atomic_write
from ..model import _create_kvstore, _initialize_kvstore, _update_params_on_kvstore, _with_grad
from .module_parameters import ModuleParameters
from .updates import load_states, make_optimizer, make_plans


class ModuleOptimizer(ModuleParameters):
    """What Module does with its optimizer."""

    _context: list[Any]
    _compression_params: Any
    _optimizer: Any
    _kvstore: Any
    _update_on_kvstore: Any
    _updater: Any
    _preload_opt_states: Any
    _plans: Any
    _update_keys: dict[str, int]

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
            self._kvstore.pull(names, grads, ignore_sparse=False)
        for plan in self._plans:
            plan()

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
        self._own_params()  # the dicts keep all rows, whatever is pulled
        for name, rows in row_ids.items():
            arrays = self._exec_group.param_array(name)
            self._kvstore.row_sparse_pull(name, out=arrays, row_ids=rows)
