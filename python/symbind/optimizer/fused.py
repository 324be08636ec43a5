"""Optimizers whose step is one call of the engine for all parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from .. import ndarray as nd
from .optimizer import Optimizer

__all__ = ["FusedOptimizer", "UpdateGroup", "fused_owner"]


class UpdateGroup:
    """Parameters that share an update rule and a dtype, as the lists of handles that the engine takes.

    `casts` holds pairs of handles (target, source) to copy first: gradients of another dtype than the weight,
    and row_sparse ones for steps that update all rows.
    """

    __slots__ = ("casts", "grads", "kind", "positions", "states", "weights")

    def __init__(self, kind: str):
        self.kind = kind
        self.positions: list[int] = []
        self.weights: list[Any] = []
        self.grads: list[Any] = []
        self.states: list[list[Any]] = []
        self.casts: list[tuple[Any, Any]] = []


class FusedOptimizer(Optimizer):
    """Base of optimizers with an engine kernel. A subclass names its kernel and hands over its numbers."""

    def _kernel(self, state) -> str:
        """Name of the kernel for a parameter with this state."""
        raise NotImplementedError(f"[{type(self).__name__}._kernel] a subclass must implement _kernel()")

    def _kernel_numbers(self, kind: str) -> list[float]:
        """What the kernel takes after rescale_grad and clip_gradient."""
        return []

    def _kernel_lrs(self, indices: Sequence, lrs: list[float]) -> list[float]:
        """Learning rates as the kernel takes them; for rules that correct the rate by the update count."""
        return lrs

    # ---- states of float16 weights. Most rules keep (master, state); some the other way round.

    _master_first = True

    def create_state_multi_precision(self, index, weight):
        state = super().create_state_multi_precision(index, weight)
        if self._uses_master(weight) and not self._master_first:
            return (state[1], state[0])
        return state

    def _uses_master(self, weight) -> bool:
        return self.multi_precision and weight.dtype == np.float16

    # ---- one step

    def update(self, index, weight, grad, state):
        """One step of one parameter, or of several where the arguments are lists."""
        self._step(index, weight, grad, state, multi_precision=False)

    def update_multi_precision(self, index, weight, grad, state):
        """As `update`, through float32 master copies where there are any."""
        if fused_owner(self) is not None or isinstance(index, (list, tuple)):
            self._step(index, weight, grad, state, multi_precision=True)
        elif self._uses_master(weight):  # a subclass has a rule of its own
            master, inner = state if self._master_first else (state[1], state[0])
            self.update(index, master, grad.astype("float32"), inner)
            master.copyto(weight)
        else:
            self.update(index, weight, grad, state)

    def _step(self, index, weight, grad, state, multi_precision):
        if not isinstance(index, (list, tuple)):
            index, weight, grad, state = [index], [weight], [grad], [state]
        self._run(index, self._groups(weight, grad, state, multi_precision))

    def _groups(self, weights, grads, states, multi_precision: bool = True) -> list[UpdateGroup]:
        """Sorts parameters into groups that one kernel call can update."""
        groups: dict[tuple[str, Any], UpdateGroup] = {}
        for position, (weight, grad, state) in enumerate(zip(weights, grads, states)):
            masters = []
            if multi_precision and self._uses_master(weight):
                master, state = state if self._master_first else (state[1], state[0])
                masters = [master.handle]
            kind = self._kernel(state)
            if masters:
                kind = f"mp_{kind}"
            group = groups.setdefault((kind, weight.dtype), UpdateGroup(kind))
            group.positions.append(position)
            group.weights.append(weight.handle)
            group.states.append([s.handle for s in _flat(state)] + masters)
            # A step takes a row_sparse gradient as it is where it touches the rows of that alone.
            stype = "row_sparse" if self._is_lazy(kind, weight, grad, state) else "default"
            if grad.dtype == weight.dtype and grad.stype == stype:
                group.grads.append(grad.handle)
            else:
                cast = nd.zeros(grad.shape, grad.context, weight.dtype, stype)
                group.grads.append(cast.handle)
                group.casts.append((cast.handle, grad.handle))
        return list(groups.values())

    def _is_lazy(self, kind: str, weight, grad, state) -> bool:
        """Whether a step updates only the rows that a row_sparse gradient stores."""
        return (
            grad.stype == "row_sparse"
            and getattr(self, "lazy_update", False)
            and kind in _LAZY_KERNELS
            and all(s.stype == weight.stype for s in _flat(state))
        )

    def _run(self, indices: Sequence, groups: list[UpdateGroup]) -> None:
        """Counts one update of every index and applies it."""
        self._update_count(indices)
        lrs = self._kernel_lrs(indices, self._get_lrs(indices))
        wds = self._get_wds(indices)
        clip = self.clip_gradient
        head = [self.rescale_grad, clip if clip else -1.0]
        for group in groups:
            for target, source in group.casts:
                target.copy_from(source)
            kind, positions = group.kind, group.positions
            numbers = head + self._kernel_numbers(kind)
            if len(groups) == 1:
                _core.multi_update(kind, group.weights, group.grads, group.states, lrs, wds, numbers)
                continue
            group_lrs, group_wds = [lrs[p] for p in positions], [wds[p] for p in positions]
            _core.multi_update(kind, group.weights, group.grads, group.states, group_lrs, group_wds, numbers)


_LAZY_KERNELS = ("sgd", "sgd_mom", "adam", "adagrad", "mp_sgd", "mp_sgd_mom", "mp_adam", "mp_adagrad")


def _flat(state) -> tuple:
    if state is None:
        return ()
    return tuple(state) if isinstance(state, (tuple, list)) else (state,)


_STEP_METHODS = ("update", "update_multi_precision", "_step", "_run")


def fused_owner(optimizer: Optimizer) -> FusedOptimizer | None:
    """The optimizer itself if its step may run fused, else None.

    A subclass that overrides `update` must see every parameter, one by one: its own rule counts, not its
    parent's.
    """
    if not isinstance(optimizer, FusedOptimizer):
        return None
    for klass in type(optimizer).__mro__:
        if klass is FusedOptimizer:
            return optimizer
        if any(method in vars(klass) for method in _STEP_METHODS):
            return None
    return None
