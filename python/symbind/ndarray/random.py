"""Random arrays: `mx.nd.random`."""

from ..random import normal, randn, uniform

__all__ = ["normal", "randn", "uniform"]
