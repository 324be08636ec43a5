"""Switches of MXNet's asynchronous engine: accepted, and without effect on the synchronous one here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

__all__ = ["bulk", "set_bulk_size"]

_bulk_size = 0


def set_bulk_size(size: int) -> int:
    """Remember how many operators to run in one piece, and return the number before; it has no effect."""
    global _bulk_size
    before, _bulk_size = _bulk_size, int(size)
    return before


@contextlib.contextmanager
def bulk(size: int) -> Iterator[None]:
    """Set the number of operators that run in one piece within a `with` block; it has no effect."""
    before = set_bulk_size(size)
    try:
        yield
    finally:
        set_bulk_size(before)
