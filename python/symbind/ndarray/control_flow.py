"""Loops and branches over arrays: `mx.nd.contrib.foreach`, `while_loop` and `cond`. They run at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ndarray import NDArray, zeros
from .op import function

__all__ = ["cond", "foreach", "while_loop"]


def _flatten(value: Any, what: str) -> list[NDArray]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    for v in values:
        if not isinstance(v, NDArray):
            raise TypeError(f"{what}: got {type(v).__name__}, expected an NDArray or a list of them")
    return values


def _packed(arrays: list[NDArray], like: Any) -> Any:
    return arrays if isinstance(like, (list, tuple)) else arrays[0]


def _stacked(steps: list[list[NDArray]], rows: int) -> list[NDArray]:
    """Each output of all steps as one array, with zeros up to `rows`."""
    results = []
    for parts in zip(*steps):
        whole = function("stack")(*parts, axis=0, num_args=len(parts))
        if rows > len(parts):
            rest = zeros((rows - len(parts), *whole.shape[1:]), dtype=whole.dtype)
            whole = function("concat")(whole, rest, dim=0)
        results.append(whole)
    return results


def foreach(body: Callable, data: Any, init_states: Any) -> tuple[Any, Any]:
    """Call ``body(slice, states)`` for every slice of data along axis 0.

    data, init_states : NDArray or list of NDArrays; body gets lists where lists are given, and returns
    (outputs, new states).

    Returns (outputs, states): outputs of all steps stacked along a new axis 0, states after the last step.
    Raises ValueError when data is empty or of unequal lengths.
    """
    flat_data = _flatten(data, "[foreach] data")
    _flatten(init_states, "[foreach] init_states")
    lengths = {a.shape[0] for a in flat_data}
    if len(lengths) != 1 or not min(lengths):
        raise ValueError(f"[foreach] data must have one length along axis 0: got {sorted(lengths)}")
    states, steps, outputs = init_states, [], None
    for i in range(lengths.pop()):
        outputs, states = body(_packed([a[i] for a in flat_data], data), states)
        steps.append(_flatten(outputs, "[foreach] outputs of body"))
    return _packed(_stacked(steps, 0), outputs), states


def while_loop(
    cond: Callable, func: Callable, loop_vars: Any, max_iterations: int | None = None
) -> tuple[Any, Any]:
    """Call ``func(*loop_vars)`` while ``cond(*loop_vars)`` is not 0, at most `max_iterations` times.

    loop_vars : NDArray or list of NDArrays; func returns (outputs, new loop variables).

    Returns (outputs, loop variables): outputs stacked along a new axis 0 of length `max_iterations`, with
    zeros behind the last step (an empty list when there was none), and the last loop variables.
    Raises ValueError without max_iterations, or when func changes the number of loop variables.
    """
    if max_iterations is None:
        raise ValueError("[while_loop] max_iterations should be specified")
    variables = _flatten(loop_vars, "[while_loop] loop_vars")
    steps: list[list[NDArray]] = []
    outputs: Any = []
    while len(steps) < int(max_iterations):
        verdict = cond(*variables)
        if not (verdict.asscalar() if isinstance(verdict, NDArray) else verdict):
            break
        outputs, new = func(*variables)
        flat = _flatten(new, "[while_loop] loop variables of func")
        if len(flat) != len(variables):
            raise ValueError(
                f"[while_loop] func returned {len(flat)} loop variables, expected {len(variables)}"
            )
        variables = flat
        steps.append([] if outputs is None else _flatten(outputs, "[while_loop] outputs of func"))
    stacked = _stacked(steps, int(max_iterations))
    return (_packed(stacked, outputs) if stacked else []), _packed(variables, loop_vars)


def cond(pred: NDArray, then_func: Callable, else_func: Callable) -> Any:
    """Return ``then_func()`` if `pred`, of one element, is not 0, otherwise ``else_func()``."""
    return then_func() if pred.asscalar() else else_func()
