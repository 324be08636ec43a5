"""Operators beyond the core set: detection, attention, transforms: `mx.sym.contrib`."""

from .op import _populate

_populate(globals(), "_contrib_")
