"""Worker for PyTorch, eager."""

from __future__ import annotations

from typing import Any

from engines._worker import serve


def load(threads: int) -> Any:
    from engines._torch import TorchEngine

    return TorchEngine(threads)


if __name__ == "__main__":
    serve(load)
