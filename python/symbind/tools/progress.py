"""A progress bar for a terminal; a line now and then where the output is a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

__all__ = ["progress"]

_WIDTH = 30
_TERMINAL_SECONDS, _FILE_SECONDS = 0.2, 10.0


def progress(items: Iterable[Any], total: int, what: str, stream: TextIO | None = None) -> Iterator[Any]:
    """Yield `items` and show how many of `total` there were, how many a second, and how long the rest
    takes."""
    stream = stream or sys.stderr
    terminal = stream.isatty()
    interval = _TERMINAL_SECONDS if terminal else _FILE_SECONDS
    started = shown = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - shown >= interval:
            shown = now
            _show(stream, terminal, done, total, what, now - started)
    _show(stream, terminal, done, total, what, time.monotonic() - started)
    if terminal:
        stream.write("\n")


def _show(stream: TextIO, terminal: bool, done: int, total: int, what: str, seconds: float) -> None:
    rate = done / max(seconds, 1e-9)
    filled = _WIDTH * done // max(total, 1)
    left = (total - done) / max(rate, 1e-9)
    text = (
        f"{what} [{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{total}, {rate:.0f}/s, "
        f"{int(left) // 60}:{int(left) % 60:02d} left"
    )
    stream.write(f"\r{text}\x1b[K" if terminal else f"{text}\n")
    stream.flush()
