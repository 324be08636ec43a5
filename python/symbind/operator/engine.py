"""The objects by which the engine runs operators written in Python."""

from __future__ import annotations

import traceback
from typing import Any, Callable

import numpy as np

from .. import _core
from ..base import _DTYPE_MX_TO_NP, _DTYPE_NP_TO_MX, MXNetError
from ..context import cpu
from ..ndarray import NDArray
from ..ndarray.ndarray import _wrap
from .custom import CustomOp, CustomOpProp, _registered
from .python_op import prop_of


class _Failure:
    """Turns an exception of a user's method into an MXNetError with its traceback."""

    def __init__(self, op_type: str, method: str) -> None:
        self.where = f"[Custom] {op_type}.{method}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, Exception):
            text = "".join(traceback.format_exception(kind, error, trace.tb_next))
            raise MXNetError(f"{self.where} failed:\n{text}") from error


class _Operator:
    """A `CustomOp` and its arrays, as the engine calls it."""

    def __init__(self, op_type: str, op: CustomOp, arrays: list[list[NDArray]]) -> None:
        self.op_type, self.op = op_type, op
        self.in_data, self.out_data, self.aux = arrays

    def forward(self, is_train: bool, req: list[str]) -> None:
        with _Failure(self.op_type, "forward"):
            self.op.forward(
                is_train=is_train,
                req=req,
                in_data=list(self.in_data),
                out_data=list(self.out_data),
                aux=list(self.aux),
            )

    def backward(self, req: list[str], out_grad: list, in_grad: list) -> None:
        with _Failure(self.op_type, "backward"):
            self.op.backward(
                req=req,
                out_grad=[_wrap(h) for h in out_grad],
                in_data=list(self.in_data),
                out_data=list(self.out_data),
                in_grad=[_wrap(h) for h in in_grad],
                aux=list(self.aux),
            )


class _Prop:
    """A `CustomOpProp` of one node, as the engine asks it."""

    def __init__(self, op_type: str, attrs: dict[str, str]) -> None:
        made = prop_of(op_type)
        if made is None and op_type not in _registered:
            known = ", ".join(sorted(_registered)) or "none"
            raise MXNetError(
                f"[Custom] op_type '{op_type}' is not registered, registered are: {known}; "
                f"put @mx.operator.register('{op_type}') on its CustomOpProp"
            )
        self.op_type = op_type
        if made is None:
            with _Failure(op_type, "__init__"):
                make: Callable[..., CustomOpProp] = _registered[op_type]
                made = make(**attrs)
        elif attrs:
            raise MXNetError(f"[Custom] {op_type} takes no attributes: got {', '.join(sorted(attrs))}")
        self.prop = made
        with _Failure(op_type, "list_arguments"):
            self.arguments = list(self.prop.list_arguments())
            self.outputs = list(self.prop.list_outputs())
            self.states = list(self.prop.list_auxiliary_states())
        n, m = len(self.outputs), len(self.arguments)
        with _Failure(op_type, "declare_backward_dependency"):
            needed = self.prop.declare_backward_dependency(
                list(range(n)), list(range(n, n + m)), list(range(n + m, 2 * n + m))
            )
            self.needs_out_grads = any(i < n for i in needed)

    def _checked(self, method: str, made: Any) -> list:
        """Inputs, outputs and states of an infer method, as one list in the engine's order."""
        groups = [list(group) for group in made]
        if len(groups) == 2:
            groups.append([])
        wanted = [len(self.arguments), len(self.outputs), len(self.states)]
        if [len(group) for group in groups] != wanted:
            raise ValueError(
                f"{method} returned {' + '.join(str(len(g)) for g in groups)} entries, "
                f"expected {' + '.join(map(str, wanted))}: inputs, outputs, states"
            )
        return [*groups[0], *groups[2], *groups[1]]

    def infer_shape(self, shapes: list[list[int]], known: bool) -> list | None:
        with _Failure(self.op_type, "infer_shape"):
            try:
                made = self.prop.infer_shape([list(s) for s in shapes])
            except (AssertionError, IndexError, ZeroDivisionError):
                if known:
                    raise
                return None  # the method looked at a shape that is not known yet
            return self._checked("infer_shape", made)

    def infer_type(self, types: list[int]) -> list[int]:
        with _Failure(self.op_type, "infer_type"):
            made = self._checked("infer_type", self.prop.infer_type([_DTYPE_MX_TO_NP[t] for t in types]))
            return [_DTYPE_NP_TO_MX[np.dtype(t).type] for t in made]

    def create(self, in_data: list, out_data: list, states: list) -> _Operator:
        arrays = [[_wrap(h) for h in group] for group in (in_data, out_data, states)]
        given = arrays[0] + arrays[2]
        with _Failure(self.op_type, "create_operator"):
            op = self.prop.create_operator(
                cpu(),
                [list(a.shape) for a in given],
                [_DTYPE_NP_TO_MX[np.dtype(a.dtype).type] for a in given],
            )
        return _Operator(self.op_type, op, arrays)


_core.set_custom_handler(_Prop)
