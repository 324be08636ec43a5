"""`mx.sym.Custom`: operators written in Python; see `mx.operator`."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._ops import attr_text, op_table
from ..attribute import AttrScope
from ..name import NameManager
from .op import _hidden
from .symbol import Symbol


def Custom(
    *data: Symbol,
    op_type: str,
    name: str | None = None,
    attr: dict[str, str] | None = None,
    **kwargs: Any,
) -> Symbol:
    """Apply a custom operator.

    data : its inputs in order, or by name among `kwargs`; those left out become variables.
    op_type : what it was registered as. kwargs : its attributes, which it gets as text.
    """
    return compose_custom("custom", *data, op_type=op_type, name=name, attr=attr, **kwargs)


def compose_custom(
    hint: str,
    *data: Symbol,
    op_type: str,
    name: str | None = None,
    attr: dict[str, str] | None = None,
    **kwargs: Any,
) -> Symbol:
    """Make a node of `Custom`; without a name it is called after the hint."""
    named = {k: kwargs.pop(k).handle for k in [k for k, v in kwargs.items() if isinstance(v, Symbol)]}
    for item in data:
        if not isinstance(item, Symbol):
            raise TypeError(f"[Custom] inputs must be symbols: got {type(item).__name__}")
    texts = {"op_type": op_type, **{k: attr_text(v) for k, v in kwargs.items()}}
    full_name = NameManager.current.get(name, hint)
    scope = AttrScope.current.get(attr)
    texts.update({k: v for k, v in (scope or {}).items() if k not in texts})
    attrs = _hidden(op_table()["Custom"], texts, scope or {})
    return Symbol(_core.make_op("Custom", full_name, attrs, [s.handle for s in data], named))
