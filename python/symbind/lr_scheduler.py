"""Learning rate as a function of the number of updates.

An optimizer calls its scheduler with `num_update`, the largest number of updates that any weight has had, and
uses what comes back as its learning rate.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

__all__ = ["CosineScheduler", "FactorScheduler", "LRScheduler", "MultiFactorScheduler", "PolyScheduler"]


class LRScheduler:
    """Base of learning rate schedules, with an optional warm-up; a subclass defines `__call__`.

    Parameters
    ----------
    base_lr : float
        Learning rate before any reduction. Default 0.01.
    warmup_steps : int
        Number of updates of the warm-up. Default 0, none.
    warmup_begin_lr : float
        Learning rate at the start of the warm-up. Default 0. At most `base_lr`.
    warmup_mode : str
        ``'linear'`` (default): from `warmup_begin_lr` to `base_lr` in equal steps; ``'constant'``: stays at
        `warmup_begin_lr`.

    Raises
    ------
    ValueError
        For a negative number of steps, an unknown mode or a warm-up that starts above `base_lr`.
    TypeError
        If `warmup_steps` is no integer.
    """

    def __init__(
        self,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        where = type(self).__name__
        _check_integer(where, "warmup_steps", warmup_steps)
        if warmup_begin_lr > base_lr:
            raise ValueError(
                f"[{where}] Base lr has to be higher than warmup_begin_lr: got base_lr={base_lr}, "
                f"warmup_begin_lr={warmup_begin_lr}"
            )
        if warmup_steps < 0:
            raise ValueError(f"[{where}] Warmup steps has to be positive or 0: got {warmup_steps}")
        if warmup_mode not in ("linear", "constant"):
            raise ValueError(
                f"[{where}] Supports only linear and constant modes of warmup: got {warmup_mode!r}"
            )
        self.base_lr = base_lr
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update: int) -> float:
        """Return the learning rate of update `num_update` of the warm-up; ValueError if that is over."""
        if num_update >= self.warmup_steps:
            raise ValueError(
                f"[LRScheduler.get_warmup_lr] the warm-up is over: got num_update={num_update}, expected "
                f"less than {self.warmup_steps}"
            )
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        increase = (self.warmup_final_lr - self.warmup_begin_lr) * num_update / self.warmup_steps
        return self.warmup_begin_lr + increase

    def __call__(self, num_update: int) -> float:
        """Return the learning rate for `num_update` updates; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(num_update)")


