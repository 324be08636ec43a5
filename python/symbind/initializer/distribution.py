"""Initializers that draw weights from a distribution, governed by `random.seed`."""

from __future__ import annotations

import math

import numpy as np

from .. import random
from ..ndarray import NDArray
from .base import Initializer, register

__all__ = ["MSRAPrelu", "Normal", "Orthogonal", "Uniform", "Xavier"]


@register
class Uniform(Initializer):
    """Draw weights from the uniform distribution over [-scale, scale).

    Parameters
    ----------
    scale : float
        Default 0.07.
    """

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _: str, arr: NDArray) -> None:
        random.uniform(-self.scale, self.scale, out=arr)


@register
class Normal(Initializer):
    """Draw weights from the normal distribution with mean 0.

    Parameters
    ----------
    sigma : float
        Standard deviation. Default 0.01.
    """

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, _: str, arr: NDArray) -> None:
        random.normal(0, self.sigma, out=arr)


@register
class Orthogonal(Initializer):
    """Fill weights with a random matrix whose rows, or columns if there are fewer, are orthogonal.

    The array is taken as a matrix with its first axis as rows (Saxe et al., arXiv:1312.6120).

    Parameters
    ----------
    scale : float
        Length of the rows or columns. Default 1.414.
    rand_type : str
        What the matrix is made from: ``'uniform'`` (default), over [-1, 1), or ``'normal'``.
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None:
        super().__init__(scale=scale, rand_type=rand_type)
        if rand_type not in ("uniform", "normal"):
            raise ValueError(
                f"[Orthogonal] Unknown random type: got {rand_type!r}, expected uniform or normal"
            )
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, name: str, arr: NDArray) -> None:
        shape = (arr.shape[0], math.prod(arr.shape[1:]))
        generator = random.numpy_generator()
        if self.rand_type == "uniform":
            sample = generator.uniform(-1.0, 1.0, shape)
        else:
            sample = generator.normal(0.0, 1.0, shape)
        left, _, right = np.linalg.svd(sample, full_matrices=False)
        matrix = left if left.shape == shape else right
        arr[:] = self.scale * matrix.reshape(arr.shape)


@register
class Xavier(Initializer):
    """Draw weights so that the variance of values, or of gradients, is the same in every layer.

    The scale is ``sqrt(magnitude / factor)``. With ``prod`` the product of the kernel's sizes ``shape[2:]``,
    the number of inputs is ``shape[1] * prod`` and that of outputs ``shape[0] * prod`` (Glorot and Bengio,
    2010).

    Parameters
    ----------
    rnd_type : str
        ``'uniform'`` (default): over [-scale, scale); ``'gaussian'``: normal with standard deviation `scale`.
    factor_type : str
        ``'avg'`` (default): mean of the numbers of inputs and outputs; ``'in'``; ``'out'``.
    magnitude : float
        Default 3.
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> None:
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        if rnd_type not in ("uniform", "gaussian"):
            raise ValueError(f"[Xavier] Unknown random type: got {rnd_type!r}, expected uniform or gaussian")
        if factor_type not in ("avg", "in", "out"):
            raise ValueError(f"[Xavier] Incorrect factor type: got {factor_type!r}, expected avg, in or out")
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        shape = arr.shape
        if len(shape) < 2:
            raise ValueError(
                f"[Xavier] Xavier initializer cannot be applied to vector {name}. It requires at least 2D: "
                f"got shape {shape}"
            )
        kernel = math.prod(shape[2:])
        fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
        factor = {"avg": (fan_in + fan_out) / 2.0, "in": fan_in, "out": fan_out}[self.factor_type]
        scale = math.sqrt(self.magnitude / factor)
        if self.rnd_type == "uniform":
            random.uniform(-scale, scale, out=arr)
        else:
            random.normal(0, scale, out=arr)


@register
class MSRAPrelu(Xavier):
    """Draw weights for layers that are followed by ReLU or PReLU (arXiv:1502.01852).

    `Xavier` with a normal distribution and magnitude ``2 / (1 + slope**2)``.

    Parameters
    ----------
    factor_type : str
        ``'avg'`` (default), ``'in'`` or ``'out'``; see `Xavier`.
    slope : float
        Initial slope of the PReLU for negative values. Default 0.25.
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25) -> None:
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}
