"""Linear algebra on stacks of matrices: `mx.sym.linalg`."""

from .op import _populate

_populate(globals(), "_linalg_")
