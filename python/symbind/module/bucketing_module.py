"""BucketingModule: inputs of varying length, a symbol for each, one set of parameters."""

from __future__ import annotations

import logging
from typing import Any

from .. import context as _context
from ..initializer import Uniform
from .bucketing_files import load_buckets, save_buckets
from .current_bucket import CurrentBucket
from .descriptions import _check_input_names, check_compute_dtype, with_shape
from .module import Module
from .pool import ArrayPool

__all__ = ["BucketingModule"]


class BucketingModule(CurrentBucket):
    """A module for each bucket, made when a batch of that bucket is first seen.

    All buckets share parameters, gradients, states, optimizer and scratch memory, which is that of the
    largest bucket. An output of one bucket is valid until a batch of any bucket runs.

    Parameters
    ----------
    sym_gen : function
        Of a bucket key; returns (symbol, data_names, label_names).
    default_bucket_key : any hashable object
        The bucket that is bound first and holds the parameters: its symbol must have all of them. The largest
        one is a good choice.
    logger, context, work_load_list, fixed_param_names, state_names, group2ctxs, compression_params
        As for `Module`.
    compute_dtype : str, optional
        As for `Module`.
    """

    def __init__(
        self,
        sym_gen,
        default_bucket_key=None,
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
        if default_bucket_key is None:
            raise ValueError(
                "[BucketingModule] default_bucket_key is missing: pass the key of the largest bucket"
            )
        if not callable(sym_gen):
            raise TypeError(
                f"[BucketingModule] sym_gen: got {type(sym_gen).__name__}, expected a function of a key"
            )
        self._sym_gen = sym_gen
        self._default_bucket_key = default_bucket_key
        self._options: dict[str, Any] = {
            "context": context,
            "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names,
            "state_names": state_names,
            "group2ctxs": group2ctxs,
            "compression_params": compression_params,
            "compute_dtype": check_compute_dtype("BucketingModule", compute_dtype),
        }
        symbol, data_names, label_names = self._call_sym_gen(default_bucket_key)
        _check_input_names(symbol, data_names or [], "data", True)
        _check_input_names(symbol, label_names or [], "label", False)
        _check_input_names(symbol, state_names or [], "state", True)
        _check_input_names(symbol, fixed_param_names or [], "fixed_param", True)
        self._described = (data_names, symbol.list_outputs())
        self._symbols: dict[Any, Any] = {}  # of a checkpoint, in place of those that sym_gen makes
        self._buckets: dict[Any, Module] = {}
        self._pool = ArrayPool()
        self._owner: Any = None  # the module that holds the parameters
        self._curr_module: Any = None
        self._curr_bucket_key: Any = None
        self._monitors: list[Any] = []
        self._grad_req: Any = None

    def _call_sym_gen(self, key):
        made = self._sym_gen(key)
        if not isinstance(made, (tuple, list)) or len(made) != 3:
            raise ValueError(
                f"[BucketingModule] sym_gen({key!r}): got {type(made).__name__}, expected a triple (symbol, "
                "data_names, label_names)"
            )
        return made

    def _make(self, key) -> Module:
        """An unbound module for a bucket."""
        symbol, data_names, label_names = self._call_sym_gen(key)
        module = Module(
            self._symbols.get(key, symbol), data_names, label_names, logger=self.logger, **self._options
        )
        module._pool = self._pool
        return module

    # -------------------------------------------------------------------------------------------- checkpoints

    def save_checkpoint(self, prefix, epoch, remove_amp_cast=False, save_optimizer_states=False):
        """Saves the parameters, and the symbols of the buckets that are in use.

        Writes ``prefix-%04d.params``, ``prefix-KEY-symbol.json`` for every bucket, ``prefix.buckets`` with
        the keys, and ``prefix-symbol.json`` of the default bucket, whichever is current, which `Module.load`
        reads.

        Parameters
        ----------
        prefix : str
        epoch : int
        remove_amp_cast : bool
            Default False. True leaves amp_cast and amp_multicast operators out of the saved symbols.
        save_optimizer_states : bool
            Default False. True writes ``prefix-%04d.states``.
        """
        if not self._buckets:
            raise RuntimeError("[BucketingModule.save_checkpoint] there is no bucket: call bind() first")
        self._require_params("save_checkpoint")
        if save_optimizer_states:
            self._require("save_checkpoint", optimizer=True)
        arg_params, aux_params = self.get_params()
        symbols = {key: module.symbol for key, module in self._buckets.items()}
        default = symbols.get(self._default_bucket_key, self._owner.symbol)
        save_buckets(prefix, epoch, symbols, default, arg_params, aux_params, remove_amp_cast)
        if save_optimizer_states:
            self.save_optimizer_states(f"{prefix}-{epoch:04d}.states")

    @staticmethod
    def load(
        prefix, epoch, sym_gen=None, default_bucket_key=None, load_optimizer_states=False, **kwargs
    ) -> BucketingModule:
        """Creates a module from what `save_checkpoint` wrote.

        Parameters
        ----------
        prefix : str
        epoch : int
        sym_gen : function
            As for `BucketingModule`; required. It gives the names of inputs, and the symbols of buckets that
            are not in the checkpoint.
        default_bucket_key : any hashable object
            Required.
        load_optimizer_states : bool
            Default False. True loads the states too, when the optimizer is initialized.
        kwargs
            Further arguments of `BucketingModule`.
        """
        _require_given("load", sym_gen=sym_gen, default_bucket_key=default_bucket_key)
        symbols, arg_params, aux_params = load_buckets(prefix, epoch)
        module = BucketingModule._loaded(symbols, sym_gen, default_bucket_key, arg_params, aux_params, kwargs)
        if load_optimizer_states:
            module._owner._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    @staticmethod
    def load_dict(
        sym_dict=None, sym_gen=None, default_bucket_key=None, arg_params=None, aux_params=None, **kwargs
    ) -> BucketingModule:
        """Creates a module from symbols by bucket key, and parameters.

        Parameters
        ----------
        sym_dict : dict of bucket key to Symbol
            Required; used in place of the symbols that `sym_gen` makes.
        sym_gen, default_bucket_key
            Required, see `load`.
        arg_params, aux_params : dict of str to NDArray
            `arg_params` is required.
        kwargs
            Further arguments of `BucketingModule`.
        """
        _require_given(
            "load_dict",
            sym_dict=sym_dict,
            sym_gen=sym_gen,
            default_bucket_key=default_bucket_key,
            arg_params=arg_params,
        )
        return BucketingModule._loaded(
            sym_dict, sym_gen, default_bucket_key, arg_params, aux_params or {}, kwargs
        )

    @staticmethod
    def _loaded(symbols, sym_gen, default_bucket_key, arg_params, aux_params, options) -> BucketingModule:
        module = BucketingModule(sym_gen, default_bucket_key, **options)
        module._symbols = dict(symbols)
        module._buckets = {key: module._make(key) for key in symbols}
        owner = module._buckets.get(default_bucket_key) or module._make(default_bucket_key)
        owner._arg_params, owner._aux_params = dict(arg_params), dict(aux_params)
        owner.params_initialized = True
        module._owner = module._curr_module = module._buckets[default_bucket_key] = owner
        module._curr_bucket_key = default_bucket_key
        module.params_initialized = True
        return module

    def save_optimizer_states(self, fname):
        """Saves the states of the optimizer that all buckets share; see `Module.save_optimizer_states`."""
        self._require("save_optimizer_states", optimizer=True)
        self._owner.save_optimizer_states(fname)

    def load_optimizer_states(self, fname):
        """Loads the states of the optimizer that all buckets share; see `Module.load_optimizer_states`."""
        self._require("load_optimizer_states", optimizer=True)
        self._owner.load_optimizer_states(fname)

    # --------------------------------------------------------------------------------------------- parameters

    def _require_params(self, method):
        """Like `_require`; parameters of a checkpoint are there before `bind`."""
        if not self.params_initialized:
            self._require(method)

    def get_params(self):
        """Returns (arg_params, aux_params), dicts of str to NDArray with the current values."""
        self._require_params("get_params")
        if not self.binded:
            return self._owner._arg_params, self._owner._aux_params
        return self._owner.get_params()

    def init_params(
        self,
        initializer=Uniform(0.01),  # noqa: B008
        arg_params=None,
        aux_params=None,
        allow_missing=False,
        force_init=False,
        allow_extra=False,
    ):
        """Initializes parameters and auxiliary states of all buckets; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        self._require("init_params", params=False)
        self._owner.init_params(
            initializer=initializer,
            arg_params=arg_params,
            aux_params=aux_params,
            allow_missing=allow_missing,
            force_init=force_init,
            allow_extra=allow_extra,
        )
        self.params_initialized = True

    def set_params(self, arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False):
        """Sets parameters and auxiliary states of all buckets; see `Module.set_params`."""
        self._require("set_params", params=False)
        self._owner.set_params(
            arg_params,
            aux_params,
            allow_missing=allow_missing,
            force_init=force_init,
            allow_extra=allow_extra,
        )
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
        bucket_key=None,
    ):
        """Binds the default bucket; others are bound when they are first used.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            Of the default bucket.
        for_training, inputs_need_grad, grad_req
            See `Module.bind`; they apply to every bucket.
        force_rebind : bool
            Default False: a bound module stays as it is. True binds again; parameters and optimizer are kept.
        shared_module : None
            Not supported.
        bucket_key : any hashable object, optional
            Bind this bucket, whose symbol must have all parameters, instead of the default one.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if shared_module is not None:
            raise ValueError("[BucketingModule.bind] shared_module is not supported: buckets share already")
        key = self._default_bucket_key if bucket_key is None else bucket_key
        owner = self._buckets.get(key) or self._make(key)
        if self._owner is not None and self._owner is not owner:
            self._hand_over(owner)
        pool, owner._pool = owner._pool, ArrayPool()
        try:
            owner.bind(
                data_shapes,
                label_shapes,
                for_training,
                inputs_need_grad,
                force_rebind=force_rebind,
                grad_req=grad_req,
            )
        except BaseException:
            owner._pool = pool
            raise
        for monitor in self._monitors:
            owner.install_monitor(monitor)
        self._buckets = {key: owner}
        self._owner = self._curr_module = owner
        self._curr_bucket_key = key
        self._pool = owner._pool
        self._grad_req = grad_req
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.binded = True

    def _hand_over(self, owner):
        """Gives the parameters and the optimizer of the module that holds them to another one."""
        if not self.params_initialized or owner.binded:
            return
        arg_params, aux_params = self.get_params()
        owner._arg_params, owner._aux_params = dict(arg_params), dict(aux_params)
        owner._preload_opt_states = self._owner._preload_opt_states
        owner.params_initialized = True
        if self._owner.optimizer_initialized:
            owner.borrow_optimizer(self._owner)

    def switch_bucket(self, bucket_key, data_shapes, label_shapes=None):
        """Makes a bucket the current one, and binds it if it is new. On failure nothing changes.

        Parameters
        ----------
        bucket_key : any hashable object
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            For binding; typically ``data_batch.provide_data`` and ``data_batch.provide_label``.
        """
        self._require("switch_bucket", params=False)
        module = self._buckets.get(bucket_key)
        if module is None or not module.binded:
            module = self._bind_bucket(bucket_key, data_shapes, label_shapes)
        self._curr_module = module
        self._curr_bucket_key = bucket_key

    def _bind_bucket(self, key, data_shapes, label_shapes) -> Module:
        self._require("switch_bucket")
        module = self._make(key)
        module.bind(
            data_shapes,
            label_shapes,
            self._owner.for_training,
            self._owner.inputs_need_grad,
            shared_module=self._owner,
            grad_req=self._grad_req,
        )
        for monitor in self._monitors:
            module.install_monitor(monitor)
        self._buckets[key] = module
        return module

    def _module_of(self, data_batch) -> tuple[Any, Module]:
        """Key and module of the bucket of a batch; the default one where the batch has no key."""
        first = data_batch[0] if isinstance(data_batch, list) else data_batch
        key = getattr(first, "bucket_key", None)
        if key is None:
            key = self._default_bucket_key
        if key == self._curr_bucket_key:
            return key, self._curr_module
        module = self._buckets.get(key)
        if module is None or not module.binded:
            module = self._bind_bucket(key, *self._described_by(key, first))
        return key, module

    def _described_by(self, key, batch):
        """Shapes of data and labels of a batch: as it describes them, or as its arrays have them."""
        data_shapes = getattr(batch, "provide_data", None)
        label_shapes = getattr(batch, "provide_label", None)
        label = getattr(batch, "label", None)
        if not data_shapes:
            data_shapes = _like(self._owner.data_shapes, batch.data, key)
        if not label_shapes and label and self._owner.label_shapes:
            label_shapes = _like(self._owner.label_shapes, label, key)
        return data_shapes, label_shapes or None

    # ---------------------------------------------------------------------------------------------- optimizer

    def init_optimizer(
        self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), force_init=False
    ):
        """Installs an optimizer that all buckets share; see `Module.init_optimizer`."""
        self._require("init_optimizer")
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._owner.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not self._owner and module.binded:
                module.borrow_optimizer(self._owner)
        self.optimizer_initialized = True

    # -------------------------------------------------------------------------------------------- computation

    def prepare(self, data_batch, sparse_row_id_fn=None):
        """Prepares for a batch: binds its bucket if it is new, and pulls rows of sparse parameters.

        The current bucket stays the current one.
        """
        if not (self.binded and self.params_initialized):
            self._require("prepare")
        self._module_of(data_batch)[1].prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)

    def forward(self, data_batch, is_train=None):
        """Switches to the bucket of the batch and runs forward.

        Parameters
        ----------
        data_batch : DataBatch
            With a ``bucket_key``; None means the default bucket. ``provide_data`` and ``provide_label``
            describe it where the bucket is new.
        is_train : bool, optional
            Default `for_training`.
        """
        if not (self.binded and self.params_initialized):
            self._require("forward")
        key, module = self._module_of(data_batch)
        module.forward(data_batch, is_train=is_train)
        self._curr_bucket_key, self._curr_module = key, module

    def _shapes_now(self):
        return self._curr_bucket_key, self._curr_module, self._curr_module._shapes_now()

    def _back_to(self, shapes):
        self._curr_bucket_key, self._curr_module, of_bucket = shapes
        self._curr_module._back_to(of_bucket)

    def memory_report(self):
        """What the buckets that are bound now need and share, in bytes.

        Returns
        -------
        dict of str to int
            ``arena_bytes``: scratch memory, that of the largest bucket; ``unshared_arena_bytes``: the sum of
            what each would have for itself; ``input_output_bytes``: inputs and outputs of the largest;
            ``unshared_output_bytes``: the sum of the outputs of each.
        """
        self._require("memory_report", params=False)
        modules = [module for module in self._buckets.values() if module.binded]
        reports = [[e.memory_report() for e in module._exec_group.execs] for module in modules]
        return {
            "arena_bytes": sum(report["shared_arena_bytes"] for report in reports[0]),
            "unshared_arena_bytes": sum(r["arena_bytes"] for report in reports for r in report),
            "input_output_bytes": self._pool.bytes(),
            "unshared_output_bytes": sum(r["output_bytes"] for report in reports for r in report),
        }

    def install_monitor(self, mon):
        """Installs a monitor on all executors of all buckets, also of those that come later."""
        self._require("install_monitor", params=False)
        for module in self._buckets.values():
            if module.binded:
                module.install_monitor(mon)
        if not any(mon is known for known in self._monitors):
            self._monitors.append(mon)


def _like(descs, arrays, key):
    if len(descs) != len(arrays):
        raise ValueError(
            f"[BucketingModule] a batch of bucket {key!r} has {len(arrays)} arrays, expected {len(descs)}: "
            f"{[d.name for d in descs]}"
        )
    return [with_shape(desc, array.shape) for desc, array in zip(descs, arrays)]


def _require_given(method, **arguments):
    for name, value in arguments.items():
        if value is None:
            raise ValueError(f"[BucketingModule.{method}] {name} is missing: it is required to load buckets")
