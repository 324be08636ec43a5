"""SequentialModule: a chain of modules, each fed with the outputs of the one before it."""

from __future__ import annotations

import logging
from typing import Any

from ..initializer import Uniform
from ..io import DataBatch, DataDesc
from .base_module import BaseModule
from .descriptions import _as_desc
from .parameters import warn_ignored
from .rollback import parameters_unchanged_on_failure, unchanged_on_failure

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """A chain of modules. Make it by `add`; bind it, and use it as one module.

    A graph of one symbol is faster; a chain mixes modules of different kinds.

    Parameters
    ----------
    logger : Logger
        Default the `logging` module.
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger=logging):
        super().__init__(logger=logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._data_shapes: Any = None
        self._label_shapes: Any = None

    def add(self, module, **kwargs):
        """Adds a module at the end. The chain has to be bound and initialized (again) after it.

        Parameters
        ----------
        module : BaseModule
        take_labels : bool
            Default False. Whether the module gets the labels of the batch, and takes part in metrics.
        auto_wiring : bool
            Default False: the module's `data_names` are the output names of the one before. True: any names;
            outputs are passed in their order.

        Returns
        -------
        SequentialModule
            Itself, so that calls can be chained.
        """
        if not isinstance(module, BaseModule):
            raise TypeError(f"[SequentialModule.add] got {type(module).__name__}, expected a module")
        known = (self.META_TAKE_LABELS, self.META_AUTO_WIRING)
        for key in kwargs:
            if key not in known:
                raise ValueError(
                    f'[SequentialModule.add] Unknown meta "{key}", a typo? Expected: {", ".join(known)}'
                )
        self._modules.append(module)
        self._metas.append(kwargs)
        self.binded = self.params_initialized = self.optimizer_initialized = False
        return self

    def _takes_labels(self, i):
        return bool(self._metas[i].get(self.META_TAKE_LABELS))

    # -------------------------------------------------------------------------------------------- description

    @property
    def data_names(self):
        """Names of the data inputs of the first module; [] of an empty chain."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self):
        """Names of the outputs of the last module; [] of an empty chain."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self):
        """List of DataDesc of the data inputs of the first module."""
        self._require("data_shapes", params=False)
        return self._modules[0].data_shapes

    @property
    def label_shapes(self):
        """List of DataDesc of the labels; None where no module takes labels."""
        self._require("label_shapes", params=False)
        return self._label_shapes

    @property
    def output_shapes(self):
        """List of (name, shape) of the outputs of the last module."""
        self._require("output_shapes", params=False)
        return self._modules[-1].output_shapes

    # --------------------------------------------------------------------------------------------- parameters

    def get_params(self):
        """Returns (arg_params, aux_params) of all modules together, dicts of str to NDArray."""
        self._require("get_params")
        arg_params: dict[str, Any] = {}
        aux_params: dict[str, Any] = {}
        for module in self._modules:
            args, aux = module.get_params()
            arg_params.update(args)
            aux_params.update(aux)
        return arg_params, aux_params

    def init_params(
        self,
        initializer=Uniform(0.01),  # noqa: B008
        arg_params=None,
        aux_params=None,
        allow_missing=False,
        force_init=False,
        allow_extra=False,
    ):
        """Initializes the parameters of all modules; see `Module.init_params`. On failure nothing changes.

        Raises
        ------
        ValueError
            Where two modules have a parameter of the same name.
        """
        if self.params_initialized and not force_init:
            return
        self._require("init_params", params=False)
        with parameters_unchanged_on_failure(self._modules):
            for module in self._modules:
                module.init_params(
                    initializer=initializer,
                    arg_params=arg_params,
                    aux_params=aux_params,
                    allow_missing=allow_missing,
                    force_init=force_init,  # False: a module that came with parameters keeps them
                    allow_extra=True,  # of one module are parameters of another
                )
            known = self._unique_names()
        self.params_initialized = True
        if not allow_extra:
            warn_ignored({**(arg_params or {}), **(aux_params or {})}, known)

    def _unique_names(self) -> set[str]:
        """The names of all parameters. Raises ValueError for a duplicate."""
        owners: dict[str, int] = {}
        for i, module in enumerate(self._modules):
            for params in module.get_params():
                for name in params:
                    if name in owners:
                        raise ValueError(
                            "[SequentialModule.init_params] Duplicated parameter names: name "
                            f'"{name}" in layer {i} ({type(module).__name__}) is already used in layer '
                            f"{owners[name]} "
                            f"({type(self._modules[owners[name]]).__name__})"
                        )
                    owners[name] = i
        return set(owners)

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
        """Binds all modules, each to the output shapes of the one before. On failure nothing changes.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            The labels go to all modules that were added with ``take_labels=True``.
        for_training, inputs_need_grad, force_rebind, grad_req
            See `Module.bind`. Modules that are bound already are bound again; their parameters stay.
        shared_module : None
            Not supported.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if inputs_need_grad and not for_training:
            raise ValueError("[SequentialModule.bind] inputs_need_grad=True needs for_training=True")
        if shared_module is not None:
            raise ValueError("[SequentialModule.bind] shared_module is not supported")
        if not self._modules:
            raise RuntimeError("[SequentialModule.bind] the chain is empty: add() modules first")
        data_shapes = [_as_desc(desc) for desc in data_shapes]
        label_shapes = [_as_desc(desc) for desc in label_shapes] if label_shapes else None
        with unchanged_on_failure(self._modules):
            shapes = data_shapes
            for i, module in enumerate(self._modules):
                module.bind(
                    self._wired(i, shapes),
                    label_shapes if self._takes_labels(i) else None,
                    for_training=for_training,
                    inputs_need_grad=inputs_need_grad or (for_training and i > 0),
                    force_rebind=True,
                    grad_req=grad_req,
                )
                shapes = _described_outputs(module)
        takes = any(self._takes_labels(i) for i in range(len(self._modules)))
        self._data_shapes = data_shapes
        self._label_shapes = label_shapes if takes else None
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.binded = True

    def _wired(self, i, shapes):
        """Descriptions of the inputs of a module, under its own names where it was added with auto_wiring."""
        if not self._metas[i].get(self.META_AUTO_WIRING):
            return shapes
        names = self._modules[i].data_names
        if len(names) != len(shapes):
            raise ValueError(
                f"[SequentialModule.bind] auto_wiring of module {i}: got {len(shapes)} inputs "
                f"{[desc.name for desc in shapes]}, expected {len(names)}: {list(names)}"
            )
        return [desc._replace(name=name) for name, desc in zip(names, shapes)]

    def init_optimizer(
        self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), force_init=False
    ):
        """Installs an optimizer in every module; see `Module.init_optimizer`. On failure nothing changes."""
        self._require("init_optimizer")
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        with unchanged_on_failure(self._modules):
            for module in self._modules:
                module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        self.optimizer_initialized = True

    # -------------------------------------------------------------------------------------------- computation

    def prepare(self, data_batch, sparse_row_id_fn=None):
        """Pulls the rows of sparse parameters that `sparse_row_id_fn` names, where they are."""
        if sparse_row_id_fn is None:
            return
        self._require("prepare")
        row_ids = sparse_row_id_fn(data_batch)
        symbols = [module.symbol for module in self._modules]
        known = [set() if symbol is None else set(symbol.list_arguments()) for symbol in symbols]
        unknown = [name for name in row_ids if not any(name in names for names in known)]
        if unknown:
            raise ValueError(f"[SequentialModule.prepare] no module has the parameter {unknown}")
        for module, names in zip(self._modules, known):
            mine = {name: rows for name, rows in row_ids.items() if name in names}
            if mine:
                module.prepare(data_batch, sparse_row_id_fn=lambda batch, mine=mine: mine)

    def forward(self, data_batch, is_train=None):
        """Runs forward through the chain; see `Module.forward`."""
        if not (self.binded and self.params_initialized):
            self._require("forward")
        before = self._shapes_now()
        try:
            self._run_forward(data_batch, is_train)
        except BaseException:
            self._back_to(before)
            raise

    def _run_forward(self, data_batch, is_train):
        modules = self._modules
        modules[0].forward(data_batch, is_train=is_train)
        if len(modules) == 1:
            return
        label = getattr(data_batch, "label", None)
        provide_label = getattr(data_batch, "provide_label", None)
        for i in range(1, len(modules)):
            outputs = modules[i - 1].get_outputs()
            names = modules[i].data_names
            takes_labels = self._takes_labels(i)
            modules[i].forward(
                DataBatch(
                    data=outputs,
                    label=label if takes_labels else None,
                    pad=getattr(data_batch, "pad", None),
                    index=getattr(data_batch, "index", None),
                    bucket_key=getattr(data_batch, "bucket_key", None),
                    provide_data=[DataDesc(n, o.shape, o.dtype) for n, o in zip(names, outputs)],
                    provide_label=provide_label if takes_labels else None,
                ),
                is_train=is_train,
            )

    def _shapes_now(self):
        return [module._shapes_now() for module in self._modules]

    def _back_to(self, shapes):
        for module, of_module in zip(self._modules, shapes):
            module._back_to(of_module)

    def backward(self, out_grads=None):
        """Runs backward through the chain, from its end; see `Module.backward`."""
        if not (self.binded and self.params_initialized):
            self._require("backward")
        for i in range(len(self._modules) - 1, -1, -1):
            self._modules[i].backward(out_grads=out_grads)
            if i:
                out_grads = self._modules[i].get_input_grads()

    def update(self):
        """Updates the parameters of all modules."""
        if not (self.binded and self.params_initialized and self.optimizer_initialized):
            self._require("update", optimizer=True)
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context=True):
        """Outputs of the last module; see `Module.get_outputs`."""
        if not (self.binded and self.params_initialized):
            self._require("get_outputs")
        return self._modules[-1].get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """Gradients of the data inputs of the first module; see `Module.get_input_grads`."""
        self._require("get_input_grads")
        if not self.inputs_need_grad:
            raise RuntimeError(
                "[SequentialModule.get_input_grads] no gradients of inputs: bind with inputs_need_grad=True"
            )
        return self._modules[0].get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Updates a metric with the outputs of every module that takes labels; see `Module.update_metric`."""
        if not (self.binded and self.params_initialized):
            self._require("update_metric")
        for i, module in enumerate(self._modules):
            if self._takes_labels(i):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon):
        """Installs a monitor on all executors of all modules."""
        self._require("install_monitor", params=False)
        for module in self._modules:
            module.install_monitor(mon)


def _described_outputs(module):
    """Descriptions of a bound module's outputs, for the module that takes them as inputs."""
    group = getattr(module, "_exec_group", None)
    shapes = module.output_shapes
    if group is None:
        return [_as_desc(desc) for desc in shapes]
    return [DataDesc(name, shape, dtype) for (name, shape), dtype in zip(shapes, group.output_dtypes)]
