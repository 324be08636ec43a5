"""Checks of a symbol's outputs and gradients against given values and across dtypes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..context import Context
from ..ndarray import NDArray, array
from ..symbol import Symbol
from .binding import Bound, GradReq, Values, as_numpy, named
from .compare import assert_almost_equal
from .system import default_context
from .tolerance import Tolerance, default_rtols


def simple_forward(
    sym: Symbol, ctx: Context | None = None, is_train: bool = False, **inputs: Any
) -> np.ndarray | list[np.ndarray]:
    """Run a symbol on inputs given by name; return its output as a NumPy array, or a list of several."""
    values = {name: array(as_numpy(value), ctx=ctx) for name, value in inputs.items()}
    executor = sym.bind(default_context() if ctx is None else ctx, args=values)
    executor.forward(is_train=is_train)
    outputs = [output.asnumpy() for output in executor.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


def check_symbolic_forward(
    sym: Symbol,
    location: Values,
    expected: Values,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Values | None = None,
    ctx: Context | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> list[NDArray]:
    """Raise AssertionError unless a symbol's outputs (without training) are the expected ones.

    Parameters
    ----------
    sym : Symbol
    location : list or dict of arrays
        Values of its arguments.
    expected : list or dict of arrays
        Values of its outputs; the keys of a dict are names of outputs, such as ``'fc1_output'``.
    rtol, atol : optional
        As `assert_almost_equal`.
    aux_states : list or dict of arrays, optional
        Values of its auxiliary states. Default: zeros.
    ctx : Context, optional
    equal_nan : bool, default False
    dtype : default float32
        All arguments and states are converted to it.

    Returns
    -------
    list of NDArray
        The outputs.
    """
    bound = Bound("check_symbolic_forward", sym, location, aux_states, ctx=ctx, dtype=dtype)
    names = sym.list_outputs()
    wanted = named("check_symbolic_forward", "expected outputs", names, expected)
    bound.executor.forward(is_train=False)
    for name, output in zip(names, bound.executor.outputs):
        assert_almost_equal(
            output, wanted[name], rtol, atol, (f"FORWARD_{name}", f"EXPECTED_{name}"), equal_nan, False
        )
    return bound.executor.outputs


def check_symbolic_backward(
    sym: Symbol,
    location: Values,
    out_grads: NDArray | np.ndarray | Values | None,
    expected: Values,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Values | None = None,
    grad_req: GradReq = "write",
    ctx: Context | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> dict[str, NDArray]:
    """Raise AssertionError unless a symbol's gradients are the expected ones.

    Gradient arrays hold random numbers before: 'write' has to replace them, 'add' to add to them.

    Parameters
    ----------
    sym, location, rtol, atol, aux_states, ctx, equal_nan, dtype :
        As `check_symbolic_forward`.
    out_grads : array, list or dict of arrays, or None
        Gradients of the outputs; None for losses.
    expected : list or dict of arrays
        Gradients of the arguments. A dict may lack arguments; these are not compared.
    grad_req : str, list or dict, default 'write'

    Returns
    -------
    dict of str to NDArray
        The gradients by argument.
    """
    function = "check_symbolic_backward"
    bound = Bound(function, sym, location, aux_states, grad_req, ctx, dtype)
    if not isinstance(expected, Mapping):
        expected = named(function, "expected gradients", sym.list_arguments(), expected)
    unknown = sorted(set(expected) - set(sym.list_arguments()))
    if unknown:
        raise ValueError(
            f"[{function}] expected gradients of unknown arguments {unknown}: "
            f"the symbol has {sym.list_arguments()}"
        )
    heads = None
    if out_grads is not None:
        if isinstance(out_grads, (NDArray, np.ndarray)):
            out_grads = [out_grads]
        by_name = named(function, "output gradients", sym.list_outputs(), out_grads)
        heads = [array(as_numpy(value), ctx=ctx, dtype=dtype) for value in by_name.values()]
    bound.executor.forward(is_train=True)
    bound.executor.backward(heads)
    for name, gradient in bound.grads.items():
        if name in expected:
            wanted = as_numpy(expected[name])
            if bound.reqs[name] == "add":
                wanted = wanted + bound.old_grads[name]
            assert_almost_equal(
                gradient, wanted, rtol, atol, (f"BACKWARD_{name}", f"EXPECTED_{name}"), equal_nan, False
            )
    return bound.grads


def check_consistency(
    sym: Symbol | Sequence[Symbol],
    ctx_list: Sequence[Mapping[str, Any]],
    scale: float = 1.0,
    grad_req: GradReq = "write",
    arg_params: Mapping[str, Any] | None = None,
    aux_params: Mapping[str, Any] | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    raise_on_err: bool = True,
    ground_truth: Mapping[str, np.ndarray] | None = None,
    equal_nan: bool = False,
    use_uniform: bool = False,
) -> dict[str, np.ndarray]:
    """Raise AssertionError unless a symbol computes the same on several contexts or in several dtypes.

    The most exact dtype in `ctx_list` is the reference for the others.

    Parameters
    ----------
    sym : Symbol or list of Symbol
        One for all entries of `ctx_list`, or one for each; they take the same arguments.
    ctx_list : list of dict
        Arguments of `Symbol.simple_bind`: the context under ``'ctx'``, input shapes by name, and under
        ``'type_dict'`` dtypes by name.
    scale : float, default 1
        Standard deviation of the random arguments, or their bound if `use_uniform`.
    grad_req : default 'write'
        With 'null' only outputs are compared.
    arg_params, aux_params : dict of arrays, optional
        Values to use instead of random ones, and instead of zero states.
    rtol, atol : optional
        As `assert_almost_equal`.
    raise_on_err : bool, default True
        Whether to raise; otherwise differences are printed.
    ground_truth : dict of arrays, optional
        What an earlier call returned, to compare with that.
    equal_nan, use_uniform : bool, default False

    Returns
    -------
    dict of str to numpy.ndarray
        Outputs and gradients of the reference, by names of outputs and arguments.
    """
    if len(ctx_list) < 2 and ground_truth is None:
        raise ValueError(
            f"[check_consistency] nothing to compare: got {len(ctx_list)} entries, expected at least 2"
        )
    symbols = [sym] * len(ctx_list) if isinstance(sym, Symbol) else list(sym)
    if len(symbols) != len(ctx_list):
        raise ValueError(f"[check_consistency] got {len(symbols)} symbols for {len(ctx_list)} contexts")
    executors = [s.simple_bind(grad_req=grad_req, **spec) for s, spec in zip(symbols, ctx_list)]
    values = dict(arg_params or {})
    for name, argument in executors[0].arg_dict.items():
        if name not in values:
            draw = np.random.uniform(-scale, scale, argument.shape) if use_uniform else None
            values[name] = np.random.normal(size=argument.shape, scale=scale) if draw is None else draw
    for executor in executors:
        for name, argument in executor.arg_dict.items():
            argument[:] = np.asarray(as_numpy(values[name])).astype(argument.dtype)
        for name, state in executor.aux_dict.items():
            state[:] = as_numpy((aux_params or {}).get(name, np.zeros(state.shape))).astype(state.dtype)
    rtols = default_rtols()
    exactness = [max(rtols[np.dtype(o.dtype)] for o in _run(e, grad_req, None)) for e in executors]
    best = int(np.argmin(exactness))
    heads = [o.asnumpy() for o in executors[best].outputs]
    results = []
    for s, executor in zip(symbols, executors):
        _run(executor, grad_req, heads)
        result = {name: out.asnumpy() for name, out in zip(s.list_outputs(), executor.outputs)}
        result.update({name: g.asnumpy() for name, g in executor.grad_dict.items() if g is not None})
        results.append(result)
    reference = dict(results[best] if ground_truth is None else ground_truth)
    for i, result in enumerate(results):
        # Argument names are the same in all symbols, names of outputs need not be.
        for (name, value), wanted in zip(result.items(), reference.values()):
            try:
                assert_almost_equal(
                    value, wanted, rtol, atol, (f"{name} of entry {i}", "reference"), equal_nan
                )
            except AssertionError as err:
                if raise_on_err:
                    raise
                print(f"{name} of entry {i}, {ctx_list[i]}: {err}")
    return reference


def _run(executor: Any, grad_req: GradReq, heads: Sequence[np.ndarray] | None) -> list[NDArray]:
    """Run an executor forward, and backward from the given output gradients if there are any."""
    executor.forward(is_train=grad_req != "null")
    outputs = executor.outputs
    if heads is not None and grad_req != "null":
        executor.backward([array(h, dtype=o.dtype, ctx=o.context) for h, o in zip(heads, outputs)])
    return outputs


def check_speed(
    sym: Symbol,
    location: Mapping[str, Any] | None = None,
    ctx: Context | None = None,
    N: int = 20,
    grad_req: str = "write",
    typ: str = "whole",
    **kwargs: Any,
) -> float:
    """Return the seconds that one pass through a symbol takes, the mean of `N`.

    Parameters
    ----------
    sym : Symbol
    location : dict of str to array, optional
        Values of its arguments. Default: random ones for the shapes given by name in `kwargs`.
    ctx : Context, optional
    N : int, default 20
    grad_req : str, default 'write'
    typ : {'whole', 'forward'}
        Forward and backward of training, or forward alone.
    """
    if typ not in ("whole", "forward"):
        raise ValueError(f"[check_speed] wrong typ: got {typ!r}, expected 'whole' or 'forward'")
    shapes = kwargs if location is None else {name: as_numpy(v).shape for name, v in location.items()}
    req = grad_req if typ == "whole" else "null"
    executor = sym.simple_bind(ctx=default_context() if ctx is None else ctx, grad_req=req, **shapes)
    for name, argument in executor.arg_dict.items():
        argument[:] = np.random.normal(size=argument.shape) if location is None else as_numpy(location[name])

    def once() -> None:
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward(executor.outputs)
        for output in executor.outputs:
            output.wait_to_read()

    once()
    start = time.perf_counter()
    for _ in range(N):
        once()
    return (time.perf_counter() - start) / N


def same_symbol_structure(sym1: Symbol, sym2: Symbol) -> bool:
    """Whether two symbols are the same graph of the same operators; names and attributes are not compared."""

    def structure(sym: Symbol) -> list:
        graph = json.loads(sym.tojson())
        return [(node["op"], [tuple(e[:2]) for e in node["inputs"]]) for node in graph["nodes"]]

    return structure(sym1) == structure(sym2)
