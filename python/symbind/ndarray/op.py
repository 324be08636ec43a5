"""Functions for the engine's operators, made from its registry when this module is imported."""

from __future__ import annotations

from typing import Any, Callable

from .. import _core
from .._ops import Functions, OpEntry, attr_texts, split_positional
from ..context import Context, current_context
from .ndarray import NDArray, _wrap


def _device_of(text: Any) -> Context:
    """Read `ctx` arguments: a Context, or text such as ``cpu(0)``."""
    if text is None:
        return current_context()
    if isinstance(text, Context):
        return text
    kind, _, number = str(text).rstrip(")").partition("(")
    return Context(kind, int(number or 0))


def invoke(entry: OpEntry, inputs: list[NDArray], attrs: dict[str, Any], out: Any = None) -> Any:
    """Run one operator; a single output comes back by itself, several as a list."""
    texts = attr_texts(entry, attrs)
    targets = [] if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
    ctx = _device_of(texts.pop("ctx", None)) if not inputs else inputs[0].context
    if entry.op in _MAKES_SPARSE or any(a._is_sparse for a in (*inputs, *targets)):
        return _invoke_any(entry, inputs, texts, targets, ctx, out)
    results = _core.invoke(
        entry.op,
        [a.handle for a in inputs],
        texts,
        [t.handle for t in targets],
        False,
        ctx.device_typeid,
        ctx.device_id,
    )
    if out is not None:
        return out
    return _wrap(results[0]) if len(results) == 1 else [_wrap(r) for r in results]


#: Operators of dense inputs that may have sparse outputs.
_MAKES_SPARSE = ("cast_storage",)


def _invoke_any(
    entry: OpEntry, inputs: list[NDArray], texts: dict[str, str], targets: list, ctx: Context, out: Any
) -> Any:
    """Run one operator on arrays of which some are sparse."""
    from .sparse_array import wrap_any

    handles = [a.handle for a in inputs], texts, [t.handle for t in targets]
    results = _core.invoke_any(entry.op, *handles, False, ctx.device_typeid, ctx.device_id)
    if out is not None:
        return out
    return wrap_any(results[0]) if len(results) == 1 else [wrap_any(r) for r in results]


def make_function(entry: OpEntry) -> Callable:
    """Make the function of one operator name."""
    names = entry.inputs

    def function(*args: Any, out: Any = None, name: Any = None, **kwargs: Any) -> Any:
        inputs, attrs = split_positional(entry, args, NDArray)
        if not entry.num_args_key:
            for i, input_name in enumerate(names):
                if input_name in kwargs:
                    value = kwargs.pop(input_name)
                    while len(inputs) <= i:
                        inputs.append(None)
                    inputs[i] = value
            inputs = [a for a in inputs if a is not None]
        else:
            if isinstance(kwargs.get("data"), (list, tuple)):
                inputs += kwargs.pop("data")
            # UpSampling(data=..., weight=...): inputs by name, in the order they are written.
            inputs += [kwargs.pop(k) for k in [k for k, v in kwargs.items() if isinstance(v, NDArray)]]
        kwargs.pop("attr", None)
        for array in inputs:
            if not isinstance(array, NDArray):
                raise TypeError(f"[{entry.name}] inputs must be NDArrays: got {type(array).__name__}")
        attrs.update(kwargs)
        return invoke(entry, inputs, attrs, out)

    function.__name__ = function.__qualname__ = entry.name
    return function


_functions = Functions(make_function, "NDArray", "nd")
function = _functions.get
_populate = _functions.populate

_populate(globals())
