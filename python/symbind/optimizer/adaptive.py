"""Optimizers that scale each coordinate by its gradients so far."""

from __future__ import annotations

import math

from .fused import FusedOptimizer
from .optimizer import register, zeros_like_weight

__all__ = ["AdaGrad", "Adam", "RMSProp"]


@register
class Adam(FusedOptimizer):
    """Adam: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    With ``g = clip(rescale_grad * grad + wd * weight)``, ``mean = beta1 * mean + (1 - beta1) * g``,
    ``var = beta2 * var + (1 - beta2) * g**2``:
    ``weight -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * mean / (sqrt(var) + epsilon)``.

    Parameters
    ----------
    learning_rate : float
        Default 0.001.
    beta1, beta2, epsilon : float
        Defaults 0.9, 0.999, 1e-8.
    lazy_update : bool
        Default True: of a row_sparse gradient only the rows present are updated.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, lazy_update=True, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def create_state(self, index, weight):
        """(mean, variance), zeros like `weight`."""
        lazy = self.lazy_update
        return (zeros_like_weight(weight, lazy), zeros_like_weight(weight, lazy))

    def _kernel(self, state):
        return "adam"

    def _kernel_numbers(self, kind):
        return [self.beta1, self.beta2, self.epsilon]

    def _kernel_lrs(self, indices, lrs):
        counts, seen, correction = self._index_update_count, None, 1.0
        rates = []
        for index, lr in zip(indices, lrs):
            t = counts[index]
            if t != seen:  # as a rule all counts are the same
                seen = t
                correction = math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t)
            rates.append(lr * correction)
        return rates


@register
class RMSProp(FusedOptimizer):
    """RMSProp: Tieleman and Hinton, 2012; centered: Graves, arXiv:1308.0850, equations 38 to 45.

    With ``g = clip(rescale_grad * grad + wd * weight)`` and ``n = (1 - gamma1) * g**2 + gamma1 * n``:
    ``weight -= lr * g / sqrt(n + epsilon)``; centered, with ``m = (1 - gamma1) * g + gamma1 * m``:
    ``delta = gamma2 * delta - lr * g / sqrt(n - m**2 + epsilon)``, ``weight += delta``.

    Parameters
    ----------
    learning_rate : float
        Default 0.001.
    gamma1, gamma2 : float
        Decay of the averages and momentum of the centered form, both 0.9.
    epsilon : float
        Default 1e-8.
    centered : bool
        Default False.
    clip_weights : float, optional
        Clip weights to ``[-clip_weights, clip_weights]`` after each step.
    kwargs
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        gamma1=0.9,
        gamma2=0.9,
        epsilon=1e-8,
        centered=False,
        clip_weights=None,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.centered = centered
        self.epsilon = epsilon
        self.clip_weights = clip_weights

    def create_state(self, index, weight):
        """(n,), or (n, m, delta) for the centered form, zeros like `weight`."""
        return tuple(zeros_like_weight(weight, True) for _ in range(3 if self.centered else 1))

    def _kernel(self, state):
        return "rmspropalex" if len(state) == 3 else "rmsprop"

    def _kernel_numbers(self, kind):
        clip = self.clip_weights if self.clip_weights else -1.0
        if kind.endswith("rmspropalex"):
            return [self.gamma1, self.gamma2, self.epsilon, clip]
        return [self.gamma1, self.epsilon, clip]


@register
class AdaGrad(FusedOptimizer):
    """AdaGrad: Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 2011.

    With ``g = clip(rescale_grad * grad)`` and ``history += g**2``:
    ``weight -= lr * (g / sqrt(history + eps) + wd * weight)``.

    Parameters
    ----------
    eps : float
        Default 1e-7.
    kwargs
        See `Optimizer`.
    """

    lazy_update = True

    def __init__(self, eps=1e-7, **kwargs):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index, weight):
        """The sum of squared gradients, zeros like `weight`."""
        return zeros_like_weight(weight, True)

    def _kernel(self, state):
        return "adagrad"

    def _kernel_numbers(self, kind):
        return [self.float_stable_eps]
