"""Automatic names of symbols: `NameManager` counts per operator, `Prefix` puts a string in front."""

from __future__ import annotations

from ._scope import ScopeStack

__all__ = ["NameManager", "Prefix"]


class _NameManagerMeta(type):
    """Gives the class itself the attribute `NameManager.current`."""

    @property
    def current(cls) -> NameManager:
        return _stack.current

    @current.setter
    def current(cls, manager: NameManager) -> None:
        if not isinstance(manager, NameManager):
            raise TypeError(
                f"[NameManager.current] wrong type: got {type(manager).__name__}, expected NameManager"
            )
        _stack.replace(manager)


class NameManager(metaclass=_NameManagerMeta):
    """Gives names to symbols that were created without one, within a `with` block of its thread.

    A subclass overrides `get` to name symbols by its own rule.
    """

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}

    def get(self, name: str | None, hint: str) -> str:
        """Return `name` if it is given, else `hint` and a number that counts up from 0 for each hint."""
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"

    def __enter__(self) -> NameManager:
        _stack.push(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _stack.pop()


class Prefix(NameManager):
    """A name manager that puts `prefix` in front of all names of operators, given and automatic ones.

    >>> with mx.name.Prefix('net_'):
    ...     mx.sym.FullyConnected(data, num_hidden=2, name='fc').name
    'net_fc'
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        return self._prefix + super().get(name, hint)


_stack: ScopeStack[NameManager] = ScopeStack(NameManager)
