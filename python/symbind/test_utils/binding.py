"""Binding a symbol to given inputs, which all checks begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from ..context import Context
from ..ndarray import NDArray, array, zeros
from ..symbol import Symbol
from .system import default_context

Values = Union[Sequence[Any], Mapping[str, Any]]
GradReq = Union[str, Sequence[str], Mapping[str, str]]


def named(function: str, what: str, names: Sequence[str], values: Values) -> dict[str, Any]:
    """Return values by name, in the order of `names`, from a list in that order or a dict.

    Raises ValueError if the names or the number of values do not match.
    """
    if isinstance(values, Mapping):
        if set(values) != set(names):
            raise ValueError(
                f"[{function}] wrong names of {what}: got {sorted(values)}, expected {sorted(names)}"
            )
        return {name: values[name] for name in names}
    if len(values) != len(names):
        raise ValueError(
            f"[{function}] wrong number of {what}: got {len(values)}, expected {len(names)}: {list(names)}"
        )
    return dict(zip(names, values))


def as_numpy(value: Any) -> np.ndarray:
    """Return the values of an NDArray or array-like in a NumPy array."""
    return value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)


def to_ndarrays(values: Mapping[str, Any], ctx: Context, dtype: Any) -> dict[str, NDArray]:
    """Return copies as NDArrays of one dtype."""
    return {name: array(as_numpy(value), ctx=ctx, dtype=dtype) for name, value in values.items()}


def grad_reqs(function: str, names: Sequence[str], grad_req: GradReq) -> dict[str, str]:
    """Return the gradient request of every argument; names that a dict lacks get 'null'."""
    if isinstance(grad_req, str):
        return dict.fromkeys(names, grad_req)
    if isinstance(grad_req, Mapping):
        unknown = sorted(set(grad_req) - set(names))
        if unknown:
            raise ValueError(
                f"[{function}] grad_req for unknown arguments {unknown}: expected some of {list(names)}"
            )
        return {name: grad_req.get(name, "null") for name in names}
    return named(function, "gradient requests", names, grad_req)


class Bound:
    """A symbol bound to given values, with gradient arrays that hold known numbers before backward."""

    def __init__(
        self,
        function: str,
        sym: Symbol,
        location: Values,
        aux_states: Values | None = None,
        grad_req: GradReq = "null",
        ctx: Context | None = None,
        dtype: Any = np.float32,
        rng: np.random.RandomState | None = None,
    ) -> None:
        ctx = default_context() if ctx is None else ctx
        self.location = to_ndarrays(named(function, "arguments", sym.list_arguments(), location), ctx, dtype)
        self.reqs = grad_reqs(function, sym.list_arguments(), grad_req)
        aux_names = sym.list_auxiliary_states()
        self.aux = to_ndarrays(self._complete_aux(function, sym, aux_names, aux_states), ctx, dtype)
        wanted = {name: self.location[name].shape for name, req in self.reqs.items() if req != "null"}
        normal = (rng or np.random).normal
        # Old contents, to see that 'write' overwrites and 'add' adds to them.
        self.old_grads = {name: normal(size=shape).astype(dtype) for name, shape in wanted.items()}
        self.grads = to_ndarrays(self.old_grads, ctx, dtype)
        self.executor = sym.bind(
            ctx, args=self.location, args_grad=self.grads, grad_req=self.reqs, aux_states=self.aux
        )

    def _complete_aux(
        self, function: str, sym: Symbol, names: Sequence[str], aux_states: Values | None
    ) -> dict[str, Any]:
        if aux_states is not None:
            return named(function, "auxiliary states", names, aux_states)
        if not names:
            return {}
        _, _, shapes = sym.infer_shape(**{name: value.shape for name, value in self.location.items()})
        return {name: zeros(shape) for name, shape in zip(names, shapes)}
