"""Stochastic gradient descent: plain, with momentum, with Nesterov momentum."""

from __future__ import annotations

from .fused import FusedOptimizer
from .optimizer import register, zeros_like_weight

__all__ = ["NAG", "SGD", "ccSGD"]


class _Momentum(FusedOptimizer):
    _momentum_kernel: str
    _master_first = False  # (momentum, master), the order in MXNet's .states files

    momentum: float
    lazy_update = False

    def create_state(self, index, weight):
        """The momentum, zeros like `weight`, or None without momentum."""
        return zeros_like_weight(weight, self.lazy_update) if self.momentum != 0.0 else None

    def _kernel(self, state):
        return "sgd" if state is None else self._momentum_kernel

    def _kernel_numbers(self, kind):
        return [] if kind in ("sgd", "mp_sgd") else [self.momentum]


@register
class SGD(_Momentum):
    """Stochastic gradient descent with optional momentum and weight decay.

    With ``g = clip(rescale_grad * grad)``: ``state = momentum * state - lr * (g + wd * weight)`` and
    ``weight += state``.

    Parameters
    ----------
    momentum : float
        Default 0: plain gradient descent without state.
    lazy_update : bool
        Default True: of a row_sparse gradient only the rows present are updated.
    kwargs
        See `Optimizer`.
    """

    _momentum_kernel = "sgd_mom"

    def __init__(self, momentum=0.0, lazy_update=True, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update


@register
class ccSGD(SGD):
    """Another name of `SGD`, kept for old scripts."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


@register
class NAG(_Momentum):
    """SGD with Nesterov's accelerated gradient.

    With ``g = clip(rescale_grad * grad)`` and ``m = momentum * state``:
    ``weight += momentum * (m - lr * (g + wd * weight)) - lr * (g + wd * weight)``, then
    ``state = m - lr * (g + wd * weight)`` with the new weight.

    Parameters
    ----------
    momentum : float
        Default 0: plain gradient descent without state.
    kwargs
        See `Optimizer`.
    """

    _momentum_kernel = "nag"

    def __init__(self, momentum=0.0, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
