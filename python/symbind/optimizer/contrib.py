"""Optimizers that MXNet keeps under ``mx.optimizer.contrib``."""

from .accumulated import GroupAdaGrad

__all__ = ["GroupAdaGrad"]
