"""Base class of optimizers and the registry behind ``mx.optimizer.create``."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Callable, ClassVar, Union

import numpy as np

from .. import ndarray as nd
from ..ndarray import NDArray

__all__ = ["Optimizer", "Test", "create", "register"]

Index = Union[int, str]

# Parameters with these endings decay by default; biases, betas and everything else do not.
_DECAYED_SUFFIXES = ("_weight", "_gamma")


class Optimizer:
    """Base of all optimizers: learning-rate and weight-decay bookkeeping per parameter, and update counts.

    A subclass implements `create_state` and `update`.

    Parameters
    ----------
    rescale_grad : float
        Gradients are multiplied by this first. Module sets it to 1 / batch size.
    param_idx2name : dict of int to str, optional
        Name of each parameter index, for multipliers given by name.
    wd : float
        Weight decay (L2 coefficient).
    clip_gradient : float, optional
        Clip rescaled gradients to ``[-clip_gradient, clip_gradient]``.
    learning_rate : float, optional
        Default 0.01; also becomes the base rate of `lr_scheduler` where both are given.
    lr_scheduler : LRScheduler, optional
        Called with the number of updates before each step, returns the rate.
    sym : Symbol, optional
        Where ``__lr_mult__`` and ``__wd_mult__`` attributes are read from.
    begin_num_update : int
        Update count to start from.
    multi_precision : bool
        Keep a float32 master copy of float16 parameters.
    param_dict : dict, optional
        Index to an object with ``lr_mult`` and ``wd_mult``; wins over multipliers by name.
    """

    opt_registry: ClassVar[dict[str, type]] = {}

    def __init__(
        self,
        rescale_grad=1.0,
        param_idx2name=None,
        wd=0.0,
        clip_gradient=None,
        learning_rate=None,
        lr_scheduler=None,
        sym=None,
        begin_num_update=0,
        multi_precision=False,
        param_dict=None,
    ):
        if param_idx2name is not None and not isinstance(param_idx2name, dict):
            raise TypeError(
                f"[{type(self).__name__}] param_idx2name: got {type(param_idx2name).__name__}, expected a "
                "dict of parameter index to name"
            )
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        if lr_scheduler is None:
            self.lr = 0.01 if learning_rate is None else learning_rate
        else:
            self.lr = learning_rate
            if learning_rate is not None:
                lr_scheduler.base_lr = learning_rate
        self.wd = wd
        self.lr_mult: dict[Index, float] = {}
        self.wd_mult: dict[Index, float] = {}
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        # One count per parameter and device: every device applies the same update once a step.
        self._initial_counts: dict[Index, int] = {}
        self._all_index_update_counts: dict[int, dict[Index, int]] = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        self.idx2name: dict[Index, str] = dict(param_idx2name or {})
        self.sym_info: tuple[Any, ...] = () if sym is None else (sym.attr_dict(), sym.list_arguments())
        self.param_dict: dict[Index, Any] = dict(param_dict or {})
        self._scheduler_start = _scalars_of(lr_scheduler)
        self.set_lr_mult({})
        self.set_wd_mult({})

    # ---- registry

    @staticmethod
    def register(klass):
        """Class decorator: makes `klass` available to ``create`` under its lower-cased name."""
        if not isinstance(klass, type):
            raise TypeError(f"[Optimizer.register] got {klass!r}, expected a class")
        name = klass.__name__.lower()
        known = Optimizer.opt_registry.get(name)
        if known is not None and known is not klass:
            warnings.warn(
                f"[Optimizer.register] {klass.__module__}.{klass.__name__} replaces the registered "
                f"optimizer {known.__module__}.{known.__name__}",
                stacklevel=2,
            )
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name, **kwargs):
        """Creates a registered optimizer by its case-insensitive name, for example ``'sgd'``.

        Raises ValueError for an unknown name and TypeError for an argument that the optimizer does not have.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"[optimizer.create] wrong type of optimizer name: got {type(name).__name__}, expected str"
            )
        klass = Optimizer.opt_registry.get(name.lower())
        if klass is None:
            known = ", ".join(sorted(Optimizer.opt_registry))
            raise ValueError(f"[optimizer.create] unknown optimizer: got {name!r}, expected one of: {known}")
        return klass(**kwargs)

    # ---- what a subclass implements

    def create_state(self, index, weight):
        """Returns the state of a parameter: None, an NDArray, or a tuple of those."""
        return None

    def update(self, index, weight, grad, state):
        """Applies one step to `weight` and `state` in place."""
        raise NotImplementedError(f"[{type(self).__name__}.update] a subclass must implement update()")

    def create_state_multi_precision(self, index, weight):
        """As `create_state`; with `multi_precision` (float32 master copy, state) of a float16 weight."""
        if weight.dtype == np.float16:
            if self.multi_precision:
                master = weight.astype("float32")
                return (master, self.create_state(index, master))
            self._warn_float16()
        return self.create_state(index, weight)

    def update_multi_precision(self, index, weight, grad, state):
        """As `update`, through the float32 master copy where there is one."""
        if self.multi_precision and weight.dtype == np.float16:
            master, inner = state
            self.update(index, master, grad.astype("float32"), inner)
            master.copyto(weight)
        else:
            self.update(index, weight, grad, state)

    def _warn_float16(self):
        warnings.warn(
            f"[{type(self).__name__}] float16 weights and states lose small updates; consider "
            "multi_precision=True",
            stacklevel=3,
        )

    # ---- learning rate and multipliers

    @property
    def learning_rate(self):
        """The current learning rate, before multipliers."""
        return self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)

    def set_learning_rate(self, lr):
        """Sets the learning rate. Raises UserWarning where a scheduler decides it."""
        if self.lr_scheduler is not None:
            raise UserWarning(
                "[Optimizer.set_learning_rate] the optimizer has an lr_scheduler, which decides the rate: "
                "change the scheduler, or set optimizer.lr_scheduler = None first"
            )
        self.lr = lr

    def set_lr_scale(self, args_lrscale):
        """Removed from the API long ago; raises DeprecationWarning."""
        raise DeprecationWarning("[Optimizer.set_lr_scale] use set_lr_mult instead")

    def set_lr_mult(self, args_lr_mult):
        """Sets learning-rate multipliers by parameter name or index; others keep ``__lr_mult__`` or 1."""
        self.lr_mult = self._attribute_multipliers("__lr_mult__")
        self.lr_mult.update(args_lr_mult)

    def set_wd_mult(self, args_wd_mult):
        """Sets weight-decay multipliers by parameter name or index.

        Others keep ``__wd_mult__``, or 1 where the name ends in ``_weight`` or ``_gamma``, or 0.
        """
        self.wd_mult = {name: 0.0 for name in self.idx2name.values() if not name.endswith(_DECAYED_SUFFIXES)}
        self.wd_mult.update(self._attribute_multipliers("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def _attribute_multipliers(self, key: str) -> dict[Index, float]:
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        return {n: float(attributes[n][key]) for n in arguments if key in attributes.get(n, ())}

    def _scaled(self, value: float, indices, by_key: dict[Index, float], attribute: str) -> list[float]:
        """`value` times the multiplier of each parameter: by index, then by name, else 1."""
        if not self.param_dict and (not by_key or value == 0.0):
            return [value] * len(indices)
        values = []
        for index in indices:
            param = self.param_dict.get(index)
            if param is not None:
                values.append(value * getattr(param, attribute))
            elif index in by_key:
                values.append(value * by_key[index])
            else:
                values.append(value * by_key.get(self.idx2name.get(index, index), 1.0))
        return values

    def _get_lrs(self, indices):
        """Learning rates of several parameters, multipliers included."""
        lr = self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)
        return self._scaled(lr, indices, self.lr_mult, "lr_mult")

    def _get_lr(self, index):
        """Learning rate of one parameter, multipliers included."""
        return self._get_lrs([index])[0]

    def _get_wds(self, indices):
        """Weight decays of several parameters, multipliers included."""
        return self._scaled(self.wd, indices, self.wd_mult, "wd_mult")

    def _get_wd(self, index):
        """Weight decay of one parameter, multipliers included."""
        return self._get_wds([index])[0]

    # ---- update counts

    def _set_current_context(self, device_id):
        """Selects the device whose update counts the next updates belong to."""
        counts = self._all_index_update_counts.get(device_id)
        if counts is None:
            counts = self._all_index_update_counts[device_id] = dict(self._initial_counts)
        self._index_update_count = counts

    def _update_count(self, index):
        """Counts one more update of a parameter, or of each in a list."""
        counts, begin, top = self._index_update_count, self.begin_num_update, self.num_update
        for i in index if isinstance(index, (list, tuple)) else (index,):
            counts[i] = count = counts.get(i, begin) + 1
            if count > top:
                top = count
        self.num_update = top

    # ---- saving and resuming

    def _position(self) -> dict[str, Any]:
        """Scalars besides update counts that an update changes, for subclasses that have any."""
        return {}

    def _set_position(self, position: dict[str, Any]) -> None:
        for key, value in position.items():
            if hasattr(self, key):
                setattr(self, key, value)

    def _scheduler_record(self) -> dict[str, Any] | None:
        """What the scheduler was given and how far it came, as JSON values; None without a scheduler."""
        if self.lr_scheduler is None:
            return None
        now, start = _scalars_of(self.lr_scheduler), self._scheduler_start
        moved = {k: v for k, v in now.items() if start.get(k, v) != v}
        given = {k: v for k, v in now.items() if k not in moved}
        return {"class": type(self.lr_scheduler).__name__, "lr": self.lr, "given": given, "moved": moved}

    def _restore_scheduler(self, record: dict[str, Any] | None) -> None:
        """Puts the scheduler where it was, if it is the same scheduler: same class, rate and parameters.

        With another one the user chose a new schedule, which then only sees the restored number of updates.
        """
        scheduler = self.lr_scheduler
        if scheduler is None or record is None:
            return
        now = _scalars_of(scheduler)
        same = type(scheduler).__name__ == record["class"] and self.lr == record["lr"]
        if not same or any(now.get(k) != v for k, v in record["given"].items()):
            logging.info(
                "[load_optimizer_states] the lr_scheduler differs from the saved one: its position is not "
                "restored"
            )
            return
        for key, value in record["moved"].items():
            setattr(scheduler, key, value)

    def __getstate__(self):
        # Parameters hold device memory and are not the optimizer's to save.
        return {k: v for k, v in self.__dict__.items() if k != "param_dict"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.param_dict = {}


def _scalars_of(obj) -> dict[str, Any]:
    """Attributes of an object that JSON can carry: numbers, strings, None and flat lists of them."""
    if obj is None:
        return {}
    plain = (bool, int, float, str, type(None))
    scalars: dict[str, Any] = {}
    for key, value in vars(obj).items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, plain):
            scalars[key] = value
        elif isinstance(value, (list, tuple)) and all(isinstance(v, plain) for v in value):
            scalars[key] = list(value)
    return scalars


register: Callable = Optimizer.register
create: Callable = Optimizer.create_optimizer


@register
class Test(Optimizer):
    """Adds the rescaled gradient to the weight, whose copy is the state: for tests of updaters."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    def create_state(self, index, weight):
        return nd.zeros(weight.shape, weight.context, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        weight += grad * self.rescale_grad
        state[:] = weight


def zeros_like_weight(weight: NDArray, keep_stype: bool = False) -> NDArray:
    """A zero array with the shape, dtype and context of `weight`, and with `keep_stype` its storage type."""
    return nd.zeros(weight.shape, weight.context, weight.dtype, weight.stype if keep_stype else None)
