"""Writes python/symbind/_core.pyi, the type stub of the extension, from the extension itself.

    python tools/make_stubs.py [--check]

`--check` compares instead of writing, and exits with 1 when the stub is not current. Needs pybind11-stubgen
and an importable symbind: installed, or built by tools/dev_build.sh with PYTHONPATH=python.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "python" / "symbind" / "_core.pyi"
HEADER = "# Written by tools/make_stubs.py from the compiled extension: do not edit.\n"

# Loads the extension alone under its full name, so that a half-done package around it does no harm.
GENERATE = """
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

path, output = sys.argv[1:]
package = ModuleType("symbind")
package.__path__ = []
sys.modules["symbind"] = package
spec = spec_from_file_location("symbind._core", path)
sys.modules["symbind._core"] = package._core = module = module_from_spec(spec)
spec.loader.exec_module(module)
sys.argv = ["pybind11-stubgen", "symbind._core", "--output-dir", output]
from pybind11_stubgen import main
main()
"""


def extension_path() -> Path:
    package = importlib.util.find_spec("symbind")
    if package is None or package.submodule_search_locations is None:
        sys.exit("[make_stubs] symbind is not importable: install it, or build it and set PYTHONPATH=python")
    for folder in package.submodule_search_locations:
        for file in sorted(Path(folder).glob("_core*.so")):
            return file
    sys.exit("[make_stubs] symbind has no compiled extension: run tools/dev_build.sh")


def generate() -> str:
    """Return the stub's text: pybind11-stubgen's, with definitions in alphabetical order."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", GENERATE, str(extension_path()), folder]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"[make_stubs] pybind11-stubgen failed:\n{result.stdout}{result.stderr}")
        text = next(Path(folder).rglob("_core.pyi")).read_text(encoding="utf-8")
    return HEADER + normalised(text)


def normalised(text: str) -> str:
    """Sort what follows the imports, and drop what differs from machine to machine."""
    tree = ast.parse(text)
    sort_definitions(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def sort_definitions(node: ast.Module | ast.ClassDef) -> None:
    def key(child: ast.stmt) -> tuple[int, str, str]:
        if isinstance(child, ast.Expr):
            return 0, "", ""  # the docstring
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            # `from __future__` first.
            return 1, "" if ast.unparse(child).startswith("from __future__") else ast.unparse(child), ""
        if isinstance(child, ast.Assign):
            return 2, ast.unparse(child), ""
        return 3, getattr(child, "name", ""), ""

    node.body.sort(key=key)  # stable: overloads keep their order
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            sort_definitions(child)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    new = generate()
    if not options.check:
        STUB.write_text(new, encoding="utf-8")
        return 0
    old = STUB.read_text(encoding="utf-8") if STUB.exists() else ""
    if old == new:
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(old.splitlines(True), new.splitlines(True), "committed", "current")
    )
    print(f"{STUB.relative_to(ROOT)} is not current: run tools/make_stubs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
