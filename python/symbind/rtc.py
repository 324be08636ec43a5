"""CUDA kernels compiled at run time. They need a build with CUDA; without one there is only the error."""

from __future__ import annotations

from collections.abc import Sequence

from .base import MXNetError

__all__ = ["CudaModule"]


class CudaModule:
    """CUDA source, compiled at run time. Raises MXNetError in a build without CUDA.

    Parameters
    ----------
    source : str
    options, exports : sequence of str
    """

    def __init__(self, source: str, options: Sequence[str] = (), exports: Sequence[str] = ()) -> None:
        raise MXNetError(
            "[rtc.CudaModule] this build of symbind has no CUDA support: write the operator in Python "
            "(mx.operator.CustomOp) or as a combination of operators"
        )
