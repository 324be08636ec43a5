"""Learning rate schedules of MXNet's first releases; `mx.lr_scheduler` replaces them."""

from __future__ import annotations

import logging

__all__ = ["FactorScheduler", "LearningRateScheduler"]


class LearningRateScheduler:
    """Base class: a subclass defines ``__call__(iteration)``, which returns the learning rate.

    Attributes
    ----------
    base_lr : float
        The rate at the beginning, 0.01 until an optimizer sets its own.
    """

    def __init__(self) -> None:
        self.base_lr = 0.01

    def __call__(self, iteration: int) -> float:
        raise NotImplementedError(f"[{type(self).__name__}] a subclass must define __call__(iteration)")


class FactorScheduler(LearningRateScheduler):
    """``base_lr * factor ** (iteration // step)``.

    Parameters
    ----------
    step : int
        After how many iterations the rate changes, at least 1.
    factor : float, default 0.1
        Less than 1.

    Raises ValueError for other values.
    """

    def __init__(self, step: int, factor: float = 0.1) -> None:
        super().__init__()
        if step < 1:
            raise ValueError(f"[FactorScheduler] step: got {step}, expected at least 1")
        if factor >= 1.0:
            raise ValueError(f"[FactorScheduler] factor: got {factor}, expected less than 1")
        self.step = step
        self.factor = factor
        self.old_lr = self.base_lr
        self.init = False

    def __call__(self, iteration: int) -> float:
        """Return the learning rate at `iteration`, and log it when it changes."""
        if not self.init:
            self.init = True
            self.old_lr = self.base_lr
        rate = self.base_lr * self.factor ** (iteration // self.step)
        if rate != self.old_lr:
            self.old_lr = rate
            logging.info("At Iteration [%d]: Switch to new learning rate %.5f", iteration, rate)
        return rate
