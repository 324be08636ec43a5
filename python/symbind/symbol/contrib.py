"""Operators beyond the core set: detection, attention, transforms, loops and branches: `mx.sym.contrib`."""

from .control_flow import cond, foreach, while_loop
from .op import _populate

__all__ = ["cond", "foreach", "while_loop"]

_populate(globals(), "_contrib_")
