"""Operators beyond the core set: detection, attention, transforms: `mx.nd.contrib`."""

from .functions import boolean_mask
from .op import _populate

__all__ = ["boolean_mask"]

_populate(globals(), "_contrib_")
