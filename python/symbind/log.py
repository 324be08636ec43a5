"""A logger with one-letter levels and, on a terminal, colours."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger"]

CRITICAL = logging.CRITICAL
ERROR = logging.ERROR
WARNING = logging.WARNING
INFO = logging.INFO
DEBUG = logging.DEBUG
NOTSET = logging.NOTSET

_LETTERS = {CRITICAL: "C", ERROR: "E", WARNING: "W", INFO: "I", DEBUG: "D"}
_RED, _GREEN, _BLUE, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[34m", "\x1b[0m"


class _Formatter(logging.Formatter):
    """``W0131 23:59:59 PID path:function:line] message``; the part up to the bracket coloured by level."""

    def __init__(self, colored: bool) -> None:
        super().__init__(datefmt="%m%d %H:%M:%S")
        self.colored = colored

    def format(self, record: logging.LogRecord) -> str:
        letter = _LETTERS.get(record.levelno, "U")
        head = (
            f"{letter}{self.formatTime(record, self.datefmt)} {record.process} "
            f"{record.pathname}:{record.funcName}:{record.lineno}]"
        )
        if self.colored:
            color = _RED if record.levelno >= WARNING else _GREEN if record.levelno >= INFO else _BLUE
            head = f"{color}{head}{_PLAIN}"
        return f"{head} {super().format(record)}"  # the message, then exception and stack, if any


def get_logger(
    name: str | None = None, filename: str | None = None, filemode: str | None = None, level: int = WARNING
) -> logging.Logger:
    """Return the logger `name`, set up at the first call for that name.

    Parameters
    ----------
    name : str or None
        None gives the root logger as it is: nothing is set up.
    filename : str or None
        A file for the messages, without decoration. None: standard error, with level, time, process and
        place.
    filemode : str or None
        ``'a'`` (default) or ``'w'``.
    level : int
        Lowest level that is shown. Default WARNING. Later calls for the same name don't change it.
    """
    logger = logging.getLogger(name)
    if name is None or getattr(logger, "_symbind_ready", False):
        return logger
    handler: logging.Handler
    if filename:
        handler = logging.FileHandler(filename, filemode or "a")
    else:
        handler = logging.StreamHandler()
        isatty = getattr(sys.stderr, "isatty", None)
        handler.setFormatter(_Formatter(colored=bool(isatty and isatty())))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger._symbind_ready = True  # type: ignore[attr-defined]
    return logger


def getLogger(*args: Any, **kwargs: Any) -> logging.Logger:
    """Deprecated name of `get_logger`."""
    warnings.warn("getLogger is deprecated, use get_logger instead.", DeprecationWarning, stacklevel=2)
    return get_logger(*args, **kwargs)
