"""Arithmetic between arrays and numbers, with broadcasting: what the Python operators of NDArray do."""

from __future__ import annotations

from numbers import Number
from typing import Any, Callable

import numpy as np

from .. import _core
from .ndarray import NDArray, _wrap

_NUMBERS = (Number, np.generic, bool)


def _run(op: str, inputs: tuple, attrs: dict[str, str], target: list, out: NDArray | None) -> Any:
    handles = [a.handle for a in inputs]
    if any(a._is_sparse for a in inputs) or (out is not None and out._is_sparse):
        from .sparse_array import wrap_any

        made = _core.invoke_any(op, handles, attrs, target)[0]
        return wrap_any(made) if out is None else out
    made = _core.invoke(op, handles, attrs, target)[0]
    return _wrap(made) if out is None else out


def _binary(name: str, array_op: str, scalar_op: str, reverse_op: str, python: Callable) -> Callable:
    def function(lhs: Any, rhs: Any, out: NDArray | None = None) -> Any:
        target = [] if out is None else [out.handle]
        if isinstance(lhs, NDArray):
            if isinstance(rhs, NDArray):
                made = _run(array_op, (lhs, rhs), {}, target, out)
            elif isinstance(rhs, _NUMBERS):
                made = _run(scalar_op, (lhs,), {"scalar": _number(rhs)}, target, out)
            else:
                raise TypeError(
                    f"[{name}] unsupported operand: got {type(rhs).__name__}, expected NDArray or number"
                )
        elif isinstance(rhs, NDArray) and isinstance(lhs, _NUMBERS):
            made = _run(reverse_op, (rhs,), {"scalar": _number(lhs)}, target, out)
        elif isinstance(lhs, _NUMBERS) and isinstance(rhs, _NUMBERS):
            return python(lhs, rhs)
        else:
            raise TypeError(
                f"[{name}] unsupported operands: got {type(lhs).__name__} and {type(rhs).__name__}, "
                "expected NDArrays or numbers"
            )
        return made

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Return `{name}(lhs, rhs)` element by element, with NumPy's broadcasting.\n\n"
        "lhs, rhs : NDArray or number; both numbers give a number. out : NDArray to write to, or None."
    )
    return function


def _number(value: Any) -> str:
    return repr(
        value.item() if isinstance(value, np.generic) else float(value) if isinstance(value, bool) else value
    )


def _compare(test: Callable) -> Callable:
    return lambda a, b: float(test(a, b))


add = _binary("add", "broadcast_add", "_plus_scalar", "_plus_scalar", lambda a, b: a + b)
subtract = _binary("subtract", "broadcast_sub", "_minus_scalar", "_rminus_scalar", lambda a, b: a - b)
multiply = _binary("multiply", "broadcast_mul", "_mul_scalar", "_mul_scalar", lambda a, b: a * b)
divide = _binary("divide", "broadcast_div", "_div_scalar", "_rdiv_scalar", lambda a, b: a / b)
true_divide = divide
modulo = _binary("modulo", "broadcast_mod", "_mod_scalar", "_rmod_scalar", lambda a, b: a % b)
power = _binary("power", "broadcast_power", "_power_scalar", "_rpower_scalar", lambda a, b: a**b)
maximum = _binary("maximum", "broadcast_maximum", "_maximum_scalar", "_maximum_scalar", max)
minimum = _binary("minimum", "broadcast_minimum", "_minimum_scalar", "_minimum_scalar", min)
hypot = _binary("hypot", "broadcast_hypot", "_hypot_scalar", "_hypot_scalar", np.hypot)
equal = _binary("equal", "broadcast_equal", "_equal_scalar", "_equal_scalar", _compare(lambda a, b: a == b))
not_equal = _binary(
    "not_equal",
    "broadcast_not_equal",
    "_not_equal_scalar",
    "_not_equal_scalar",
    _compare(lambda a, b: a != b),
)
greater = _binary(
    "greater", "broadcast_greater", "_greater_scalar", "_lesser_scalar", _compare(lambda a, b: a > b)
)
greater_equal = _binary(
    "greater_equal",
    "broadcast_greater_equal",
    "_greater_equal_scalar",
    "_lesser_equal_scalar",
    _compare(lambda a, b: a >= b),
)
lesser = _binary(
    "lesser", "broadcast_lesser", "_lesser_scalar", "_greater_scalar", _compare(lambda a, b: a < b)
)
lesser_equal = _binary(
    "lesser_equal",
    "broadcast_lesser_equal",
    "_lesser_equal_scalar",
    "_greater_equal_scalar",
    _compare(lambda a, b: a <= b),
)
logical_and = _binary(
    "logical_and",
    "broadcast_logical_and",
    "_logical_and_scalar",
    "_logical_and_scalar",
    _compare(lambda a, b: bool(a) and bool(b)),
)
logical_or = _binary(
    "logical_or",
    "broadcast_logical_or",
    "_logical_or_scalar",
    "_logical_or_scalar",
    _compare(lambda a, b: bool(a) or bool(b)),
)
logical_xor = _binary(
    "logical_xor",
    "broadcast_logical_xor",
    "_logical_xor_scalar",
    "_logical_xor_scalar",
    _compare(lambda a, b: bool(a) != bool(b)),
)
