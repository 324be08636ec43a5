"""Running programs that were written for MXNet, unchanged: what ``python -m symbind run`` does."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from typing import Any

from . import _old_numpy
from .install import install_as_mxnet

__all__ = ["run_module", "run_script"]


def _prepare() -> None:
    install_as_mxnet()
    _old_numpy.restore()
    os.environ.setdefault("SYMBIND_GPU_FALLBACK", "cpu")


def run_script(path: str | os.PathLike, args: Sequence[str] = ()) -> dict[str, Any]:
    """Run a program in this process as ``python path args`` would, with ``import mxnet`` meaning symbind.

    Names that NumPy has dropped are there again, and `mx.gpu(i)` is the CPU where there is no GPU, unless
    the environment variable SYMBIND_GPU_FALLBACK says otherwise.

    Parameters
    ----------
    path : str or path
        The program; the folder it is in comes first on `sys.path`, as usual.
    args : sequence of str
        Its `sys.argv[1:]`.

    Returns its global names. `SystemExit` and all other exceptions of the program pass through.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"[symbind run] there is no program {path!r}")
    _prepare()
    folder = os.path.dirname(os.path.abspath(path))
    return _run(folder, [path, *args], lambda: runpy.run_path(path, run_name="__main__"))


def run_module(name: str, args: Sequence[str] = ()) -> dict[str, Any]:
    """Run a module as ``python -m name args`` would, with ``import mxnet`` meaning symbind."""
    _prepare()
    return _run(
        os.getcwd(), [name, *args], lambda: runpy.run_module(name, run_name="__main__", alter_sys=True)
    )


def _run(folder: str, argv: list[str], program: Any) -> dict[str, Any]:
    old_argv, old_path = sys.argv, list(sys.path)
    sys.argv = argv
    sys.path.insert(0, folder)
    try:
        return program()
    finally:
        sys.argv, sys.path[:] = old_argv, old_path
