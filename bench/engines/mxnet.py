"""Worker for Apache MXNet 1.9.1."""

from __future__ import annotations

from typing import Any

from engines._worker import serve


def load(threads: int) -> Any:
    """MXNet takes its thread count from OMP_NUM_THREADS, which the driver sets."""
    import mxnet

    from engines._module_api import ModuleEngine

    return ModuleEngine(mxnet)


if __name__ == "__main__":
    serve(load)
