"""Functions for the engine's operators, made from its registry when they are first used."""

from __future__ import annotations

from typing import Any, Callable

from .. import _core
from .._ops import Functions, OpEntry, attr_texts, split_positional
from ..attribute import AttrScope
from ..name import NameManager
from .symbol import Symbol


def make_function(entry: OpEntry) -> Callable:
    """Make the function of one operator name."""
    hint = entry.name.lower()

    def function(
        *args: Any, name: str | None = None, attr: dict[str, str] | None = None, **kwargs: Any
    ) -> Symbol:
        inputs, attrs = split_positional(entry, args, Symbol)
        named = {}
        omits = any(s is None for s in inputs)  # `None in inputs` would compare symbols, which makes nodes
        for key in [k for k, v in kwargs.items() if isinstance(v, Symbol)]:
            named[key] = kwargs.pop(key).handle
        for input_name, symbol in zip(entry.inputs, inputs):
            # None leaves an input out; what follows it keeps its place by name.
            if symbol is not None and omits:
                named[input_name] = symbol.handle
        for input_name in entry.inputs:
            if kwargs.get(input_name, 0) is None and input_name not in entry.attrs:
                kwargs.pop(input_name)
        positional = [] if omits else [s.handle for s in inputs]
        attrs.update(kwargs)
        attrs.pop("out", None)
        texts = attr_texts(entry, attrs)
        full_name = NameManager.current.get(name, hint)
        scope = AttrScope.current.get(attr)
        if scope:
            texts.update({k: v for k, v in scope.items() if k not in texts})
        return Symbol(_core.make_op(entry.op, full_name, _hidden(entry, texts, scope), positional, named))

    function.__name__ = function.__qualname__ = entry.name
    return function


#: Keys that MXNet stores as hidden attributes however they are written.
_HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


def _hidden(entry: OpEntry, texts: dict[str, str], scope: dict[str, str]) -> dict[str, str]:
    """Write user attributes as hidden ones: ``ctx_group`` becomes ``__ctx_group__``."""
    result = {}
    for key, value in texts.items():
        if key in _HIDDEN or (key in scope and key not in entry.attrs and not key.startswith("__")):
            result[f"__{key}__"] = value
        else:
            result[key] = value
    return result


_functions = Functions(make_function, "Symbol", "sym")
function = _functions.get
_populate = _functions.populate

_populate(globals())
