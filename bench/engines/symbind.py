"""Worker for symbind."""

from __future__ import annotations

from typing import Any

from engines._worker import serve


def load(threads: int) -> Any:
    """symbind takes its thread count from OMP_NUM_THREADS, which the driver sets."""
    import symbind

    from engines._module_api import ModuleEngine

    return ModuleEngine(symbind)


if __name__ == "__main__":
    serve(load)
