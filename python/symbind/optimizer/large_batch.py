"""Optimizers for large batches and many workers: LARS, LAMB, LBSGD and DCASGD."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from .. import ndarray as nd
from .accumulated import prepared_gradient
from .operator_steps import step_numbers
from .optimizer import Optimizer, register, zeros_like_weight

__all__ = ["DCASGD", "LAMB", "LARS", "LBSGD"]


def _sgd_step(weight, grad, momentum_state, numbers: dict[str, float], momentum: float) -> None:
    if momentum_state is None:
        nd.sgd_update(weight, grad, out=weight, **numbers)
    else:
        nd.sgd_mom_update(weight, grad, momentum_state, momentum=momentum, out=weight, **numbers)


@register
class LARS(Optimizer):
    """Layer-wise adaptive rate scaling: You, Gitman and Ginsburg, arXiv:1708.03888.

    The step of `SGD`, with the rate of every parameter but those named ``*gamma``, ``*beta`` and ``*bias``
    multiplied by ``eta * |weight| / (rescale_grad * |grad| + wd * |weight| + eps)`` (1 where a norm is 0).
    Only parameters named ``*_weight`` decay by default.

    Parameters
    ----------
    momentum : float
        Default 0.
    lazy_update : bool
        Default True. Kept for the signature: gradients are dense.
    eta : float
        Default 0.001.
    eps : float
        Default 0.
    momentum_correction : bool
        Default True: momentum is multiplied by the new rate over the last one where a schedule changes it.
        As in MXNet this reaches the first group of four parameters of the step with the new rate.
    kwargs
        See `Optimizer`.
    """

    _unscaled_suffixes = ("gamma", "beta", "bias")

    def __init__(self, momentum=0.0, lazy_update=True, eta=0.001, eps=0, momentum_correction=True, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update
        self.eta = eta
        self.eps = eps
        self.momentum_correction = momentum_correction
        self.aggregate_num = 4
        self.last_lr = None
        self.cur_lr = None

    def _position(self) -> dict[str, Any]:
        return {"last_lr": self.last_lr, "cur_lr": self.cur_lr}

    def _get_lrs(self, indices):
        lr = self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)
        self.last_lr = lr if self.cur_lr is None else self.cur_lr
        self.cur_lr = lr
        return self._scaled(lr, indices, self.lr_mult, "lr_mult")

    def set_wd_mult(self, args_wd_mult):
        """Sets weight-decay multipliers by parameter name or index.

        Others keep ``__wd_mult__``, or 1 where the name ends in ``_weight``, or 0.
        """
        self.wd_mult = {name: 0.0 for name in self.idx2name.values() if not name.endswith("_weight")}
        self.wd_mult.update(self._attribute_multipliers("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def create_state(self, index, weight):
        """The momentum, zeros like `weight`, or None without momentum."""
        return zeros_like_weight(weight) if self.momentum != 0.0 else None

    def create_state_multi_precision(self, index, weight):
        """As `create_state`; with `multi_precision` (momentum, float32 master copy) of a float16 weight."""
        state = super().create_state_multi_precision(index, weight)
        if self.multi_precision and weight.dtype == np.float16:
            return (state[1], state[0])
        return state

    def update(self, index, weight, grad, state):
        """One step of one parameter, or of several where the arguments are lists."""
        if not isinstance(index, (list, tuple)):
            index, weight, grad, state = [index], [weight], [grad], [state]
        self._update_count(index)
        lrs, wds = self._get_lrs(index), self._get_wds(index)
        momentum = self.momentum
        if self.momentum_correction and self.last_lr:
            momentum *= self.cur_lr / self.last_lr
        numbers = {"rescale_grad": self.rescale_grad}
        if self.clip_gradient:
            numbers["clip_gradient"] = self.clip_gradient
        lrs = self._adapted(index, weight, grad, lrs, wds)
        for w, g, s, lr, wd in zip(weight, grad, state, lrs, wds):
            _sgd_step(w, g, s, {**numbers, "lr": lr, "wd": wd}, momentum)

    def _adapted(self, indices, weights, grads, lrs, wds) -> list[float]:
        """Rates by the norms of weights and gradients, which are read from the device once."""
        names = [str(self.idx2name.get(i, i)) for i in indices]
        scaled = [k for k, name in enumerate(names) if not name.endswith(self._unscaled_suffixes)]
        if not scaled:
            return lrs
        arrays = [weights[k] for k in scaled] + [grads[k] for k in scaled]
        squares = nd.multi_sum_sq(*arrays, num_arrays=len(arrays)).asnumpy()
        lrs = list(lrs)
        for n, k in enumerate(scaled):
            weight_norm, grad_norm = math.sqrt(squares[n]), math.sqrt(squares[len(scaled) + n])
            if weight_norm > 0 and grad_norm > 0:
                divisor = grad_norm * self.rescale_grad + wds[k] * weight_norm + self.eps
                lrs[k] *= self.eta * weight_norm / divisor
        return lrs

    def update_multi_precision(self, index, weight, grad, state):
        """As `update`, through float32 master copies where there are any."""
        if not isinstance(index, (list, tuple)):
            index, weight, grad, state = [index], [weight], [grad], [state]
        if not (self.multi_precision and weight[0].dtype == np.float16):
            self.update(index, weight, grad, state)
            return
        masters = [master for _, master in state]
        self.update(index, masters, [g.astype("float32") for g in grad], [inner for inner, _ in state])
        for master, w in zip(masters, weight):
            master.copyto(w)


@register
class LAMB(Optimizer):
    """Layer-wise adaptive moments: You et al., "Large batch optimization for deep learning", ICLR 2020.

    With ``g = clip(rescale_grad * grad)`` and ``mean``, ``var`` as in `Adam`, corrected for their bias:
    ``step = mean / (sqrt(var) + epsilon) + wd * weight``, ``weight -= lr * |weight| / |step| * step``, the
    norm of the weight clipped to the bounds and the ratio 1 where a norm is 0.

    Parameters
    ----------
    learning_rate : float
        Default 0.001.
    beta1, beta2, epsilon : float
        Defaults 0.9, 0.999, 1e-6.
    lower_bound, upper_bound : float, optional
        Bounds of the norm of the weight.
    bias_correction : bool
        Default True.
    kwargs
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-6,
        lower_bound=None,
        upper_bound=None,
        bias_correction=True,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction

    def create_state(self, index, weight):
        """(mean, variance), zeros like `weight`."""
        return (zeros_like_weight(weight), zeros_like_weight(weight))

    def update(self, index, weight, grad, state):
        self._update_count(index)
        numbers = step_numbers(self, index)
        lr = numbers.pop("lr")
        numbers.update(beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon)
        t = self._index_update_count[index]
        step = nd.lamb_update_phase1(
            weight, grad, *state, t=t, bias_correction=self.bias_correction, **numbers
        )
        bounds = {}
        if self.lower_bound:
            bounds["lower_bound"] = self.lower_bound
        if self.upper_bound:
            bounds["upper_bound"] = self.upper_bound
        nd.lamb_update_phase2(weight, step, nd.norm(weight), nd.norm(step), lr=lr, out=weight, **bounds)


