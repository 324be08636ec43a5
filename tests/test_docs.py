"""Documentation that can be checked is checked: commands, tables, environment variables, links, stubs."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import symbind

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_readme_opens_with_two_commands_of_one_line():
    before_first_section = README.split("\n## ")[0]
    commands = code_blocks(before_first_section, "sh")
    assert len(commands) == 2
    assert all(command.count("\n") == 1 and len(command) < 200 for command in commands)
    assert all("-m venv" in command for command in commands), (
        "a system's Python may refuse a plain pip install"
    )
    assert "examples/train_digits.py" in commands[0]
    assert "tools/run_tests.py" in commands[1]


def test_example_of_the_readme_runs(tmp_path):
    (example,) = code_blocks(README, "python")
    lines = [
        line for line in example.splitlines() if line.strip() and not line.startswith(("import", "from"))
    ]
    assert len(lines) <= 10
    env = {**os.environ, "PYTHONPATH": str(Path(symbind.__file__).parent.parent)}
    result = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    accuracy = float(re.search(r"'accuracy', ([\d.]+)", result.stdout)[1])
    assert accuracy > 0.85
    assert (tmp_path / "line-symbol.json").exists() and (tmp_path / "line-0010.params").exists()


def run_blocks(page: str, folder: Path) -> str:
    """What the Python blocks of a page print, run one after the other."""
    blocks = code_blocks((ROOT / "docs" / page).read_text(encoding="utf-8"), "python")
    assert len(blocks) > 2
    program = "\n".join(blocks)
    env = {**os.environ, "PYTHONPATH": str(Path(symbind.__file__).parent.parent)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_blocks_of_the_guide_run(tmp_path):
    printed = run_blocks("guide.md", tmp_path)
    assert "fc1_weight" in printed.splitlines()[-1], "the last block prints an error about fc1_weight"


def test_blocks_of_the_page_about_modules_run(tmp_path):
    assert "True True True" in run_blocks("module.md", tmp_path)
    assert (tmp_path / "model-0005.params").exists()


def test_compatibility_tables_are_current(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import compat_table

    for path, text in compat_table.pages().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is not current: run tools/compat_table.py"
        )


def test_page_of_the_operators_is_current(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import operators_page

    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert operators_page.page() == text, "operators.md is not current: run tools/operators_page.py"


def variables_read() -> dict[str, str]:
    """Environment variables that the engine and the package read, and where."""
    found = {}
    for file in sorted((ROOT / "cpp").rglob("*.[ch]*")):
        for match in re.finditer(
            r'\b(?:getenv|env_flag|env_int)\(\s*"(\w+)"', file.read_text(encoding="utf-8")
        ):
            found[match[1]] = file.name
    call = re.compile(r'(?:environ(?:\.get|\.setdefault|\.pop)?|getenv)[(\[]\s*["\'](\w+)["\']')
    for file in [*sorted((ROOT / "python").rglob("*.py")), ROOT / "tests/python/common.py"]:
        for match in call.finditer(file.read_text(encoding="utf-8")):
            found[match[1]] = file.name
    return found


def test_every_environment_variable_is_documented():
    page = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    found = variables_read()
    assert len(found) > 5
    assert not {name: place for name, place in found.items() if name not in listed}
    outside = {"OMP_NUM_THREADS"}  # read by OpenMP
    assert listed - outside <= set(found), "the page lists variables that nobody reads"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_pages_name_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(
        r"`((?:cpp|tools|tests|docs|examples|bench)/[\w./]+\.(?:py|cpp|h|md|sh|txt|json))`", text
    ):
        assert (ROOT / path).exists() or "softcap" in path, path  # softcap is the example that is not there


def stub_names() -> dict[str, set[str]]:
    """Names in _core.pyi: of the module under "", of each class under its name."""
    tree = ast.parse((ROOT / "python/symbind/_core.pyi").read_text(encoding="utf-8"))
    names: dict[str, set[str]] = {"": set()}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names[""].add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[""].add(node.target.id)
        elif isinstance(node, ast.ClassDef):
            names[""].add(node.name)
            names[node.name] = {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
    names[""].discard("__all__")
    return names


def test_stub_has_the_names_of_the_extension():
    """The names. The gate compares all of the stub with what tools/make_stubs.py generates."""
    core = symbind._core
    public = {name for name in dir(core) if not name.startswith("_")}
    names = stub_names()
    hint = "run tools/make_stubs.py"
    assert names.pop("") == public, hint
    for name, members in names.items():
        cls = getattr(core, name)
        own = {n for n, value in vars(cls).items() if not n.startswith("_") and not inspect.isclass(value)}
        assert {m for m in members if not m.startswith("_")} == own, f"{name}: {hint}"
