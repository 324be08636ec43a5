"""A virtual environment for each engine, made on first use under a cache folder.

    python bench/envs.py mxnet torch_eager      # make (or refresh) these and print their interpreters

An environment is made again when its requirements here change; symbind's also when the sources change.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Version = tuple[int, int]


class EnvError(Exception):
    """An environment cannot be made; the text says what to do."""


@dataclass(frozen=True)
class EnvSpec:
    """folder: name under the cache (engines of one framework share it); pythons: first and last version."""

    folder: str
    requirements: tuple[str, ...]
    pythons: tuple[Version, Version]


_TORCH = EnvSpec("torch", ("torch==2.13.0", "numpy==2.4.6", "setuptools"), ((3, 10), (3, 14)))

ENGINES: dict[str, EnvSpec] = {
    "symbind": EnvSpec("symbind", ("numpy>=1.26", str(ROOT)), ((3, 9), (3, 14))),
    # MXNet's last release uses aliases that NumPy 1.24 removed; that NumPy has no wheels after Python 3.11.
    "mxnet": EnvSpec("mxnet", ("mxnet==1.9.1", "numpy==1.23.5"), ((3, 9), (3, 11))),
    "torch_eager": _TORCH,
    "torch_channels_last": _TORCH,
    "torch_compile": _TORCH,
    "onnxruntime": EnvSpec(
        "onnxruntime", ("onnxruntime==1.32.0", "onnx==1.23.2", "numpy==2.4.6"), ((3, 11), (3, 14))
    ),
    "openvino": EnvSpec("openvino", ("openvino==2026.4.1", "onnx==1.23.2", "numpy<2.5"), ((3, 10), (3, 14))),
    "tensorflow": EnvSpec("tensorflow", ("tensorflow-cpu==2.21.0",), ((3, 10), (3, 13))),
    "jax": EnvSpec("jax", ("jax[cpu]==0.10.2", "numpy==2.4.6"), ((3, 11), (3, 14))),
}


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "symbind-bench"


def ensure(engine: str, cache: Path, base_python: str | None = None) -> str:
    """Path of the interpreter of the engine's environment, made if it is not there or not up to date.

    base_python: interpreter to make it from, instead of the first suitable one found.
    Raises EnvError where no suitable Python is found or pip fails.
    """
    spec = ENGINES[engine]
    folder = cache / spec.folder
    python, stamp = folder / "bin" / "python", folder / "symbind-bench-stamp"
    wanted = _fingerprint(spec)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    base = base_python or find_python(engine)
    print(f"[envs] making {folder} with {base}", file=sys.stderr)
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([base, "-m", "venv", str(folder)], engine)
    _run([str(python), "-m", "pip", "install", "--quiet", *spec.requirements], engine)
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def _run(command: list[str], engine: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise EnvError(
            f"[envs] the environment of {engine} was not made: got exit status {done.returncode} from "
            f"{' '.join(command)}\n{tail}\nAn existing one can be used with --python-for {engine}=PATH"
        )


def _fingerprint(spec: EnvSpec) -> str:
    digest = hashlib.sha256("\n".join(spec.requirements).encode())
    if str(ROOT) in spec.requirements:
        for path in _sources():
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    """Files that the installed package is made of."""
    yield from (path for path in (ROOT / "CMakeLists.txt", ROOT / "pyproject.toml") if path.exists())
    suffixes = {".cpp", ".h", ".hpp", ".cc", ".txt", ".cmake", ".py", ".pyi"}
    for top in ("cpp", "python", "third_party", "cmake"):
        yield from sorted(path for path in (ROOT / top).rglob("*") if path.suffix in suffixes)


def find_python(engine: str) -> str:
    """First interpreter with a version the engine supports: this one, on PATH, or installed by pyenv."""
    first, last = ENGINES[engine].pythons
    tried = []
    for candidate in _candidates(first, last):
        version = _version(candidate)
        tried.append(f"{candidate} ({'does not run' if version is None else '.'.join(map(str, version))})")
        if version is not None and first <= version <= last:
            return candidate
    span = f"{first[0]}.{first[1]} to {last[0]}.{last[1]}"
    raise EnvError(
        f"[envs] no Python for {engine}: got {', '.join(tried)}, expected {span} (with venv). Install one "
        f"(for example `pyenv install {last[0]}.{last[1]}`), name one with --base-python {engine}=PATH, "
        f"or name an environment that has {engine} with --python-for {engine}=PATH"
    )


def _candidates(first: Version, last: Version) -> Iterator[str]:
    yield sys.executable
    for minor in range(last[1], first[1] - 1, -1):
        name = f"python3.{minor}"
        found = shutil.which(name)
        if found:
            yield found
        pyenv = Path(os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv"))
        yield from map(str, sorted(pyenv.glob(f"versions/*/bin/{name}")))


def _version(python: str) -> Version | None:
    """(major, minor), or None where it cannot run or make environments (a pyenv shim, a bare Debian)."""
    code = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30)
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return major, minor


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Make the environments of engines and print their interpreters."
    )
    parser.add_argument("engines", nargs="+", choices=sorted(ENGINES))
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the environments")
    options = parser.parse_args()
    for engine in options.engines:
        try:
            print(engine, ensure(engine, options.cache))
        except EnvError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
