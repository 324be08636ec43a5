"""Operators whose names begin with an underscore: `mx.nd._internal._plus_scalar`."""

from .op import _populate

_populate(globals())
