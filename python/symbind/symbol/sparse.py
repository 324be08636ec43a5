"""Operators of sparse arrays in graphs: `mx.sym.sparse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops import SPARSE_FUNCTIONS
from .op import function


def __getattr__(name: str) -> Any:
    if name not in SPARSE_FUNCTIONS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = function(SPARSE_FUNCTIONS[name])
    return globals()[name]


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *SPARSE_FUNCTIONS})
