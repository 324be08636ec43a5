"""Initializers whose values do not come from chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import NDArray
from .base import Initializer, alias, bilinear_kernel, register

__all__ = ["Bilinear", "Constant", "One", "Zero"]


@alias("zeros")
@register
class Zero(Initializer):
    """Fill weights with 0."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 0


@alias("ones")
@register
class One(Initializer):
    """Fill weights with 1."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 1


@register
class Constant(Initializer):
    """Fill weights with a number, or with an array that broadcasts to their shape.

    Parameters
    ----------
    value : float, NDArray, numpy.ndarray or list
    """

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, name: str, arr: NDArray) -> None:
        value = self.value.asnumpy() if isinstance(self.value, NDArray) else np.asarray(self.value)
        if value.ndim == 0:
            arr[:] = value.item()
            return
        try:
            arr[:] = np.broadcast_to(value, arr.shape)
        except ValueError:
            raise ValueError(
                f"[Constant] value of shape {value.shape} does not fit {name} of shape {arr.shape}"
            ) from None


@register
class Bilinear(Initializer):
    """Fill the weights of an upsampling layer (Deconvolution) so that it interpolates bilinearly."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = bilinear_kernel(name, arr.shape)
