"""`mx.nd.Custom`: operators written in Python; see `mx.operator`."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._ops import attr_text
from .ndarray import NDArray, _wrap


def Custom(*data: NDArray, op_type: str, out: Any = None, name: Any = None, **kwargs: Any) -> Any:
    """Run a custom operator.

    data : its inputs in order, then its states; or by name among `kwargs`.
    op_type : what it was registered as. kwargs : its attributes, which it gets as text.
    """
    named = {k: kwargs.pop(k) for k in [k for k, v in kwargs.items() if isinstance(v, NDArray)]}
    attrs = {"op_type": op_type, **{k: attr_text(v) for k, v in kwargs.items()}}
    inputs = list(data)
    if named:
        names = _core.op_inputs("Custom", attrs)[len(inputs) :]
        unknown = sorted(set(named) - set(names))
        if unknown:
            raise TypeError(
                f"[Custom] {op_type} has no input {unknown[0]!r} left, expected {', '.join(names)}"
            )
        inputs += [named[n] for n in names if n in named]
    for item in inputs:
        if not isinstance(item, NDArray):
            raise TypeError(f"[Custom] inputs must be arrays: got {type(item).__name__}")
    targets = [] if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
    results = _core.invoke("Custom", [a.handle for a in inputs], attrs, [t.handle for t in targets])
    if out is not None:
        return out
    return _wrap(results[0]) if len(results) == 1 else [_wrap(r) for r in results]
