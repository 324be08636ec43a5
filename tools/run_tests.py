"""Runs every test: the C++ unit tests, then the Python tests against the installed package.

    python tools/run_tests.py [--cpp | --python] [--preset NAME] [pytest arguments]

Presets are release (the default), portable (no oneDNN), debug, asan and tsan (sanitizers).
Exits with 0 only if both pass. C++ tests need doctest (Debian: doctest-dev), which apt installs if it may.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(command: list[str], **kwargs: object) -> int:
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run(command, **kwargs).returncode  # type: ignore[call-overload]


def have_doctest() -> bool:
    return any((Path(p) / "doctest/doctest.h").exists() for p in ("/usr/include", "/usr/local/include"))


def ensure_doctest() -> None:
    """Install doctest through apt when this user may; otherwise say what to do."""
    if have_doctest():
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get"):
        run([*sudo, "apt-get", "update", "-qq"])
        run([*sudo, "apt-get", "install", "-y", "-qq", "doctest-dev"])
    if not have_doctest():
        sys.exit(
            "The C++ tests need doctest's header: install it (Debian, Ubuntu: apt-get install doctest-dev)"
        )


def cpp_tests(preset: str) -> int:
    ensure_doctest()
    scripts = sysconfig.get_path("scripts")
    env = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
    configure = ["cmake", "--preset", preset, f"-DPython_EXECUTABLE={sys.executable}"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    jobs = str(os.cpu_count() or 1)
    code = run(configure, cwd=ROOT, env=env)
    code = code or run(["cmake", "--build", "--preset", preset, "-j", jobs], cwd=ROOT, env=env)
    # Two threads are enough to meet races, and keep sanitizers quick.
    env.setdefault("OMP_NUM_THREADS", "2")
    if preset == "tsan":
        env["TSAN_OPTIONS"] = f"suppressions={ROOT / 'tests/cpp/tsan.supp'} " + env.get("TSAN_OPTIONS", "")
    return code or run(["ctest", "--test-dir", f"build/{preset}", "--output-on-failure"], cwd=ROOT, env=env)


def python_tests(arguments: list[str]) -> int:
    return run([sys.executable, "-m", "pytest", *(arguments or ["tests"])], cwd=ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpp", action="store_true", help="the C++ tests alone")
    parser.add_argument("--python", action="store_true", help="the Python tests alone")
    parser.add_argument("--preset", default="release", help="CMake preset of the C++ tests")
    options, pytest_arguments = parser.parse_known_args()
    both = options.cpp == options.python
    code = cpp_tests(options.preset) if both or options.cpp else 0
    if both or options.python:
        code = python_tests(pytest_arguments) or code
    return code


if __name__ == "__main__":
    sys.exit(main())
