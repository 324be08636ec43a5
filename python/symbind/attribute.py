"""Attributes for all symbols that are created in a block of code."""

from __future__ import annotations

from ._scope import ScopeStack

__all__ = ["AttrScope"]


class _AttrScopeMeta(type):
    """Gives the class itself the attribute `AttrScope.current`."""

    @property
    def current(cls) -> AttrScope:
        return _stack.current

    @current.setter
    def current(cls, scope: AttrScope) -> None:
        if not isinstance(scope, AttrScope):
            raise TypeError(f"[AttrScope.current] wrong type: got {type(scope).__name__}, expected AttrScope")
        _stack.replace(scope)


class AttrScope(metaclass=_AttrScopeMeta):
    """Attaches attributes to every symbol created inside its `with` block.

    Blocks nest: an inner one adds to the outer one's attributes and wins where both have a key.

    >>> with mx.AttrScope(ctx_group='stage1'):
    ...     net = mx.sym.FullyConnected(data, num_hidden=128)

    Parameters
    ----------
    kwargs : str
        Attribute names and values. Names that are not known to the engine are written ``__name__``.

    Raises
    ------
    ValueError
        If a value is not a string.
    """

    def __init__(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError(
                    "[AttrScope] attribute values must be strings: "
                    f"got {value!r} ({type(value).__name__}) for {key!r}"
                )
        self._attr: dict[str, str] = kwargs
        self._outside: list[dict[str, str]] = []

    def get(self, attr: dict[str, str] | None) -> dict[str, str]:
        """Return the scope's attributes updated with `attr` (None for none), as a new dict."""
        return {**self._attr, **(attr or {})}

    def __enter__(self) -> AttrScope:
        self._outside.append(self._attr)
        self._attr = {**_stack.current._attr, **self._attr}
        _stack.push(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _stack.pop()
        self._attr = self._outside.pop()


_stack: ScopeStack[AttrScope] = ScopeStack(AttrScope)
