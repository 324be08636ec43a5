"""Thread-local stacks behind `with ctx:`, `with NameManager():` and `with AttrScope():`."""

from __future__ import annotations

import threading
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class ScopeStack(Generic[T]):
    """A stack of entered scopes per thread; every thread starts with `default()` at the bottom.

    A stack, and not one "previous scope" kept in the scope object, so that one object may be entered twice,
    nested or from several threads.
    """

    def __init__(self, default: Callable[[], T]) -> None:
        self._default = default
        self._local = threading.local()

    def _entries(self) -> list[T]:
        entries = getattr(self._local, "entries", None)
        if entries is None:
            entries = self._local.entries = [self._default()]
        return entries

    @property
    def current(self) -> T:
        return self._entries()[-1]

    def replace(self, scope: T) -> None:
        """Put `scope` in the place of the current one until the enclosing `with` block ends."""
        self._entries()[-1] = scope

    def push(self, scope: T) -> None:
        self._entries().append(scope)

    def pop(self) -> None:
        self._entries().pop()
