"""Reads the reference page of the Module API: signatures of its classes, and its examples.

The page is the file that ``SYMBIND_MODULE_PAGE`` names, or ``shared/module_api.md`` beside the checkout. Its
signatures, which are facts, are kept in ``parity/goldens/module_page.json`` as well, and compared where there
is no page. After a change of the page::

    python tests/python/module_page.py
"""

from __future__ import annotations

import ast
import json
import os
import pathlib
import re
from typing import Any, NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
PAGE = pathlib.Path(os.environ.get("SYMBIND_MODULE_PAGE", HERE.parents[2] / "shared" / "module_api.md"))
GOLDEN = HERE / "parity" / "goldens" / "module_page.json"

#: Defaults that the page writes as objects, as expressions.
_OBJECTS = {"<module 'logging'>": "logging", "<mxnet.initializer.Uniform object>": "Uniform"}


class Example(NamedTuple):
    place: str  # the headings it is under, and its number there
    code: str


def page_text() -> str:
    return PAGE.read_text(encoding="utf-8")


def signatures(text: str) -> dict[str, dict[str, str | None]]:
    """By class and member: the arguments as text, None for a property. ``__init__`` is the class's own.

    A static method is marked by ``static`` before its arguments.
    """
    classes: dict[str, dict[str, str | None]] = {}
    for line in text.splitlines():
        match = re.match(r"### `class mxnet\.module\.(\w+)\((.*)\)`$", line)
        if match:
            members = classes.setdefault(match[1], {})
            members["__init__"] = _tidy(match[2])
            continue
        match = re.match(r"#### `(static )?(\w+)(?:\((.*)\))?`$", line)
        if match:
            arguments = match[3]
            members[match[2]] = None if arguments is None else (match[1] or "") + _tidy(arguments)
    return classes


def _tidy(arguments: str) -> str:
    for written, expression in _OBJECTS.items():
        arguments = arguments.replace(written, expression)
    return arguments


def parameters(arguments: str, names: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """(name, kind, default) of every argument; kind is '', '*' or '**', a missing default is ``...``."""
    function = ast.parse(f"def f({arguments.removeprefix('static ')}): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    args = function.args
    found: list[tuple[str, str, Any]] = []
    first_default = len(args.args) - len(args.defaults)
    for i, arg in enumerate(args.args):
        default: Any = ...
        if i >= first_default:
            expression = ast.Expression(args.defaults[i - first_default])
            default = eval(compile(expression, str(PAGE), "eval"), dict(names))
        found.append((arg.arg, "", default))
    if args.vararg:
        found.append((args.vararg.arg, "*", ...))
    if args.kwarg:
        found.append((args.kwarg.arg, "**", ...))
    return found


def examples(text: str) -> list[Example]:
    """The examples as code of today's Python, without the output that the page shows."""
    found, place = [], "Overview"
    count: dict[str, int] = {}
    for part in re.split(r"^(#{2,4} [^\n]*|```python\n.*?^```)$", text, flags=re.M | re.S):
        heading = re.match(r"(#{2,4}) (.*)", part)
        if heading:
            title = re.sub(r"`|class mxnet\.module\.|static |\(.*", "", heading[2])
            place = f"{place.split('.')[0]}.{title}" if heading[1] == "####" else title
        elif part.startswith("```python"):
            count[place] = count.get(place, 0) + 1
            found.append(Example(f"{place}/{count[place]}", _code(part.splitlines()[1:-1])))
    return found


def _code(lines: list[str]) -> str:
    code = []
    for line in lines:
        if not line.startswith((">>>", "...")):
            continue  # output
        statement = line[4:] if line.startswith(">>> ") else line[3:]
        statement = re.sub(r"^print (.*)$", r"print(\1)", statement)
        statement = statement.replace("import mxnet as mx", "").replace(", ...)", ")")
        code.append(statement)
        if statement.startswith("for ") and statement.endswith(":"):
            code.append("    pass")  # the page has comments there
    return "\n".join(code)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(signatures(page_text()), indent=1) + "\n", encoding="utf-8")
