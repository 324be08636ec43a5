"""Worker for PyTorch, eager, images and filters in channels-last memory format."""

from __future__ import annotations

from typing import Any

from engines._worker import serve


def load(threads: int) -> Any:
    from engines._torch import TorchEngine

    return TorchEngine(threads, channels_last=True)


if __name__ == "__main__":
    serve(load)
