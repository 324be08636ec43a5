"""Python's operators on symbols, and their forms as functions: `mx.sym.pow`, `mx.sym.maximum`, ..."""

from __future__ import annotations

from numbers import Number
from typing import Any, Callable

import numpy as np

from ..base import NotImplementedForSymbol
from .symbol import Symbol, _binary


def _add_operators() -> None:
    """Give Symbol Python's arithmetic and comparisons."""

    def forward(op: str, scalar_op: str) -> Callable:
        return lambda self, other: _binary(self, other, op, scalar_op)

    for dunder, op, scalar_op, reverse_op in (
        ("add", "_Plus", "_PlusScalar", "_PlusScalar"),
        ("sub", "_Minus", "_MinusScalar", "_RMinusScalar"),
        ("mul", "_Mul", "_MulScalar", "_MulScalar"),
        ("truediv", "_Div", "_DivScalar", "_RDivScalar"),
        ("div", "_Div", "_DivScalar", "_RDivScalar"),
        ("mod", "_Mod", "_ModScalar", "_RModScalar"),
        ("pow", "_Power", "_PowerScalar", "_rpower_scalar"),
    ):
        setattr(Symbol, f"__{dunder}__", forward(op, scalar_op))
        setattr(Symbol, f"__r{dunder}__", forward(op, reverse_op))
    for dunder, op in (
        ("gt", "_greater"),
        ("ge", "_greater_equal"),
        ("lt", "_lesser"),
        ("le", "_lesser_equal"),
    ):
        setattr(Symbol, f"__{dunder}__", forward(op, op + "_scalar"))

    def in_place(dunder: str) -> Callable:
        def method(self: Symbol, other: Any) -> Symbol:
            raise NotImplementedForSymbol(method, dunder, other)

        method.__name__ = f"__i{dunder}__"
        return method

    for dunder in ("add", "sub", "mul", "truediv", "div", "mod", "pow"):
        setattr(Symbol, f"__i{dunder}__", in_place(dunder))


_add_operators()


def _either(name: str, op: str, scalar_op: str, reverse_op: str, python: Callable) -> Callable:
    def function(left: Any, right: Any) -> Any:
        if isinstance(left, Symbol):
            return _binary(left, right, op, scalar_op)
        if isinstance(right, Symbol):
            return _binary(right, left, op, reverse_op)
        if isinstance(left, Number) and isinstance(right, Number):
            return python(left, right)
        raise TypeError(f"types ({type(left)}, {type(right)}) not supported")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return {name} of two symbols of one shape, or of a symbol and a number, by element."
    return function


pow = _either("pow", "_Power", "_PowerScalar", "_RPowerScalar", lambda a, b: a**b)
power = pow
maximum = _either("maximum", "_Maximum", "_MaximumScalar", "_MaximumScalar", max)
minimum = _either("minimum", "_Minimum", "_MinimumScalar", "_MinimumScalar", min)
hypot = _either("hypot", "_Hypot", "_HypotScalar", "_HypotScalar", np.hypot)
modulo = _either("modulo", "_Mod", "_ModScalar", "_RModScalar", lambda a, b: a % b)
