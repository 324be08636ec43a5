"""The parameters of a Module: their values in use, and the dicts that users see."""

from __future__ import annotations

import warnings
from typing import Any

from .. import ndarray as nd
from ..initializer import Uniform
from .base_module import BaseModule
from .parameters import assign_params, check_given, host_copies, run_initializer, warn_ignored


class ModuleParameters(BaseModule):
    """What Module does with its parameters."""

    _exec_group: Any
    _context: list[Any]
    _param_names: list[str]
    _aux_names: list[str]
    _arg_params: Any
    _aux_params: Any
    _kvstore: Any
    _update_on_kvstore: Any
    _shares: Any  # the module whose parameters these are, or None
    _dirty: list[bool]  # whether the dicts lag behind; shared with modules that share the parameters
    # Until somebody asks for the dicts they hold the bound arrays themselves: copies would cost memory.
    _borrowed: list[bool]  # shared likewise

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
        self._own_params()
        if self._params_dirty:
            self._sync_params_from_devices()
        return self._arg_params, self._aux_params

    def _own_params(self):
        """Puts copies where the dicts hold bound arrays."""
        if not self._borrowed[0]:
            return
        for params in (self._arg_params, self._aux_params):
            params.update(host_copies(params, [[array] for array in params.values()]))
        self._borrowed[0] = False

    def _sync_params_from_devices(self):
        """Copies the parameters in use into the dicts that `get_params` returns."""
        # A module that shares parameters may have only some of those that were updated.
        (self._shares or self)._exec_group.get_params(self._arg_params, self._aux_params)
        if self._update_on_kvstore:
            # Contexts have the rows that were pulled last; the store has all.
            for name, value in self._arg_params.items():
                if value.stype == "row_sparse":
                    rows = nd.arange(0, value.shape[0], dtype="int64")
                    self._kvstore.row_sparse_pull(name, out=value, row_ids=rows)
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
        borrow = self._arg_params is None and self._aux_params is None and len(self._context) == 1
        self._arg_params = assign_params(self._arg_params, arg_arrays, args, borrow)
        self._aux_params = assign_params(self._aux_params, aux_arrays, aux, borrow)
        self._borrowed[0] = self._borrowed[0] or borrow
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

    def _fill(self, group):
        """Copies parameters that were loaded, or kept from an earlier bind, into new executors."""
        # Labels that go by other names than the module's count as parameters; no checkpoint has them.
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
