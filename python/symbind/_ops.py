"""What `mx.nd` and `mx.sym` share about operators: the table read from the engine's registry.

Both front ends are generated from it, so an operator that the engine registers is in both, with one
signature.
"""

from __future__ import annotations

import keyword
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _core
from .base import _Null


class OpEntry(NamedTuple):
    """One name under which users may call an operator."""

    name: str  # the name or alias
    op: str  # the operator's own name
    inputs: tuple[str, ...]
    attrs: dict[str, tuple[str, bool]]  # name -> (type, required)
    num_args_key: str  # not empty: any number of inputs


@lru_cache(maxsize=1)
def op_table() -> dict[str, OpEntry]:
    """Return every visible operator by name and alias."""
    return {
        name: OpEntry(name, op, tuple(inputs), {a: (t, r) for a, t, r in attrs}, num_args_key)
        for name, op, inputs, attrs, num_args_key in _core.visible_ops()
    }


def attr_text(value: Any) -> str:
    """Write an attribute value as it stands in symbol files: ``(1, 2)``, ``True``, ``float32``."""
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        items = [attr_text(v) for v in value]
        return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
    if isinstance(value, (np.dtype, type)):
        return np.dtype(value).name
    if isinstance(value, np.ndarray):
        return attr_text(value.tolist())
    if isinstance(value, np.generic):
        return str(value.item())
    return str(value)


def attr_texts(entry: OpEntry, attrs: dict[str, Any]) -> dict[str, str]:
    """Write all attributes; None is left out unless the operator knows it as a value."""
    texts = {}
    for key, value in attrs.items():
        if value is _Null:
            continue
        if value is None:
            type_name, required = entry.attrs.get(key, ("", False))
            if "None" not in type_name and not required:
                continue
        texts[key] = attr_text(value)
    return texts


def split_positional(entry: OpEntry, args: tuple, is_input: type | tuple) -> tuple[list, dict[str, Any]]:
    """Split positional arguments into inputs and attributes, which follow the inputs in declared order."""
    if entry.num_args_key:
        for arg in args:
            if not isinstance(arg, is_input):
                raise TypeError(f"[{entry.name}] inputs must be arrays or symbols: got {type(arg).__name__}")
        return list(args), {}
    inputs = list(args[: len(entry.inputs)])
    for name, arg in zip(entry.inputs, inputs):
        if arg is not None and not isinstance(arg, is_input):
            raise TypeError(
                f"[{entry.name}] input '{name}' must be an array or symbol: got {type(arg).__name__}"
            )
    rest = args[len(entry.inputs) :]
    if len(rest) > len(entry.attrs):
        raise TypeError(
            f"[{entry.name}] too many positional arguments: got {len(args)}, "
            f"expected at most {len(entry.inputs) + len(entry.attrs)}"
        )
    return inputs, dict(zip(entry.attrs, rest))


def docstring(name: str, array_word: str) -> str:
    """Return the documentation of an operator: what it does, its inputs, attributes and their defaults."""
    info = _core.describe_op(name)
    lines = [info["doc"] or f"The operator {info['name']}.", "", "Parameters", "----------"]
    if info["num_args_key"]:
        lines.append(f"*data : list of {array_word}")
    else:
        lines += [f"{i} : {array_word}" for i in info["inputs"]]
    for field in info["attrs"]:
        default = "required" if field["required"] else f"default {field['default'] or repr('')}"
        lines += [f"{field['name']} : {field['type']}, {default}", f"    {field['doc']}"]
    return "\n".join(lines)


def python_name(name: str) -> bool:
    """Tell whether an operator name can be a function name."""
    return name.isidentifier() and not keyword.iskeyword(name)