@register
class LBSGD(Optimizer):
    """SGD on batches larger than fit: `batch_scale` gradients make one step, at a rate that warms up.

    The rate is multiplied by a factor that grows from 1 to `batch_scale` within the warm-up, or, with the
    strategy ``'lars'``, by ``sqrt(|weight|**2 / (|grad|**2 + wd * |weight|**2))`` within [0.01, 100].

    Parameters
    ----------
    momentum : float
        Default 0.
    multi_precision : bool
        Default False.
    warmup_strategy : str
        'linear' (default), 'power2', 'sqrt' or 'lars'; anything else keeps the rate during warm-up.
    warmup_epochs : int
        Default 5.
    batch_scale : int
        Updates that make one step. Default 1.
    updates_per_epoch : int
        Default 32.
    begin_epoch : int
        Default 0.
    num_epochs : int
        Default 60. Kept for the signature.
    kwargs
        See `Optimizer`.
    """

    def __init__(
        self,
        momentum=0.0,
        multi_precision=False,
        warmup_strategy="linear",
        warmup_epochs=5,
        batch_scale=1,
        updates_per_epoch=32,
        begin_epoch=0,
        num_epochs=60,
        **kwargs,
    ):
        super().__init__(multi_precision=multi_precision, **kwargs)
        logging.info(
            "[LBSGD] batch_scale=%s, warmup_epochs=%s, warmup_strategy=%s, updates_per_epoch=%s",
            batch_scale,
            warmup_epochs,
            warmup_strategy,
            updates_per_epoch,
        )
        self.momentum = momentum
        self.warmup_strategy = warmup_strategy
        self.warmup_epochs = warmup_epochs
        self.batch_scale = batch_scale
        self.updates_per_epoch = updates_per_epoch
        self.init_updates = begin_epoch * updates_per_epoch
        self.num_epochs = num_epochs
        #: By index: gradients seen so far, and the sum of those of the current large batch (None: empty).
        self.cumgrads: dict[Any, tuple[int, Any]] = {}

    def create_state(self, index, weight):
        """The momentum, zeros like `weight`, or None without momentum."""
        return zeros_like_weight(weight) if self.momentum != 0.0 else None

    def _position(self) -> dict[str, Any]:
        return {"_seen": [[index, seen] for index, (seen, _) in self.cumgrads.items()]}

    def _set_position(self, position: dict[str, Any]) -> None:
        self.cumgrads = {index: (seen, None) for index, seen in position.get("_seen", ())}

    def _warmup(self, seen: int) -> float:
        """The factor of the rate after `seen` updates."""
        end, top = self.warmup_epochs * self.updates_per_epoch, float(self.batch_scale)
        if seen >= end:
            return top
        if end <= 1:
            return 1.0
        part = seen / end
        share = {"linear": part, "power2": part * part, "sqrt": math.sqrt(part)}
        return 1.0 + (top - 1.0) * share.get(self.warmup_strategy, 0.0)

    def _norm_ratio(self, weight, grad, wd: float) -> float:
        """The factor of the strategy ``'lars'``."""
        squares = nd.multi_sum_sq(weight, grad, num_arrays=2).asnumpy()
        weight_sq, grad_sq = float(squares[0]), float(squares[1])
        return min(100.0, max(0.01, math.sqrt(weight_sq / (grad_sq + wd * weight_sq + 1e-18))))

    def update(self, index, weight, grad, state):
        numbers = step_numbers(self, index)  # the rate before this update counts
        self._update_count(index)
        seen, total = self.cumgrads.get(index, (self.init_updates, None))
        seen += 1
        if total is None:
            total = grad.copy()  # its array holds the next gradient by the time of the next update
        else:
            total += grad
        if seen % self.batch_scale:
            self.cumgrads[index] = (seen, total)
            return
        self.cumgrads[index] = (seen, None)
        total *= 1.0 / self.batch_scale
        if self.warmup_strategy == "lars":
            numbers["lr"] *= self._norm_ratio(weight, total, numbers["wd"])
        else:
            numbers["lr"] *= self._warmup(seen)
        _sgd_step(weight, total, state, numbers, self.momentum)


@register
class DCASGD(Optimizer):
    """Delay-compensated asynchronous SGD: Zheng et al., arXiv:1609.08326.

    With ``g = clip(rescale_grad * grad)``:
    ``step = -lr * (g + wd * weight + lamda * g**2 * (weight - previous))``, added to ``momentum * state``
    where there is momentum; ``previous = weight``, ``weight += step``.

    Parameters
    ----------
    momentum : float
        Default 0.
    lamda : float
        Default 0.04.
    kwargs
        See `Optimizer`.
    """

    def __init__(self, momentum=0.0, lamda=0.04, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lamda = lamda

    def create_state(self, index, weight):
        """(momentum or None, the weight before the last update)."""
        return (zeros_like_weight(weight) if self.momentum != 0.0 else None, weight.copy())

    def update(self, index, weight, grad, state):
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        grad = prepared_gradient(self, grad)
        momentum, previous = state
        step = nd.square(grad)
        step *= weight - previous
        step *= self.lamda
        step += grad
        if wd:
            step += weight * wd
        step *= -lr
        if momentum is not None:
            momentum *= self.momentum
            momentum += step
            step = momentum
        weight.copyto(previous)
        weight += step
