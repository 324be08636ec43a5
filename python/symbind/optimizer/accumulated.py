"""Optimizers that keep running averages of gradients, beside those of adaptive.py."""

from __future__ import annotations

from typing import Any

from .. import ndarray as nd
from .optimizer import Optimizer, register, zeros_like_weight

__all__ = ["AdaDelta", "Adamax", "GroupAdaGrad", "Nadam", "prepared_gradient"]


def prepared_gradient(optimizer: Optimizer, grad, weight=None, wd: float = 0.0):
    """``clip(rescale_grad * grad + wd * weight)`` as a new array; without `weight` no decay is added."""
    grad = grad * optimizer.rescale_grad
    if weight is not None and wd:
        grad += weight * wd
    limit = optimizer.clip_gradient
    if limit is not None:
        nd.clip(grad, -limit, limit, out=grad)
    return grad


def average(state, decay: float, value) -> None:
    """``state = decay * state + (1 - decay) * value`` in place."""
    state *= decay
    state += value * (1.0 - decay)


@register
class AdaDelta(Optimizer):
    """AdaDelta: Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701.

    With ``g = clip(rescale_grad * grad)`` and ``acc_g = rho * acc_g + (1 - rho) * g**2``:
    ``delta = sqrt(acc_delta + epsilon) / sqrt(acc_g + epsilon) * g``,
    ``acc_delta = rho * acc_delta + (1 - rho) * delta**2``, ``weight -= delta + wd * weight``.
    The learning rate plays no part.

    Parameters
    ----------
    rho : float
        Decay of both averages, default 0.9.
    epsilon : float
        Default 1e-5.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, rho=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """(average of squared gradients, average of squared steps), zeros like `weight`."""
        return (zeros_like_weight(weight), zeros_like_weight(weight))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        wd = self._get_wd(index)
        grad = prepared_gradient(self, grad)
        acc_grad, acc_delta = state
        average(acc_grad, self.rho, nd.square(grad))
        grad *= nd.sqrt(acc_delta + self.epsilon)
        grad /= nd.sqrt(acc_grad + self.epsilon)
        average(acc_delta, self.rho, nd.square(grad))
        if wd:
            grad += weight * wd
        weight -= grad


@register
class Adamax(Optimizer):
    """Adamax, Adam with the infinity norm: Kingma and Ba, ICLR 2015, section 7.1.

    With ``g = clip(rescale_grad * grad + wd * weight)``, ``mean = beta1 * mean + (1 - beta1) * g`` and
    ``norm = max(beta2 * norm, |g|)``: ``weight -= lr / (1 - beta1**t) * mean / norm``.

    Parameters
    ----------
    learning_rate : float
        Default 0.002.
    beta1, beta2 : float
        Defaults 0.9, 0.999.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, learning_rate=0.002, beta1=0.9, beta2=0.999, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2

    def create_state(self, index, weight):
        """(mean, norm), zeros like `weight`."""
        return (zeros_like_weight(weight), zeros_like_weight(weight))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        lr = self._get_lr(index) / (1.0 - self.beta1 ** self._index_update_count[index])
        grad = prepared_gradient(self, grad, weight, self._get_wd(index))
        mean, norm = state
        average(mean, self.beta1, grad)
        norm *= self.beta2
        nd.broadcast_maximum(norm, nd.abs(grad), out=norm)
        step = mean * lr
        step /= norm
        weight -= step


@register
class Nadam(Optimizer):
    """Nadam, Adam with Nesterov momentum: Dozat, 2015 (cs229.stanford.edu/proj2015/054_report.pdf).

    With ``g = clip(rescale_grad * grad + wd * weight)``, ``mean`` and ``var`` as in `Adam`, and
    ``mu(t) = beta1 * (1 - 0.5 * 0.96**(t * schedule_decay))``: ``m_schedule *= mu(t)``,
    ``m_bar = (1 - mu(t)) * g / (1 - m_schedule) + mu(t + 1) * mean / (1 - m_schedule * mu(t + 1))``,
    ``weight -= lr * m_bar / (sqrt(var / (1 - beta2**t)) + epsilon)``.

    As in MXNet all parameters share one ``m_schedule``, so it is multiplied once per parameter and step.

    Parameters
    ----------
    learning_rate : float
        Default 0.001.
    beta1, beta2, epsilon : float
        Defaults 0.9, 0.999, 1e-8.
    schedule_decay : float
        Default 0.004.
    kwargs
        See `Optimizer`.
    """

    def __init__(
        self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, schedule_decay=0.004, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay
        self.m_schedule = 1.0

    def create_state(self, index, weight):
        """(mean, variance), zeros like `weight`."""
        return (zeros_like_weight(weight), zeros_like_weight(weight))

    def _position(self) -> dict[str, Any]:
        return {"m_schedule": self.m_schedule}

    def _momentum(self, t: int) -> float:
        return self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.schedule_decay))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        t = self._index_update_count[index]
        grad = prepared_gradient(self, grad, weight, self._get_wd(index))
        now, following = self._momentum(t), self._momentum(t + 1)
        self.m_schedule *= now
        mean, var = state
        average(mean, self.beta1, grad)
        average(var, self.beta2, nd.square(grad))
        grad *= (1.0 - now) / (1.0 - self.m_schedule)
        grad += mean * (following / (1.0 - self.m_schedule * following))
        grad *= self._get_lr(index)
        scale = nd.sqrt(var * (1.0 / (1.0 - self.beta2**t)))
        scale += self.epsilon
        grad /= scale
        weight -= grad


@register
class GroupAdaGrad(Optimizer):
    """AdaGrad with one learning rate per row, for embeddings; in MXNet ``mx.optimizer.contrib.GroupAdaGrad``.

    With ``g = clip(rescale_grad * grad)`` and ``history += mean(g**2, axis=1)``:
    ``weight -= lr * g / sqrt(history + eps)``.

    Parameters
    ----------
    eps : float
        Default 1e-5.
    kwargs
        See `Optimizer`. Weight decay is not supported: ValueError at the first update.
    """

    def __init__(self, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index, weight):
        """The history, zeros of shape (rows, 1). Raises ValueError where `weight` is not a matrix."""
        if len(weight.shape) != 2:
            raise ValueError(f"[GroupAdaGrad] weight {index!r}: got shape {weight.shape}, expected a matrix")
        return nd.zeros((weight.shape[0], 1), weight.context, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        self._update_count(index)
        if self._get_wd(index):
            raise ValueError(
                f"[GroupAdaGrad] wd of parameter {index!r}: got {self._get_wd(index)}, expected 0; "
                "weight decay is not supported"
            )
        grad = prepared_gradient(self, grad)
        state += nd.mean(nd.square(grad), axis=1, keepdims=True)
        grad *= self._get_lr(index)
        weight -= nd.broadcast_div(grad, nd.sqrt(state + self.float_stable_eps))
