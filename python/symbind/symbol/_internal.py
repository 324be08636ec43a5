"""Operators whose names begin with an underscore: `mx.sym._internal._plus_scalar`."""

from .op import _populate

_populate(globals())
