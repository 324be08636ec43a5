"""Writing files so that a crash or a full disk never leaves half a file under the final name."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from typing import IO, Any

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb", encoding: str | None = None) -> Iterator[IO[Any]]:
    """Open a file for writing that appears under `path` only when all of it is on the disk.

    The content goes to a temporary file in the same folder. At the end of the `with` block it is flushed,
    synced, closed and renamed over `path`, and the folder is synced; an exception removes it and leaves the
    old file as it was. A symbolic link is followed, an existing file's permissions are kept. Devices and
    pipes, such as ``/dev/null``, are written directly.

    Parameters
    ----------
    path : str or path-like
    mode : str
        ``'wb'`` (default) or ``'w'``.
    encoding : str or None
        For text; None means UTF-8.

    Raises
    ------
    OSError
        With the file's name, if any step fails: folder missing, no permission, disk full.
    ValueError
        If the mode is another one or the path has a NUL byte.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"[atomic_write] wrong mode: got {mode!r}, expected 'w' or 'wb'")
    target = os.fspath(path)
    if "\0" in target:
        raise ValueError(f"[atomic_write] file name has a NUL byte: {target!r}")
    text_encoding = None if "b" in mode else (encoding or "utf-8")
    temporary = None
    try:
        target = os.path.realpath(target)
        current = _stat(target)
        if current is not None and not stat.S_ISREG(current.st_mode):
            with open(target, mode, encoding=text_encoding) as file:
                yield file
            return
        folder, base = os.path.split(target)
        fd, temporary = _make_temporary(folder, base)
        try:
            with os.fdopen(fd, mode, encoding=text_encoding) as file:
                os.fchmod(fd, stat.S_IMODE(current.st_mode) if current is not None else 0o666 & ~_umask())
                yield file
                file.flush()
                os.fsync(fd)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        _sync_folder(folder)
    except OSError as err:
        if err.filename is not None and err.filename not in (target, temporary):
            raise  # about another file, from inside the block
        # What write, fsync and close raise has no file name, and what mkstemp raises the temporary one.
        raise OSError(err.errno, err.strerror or str(err), os.fspath(path)) from err


def _make_temporary(folder: str, base: str) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=f".{base[:100]}.", suffix=".tmp", dir=folder)
    except OSError as err:
        raise OSError(err.errno, err.strerror) from err  # without the name that was tried


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _umask() -> int:
    # To read the umask is to set it; /proc gives it without a moment in which other threads see a wrong one.
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: str) -> None:
    """Make a rename in `folder` durable, where the file system can sync folders."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
