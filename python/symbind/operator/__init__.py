"""Operators written in Python: `CustomOp`, `CustomOpProp` and `register`; used as ``mx.sym.Custom``.

`NumpyOp` and `NDArrayOp` are their older forms.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _core
from .._ops import op_table
from . import engine as _engine  # tells the engine how to make custom operators
from .custom import CustomOp, CustomOpProp, register
from .python_op import NDArrayOp, NumpyOp, PythonOp

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "NDArrayOp",
    "NumpyOp",
    "OperatorArguments",
    "PythonOp",
    "get_all_registered_operators",
    "get_operator_arguments",
    "register",
]


class OperatorArguments(NamedTuple):
    """What an operator takes: inputs, then attributes."""

    narg: int
    names: list[str]
    types: list[str]


def get_all_registered_operators() -> list[str]:
    """Return every name, aliases included, that an operator has in symbols."""
    return sorted(op_table())


def get_operator_arguments(op_name: str) -> OperatorArguments:
    """Return names and types of the inputs and attributes of an operator; MXNetError if there is none."""
    info = _core.describe_op(op_name)
    variadic = bool(info["num_args_key"])
    names = ["data"] if variadic else list(info["inputs"])
    types = ["NDArray-or-Symbol[]" if variadic else "NDArray-or-Symbol"] * len(names)
    for attr in info["attrs"]:
        default = "required" if attr["required"] else f"optional, default={attr['default']!r}"
        names.append(attr["name"])
        types.append(f"{attr['type']}, {default}")
    return OperatorArguments(len(names), names, types)
