"""Optimizers whose step is one operator of the engine, and SGLD, which adds noise to it."""

from __future__ import annotations

import math

from .. import ndarray as nd
from .accumulated import prepared_gradient
from .optimizer import Optimizer, register, zeros_like_weight

__all__ = ["FTML", "SGLD", "Ftrl", "Signum"]


def step_numbers(optimizer: Optimizer, index, clip_name: str = "clip_gradient") -> dict[str, float]:
    """What every update operator takes: the rate and decay of a parameter, rescaling and clipping."""
    numbers = {
        "lr": optimizer._get_lr(index),
        "wd": optimizer._get_wd(index),
        "rescale_grad": optimizer.rescale_grad,
    }
    if optimizer.clip_gradient:
        numbers[clip_name] = optimizer.clip_gradient
    return numbers


@register
class Ftrl(Optimizer):
    """Ftrl-proximal: McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013.

    With ``g = clip(rescale_grad * grad)``: ``z += g - (sqrt(n + g**2) - sqrt(n)) * weight / lr``,
    ``n += g**2``, ``weight = (sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd)`` where ``|z| > lamda1``
    and 0 elsewhere.

    Parameters
    ----------
    lamda1 : float
        L1 coefficient, default 0.01.
    learning_rate : float
        Default 0.1. As in MXNet it does not become the base rate of an `lr_scheduler`, which keeps its own.
    beta : float
        Default 1.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, lamda1=0.01, learning_rate=0.1, beta=1, **kwargs):
        super().__init__(**kwargs)
        self.lr = learning_rate
        self.lamda1 = lamda1
        self.beta = beta

    def create_state(self, index, weight):
        """(z, n), zeros like `weight`."""
        return (zeros_like_weight(weight, True), zeros_like_weight(weight, True))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        nd.ftrl_update(
            weight, grad, *state, lamda1=self.lamda1, beta=self.beta, out=weight, **step_numbers(self, index)
        )


@register
class FTML(Optimizer):
    """Follow the moving leader: Zheng and Kwok, ICML 2017.

    With ``g = clip(rescale_grad * grad + wd * weight)`` and ``v = beta2 * v + (1 - beta2) * g**2``:
    ``d' = (1 - beta1**t) / lr * (sqrt(v / (1 - beta2**t)) + epsilon)``,
    ``z = beta1 * z + (1 - beta1) * g - (d' - beta1 * d) * weight``, ``weight = -z / d'``.

    Parameters
    ----------
    beta1, beta2, epsilon : float
        Defaults 0.6, 0.999, 1e-8.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, beta1=0.6, beta2=0.999, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """(d, v, z), zeros like `weight`."""
        return tuple(zeros_like_weight(weight) for _ in range(3))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        numbers = step_numbers(self, index, "clip_grad")
        numbers.update(beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon)
        nd.ftml_update(weight, grad, *state, t=self._index_update_count[index], out=weight, **numbers)


@register
class Signum(Optimizer):
    """The sign of the gradient, or of its running mean: Bernstein et al., "signSGD", ICML 2018.

    With ``g = clip(rescale_grad * grad) + wd * weight``, ``state = momentum * state + (1 - momentum) * g``:
    ``weight = (1 - lr * wd_lh) * weight - lr * sign(state)`` (the state is kept with the opposite sign).
    Without momentum: ``weight = (1 - lr * wd) * weight - lr * sign(grad)``.

    Parameters
    ----------
    learning_rate : float
        Default 0.01.
    momentum : float
        Default 0.9.
    wd_lh : float
        Weight decay outside of the sign (Loshchilov and Hutter), with momentum only. Default 0.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, learning_rate=0.01, momentum=0.9, wd_lh=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.wd_lh = wd_lh

    def create_state(self, index, weight):
        """The momentum, zeros like `weight`, or None without momentum."""
        return zeros_like_weight(weight, True) if self.momentum != 0.0 else None

    def update(self, index, weight, grad, state):
        self._update_count(index)
        numbers = step_numbers(self, index)
        if state is None:
            nd.signsgd_update(weight, grad, out=weight, **numbers)
            return
        nd.signum_update(weight, grad, state, momentum=self.momentum, wd_lh=self.wd_lh, out=weight, **numbers)


@register
class SGLD(Optimizer):
    """Stochastic gradient Langevin dynamics: Welling and Teh, ICML 2011.

    With ``g = clip(rescale_grad * grad)``:
    ``weight += -lr / 2 * (g + wd * weight) + normal(0, sqrt(lr))``. Keeps no state.

    Parameters
    ----------
    kwargs
        See `Optimizer`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def update(self, index, weight, grad, state):
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        grad = prepared_gradient(self, grad)
        if wd:
            grad += weight * wd
        grad *= -lr / 2
        noise = nd.random.normal(0, math.sqrt(lr), shape=weight.shape, dtype=weight.dtype, ctx=weight.context)
        grad += noise
        weight += grad
