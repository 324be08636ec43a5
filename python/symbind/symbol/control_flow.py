"""Loops and branches inside of graphs: `mx.sym.contrib.foreach`, `while_loop` and `cond`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .. import _core
from ..attribute import AttrScope
from ..name import NameManager
from .creation import Group, Variable
from .symbol import Symbol, _op

__all__ = ["cond", "foreach", "while_loop"]

_numbers: dict[str, itertools.count] = {}


def _scope(name: str) -> AttrScope:
    """Mark what is made in a block as a part of one subgraph."""
    number = next(_numbers.setdefault(name, itertools.count()))
    return AttrScope(__subgraph_name__=f"{name}{number}")


def _flatten(value: Any, what: str) -> list[Symbol]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    for v in values:
        if not isinstance(v, Symbol) or len(v) != 1:
            got = f"a symbol with {len(v)} outputs" if isinstance(v, Symbol) else type(v).__name__
            raise TypeError(f"{what}: got {got}, expected a symbol with one output, or a list of them")
    return values


def _packed(symbols: list[Symbol], like: Any) -> Any:
    """A list, or the one symbol where a single one was given."""
    return symbols if isinstance(like, (list, tuple)) else symbols[0]


def _placeholder(symbol: Symbol) -> Symbol:
    _, index = symbol.handle.heads()[0]
    return Variable(f"{symbol.name}-{index}")


class _Subgraph:
    """A graph cut out of what a function made, and what its variables stand for outside."""

    def __init__(self, outputs: list[Symbol], name: str):
        self.handle, outer = _core.cut_subgraph(Group(outputs).handle, name)
        self.outer = [Symbol(handle) for handle in outer]
        self.variables = self.handle.list_inputs()


def _build(function: Callable, args: tuple, scope: AttrScope, what: str) -> tuple[Any, str]:
    """What the function returns, and the name of the subgraph that it made."""
    with scope:
        made = function(*args)
        name = AttrScope.current.get(None)["__subgraph_name__"]
    return made, name


def _own(symbols: list[Symbol], name: str) -> list[Symbol]:
    """Outputs as nodes of the subgraph: a variable, or something from outside, is copied."""
    result = []
    with AttrScope(__subgraph_name__=name):
        for symbol in symbols:
            inside = symbol.handle.nodes()[-1][0] != "null" and symbol.attr("__subgraph_name__") == name
            result.append(symbol if inside else _op("identity")(symbol))
    return result


class _Inputs:
    """The inputs of an operator: each entry of the outer graph once, states apart from what is captured."""

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self._roles: list[object] = []

    def place(self, symbol: Symbol, role: object = None) -> int:
        for i, (known, known_role) in enumerate(zip(self.symbols, self._roles)):
            if role == known_role and known.handle.same_node(symbol.handle):
                return i
        self.symbols.append(symbol)
        self._roles.append(role)
        return len(self.symbols) - 1


def _make(op: str, name: str, attrs: dict[str, Any], inputs: list[Symbol], graphs: list[Any]) -> Symbol:
    texts = {key: str(value) for key, value in attrs.items()}
    texts.update(AttrScope.current.get(None))
    handles = [s.handle for s in inputs]
    return Symbol(_core.make_op(op, name, texts, handles, {}, graphs))


def _node_name(name: str, hint: str) -> str:
    return NameManager.current.get(None if name == hint else name, f"_{hint}")


def foreach(body: Callable, data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """Run `body` on every slice of data along axis 0.

    body : called once, with (slice, states), to make the graph of one step; returns (outputs, new states).
    data, init_states : Symbol or list of Symbols; body gets lists where lists are given.

    Returns (outputs, states): outputs of all steps stacked along a new axis 0, states after the last step.
    Raises TypeError or ValueError when inputs or what body returns are not symbols, or states change in
    number.
    """
    flat_data = _flatten(data, "[foreach] data")
    flat_states = _flatten(init_states, "[foreach] init_states")
    slices = [_placeholder(s) for s in flat_data]
    states = [_placeholder(s) for s in flat_states]
    args = (_packed(slices, data), _packed(states, init_states))
    made, scope = _build(body, args, _scope(name), "foreach")
    if not isinstance(made, (list, tuple)) or len(made) != 2:
        raise ValueError("[foreach] body must return two things: outputs and states")
    outputs, new_states = made
    flat_outputs = _flatten(outputs, "[foreach] outputs of body")
    flat_new = _flatten(new_states, "[foreach] states of body")
    if len(flat_new) != len(flat_states):
        raise ValueError(f"[foreach] body returned {len(flat_new)} states, expected {len(flat_states)}")
    graph = _Subgraph(_own(flat_outputs + flat_new, scope), scope)

    def location(placeholder: Symbol) -> int | None:
        at = [i for i, s in enumerate(graph.outer) if s.handle.same_node(placeholder.handle)]
        return at[0] if at else None

    inputs: list[Symbol] = []
    locations: dict[str, list[int]] = {}
    for key, outer, inner in (("in_data_locs", flat_data, slices), ("in_state_locs", flat_states, states)):
        locations[key] = []
        for symbol, placeholder in zip(outer, inner):
            at = location(placeholder)
            if at is None:
                raise ValueError(f"[foreach] body does not use '{symbol.name}'; leave it out of the inputs")
            locations[key].append(at)
            inputs.append(symbol)
    taken = {*locations["in_data_locs"], *locations["in_state_locs"]}
    locations["remain_locs"] = [i for i in range(len(graph.outer)) if i not in taken]
    inputs += [graph.outer[i] for i in locations["remain_locs"]]
    attrs = {
        **locations,
        "num_args": len(inputs) + 1,
        "num_outputs": len(flat_outputs) + len(flat_new),
        "num_out_data": len(flat_outputs),
    }
    loop = _make("_foreach", _node_name(name, "foreach"), attrs, inputs, [graph.handle])
    results = list(loop)
    return _packed(results[: len(flat_outputs)], outputs), _packed(results[len(flat_outputs) :], init_states)


def while_loop(
    cond: Callable,
    func: Callable,
    loop_vars: Any,
    max_iterations: int | None = None,
    name: str = "while_loop",
) -> tuple[Any, Any]:
    """Run `func` while `cond` is not 0, at most `max_iterations` times.

    cond, func : called once with the loop variables, to make the graphs of the condition and of one step;
    func returns (outputs, new loop variables). loop_vars : Symbol or list of Symbols.

    Returns (outputs, loop variables): outputs of all steps stacked along a new axis 0 of length
    `max_iterations`, zeros behind the last step, and the loop variables after it.
    Raises ValueError without max_iterations, or when func changes the number of loop variables.
    """
    if max_iterations is None:
        raise ValueError("[while_loop] max_iterations should be specified")
    max_iterations = int(max_iterations)
    flat_vars = _flatten(loop_vars, "[while_loop] loop_vars")
    if not flat_vars:
        raise ValueError("[while_loop] loop_vars should contain at least one element")
    inner = [_placeholder(s) for s in flat_vars]
    args = tuple(inner)
    verdict, cond_scope = _build(cond, args, _scope(f"{name}_cond"), "cond")
    (verdict,) = _flatten(verdict, "[while_loop] what cond returns")
    made, func_scope = _build(func, args, _scope(f"{name}_func"), "func")
    if not isinstance(made, (list, tuple)) or len(made) != 2:
        raise ValueError("[while_loop] func must return two things: outputs and new loop variables")
    outputs, new_vars = made
    flat_outputs = [] if outputs is None else _flatten(outputs, "[while_loop] outputs of func")
    flat_new = _flatten(new_vars, "[while_loop] loop variables of func")
    if len(flat_new) != len(flat_vars):
        raise ValueError(
            f"[while_loop] func returned {len(flat_new)} loop variables, expected {len(flat_vars)}"
        )
    condition = _Subgraph(_own([verdict], cond_scope), cond_scope)
    step = _Subgraph(_own(flat_outputs + flat_new, func_scope), func_scope)
    inputs = _Inputs()

    def places(graph: _Subgraph) -> list[int]:
        result = []
        for symbol in graph.outer:
            at = [k for k, p in enumerate(inner) if p.handle.same_node(symbol.handle)]
            result.append(inputs.place(flat_vars[at[0]], at[0]) if at else inputs.place(symbol))
        return result

    cond_locs, func_locs = places(condition), places(step)
    var_locs = []
    for symbol, placeholder in zip(flat_vars, inner):
        at = [i for i, s in enumerate(step.outer) if s.handle.same_node(placeholder.handle)]
        if not at:
            raise ValueError(f"[while_loop] func does not use '{symbol.name}'; leave it out of loop_vars")
        var_locs.append(at[0])
    attrs = {
        "num_args": len(inputs.symbols) + 2,
        "num_outputs": len(flat_outputs) + len(flat_new),
        "num_out_data": len(flat_outputs),
        "max_iterations": max_iterations,
        "cond_input_locs": cond_locs,
        "func_input_locs": func_locs,
        "func_var_locs": var_locs,
    }
    graphs = [condition.handle, step.handle]
    loop = _make("_while_loop", _node_name(name, "while_loop"), attrs, inputs.symbols, graphs)
    results = list(loop)
    stacked = results[: len(flat_outputs)]
    return (
        _packed(stacked, outputs) if stacked else [],
        _packed(results[len(flat_outputs) :], loop_vars),
    )


def cond(pred: Symbol, then_func: Callable, else_func: Callable, name: str = "cond") -> Any:
    """Run one of two graphs: that of `then_func` if `pred`, of one element, is not 0, else of `else_func`.

    then_func, else_func : called once, without arguments; they return Symbol or lists of Symbols, as many and
    of the same shapes and dtypes.

    Returns what they return. Raises ValueError when they return different numbers of symbols.
    """
    (pred,) = _flatten(pred, "[cond] pred")
    with (scope := _scope(f"{name}_pred")):
        pred_scope = scope.get(None)["__subgraph_name__"]
        verdict = _op("identity")(pred)
    made = []
    for function, part in ((then_func, "then"), (else_func, "else")):
        result, branch_scope = _build(function, (), _scope(f"{name}_{part}"), part)
        made.append((result, _flatten(result, f"[cond] what {part}_func returns"), branch_scope))
    (then_result, then_flat, then_scope), (else_result, else_flat, else_scope) = made
    if len(then_flat) != len(else_flat) or isinstance(then_result, Symbol) != isinstance(else_result, Symbol):
        raise ValueError(
            f"[cond] then_func and else_func must return the same number of symbols: got {len(then_flat)} "
            f"and {len(else_flat)}"
        )
    graphs = [
        _Subgraph([verdict], pred_scope),
        _Subgraph(_own(then_flat, then_scope), then_scope),
        _Subgraph(_own(else_flat, else_scope), else_scope),
    ]
    inputs = _Inputs()
    locations = [[inputs.place(symbol) for symbol in graph.outer] for graph in graphs]
    attrs = {
        "num_args": len(inputs.symbols) + 3,
        "num_outputs": len(then_flat),
        "cond_input_locs": locations[0],
        "then_input_locs": locations[1],
        "else_input_locs": locations[2],
    }
    handles = [graph.handle for graph in graphs]
    branch = _make("_cond", _node_name(name, "cond"), attrs, inputs.symbols, handles)
    return _packed(list(branch), then_result)
