"""Gradients by central differences, against what backward computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..context import Context
from ..ndarray import array
from ..symbol import Symbol
from .binding import Bound, Values, as_numpy
from .compare import assert_almost_equal
from .tolerance import Tolerance, default_numeric_eps, get_atol, get_rtol

# Differences of sums in float64 are not more exact than this, times the largest gradient.
_NUMERIC_FLOOR = 1e-7


def _set(executor: Any, aux_states: Mapping[str, np.ndarray]) -> None:
    for name, value in aux_states.items():
        executor.aux_dict[name][:] = value


def _central_differences(
    executor: Any,
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    aux_states: Mapping[str, np.ndarray],
    weights: Sequence[np.ndarray] | None,
    eps: float,
    is_train: bool,
) -> dict[str, np.ndarray]:
    """Return (f(x + e/2) - f(x - e/2)) / e for every element x of the values, f = sum(outputs * weights)."""

    def objective() -> float:
        _set(executor, aux_states)
        executor.forward(is_train=is_train)
        outputs = [output.asnumpy().astype(np.float64) for output in executor.outputs]
        if weights is None:
            return float(outputs[0].sum())
        return float(sum((output * weight).sum() for output, weight in zip(outputs, weights)))

    gradients = {}
    for name in names:
        argument = executor.arg_dict[name]
        value = values[name].astype(argument.dtype).copy()
        gradient = np.zeros(value.shape)
        for index in np.ndindex(*value.shape):
            middle = value[index]
            value[index] = middle + eps / 2
            argument[:] = value
            above = objective()
            value[index] = middle - eps / 2
            argument[:] = value
            gradient[index] = (above - objective()) / eps
            value[index] = middle
        argument[:] = value
        gradients[name] = gradient
    return gradients


def numeric_grad(
    executor: Any,
    location: Mapping[str, Any],
    aux_states: Mapping[str, Any] | None = None,
    eps: float = 1e-4,
    use_forward_train: bool = True,
    dtype: Any = np.float32,
) -> dict[str, np.ndarray]:
    """Return the gradient of the sum of an executor's first output by central differences.

    Parameters
    ----------
    executor : Executor
        Its arguments of the names in `location` have to be of a floating-point dtype.
    location : dict of str to array
        Where to compute the gradient, and for which arguments.
    aux_states : dict of str to array, optional
        Values the auxiliary states have before every pass.
    eps : float, default 1e-4
        Distance of the two points of each difference.
    use_forward_train : bool, default True
        Whether the passes are training passes.
    dtype : default float32
        Of the result.
    """
    values = {name: as_numpy(value) for name, value in location.items()}
    for name, value in values.items():
        executor.arg_dict[name][:] = value
    states = {name: as_numpy(value) for name, value in (aux_states or {}).items()}
    found = _central_differences(executor, values, list(values), states, None, eps, use_forward_train)
    return {name: gradient.astype(dtype) for name, gradient in found.items()}


def check_numeric_gradient(
    sym: Symbol,
    location: Values,
    aux_states: Values | None = None,
    numeric_eps: float | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    grad_nodes: Sequence[str] | Mapping[str, str] | None = None,
    use_forward_train: bool = True,
    ctx: Context | None = None,
    dtype: Any = np.float64,
) -> None:
    """Raise AssertionError unless a symbol's gradients agree with central differences.

    The differences are taken in float64 whatever `dtype` is, of a random linear combination of all outputs.
    Operators that draw random numbers, and losses, whose gradient is not that of their output, cannot be
    checked.

    Parameters
    ----------
    sym : Symbol
    location : list or dict of arrays
        Values of its arguments.
    aux_states : list or dict of arrays, optional
        Values of its auxiliary states before every pass. Default: zeros.
    numeric_eps : float, optional
        Distance of the two points of each difference. Default: 2^-14.
    rtol, atol : float or dict, optional
        Default: those of `dtype`, the absolute one not below 1e-7 times the largest gradient.
    grad_nodes : list of str, or dict of str to {'write', 'add', 'null'}, optional
        Which arguments to check, and with which gradient request. Default: all, with 'write'.
    use_forward_train : bool, default True
        Whether the differences are of training passes.
    ctx : Context, optional
    dtype : default float64
        In which backward is run.
    """
    function = "check_numeric_gradient"
    arguments = sym.list_arguments()
    if grad_nodes is None:
        grad_nodes = arguments
    reqs = dict(grad_nodes) if isinstance(grad_nodes, Mapping) else dict.fromkeys(grad_nodes, "write")
    exact = Bound(function, sym, location, aux_states, "null", ctx, np.float64)
    tested = Bound(function, sym, location, aux_states, reqs, ctx, dtype)
    start = {name: state.asnumpy() for name, state in exact.aux.items()}

    tested.executor.forward(is_train=True)
    outputs = tested.executor.outputs
    weights = [np.random.normal(size=output.shape) for output in outputs]
    tested.executor.backward([array(w, dtype=o.dtype, ctx=o.context) for w, o in zip(weights, outputs)])
    values = {name: value.asnumpy() for name, value in exact.location.items()}
    eps = default_numeric_eps()[np.dtype(np.float64)] if numeric_eps is None else numeric_eps
    numeric = _central_differences(
        exact.executor, values, list(tested.grads), start, weights, eps, use_forward_train
    )
    for name, gradient in tested.grads.items():
        found = gradient.asnumpy().astype(np.float64)
        if tested.reqs[name] == "add":
            found -= tested.old_grads[name]
        wanted = numeric[name]
        floor = _NUMERIC_FLOOR * max(1.0, float(np.abs(wanted).max(initial=0)))
        absolute = max(get_atol(None, dtype), floor) if atol is None else get_atol(atol, dtype)
        assert_almost_equal(
            found,
            wanted,
            get_rtol(rtol, dtype),
            absolute,
            (f"BACKWARD_{name}", f"NUMERICAL_{name}"),
            False,
            False,
        )
