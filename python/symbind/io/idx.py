"""Reader of idx files, the format of the MNIST database (http://yann.lecun.com/exdb/mnist/)."""

from __future__ import annotations

import gzip
import math
import os
import struct
import warnings
import zlib
from typing import IO

import numpy as np

__all__ = ["read_idx"]

_GZIP_MAGIC = b"\x1f\x8b"
# The highest ratio that deflate reaches, see https://zlib.net/zlib_tech.html. No file can promise more.
_GZIP_MAX_RATIO = 1032
_UINT8 = 0x08


def read_idx(path: str | os.PathLike, ndim: int) -> np.ndarray:
    """Read an idx file of unsigned bytes, plain or compressed with gzip.

    Parameters
    ----------
    path : str or path-like
    ndim : int
        Number of axes the file has to have: 3 for images (magic number 2051), 1 for labels (2049).

    Returns
    -------
    numpy.ndarray
        uint8, read-only. Never more than 1032 times the file's size is allocated; a plain file's own size.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    ValueError
        If it is no such file, or shorter than its header says. The message names the file and the byte.
    """
    name = os.fspath(path)
    with open(path, "rb") as raw:
        file_size = os.fstat(raw.fileno()).st_size
        if raw.peek(2)[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=raw) as stream:
                try:
                    return _parse(stream, name, ndim, file_size * _GZIP_MAX_RATIO)
                except (EOFError, gzip.BadGzipFile, zlib.error) as err:
                    raise ValueError(
                        f"[read_idx] {name!r}: damaged gzip stream near byte {raw.tell()}: {err}"
                    ) from err
        return _parse(raw, name, ndim, file_size)


def _parse(stream: IO[bytes] | gzip.GzipFile, name: str, ndim: int, size_limit: int) -> np.ndarray:
    header_size = 4 + 4 * ndim
    header = stream.read(header_size)
    if not header:
        raise ValueError(f"[read_idx] {name!r}: empty file")
    magic = struct.pack(">HBB", 0, _UINT8, ndim)
    if header[:4] != magic:
        raise ValueError(
            f"[read_idx] {name!r}: wrong magic number at byte 0: got {int.from_bytes(header[:4], 'big')}, "
            f"expected {int.from_bytes(magic, 'big')} (an idx file of bytes with {ndim} axes)"
        )
    if len(header) < header_size:
        raise ValueError(
            f"[read_idx] {name!r}: header ends at byte {len(header)}, "
            f"expected {header_size} bytes for {ndim} axes"
        )
    shape = struct.unpack(f">{ndim}I", header[4:])
    size = math.prod(shape)
    # Before anything is allocated: a header can ask for any amount of memory.
    if header_size + size > size_limit:
        raise ValueError(
            f"[read_idx] {name!r}: the sizes {shape} at byte 4 need {size} bytes from byte {header_size} on, "
            f"the file can hold at most {max(0, size_limit - header_size)}"
        )
    data = stream.read(size)
    if len(data) < size:
        raise ValueError(
            f"[read_idx] {name!r}: data ends at byte {header_size + len(data)}, "
            f"expected {size} bytes of data from byte {header_size} on for the sizes {shape}"
        )
    if stream.read(1):
        warnings.warn(
            f"[read_idx] {name!r}: bytes from byte {header_size + size} on are ignored: "
            f"the sizes {shape} end there",
            stacklevel=4,
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)
