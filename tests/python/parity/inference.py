"""Shape and type inference from part of the information, derived from the operator cases.

Each case is asked three questions: what follows from the first input alone, what from the first input without
its batch size, and what from the shape of the outputs alone. An answer is what ``infer_shape_partial`` says.
"""

from __future__ import annotations

import json

import numpy as np
from parity.replay import build_symbol

QUESTIONS = ("first_input", "unknown_batch", "outputs")


def _known(case, question: str, out_shapes: list) -> dict[str, tuple]:
    """The shapes that the question gives away, by argument name."""
    name, first = next(iter(case.inputs.items()), (None, None))
    if case.attrs.get("act_type") == "rrelu":
        return {}  # in MXNet the mask is an output that users see
    if case.op == "Concat" and question != "outputs":
        return {}  # MXNet reports the sum of the lengths known so far as if it were complete
    if question == "first_input" and first is not None:
        return {name: first.shape}
    if question == "unknown_batch" and first is not None and len(first.shape) > 1:
        return {name: (0, *first.shape[1:])}
    if question == "outputs":
        return {f"y{i}": tuple(shape) for i, shape in enumerate(out_shapes) if 0 not in shape}
    return {}


def _graph(mx, case, question: str):
    """The case's operator, with every output added to a variable when outputs are what is known."""
    symbol = build_symbol(mx, case)
    if question != "outputs":
        return symbol
    return mx.sym.Group([symbol[i] + mx.sym.Variable(f"y{i}") for i in range(len(symbol))])


def answers(mx, case) -> dict[str, list | None]:
    """For each question the shapes of arguments, outputs and states; None where the engine refuses."""
    arguments = {n: a.shape for n, a in case.inputs.items()}
    out_shapes = build_symbol(mx, case).infer_shape(**arguments)[1]
    result: dict[str, list | None] = {}
    for question in QUESTIONS:
        known = _known(case, question, out_shapes)
        if not known:
            continue
        try:
            groups = _graph(mx, case, question).infer_shape_partial(**known)
        except mx.base.MXNetError:
            groups = None
        if groups is not None and groups[0] is not None:
            result[question] = [[list(shape or ()) for shape in group] for group in groups]
        else:
            result[question] = None
    result["types"] = _types(mx, case)
    return result


def _types(mx, case) -> list | None:
    """The dtypes that follow from that of the first input."""
    name, first = next(iter(case.inputs.items()), (None, None))
    if case.attrs.get("act_type") == "rrelu":
        return None
    hints = {} if name is None else {name: np.dtype(first.dtype or case.dtype)}
    try:
        groups = build_symbol(mx, case).infer_type_partial(**hints)
    except mx.base.MXNetError:
        return None
    return [[None if t is None else np.dtype(t).name for t in group] for group in groups]


def agrees(actual: list, expected: list) -> bool:
    """Every shape or type that is known in ``expected`` is the same in ``actual``, which may know more."""
    if len(actual) != len(expected):
        return False
    for group, expected_group in zip(actual, expected):
        if len(group) != len(expected_group):
            return False
        for one, wanted in zip(group, expected_group):
            if isinstance(wanted, list):
                if wanted and (len(one) != len(wanted) or any(w and w != o for o, w in zip(one, wanted))):
                    return False
            elif wanted is not None and one != wanted:
                return False
    return True


def dump(results: dict) -> bytes:
    """The golden file's text."""
    return json.dumps(results, separators=(",", ":"), sort_keys=True).encode()
