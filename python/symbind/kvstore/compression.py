"""Two-bit gradient compression with error feedback."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ndarray as nd
from ..ndarray import NDArray

__all__ = ["TwoBitCompression", "create_compression"]


class TwoBitCompression:
    """Replaces gradient values by ``threshold``, ``-threshold`` or 0; the next step makes up for the rest.

    What is sent: ``residual += grad``; ``+threshold`` where ``residual >= threshold``, ``-threshold`` where
    ``residual <= -threshold``, else 0; the sent value is subtracted from the residual.

    Parameters
    ----------
    threshold : float
        Positive, default 0.5.
    """

    def __init__(self, threshold: float = 0.5):
        if not threshold > 0:
            raise ValueError(
                f"[set_gradient_compression] threshold: got {threshold}, expected a positive number"
            )
        self.threshold = float(threshold)
        self._residuals: dict[tuple[Any, int], np.ndarray] = {}

    def __call__(self, key, position: int, grad: NDArray) -> NDArray:
        """The values that reach the store for the gradient of one device.

        Parameters
        ----------
        key : int or str
        position : int
            Which of the devices; each has its own residual.
        grad : NDArray
        """
        values = grad.asnumpy()
        residual = self._residuals.get((key, position))
        if residual is None or residual.shape != values.shape:
            residual = self._residuals[key, position] = np.zeros_like(values)
        residual += values
        threshold = values.dtype.type(self.threshold)
        sent = np.where(residual >= threshold, threshold, np.where(residual <= -threshold, -threshold, 0))
        sent = sent.astype(values.dtype, copy=False)
        residual -= sent
        return nd.array(sent, ctx=grad.context, dtype=values.dtype)


def create_compression(params: dict[str, Any]) -> TwoBitCompression:
    """Compression from ``{'type': '2bit', 'threshold': 0.5}``; ValueError for other types or arguments."""
    if not isinstance(params, dict):
        raise TypeError(
            f"[set_gradient_compression] got {type(params).__name__}, expected a dict such as "
            f"{{'type': '2bit'}}"
        )
    options = dict(params)
    kind = options.pop("type", None)
    if kind != "2bit":
        raise ValueError(f"[set_gradient_compression] type: got {kind!r}, expected '2bit'")
    threshold = options.pop("threshold", 0.5)
    if options:
        raise ValueError(
            f"[set_gradient_compression] unknown arguments: {sorted(options)}, expected 'type', 'threshold'"
        )
    return TwoBitCompression(float(threshold))
