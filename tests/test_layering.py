"""The arrows of docs/architecture.md hold: who includes or imports whom, and how long files may be."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
MAX_LINES, AIM_LINES = 800, 400


def tables() -> dict[str, list[list[str]]]:
    """The tables of the page as rows of cells, by the first word of their header."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] | None = None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if rows is None:
            rows = found.setdefault(cells[0], [])
        elif not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return found


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


class Arrow(NamedTuple):
    source: str
    target: str
    place: str  # file:line, and what it says
    deferred: bool = False  # inside a function


# C++


def cpp_allowed() -> dict[str, set[str]]:
    return {row[0].strip("`"): names(row[2]) for row in tables()["folder"]}


def cpp_folder(path: str, folders: set[str]) -> str:
    """The longest folder of the table that contains a path relative to cpp/."""
    if path.startswith(("symbind/", "include/")):
        return "include"
    parts = path.split("/")[:-1]
    for n in range(len(parts), 0, -1):
        if "/".join(parts[:n]) in folders:
            return "/".join(parts[:n])
    return parts[0] if parts else path


def cpp_arrows(folders: set[str]) -> list[Arrow]:
    arrows = []
    for file in sorted((ROOT / "cpp").rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        path = file.relative_to(ROOT / "cpp").as_posix()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match:
                place = f"cpp/{path}:{number}: {line.strip()}"
                arrows.append(Arrow(cpp_folder(path, folders), cpp_folder(match[1], folders), place))
    return arrows


def test_cpp_includes_follow_the_page():
    allowed = cpp_allowed()
    arrows = cpp_arrows(set(allowed))
    assert len(arrows) > 100, "the includes of cpp/ were not found"
    wrong = [a.place for a in arrows if a.source != a.target and a.target not in allowed.get(a.source, ())]
    assert not wrong, "docs/architecture.md has no arrow for:\n" + "\n".join(wrong)


def test_cpp_arrows_form_no_circle():
    check_no_circle(cpp_allowed())


def test_kernels_include_no_cpp_library():
    wrong = []
    for file in sorted((ROOT / "cpp/backend/cpu/kernels").iterdir()):
        for line in file.read_text(encoding="utf-8").splitlines():
            match = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
            if match and not match[1].endswith(".h"):
                wrong.append(f"{file.name}: {line.strip()}")
    assert not wrong, "weak symbols of the C++ library compiled for one instruction set:\n" + "\n".join(wrong)


# Python


def python_allowed() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    rows = tables()["module"]
    return {r[0].strip("`"): names(r[2]) for r in rows}, {r[0].strip("`"): names(r[3]) for r in rows}


def module_exists(name: str) -> bool:
    package = ROOT / "python" / "symbind"
    return (package / f"{name}.py").exists() or (package / name / "__init__.py").exists()


def python_targets(node: ast.ImportFrom | ast.Import, file: Path) -> list[str]:
    """The modules directly below symbind that an import statement reaches."""
    if isinstance(node, ast.Import):
        return [a.name.split(".")[1] for a in node.names if a.name.startswith("symbind.")]
    depth = len(file.relative_to(ROOT / "python" / "symbind").parts)
    path = (node.module or "").split(".") if node.module else []
    if node.level == 0:
        if path[:1] != ["symbind"]:
            return []
        path = path[1:]
    elif node.level < depth:
        return []  # inside its own package
    return [path[0]] if path else [alias.name for alias in node.names]


class ImportFinder(ast.NodeVisitor):
    """Collects import statements; those inside functions and under TYPE_CHECKING run later or never."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.ImportFrom | ast.Import, bool]] = []
        self.depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        typing_only = "TYPE_CHECKING" in ast.dump(node.test)
        self.depth += typing_only
        self.generic_visit(node)
        self.depth -= typing_only

    def visit_Import(self, node: ast.Import) -> None:
        self.found.append((node, self.depth > 0))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.found.append((node, self.depth > 0))


def python_arrows() -> list[Arrow]:
    arrows = []
    package = ROOT / "python" / "symbind"
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package)
        if path.as_posix() == "__init__.py":
            continue  # the front door imports everything
        source = path.parts[0].removesuffix(".py")
        finder = ImportFinder()
        finder.visit(ast.parse(file.read_text(encoding="utf-8")))
        for node, deferred in finder.found:
            for target in python_targets(node, file):
                if target != source:
                    place = f"python/symbind/{path.as_posix()}:{node.lineno}: {source} -> {target}"
                    arrows.append(Arrow(source, target, place, deferred))
    return arrows


def test_python_imports_follow_the_page():
    allowed, when_called = python_allowed()
    arrows = python_arrows()
    assert len(arrows) > 40, "the imports of python/symbind were not found"
    wrong = []
    for arrow in arrows:
        targets = allowed.get(arrow.source, set())
        if arrow.deferred:
            targets = targets | when_called.get(arrow.source, set())
        if arrow.target not in targets:
            wrong.append(arrow.place + (" (inside a function)" if arrow.deferred else ""))
    assert not wrong, "docs/architecture.md has no arrow for:\n" + "\n".join(wrong)


def test_python_arrows_form_no_circle():
    check_no_circle(python_allowed()[0])


def test_page_lists_the_modules_that_exist():
    listed = {row[0].strip("`") for row in tables()["module"]} - {"_core"}
    package = ROOT / "python" / "symbind"
    present = {p.stem for p in package.glob("*.py")} | {p.parent.name for p in package.glob("*/__init__.py")}
    assert listed == present - {"__init__"}
    folders = set(cpp_allowed()) - {"include"}
    assert all((ROOT / "cpp" / folder).is_dir() for folder in folders)


@pytest.mark.parametrize(
    "source, level, module, expected",
    [
        ("module/module.py", 2, "ndarray", ["ndarray"]),
        ("module/module.py", 2, None, ["metric"]),
        ("module/module.py", 1, "base_module", []),
        ("model.py", 1, "symbol.op", ["symbol"]),
        ("model.py", 0, "symbind.io", ["io"]),
        ("model.py", 0, "numpy", []),
    ],
)
def test_import_statements_are_understood(source, level, module, expected):
    node = ast.ImportFrom(module=module, names=[ast.alias("metric")], level=level)
    assert python_targets(node, ROOT / "python" / "symbind" / source) == expected


# Both


def check_no_circle(arrows: dict[str, set[str]]) -> None:
    """Every name can be taken away once all it points to is gone; what remains is a circle."""
    left = {name: set(targets) & set(arrows) for name, targets in arrows.items()}
    while left:
        free = {name for name, targets in left.items() if not targets}
        assert free, f"circle among {sorted(left)}"
        left = {name: targets - free for name, targets in left.items() if name not in free}


def test_circle_is_found():
    with pytest.raises(AssertionError, match="circle among"):
        check_no_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})


def source_files() -> list[Path]:
    folders = ("cpp", "python", "tests", "tools", "examples", "bench")
    return [
        file
        for folder in folders
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in (".py", ".cpp", ".h") and "build" not in file.relative_to(ROOT).parts
    ]


def test_files_are_short():
    lengths = {
        f.relative_to(ROOT).as_posix(): f.read_bytes().count(b"\n") for f in source_files()
    }  # fmt: skip
    assert len(lengths) > 100
    long = {name: n for name, n in lengths.items() if n > MAX_LINES}
    assert not long, f"over {MAX_LINES} lines: {long}"
    soft = sorted((n, name) for name, n in lengths.items() if n > AIM_LINES)
    if soft:
        listing = ", ".join(f"{name} ({n})" for n, name in reversed(soft))
        warnings.warn(f"over {AIM_LINES} lines: {listing}", stacklevel=1)
