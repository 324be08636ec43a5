"""Writes docs/operators.md: every operator with its inputs, attributes, gradient, dtypes and kernels.

    python tools/operators_page.py [--check]

Everything on the page comes from an importable symbind and from this repository: names and attributes from
the engine's registry, dtypes from running the first recorded case of each operator in each of them
(tests/python/parity/cases), kernels from what the operator's file in cpp/ops includes. `--check` writes
nothing and exits with 1 when the page is not current.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import symbind as mx
from symbind import _core

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operators.md"
DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool"]
GRADIENTS = {
    "yes": "yes",
    "loss": "a loss: backward starts here, and needs no gradient of the output",
    "zero": "zero",
    "none": "none: backward through it is an error",
}
INTRODUCTION = """# Operators

<!-- Written by tools/operators_page.py: do not edit. -->

Every operator is a function of `mx.sym` and of `mx.nd`; those that begin with `_contrib_`, `_linalg_`,
`_random_`, `_sparse_` or `_image_` are also in `mx.sym.contrib`, `linalg`, `random`, `sparse` and `image`
without that. What begins with another underscore is what Python's operators and other functions make; symbol
files name it.

*Dtypes* are those in which a case of the tests runs, where there is one. *Kernels*: every operator has a
portable one; where oneDNN has a primitive for the case at hand (float32, as a rule), it is chosen when the
symbol is bound.
"""


class Family(NamedTuple):
    """One file of cpp/ops: which operators it names, and whether it may use oneDNN."""

    text: str
    onednn: bool


def families() -> list[Family]:
    """Read cpp/ops. A header of the backend is oneDNN's if its implementation includes one of a primitive."""
    backend = ROOT / "cpp" / "backend" / "cpu"
    primitives = {
        path.with_suffix(".h").name
        for path in backend.glob("*.cpp")
        if re.search(r'#include "backend/cpu/onednn_\w+\.h"', path.read_text(encoding="utf-8"))
    }
    found = []
    for path in sorted((ROOT / "cpp" / "ops").glob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        included = set(re.findall(r'#include "backend/cpu/(\w+\.h)"', text))
        found.append(Family(text, bool(included & primitives)))
    return found


def first_cases() -> dict[str, Any]:
    """The first recorded case of each operator, by the operator's own name."""
    tests = str(ROOT / "tests" / "python")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    from parity.cases import all_cases

    cases: dict[str, Any] = {}
    for case in all_cases():
        try:
            cases.setdefault(_core.describe_op(case.op)["name"], case)
        except mx.MXNetError:  # recorded, and not here
            continue
    return cases


def runs_in(case: Any, dtype: str) -> bool:
    """Tell whether a case runs with its inputs in a dtype. Those that have one of their own keep it."""
    from parity.replay import build_symbol

    arguments, states = case.arrays()
    own = {name for name, spec in case.inputs.items() if spec.dtype}

    def array(name: str, value: Any) -> Any:
        kind = value.dtype if name in own else dtype
        return mx.nd.array(value, dtype=kind)

    try:
        executor = build_symbol(mx, case).bind(
            mx.cpu(),
            {n: array(n, a) for n, a in arguments.items()},
            grad_req="null",
            aux_states={n: array(n, a) for n, a in states.items()},
        )
        executor.forward(is_train=False)
    except (mx.MXNetError, TypeError, ValueError):
        return False
    return True


def dtypes_of(case: Any) -> str:
    """The dtypes of a case as a sentence; nothing where they are not known."""
    if case is None or all(spec.dtype for spec in case.inputs.values()):
        return ""
    found = [dtype for dtype in DTYPES if runs_in(case, dtype)]
    return f" Dtypes: {', '.join(found)}." if found else ""


def code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def inputs_line(info: dict[str, Any]) -> str:
    """What an operator takes and gives."""
    if info["num_args_key"]:
        inputs = "any number"
    else:
        states = [info["inputs"][i] for i in info["aux"]]
        inputs = code([n for n in info["inputs"] if n not in states]) or "none"
        if states:
            inputs += f"; auxiliary states {code(states)}"
    return f"Inputs: {inputs}. Outputs: {code(info['outputs'])}."


def section(name: str, cases: dict[str, Any], of_family: Callable[[str], bool]) -> str:
    """The part of the page about one operator."""
    info = _core.describe_op(name)
    lines = [f"## `{name}`", "", cell(info["doc"]), "", inputs_line(info)]
    kernels = "oneDNN, portable" if of_family(name) else "portable"
    random = " Random." if info["random"] and name != "Custom" else ""
    dtypes = dtypes_of(cases.get(name))
    lines.append(f"Gradient: {GRADIENTS[info['gradient']]}.{dtypes} Kernels: {kernels}.{random}")
    if info["aliases"]:
        lines.append(f"Also called {code(sorted(info['aliases']))}.")
    if info["attrs"]:
        lines += ["", "| attribute | type | default | |", "|---|---|---|---|"]
        for attr in info["attrs"]:
            default = "required" if attr["required"] else f"`{attr['default']}`" if attr["default"] else ""
            lines.append(f"| `{attr['name']}` | {cell(attr['type'])} | {default} | {cell(attr['doc'])} |")
    return "\n".join(lines)


def page() -> str:
    """Return what the page must say."""
    read, cases = families(), first_cases()

    def uses_onednn(name: str) -> bool:
        registers = re.compile(rf'register_\w+(<\w+>)?\(\s*"{name}"')
        return any(family.onednn and registers.search(family.text) for family in read)

    names = sorted({row[1] for row in _core.visible_ops()}, key=lambda n: (n.lower(), n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sections = [section(name, cases, uses_onednn) for name in names]
    return f"{INTRODUCTION}\nThere are {len(names)}.\n\n" + "\n\n".join(sections) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    text = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    if options.check:
        print("docs/operators.md is not current. Run tools/operators_page.py", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
