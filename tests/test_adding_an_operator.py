"""docs/adding_an_operator.md holds: its operator is built into an extension, and its test passes there.

Only the new file, the list of operators and the bindings are compiled (without optimisation); the rest of
the engine is the library that the C++ tests or tools/dev_build.sh have built.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "adding_an_operator.md").read_text(encoding="utf-8")


def section(number: int) -> tuple[str, list[str]]:
    """The file that a section of the page is about, and its code blocks."""
    match = re.search(rf"^## {number}\. [^`\n]*`([^`]+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, f"the page has no section {number}"
    return match[1], re.findall(r"^```\w+\n(.*?)^```$", match[2], re.MULTILINE | re.DOTALL)


def run(command: list, **kwargs: object) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def engine_build() -> Path:
    """A build folder whose engine library is up to date; configured if there is none."""
    scripts = sysconfig.get_path("scripts")
    env = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
    libraries = [ROOT / "build" / preset / "cpp/libsymbind_engine.a" for preset in ("release", "dev")]
    newest = max(libraries, key=lambda path: path.stat().st_mtime if path.exists() else 0)
    build = newest.parents[1]
    if not newest.exists():
        run(["cmake", "--preset", "release", f"-DPython_EXECUTABLE={sys.executable}"], cwd=ROOT, env=env)
    run(["cmake", "--build", build, "--target", "symbind_engine", "-j", os.cpu_count() or 1], env=env)
    return build


def cached(build: Path, name: str) -> str:
    """The value of an entry of CMakeCache.txt; empty when there is none."""
    match = re.search(rf"^{name}:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)
    return match[1] if match else ""


def with_the_operator(source: str, declaration: str, call: str) -> str:
    """register_all.cpp after section 2: each line goes where the alphabet wants it."""
    for line in (declaration, call):
        prefix = line.split("register_")[0]
        group = [
            old
            for old in source.splitlines(True)
            if re.match(rf"{re.escape(prefix)}register_\w+_ops\(\);", old)
        ]
        assert group, f"register_all.cpp has no lines like {line!r}"
        after = [old for old in group if old > line]
        source = (
            source.replace(after[0], line + after[0], 1)
            if after
            else source.replace(group[-1], group[-1] + line, 1)
        )
    return source


def build_extension(build: Path, sources: list[Path], package: Path) -> None:
    """Compile `sources` and the bindings and link them with the engine into `package`."""
    onednn = cached(build, "SYMBIND_ONEDNN") not in ("OFF", "0", "FALSE")
    launcher = [shutil.which("ccache")] if shutil.which("ccache") else []
    compiler = cached(build, "CMAKE_CXX_COMPILER")
    includes = [ROOT / "cpp", ROOT / "cpp/include", pybind11.get_include(), sysconfig.get_path("include")]
    flags = [
        "-std=c++17",
        "-O0",
        "-fPIC",
        "-fvisibility=hidden",
        "-fopenmp",
        *[f"-I{path}" for path in includes],
    ]
    if onednn:
        flags.append("-DSYMBIND_ONEDNN=1")

    def compile_one(source: Path) -> Path:
        output = package / f"{source.stem}.o"
        run([*launcher, compiler, *flags, "-c", source, "-o", output])
        return output

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(compile_one, [*sources, *sorted((ROOT / "cpp/bindings").glob("*.cpp"))]))
    libraries = [build / "cpp/libsymbind_engine.a"]
    if onednn:
        library = Path(cached(build, "dnnl_DIR")).parents[1] / "libdnnl.so.3"
        libraries += [library, f"-Wl,-rpath,{library.parent}"]
    target = package / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    run([compiler, "-shared", "-fopenmp", *objects, *libraries, "-o", target])


def test_the_page_can_be_followed(tmp_path):
    operator_path, (operator,) = section(1)
    list_path, (declaration, call) = section(2)
    test_path, (test,) = section(3)
    assert not (ROOT / operator_path).exists(), "the example must be an operator that is not there"

    package = tmp_path / "symbind"
    shutil.copytree(ROOT / "python/symbind", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    sources = [tmp_path / Path(operator_path).name, tmp_path / Path(list_path).name]
    sources[0].write_text(operator)
    sources[1].write_text(
        with_the_operator((ROOT / list_path).read_text(encoding="utf-8"), declaration, call)
    )
    build_extension(engine_build(), sources, package)

    test_file = tmp_path / Path(test_path).name
    test_file.write_text(test)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    where = "import symbind; print(symbind.__file__)"
    assert run([sys.executable, "-c", where], cwd=tmp_path, env=env).strip() == str(package / "__init__.py")
    report = run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test_file], cwd=tmp_path, env=env
    )
    assert re.search(r"^13 passed", report, re.MULTILINE), report