class FactorScheduler(LRScheduler):
    """Multiply the learning rate by `factor` after every `step` updates, down to `stop_factor_lr`.

    The rate for update n is ``max(base_lr * factor ** ((n - 1) // step), stop_factor_lr)``.

    Parameters
    ----------
    step : int
        Number of updates between two reductions, at least 1.
    factor : float
        At most 1. Default 1.
    stop_factor_lr : float
        The rate is never reduced below this. Default 1e-8.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode :
        See `LRScheduler`.
    """

    def __init__(
        self,
        step: int,
        factor: float = 1,
        stop_factor_lr: float = 1e-8,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if step < 1:
            raise ValueError(
                f"[FactorScheduler] Schedule step must be greater or equal than 1 round: got {step}"
            )
        _check_factor("FactorScheduler", factor)
        self.step = step
        self.factor = factor
        self.stop_factor_lr = stop_factor_lr
        self.count = 0

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        before = self.base_lr
        while num_update > self.count + self.step:
            self.count += self.step
            self.base_lr = max(self.base_lr * self.factor, self.stop_factor_lr)
        if self.base_lr != before:
            end = ", will not change in the future" if self.base_lr == self.stop_factor_lr else ""
            logging.info("Update[%d]: Change learning rate to %0.5e%s", num_update, self.base_lr, end)
        return self.base_lr


class MultiFactorScheduler(LRScheduler):
    """Multiply the learning rate by `factor` after each of the given numbers of updates.

    Parameters
    ----------
    step : list of int
        Increasing numbers of updates, each at least 1.
    factor : float
        At most 1. Default 1.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode :
        See `LRScheduler`.
    """

    def __init__(
        self,
        step: Sequence[int],
        factor: float = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(step, (list, tuple)):
            raise TypeError(
                f"[MultiFactorScheduler] step must be a list of integers: got {type(step).__name__}"
            )
        if not step:
            raise ValueError("[MultiFactorScheduler] step must not be empty")
        if min(step) < 1:
            raise ValueError(
                f"[MultiFactorScheduler] Schedule step must be greater or equal than 1 round: got {step}"
            )
        if any(second <= first for first, second in zip(step, step[1:])):
            raise ValueError(
                f"[MultiFactorScheduler] Schedule step must be an increasing integer list: got {step}"
            )
        _check_factor("MultiFactorScheduler", factor)
        self.step = list(step)
        self.cur_step_ind = 0
        self.factor = factor
        self.count = 0

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        passed = self.cur_step_ind
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self.base_lr *= self.factor
        if self.cur_step_ind != passed:
            logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class _DecayScheduler(LRScheduler):
    """A rate that falls from `base_lr` at the end of the warm-up to `final_lr` at update `max_update`."""

    def __init__(
        self,
        max_update: int,
        base_lr: float,
        final_lr: float,
        warmup_steps: int,
        warmup_begin_lr: float,
        warmup_mode: str,
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        where = type(self).__name__
        _check_integer(where, "max_update", max_update)
        if max_update < 1:
            raise ValueError(
                f"[{where}] maximum number of updates must be strictly positive: got {max_update}"
            )
        self.base_lr_orig = base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = max_update - warmup_steps

    def _decay(self, progress: float) -> float:
        """Return the part of the fall that is left, 1 at `progress` 0 and 0 at `progress` 1."""
        raise NotImplementedError

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        steps = min(num_update, self.max_update) - self.warmup_steps
        progress = steps / self.max_steps if self.max_steps > 0 else 1.0
        self.base_lr = self.final_lr + (self.base_lr_orig - self.final_lr) * self._decay(progress)
        return self.base_lr


class PolyScheduler(_DecayScheduler):
    """Reduce the learning rate with a power of the updates that are left.

    ``final_lr + (base_lr - final_lr) * (1 - progress) ** pwr``, where `progress` goes from 0 at the end of
    the warm-up to 1 at update `max_update`; `final_lr` from then on.

    Parameters
    ----------
    max_update : int
        The update at which `final_lr` is reached, at least 1.
    base_lr : float
        Default 0.01.
    pwr : int
        Default 2.
    final_lr : float
        Default 0.
    warmup_steps, warmup_begin_lr, warmup_mode :
        See `LRScheduler`.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        pwr: float = 2,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _decay(self, progress: float) -> float:
        return (1 - progress) ** self.power


class CosineScheduler(_DecayScheduler):
    """Reduce the learning rate along half a period of a cosine (SGDR, arXiv:1608.03983, without restarts).

    ``final_lr + (base_lr - final_lr) * (1 + cos(pi * progress)) / 2``, where `progress` goes from 0 at the
    end of the warm-up to 1 at update `max_update`; `final_lr` from then on.

    Parameters
    ----------
    max_update : int
        The update at which `final_lr` is reached, at least 1.
    base_lr : float
        Default 0.01.
    final_lr : float
        Default 0.
    warmup_steps, warmup_begin_lr, warmup_mode :
        See `LRScheduler`.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _decay(self, progress: float) -> float:
        return (1 + math.cos(math.pi * progress)) / 2


def _check_integer(where: str, name: str, value: int) -> None:
    if not hasattr(value, "__index__"):
        raise TypeError(f"[{where}] {name} must be an integer: got {value!r}")


def _check_factor(where: str, factor: float) -> None:
    if factor > 1.0:
        raise ValueError(f"[{where}] Factor must be no more than 1 to make lr reduce: got {factor}")
