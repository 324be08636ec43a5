"""Where the compiled engine is, and which release of MXNet this package stands in for."""

from __future__ import annotations

from . import _core

__all__ = ["find_lib_path"]

#: The release of MXNet whose behaviour this is; `symbind.__version__` is the version of the package.
__version__ = "1.9.1"


def find_lib_path(prefix: str = "libmxnet") -> list[str]:
    """Return the path of the compiled engine, in a list. prefix : accepted for compatibility."""
    return [str(_core.__file__)]
