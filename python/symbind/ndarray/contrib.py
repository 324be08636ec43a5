"""Operators beyond the core set: detection, attention, transforms, loops and branches: `mx.nd.contrib`."""

from .control_flow import cond, foreach, while_loop
from .functions import boolean_mask
from .op import _populate

__all__ = ["boolean_mask", "cond", "foreach", "while_loop"]

_populate(globals(), "_contrib_")
