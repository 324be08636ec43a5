"""The updater: an optimizer together with the states of the parameters it updates."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_
from typing import Any

import numpy as np

from .. import _core
from ..ndarray import NDArray
from .fused import FusedOptimizer, UpdateGroup, fused_owner
from .optimizer import Optimizer, _scalars_of
from .states_file import decode_states, encode_states

__all__ = ["UpdatePlan", "Updater", "get_updater"]


class Updater:
    """Applies an optimizer to parameters by key, creating their states on first use.

    Parameters
    ----------
    optimizer : Optimizer
    """

    def __init__(self, optimizer):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"[Updater] optimizer: got {type(optimizer).__name__}, expected an Optimizer")
        self.optimizer = optimizer
        self.states: dict[Any, Any] = {}
        self.states_synced: dict[Any, bool] = {}
        #: Parameter name of each key, where they are not the optimizer's `idx2name`.
        self.key_names: dict[Any, str] | None = None
        self.aggregate_updates = optimizer.aggregate_num > 0 or fused_owner(optimizer) is not None

    def __call__(self, index, grad, weight):
        """Updates `weight` by `grad` under the key `index`; lists update several parameters."""
        if not isinstance(index, (list, tuple)):
            index, grad, weight = [index], [grad], [weight]
        if not weight:
            return
        optimizer = self.optimizer
        optimizer._set_current_context(weight[0].context.device_id)
        states = [self.state_of(i, w) for i, w in zip(index, weight)]
        if fused_owner(optimizer) is not None:
            optimizer.update_multi_precision(list(index), list(weight), list(grad), states)
        elif optimizer.aggregate_num > 0:
            self._update_aggregated(index, weight, grad, states)
        else:
            for i, w, g, s in zip(index, weight, grad, states):
                optimizer.update_multi_precision(i, w, g, s)

    def _update_aggregated(self, index, weight, grad, states):
        """For optimizers that ask for lists of up to `aggregate_num` parameters of one dtype."""
        by_dtype: dict[Any, list[int]] = {}
        for position, w in enumerate(weight):
            by_dtype.setdefault(np.dtype(w.dtype), []).append(position)
        step = self.optimizer.aggregate_num
        for positions in by_dtype.values():
            for start in range(0, len(positions), step):
                part = positions[start : start + step]
                self.optimizer.update_multi_precision(
                    [index[p] for p in part],
                    [weight[p] for p in part],
                    [grad[p] for p in part],
                    [states[p] for p in part],
                )

    def state_of(self, index, weight):
        """The state under a key, created for `weight` or moved to its context where needed.

        Raises ValueError where a loaded state does not have the shape of the weight.
        """
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        elif not self.states_synced.get(index, False):
            state = self.sync_state_context(self.states[index], weight.context)
            self._check_shapes(index, state, weight)
            self.states[index] = state
            self.states_synced[index] = True
        return self.states[index]

    def _check_shapes(self, index, state, weight):
        expected = self.optimizer.create_state_multi_precision(index, weight)
        if _outline(expected) != _outline(state):
            name = self.optimizer.idx2name.get(index, index)
            raise ValueError(
                f"[Updater] loaded optimizer state of parameter {name!r} does not fit "
                f"{type(self.optimizer).__name__}: got {_outline(state)}, expected {_outline(expected)}. "
                "Create the optimizer as it was when the states were saved, or do not load them"
            )

    def sync_state_context(self, state, context):
        """The state with its arrays on `context`; arrays already there stay the same objects."""
        if isinstance(state, NDArray):
            return state.as_in_context(context)
        if isinstance(state, (tuple, list)):
            return type(state)(self.sync_state_context(s, context) for s in state)
        return state

    def plan(self, indices, grads, weights) -> UpdatePlan:
        """A reusable step over fixed parameters of one context; see `UpdatePlan`."""
        return UpdatePlan(self, indices, grads, weights)

    # ---- saving and loading

    def _names(self) -> dict[Any, str]:
        return self.optimizer.idx2name if self.key_names is None else self.key_names

    def get_states(self, dump_optimizer=False):
        """States as bytes that MXNet 1.x reads too, followed by what it does not keep: the update counts, the
        position of the learning-rate schedule and of the random stream.

        Parameters
        ----------
        dump_optimizer : bool
            Default False. True also keeps the optimizer's numbers, such as its learning rate and weight
            decay, which `set_states` then restores. MXNet ignores them.
        """
        return encode_states(self.states, self._extra(dump_optimizer))

    def _extra(self, dump_optimizer: bool) -> dict[str, Any]:
        optimizer = self.optimizer
        counts: dict[Any, int] = {}
        for by_device in optimizer._all_index_update_counts.values():
            for key, count in by_device.items():
                counts[key] = max(count, counts.get(key, 0))
        key_names = self._names()
        keys = sorted({*self.states, *counts}, key=str)
        extra: dict[str, Any] = {
            "num_update": int(optimizer.num_update),
            # JSON has no int keys: [key, parameter name, updates]
            "params": [[k, key_names.get(k, k if isinstance(k, str) else None), counts.get(k)] for k in keys],
            "position": optimizer._position(),
            "random": list(_core.random_state()),
            "scheduler": optimizer._scheduler_record(),
        }
        if dump_optimizer:
            extra["optimizer"] = {"class": type(optimizer).__name__, "numbers": _scalars_of(optimizer)}
        return extra

    def set_states(self, states, source="optimizer states", by_name=False):
        """Replaces the states by saved ones, from here or from MXNet 1.x. Never runs code from the bytes.

        States are matched to parameters by name where names are known, so a file from another number of
        contexts fits. With a file from here update counts, schedule and `mx.random` continue as they were.

        Parameters
        ----------
        states : bytes
        source : str
            Name for errors, such as the file's.
        by_name : bool
            Default False. Whether this updater is called with parameter names as keys.
        """
        loaded, extra = decode_states(states, source)
        names, counts = _names_and_counts(loaded, extra, source)
        key_names = {} if by_name else self._names()
        if by_name or key_names:
            loaded = _rekey(loaded, names or _guess_names(loaded, key_names), key_names, by_name, _copy_state)
            counts = _rekey(counts, names, key_names, by_name, lambda count: count)
        self.states = loaded
        self.states_synced = dict.fromkeys(loaded, False)
        if extra:
            self._resume(extra, counts)

    def _resume(self, extra: dict[str, Any], counts: dict[Any, int]) -> None:
        optimizer = self.optimizer
        dumped = extra.get("optimizer")
        if isinstance(dumped, dict) and dumped.get("class") == type(optimizer).__name__:
            for key, value in dumped["numbers"].items():
                if hasattr(optimizer, key):
                    setattr(optimizer, key, value)
        optimizer.num_update = extra["num_update"]
        optimizer._initial_counts = counts
        optimizer._all_index_update_counts = {0: dict(counts)}
        optimizer._index_update_count = optimizer._all_index_update_counts[0]
        optimizer._set_position(extra.get("position") or {})
        optimizer._restore_scheduler(extra.get("scheduler"))
        if "random" in extra:
            _core.set_random_state(*extra["random"])


class UpdatePlan:
    """One step over a fixed list of parameters, with everything looked up beforehand.

    Calling it is the same as calling the updater with the lists, and for optimizers of the engine costs one
    engine call. It notices when states were loaded or the optimizer was replaced.
    """

    __slots__ = (
        "_device",
        "_fused",
        "_grads",
        "_groups",
        "_indices",
        "_optimizer",
        "_states",
        "_updater",
        "_weights",
    )

    def __init__(
        self, updater: Updater, indices: Sequence, grads: Sequence[NDArray], weights: Sequence[NDArray]
    ):
        self._updater = updater
        self._indices = list(indices)
        self._grads = list(grads)
        self._weights = list(weights)
        self._device = self._weights[0].context.device_id if self._weights else 0
        self._optimizer: Optimizer | None = None
        self._fused: FusedOptimizer | None = None
        self._states: list[Any] = []
        self._groups: list[UpdateGroup] = []

    def _prepare(self, optimizer: Optimizer) -> None:
        updater = self._updater
        self._fused = fused_owner(optimizer)
        if self._fused is not None:
            optimizer._set_current_context(self._device)
            self._states = [updater.state_of(i, w) for i, w in zip(self._indices, self._weights)]
            self._groups = self._fused._groups(self._weights, self._grads, self._states)
        self._optimizer = optimizer

    def __call__(self) -> None:
        if not self._indices:
            return
        updater = self._updater
        optimizer = updater.optimizer
        known = updater.states
        if optimizer is not self._optimizer:
            self._prepare(optimizer)
        fused = self._fused
        if fused is None:
            updater(self._indices, self._grads, self._weights)
            return
        if not all(map(is_, map(known.get, self._indices), self._states)):
            self._prepare(optimizer)
        fused._set_current_context(self._device)
        fused._run(self._indices, self._groups)


def get_updater(optimizer):
    """Returns an `Updater`, a function of ``(index, grad, weight)`` that updates weights in place."""
    return Updater(optimizer)


def _outline(state) -> Any:
    """Shapes inside a state, in its structure."""
    if isinstance(state, NDArray):
        return tuple(state.shape)
    if isinstance(state, (tuple, list)):
        return [_outline(s) for s in state]
    return state


def _copy_state(state):
    if isinstance(state, NDArray):
        return state.copy()
    if isinstance(state, (tuple, list)):
        return type(state)(_copy_state(s) for s in state)
    return state


def _names_and_counts(states, extra, source):
    """Parameter name and update count by key, from the section behind the pickle."""
    names = {key: key for key in states if isinstance(key, str)}
    counts = {}
    if extra:
        try:
            extra["num_update"] = int(extra["num_update"])
            if "random" in extra:
                seed, draws = extra["random"]
                extra["random"] = [int(seed) % 2**64, int(draws) % 2**64]
            for key, name, count in extra["params"]:
                if name is not None:
                    names[key] = str(name)
                if count is not None:
                    counts[key] = int(count)
        except (KeyError, TypeError, ValueError) as err:
            raise ValueError(
                f"[load_optimizer_states] {source}: damaged section with update counts: {err!r}"
            ) from None
    return names, counts


def _guess_names(states, idx2name):
    """Names for a file of MXNet with int keys ``i * contexts + k``, from its number of states.

    Possible where every parameter has a state; else the keys are taken as they are.
    """
    params = list(dict.fromkeys(idx2name.values()))
    if not params or len(states) % len(params) or set(states) != set(range(len(states))):
        return {}
    contexts = len(states) // len(params)
    return {key: params[key // contexts] for key in states}


def _rekey(values, names, idx2name, by_name, copy):
    """Values by the keys of this updater instead of the keys of the file. Without names the keys stay."""
    if not names or (not by_name and all(idx2name.get(key) == name for key, name in names.items())):
        return values
    by_param: dict[Any, Any] = {}
    for key, value in values.items():
        by_param.setdefault(names.get(key, key), value)
    if by_name:
        return by_param
    rekeyed: dict[Any, Any] = {}
    taken = set()
    for index, name in idx2name.items():
        if name in by_param:
            # Each context gets a copy of its own.
            rekeyed[index] = copy(by_param[name]) if name in taken else by_param[name]
            taken.add(name)
    return rekeyed
