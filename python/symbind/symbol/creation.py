"""Functions that make symbols: variables, groups, files, and operators without inputs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from .. import _core
from ..attribute import AttrScope
from ..base import dtype_flag, mx_real_t
from .symbol import Symbol, _op


def Variable(
    name: str,
    attr: dict[str, str] | None = None,
    shape: Any = None,
    lr_mult: float | None = None,
    wd_mult: float | None = None,
    dtype: Any = None,
    init: Any = None,
    stype: str | None = None,
    profiler_scope: str | None = None,
    **kwargs: Any,
) -> Symbol:
    """Make an input of a graph.

    name : str. attr : attributes by name. shape : known shape, 0 = unknown dimension. lr_mult, wd_mult : what
    the optimizer multiplies learning rate and weight decay by. dtype : NumPy dtype. init : an Initializer, or
    its JSON text, that `init_params` uses for it. stype : storage type of the array, 'default', 'csr' or
    'row_sparse'. kwargs : further attributes; their names must be
    ``__like_this__``.
    """
    if not isinstance(name, str):
        raise TypeError("Expect a string for variable `name`")
    for key, value in (attr or {}).items():
        if not isinstance(value, str):
            raise ValueError(f"[Variable] attribute values must be strings: got {value!r} for '{key}'")
    attrs = dict(AttrScope.current.get(attr))
    for key in ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage"):
        if key in attrs:
            attrs[f"__{key}__"] = attrs.pop(key)
    if shape is not None:
        attrs["__shape__"] = str(tuple(int(d) for d in shape))
    if lr_mult is not None:
        attrs["__lr_mult__"] = str(lr_mult)
    if wd_mult is not None:
        attrs["__wd_mult__"] = str(wd_mult)
    if dtype is not None:
        attrs["__dtype__"] = str(dtype_flag(dtype))
    if init is not None:
        attrs["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        from ..base import _STORAGE_TYPE_STR_TO_ID

        attrs["__storage_type__"] = str(_STORAGE_TYPE_STR_TO_ID[stype])
    if profiler_scope is not None:
        attrs["__profiler_scope__"] = profiler_scope
    for key, value in kwargs.items():
        if not (key.startswith("__") and key.endswith("__")):
            raise ValueError(
                f"Attribute name={key} is not supported. Additional attributes must start and end with "
                f"double underscores, e.g, __yourattr__"
            )
        attrs[key] = str(value)
    return Symbol(_core.variable(name, attrs))


var = Variable


def Group(symbols: Sequence[Symbol]) -> Symbol:
    """Make one symbol of the outputs of several."""
    symbols = list(symbols)
    if not symbols or any(not isinstance(s, Symbol) for s in symbols):
        raise TypeError("Expected a list of symbols as input")
    return Symbol(_core.group([s.handle for s in symbols]))


def load(fname: str | os.PathLike) -> Symbol:
    """Load a graph from a file of any MXNet version. Raises MXNetError naming file, node and byte."""
    if not isinstance(os.fspath(fname), str):
        raise TypeError("fname need to be string")
    return _loaded(*_core.symbol_load(fname))


def load_json(json_str: str) -> Symbol:
    """Make a graph of the text of such a file."""
    if not isinstance(json_str, str):
        raise TypeError("fname required to be string")
    text: Any = json_str.encode("utf-8")  # bytes are as good as str, which the stub asks for
    return _loaded(*_core.symbol_from_json(text, "<string>"))


def _loaded(handle: Any, notes: list[str]) -> Symbol:
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return Symbol(handle)


def _creation(op: str, **attrs: Any) -> Symbol:
    return _op(op)(**attrs)


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Make a symbol of zeros. dtype : default float32."""
    return _creation("_zeros", shape=shape, dtype=dtype or mx_real_t, **kwargs)


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Make a symbol of ones. dtype : default float32."""
    return _creation("_ones", shape=shape, dtype=dtype or mx_real_t, **kwargs)


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Make a symbol filled with `val`. dtype : default float32."""
    return _creation("_full", shape=shape, dtype=dtype or mx_real_t, value=float(val), **kwargs)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    name: str | None = None,
    dtype: Any = None,
) -> Symbol:
    """Make a symbol of evenly spaced values in [start, stop), each `repeat` times."""
    return _creation(
        "_arange",
        start=start,
        stop=stop,
        step=step,
        repeat=repeat,
        infer_range=infer_range,
        name=name,
        dtype=dtype or mx_real_t,
    )


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Make a symbol of an (N, M or N) array with ones on diagonal `k`."""
    return _creation("_eye", N=N, M=M, k=k, dtype=dtype or mx_real_t, **kwargs)


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None, dtype: Any = None
) -> Symbol:
    """Make a symbol of `num` evenly spaced values from `start` to `stop`."""
    return _creation(
        "_linspace", start=start, stop=stop, num=num, endpoint=endpoint, name=name, dtype=dtype or mx_real_t
    )
