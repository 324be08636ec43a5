"""Linear algebra on stacks of matrices: `mx.nd.linalg`."""

from .op import _populate

_populate(globals(), "_linalg_")
