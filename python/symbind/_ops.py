"""What `mx.nd` and `mx.sym` share about operators: the table read from the engine's registry.

Both front ends are generated from it, so an operator that the engine registers is in both, with one
signature.
"""

from __future__ import annotations

import keyword
from functools import lru_cache
from typing import Any, Callable, NamedTuple

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


# Operators that arrays and symbols also have as methods.
# fmt: off
FLUENT_METHODS = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax", "argmax_channel",
    "argmin", "argsort", "broadcast_axes", "broadcast_like", "broadcast_to", "cbrt", "ceil", "clip",
    "cos", "cosh", "degrees", "depth_to_space", "diag", "exp", "expand_dims", "expm1", "fix", "flatten",
    "flip", "floor", "log", "log10", "log1p", "log2", "log_softmax", "max", "mean", "min", "nanprod",
    "nansum", "norm", "one_hot", "ones_like", "pad", "pick", "prod", "radians", "rcbrt", "reciprocal",
    "relu", "repeat", "reshape_like", "rint", "round", "rsqrt", "shape_array", "sigmoid", "sign", "sin",
    "sinh", "size_array", "slice", "slice_axis", "slice_like", "softmax", "softmin", "sort",
    "space_to_depth", "split", "split_v2", "sqrt", "square", "squeeze", "sum", "swapaxes", "take", "tan",
    "tanh", "tile", "topk", "transpose", "trunc", "zeros_like",
)
# fmt: on


#: The functions of `mx.nd.sparse` and `mx.sym.sparse`, and the operators behind them.
# fmt: off
SPARSE_FUNCTIONS = {
    **{
        name: name
        for name in (
            "Embedding", "FullyConnected", "LinearRegressionOutput", "LogisticRegressionOutput",
            "MAERegressionOutput", "abs", "adam_update", "add_n", "arccos", "arccosh", "arcsin",
            "arcsinh", "arctan", "arctanh", "broadcast_add", "broadcast_div", "broadcast_mul",
            "broadcast_sub", "cast_storage", "cbrt", "ceil", "clip", "cos", "cosh", "degrees",
            "dot", "elemwise_add", "elemwise_div", "elemwise_mul", "elemwise_sub", "exp", "expm1",
            "fix", "floor", "ftrl_update", "gamma", "gammaln", "log", "log10", "log1p", "log2",
            "make_loss", "mean", "negative", "norm", "radians", "relu", "rint", "round", "rsqrt",
            "sgd_mom_update", "sgd_update", "sigmoid", "sign", "sin", "sinh", "slice", "sqrt",
            "square", "stop_gradient", "sum", "tan", "tanh", "trunc", "where", "zeros_like",
        )
    },
    "ElementWiseSum": "add_n",
    "adagrad_update": "_sparse_adagrad_update",
    "broadcast_minus": "broadcast_sub",
    "broadcast_plus": "broadcast_add",
    "concat": "Concat",
    "retain": "_sparse_retain",
}
# fmt: on


def add_fluent_methods(cls: type, function: Callable[[str], Callable], space: str) -> None:
    """Give a class those of `FLUENT_METHODS` that the engine has and the class has not.

    `function` gives the function of an operator by name; `space` is where users find it, ``"mx.nd"``.
    """

    def method(name: str) -> Callable:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return function(name)(self, *args, **kwargs)

        call.__name__ = name
        call.__doc__ = f"The operator `{name}` of this object; see `{space}.{name}`."
        return call

    for name in FLUENT_METHODS:
        if name in op_table() and not hasattr(cls, name):
            setattr(cls, name, method(name))


class Functions:
    """The functions of one front end, made when they are first used.

    make : OpEntry -> function. array_word : what inputs are called in docstrings. label : ``nd`` or ``sym``.
    """

    def __init__(self, make: Callable[[OpEntry], Callable], array_word: str, label: str) -> None:
        self._make, self._array_word, self._label = make, array_word, label
        self._made: dict[tuple[str, str], Callable] = {}

    def get(self, name: str, prefix: str = "") -> Callable:
        """Return the function of an operator or alias; AttributeError when there is none.

        prefix : what the operator's own name has in front, ``_contrib_`` in `mx.sym.contrib`.
        """
        full_name = prefix + name
        key = (prefix, name)
        made = self._made.get(key)
        if made is None:
            entry = op_table().get(full_name)
            if entry is None:
                raise AttributeError(f"[{self._label}] there is no operator '{full_name}'")
            made = self._make(entry._replace(name=name))
            made.__doc__ = docstring(full_name, self._array_word)
            self._made[key] = made
        return made

    def populate(self, namespace: dict[str, Any], prefix: str = "") -> None:
        """Give a module one function per public operator (through its ``__getattr__`` and ``__dir__``).

        With a prefix: those whose names have it, without it.
        """
        names = [n[len(prefix) :] for n in op_table() if n.startswith(prefix)]
        public = [n for n in names if not n.startswith("_") and python_name(n) and n not in namespace]

        def __getattr__(name: str) -> Any:
            if prefix + name in op_table() and not name.startswith("__"):
                namespace[name] = self.get(name, prefix)
                return namespace[name]
            raise AttributeError(f"module '{namespace['__name__']}' has no attribute '{name}'")

        def __dir__() -> list[str]:
            return sorted({*namespace, *public})

        namespace["__getattr__"] = __getattr__
        namespace["__dir__"] = __dir__
