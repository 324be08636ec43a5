"""Record files: `mx.recordio`. A record is a string of bytes, usually a header with labels and a compressed
image.

Files cross over with MXNet's both ways.
"""

from __future__ import annotations

import numbers
import os
import struct
import warnings
from collections import namedtuple
from typing import IO, Any

import numpy as np

from . import _opencv
from ._records import RecordReader, frame_record, read_index

__all__ = [
    "IRHeader",
    "MXIndexedRecordIO",
    "MXRecordIO",
    "pack",
    "pack_img",
    "unpack",
    "unpack_img",
]


class MXRecordIO:
    """Reads or writes a record file from its beginning to its end.

    Parameters
    ----------
    uri : str or path-like
    flag : {'r', 'w'}
        'w' replaces a file that is there.

    Raises
    ------
    ValueError
        For another flag; later if a file opened for reading is written or the other way round.
    OSError
        If the file cannot be opened, read or written.
    MXNetError
        From `read`, if the file is damaged there; the message names the file and the byte.

    A reader can be pickled; the copy opens the file again and begins at its beginning. A reader goes on by
    itself in a forked process, and a writer refuses to write there.
    """

    def __init__(self, uri: str | os.PathLike, flag: str) -> None:
        self.uri = os.fspath(uri)
        self.flag = flag
        self.is_open = False
        self.open()

    def open(self) -> None:
        """Open the file, at its beginning; a writer starts a new file."""
        if self.flag not in ("r", "w"):
            raise ValueError(f"[{type(self).__name__}] Invalid flag: got {self.flag!r}, expected 'r' or 'w'")
        self.writable = self.flag == "w"
        self._position = 0
        self._reader: RecordReader | None = None
        self._file: IO[bytes] | None = None
        if self.writable:
            # Not buffered: nothing is lost or written twice when the process forks or ends, and a full disk
            # is an error of the write that met it.
            self._file = open(self.uri, "wb", buffering=0)  # noqa: SIM115
        else:
            self._reader = RecordReader(self.uri)
        self.pid: int | None = os.getpid()
        self.is_open = True

    def close(self) -> None:
        """Close the file; more than once is harmless."""
        self.is_open = False
        reader, file, self._reader, self._file = self._reader, self._file, None, None
        self.pid = None
        for opened in (reader, file):
            if opened is not None:
                opened.close()

    def __del__(self) -> None:
        if getattr(self, "is_open", False):
            self.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        if self.writable:
            raise TypeError(
                f"[{type(self).__name__}] cannot pickle a writer of {self.uri!r}: opening it again would "
                "empty the file; open it in one process alone"
            )
        state = self.__dict__.copy()
        for name in ("_reader", "_file", "pid"):
            state.pop(name)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        was_open, self.is_open = self.is_open, False
        self._reader = self._file = self.pid = None
        if was_open:
            self.open()

    def _reading(self) -> RecordReader:
        if self.writable:
            raise ValueError(f"[{type(self).__name__}] cannot read from {self.uri!r}: it is open for writing")
        if self._reader is None:
            raise RuntimeError(
                f"[{type(self).__name__}] {self.uri!r} is closed: call open() or reset() first"
            )
        return self._reader

    def _writing(self) -> IO[bytes]:
        if not self.writable:
            raise ValueError(f"[{type(self).__name__}] cannot write to {self.uri!r}: it is open for reading")
        if self._file is None:
            raise RuntimeError(f"[{type(self).__name__}] {self.uri!r} is closed: call open() first")
        if self.pid != os.getpid():
            raise RuntimeError(
                f"[{type(self).__name__}] Forbidden operation in multiple processes: {self.uri!r} was opened "
                f"for writing by process {self.pid}"
            )
        return self._file

    def reset(self) -> None:
        """Go back to the beginning. A writer starts over with an empty file."""
        self.close()
        self.open()

    def write(self, buf: bytes | bytearray | memoryview) -> None:
        """Append one record. Raises TypeError for anything but bytes, ValueError for 2**29 bytes or more."""
        file = self._writing()
        if not isinstance(buf, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"[{type(self).__name__}.write] got {type(buf).__name__}, expected bytes; encode text first"
            )
        record = b"".join(frame_record(buf))
        _write_all(file, record)
        self._position += len(record)

    def read(self) -> bytes | None:
        """Return the next record, or None at the end of the file."""
        reader = self._reading()
        if self._position == reader.size:
            return None
        payload, self._position = reader.read_at(self._position)
        return payload


def _write_all(file: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


class MXIndexedRecordIO(MXRecordIO):
    """Reads records of a file by their keys, or writes a record file with its index.

    Parameters
    ----------
    idx_path : str or path-like
        The index: lines of a key, a tab, and the byte where its record begins.
    uri : str or path-like
        The record file.
    flag : {'r', 'w'}
    key_type : callable, default int
        Makes a key of the text in the index.

    Attributes
    ----------
    keys : list
        In the order of the index file.
    idx : dict
        From key to offset.

    Raises
    ------
    MXNetError
        If a line of the index is damaged; otherwise as `MXRecordIO`.
    """

    def __init__(
        self, idx_path: str | os.PathLike, uri: str | os.PathLike, flag: str, key_type: Any = int
    ) -> None:
        self.idx_path = os.fspath(idx_path)
        self.idx: dict[Any, int] = {}
        self.keys: list[Any] = []
        self.key_type = key_type
        self.fidx: IO[bytes] | None = None
        super().__init__(uri, flag)

    def open(self) -> None:
        """Open both files, at their beginning; a writer starts new ones."""
        super().open()
        try:
            if self.writable:
                self.idx, self.keys = {}, []
                self.fidx = open(self.idx_path, "wb", buffering=0)  # noqa: SIM115
            else:
                pairs = read_index(self.idx_path, self.key_type)
                self.idx, self.keys = dict(pairs), [key for key, _ in pairs]
        except BaseException:
            super().close()
            raise

    def close(self) -> None:
        """Close both files; more than once is harmless."""
        super().close()
        fidx, self.fidx = self.fidx, None
        if fidx is not None:
            fidx.close()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["fidx"] = None
        return state

    def seek(self, idx: Any) -> None:
        """Let `read` return the record of key `idx` next. Raises KeyError for an unknown key."""
        self._reading()
        self._position = self.idx[idx]

    def tell(self) -> int:
        """Return where the next record will be written. Raises ValueError for a reader."""
        self._writing()
        return self._position

    def read_idx(self, idx: Any) -> bytes | None:
        """Return the record of key `idx`. Raises KeyError for an unknown key."""
        self.seek(idx)
        return self.read()

    def write_idx(self, idx: Any, buf: bytes | bytearray | memoryview) -> None:
        """Append one record under the key `idx`.

        Warns if the key is there already: readers will find this record alone. Raises ValueError for a key
        that has a tab or a line break.
        """
        key = self.key_type(idx)
        if key in self.idx:
            warnings.warn(f"[{type(self).__name__}.write_idx] {self.idx_path!r} has the key {key!r} already")
        text, offset = str(key), self.tell()
        if "\t" in text or "\n" in text:
            raise ValueError(
                f"[{type(self).__name__}.write_idx] a key has a tab or a line break: got {key!r}"
            )
        self.write(buf)
        assert self.fidx is not None
        _write_all(self.fidx, f"{text}\t{offset}\n".encode())
        self.idx[key] = offset
        self.keys.append(key)


IRHeader = namedtuple("HEADER", ["flag", "label", "id", "id2"])  # type: ignore[name-match]
IRHeader.__doc__ = """What `pack` puts before an image.

flag : 0, or the number of labels if there are several; `pack` sets it.
label : a number, or an array of them.
id, id2 : whole numbers of 64 bits.
"""
_IR_FORMAT = "<IfQQ"
_IR_SIZE = struct.calcsize(_IR_FORMAT)


def pack(header: Any, s: bytes) -> bytes:
    """Return a record: a header of 24 bytes, float32 labels if `header.label` is no number, and `s`.

    header : IRHeader or a tuple (flag, label, id, id2). s : bytes.
    Raises ValueError for fields that do not fit.
    """
    header = IRHeader(*header)
    labels = b""
    if isinstance(header.label, numbers.Number):
        header = header._replace(flag=0)
    else:
        label = np.asarray(_to_numpy(header.label), dtype=np.float32)
        header = header._replace(flag=label.size, label=0)
        labels = label.tobytes()
    try:
        return struct.pack(_IR_FORMAT, *header) + labels + s
    except struct.error as err:
        raise ValueError(
            f"[recordio.pack] a header does not fit: got {header}, expected a flag of 32 bits, "
            f"a number as label and ids of 64 bits without sign ({err})"
        ) from None


def _to_numpy(label: Any) -> Any:
    return label.asnumpy() if hasattr(label, "asnumpy") else label


def unpack(s: bytes) -> tuple[Any, bytes]:
    """Take a record of `pack` apart. Returns the IRHeader and the rest.

    The label is a float, or a float32 array if the header's flag says that there are several.
    Raises ValueError if the record is shorter than its header says.
    """
    if len(s) < _IR_SIZE:
        raise ValueError(
            f"[recordio.unpack] no image record: got {len(s)} bytes, expected at least {_IR_SIZE}"
        )
    header = IRHeader(*struct.unpack_from(_IR_FORMAT, s))
    if header.flag == 0:
        return header, s[_IR_SIZE:]
    end = _IR_SIZE + 4 * header.flag
    if len(s) < end:
        raise ValueError(
            f"[recordio.unpack] {header.flag} labels need {end} bytes: got a record of {len(s)} bytes"
        )
    label = np.frombuffer(s, np.float32, header.flag, _IR_SIZE)
    return header._replace(label=label), s[end:]


def unpack_img(s: bytes, iscolor: int = -1) -> tuple[Any, np.ndarray | None]:
    """Take a record with an image apart. Returns the IRHeader and the image.

    The image is a NumPy array as OpenCV decodes it: uint8, (height, width, 3) in the order blue, green, red,
    or (height, width) for a grey one. iscolor : -1 (default) as stored, 0 grey, 1 colour.
    None for bytes that are no image. Needs OpenCV, see `mx.image`.
    """
    header, data = unpack(s)
    return header, _opencv.decode(data, iscolor)


def pack_img(header: Any, img: np.ndarray, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """Return a record with an image, compressed.

    header : as for `pack`. img : uint8, (height, width, 3) in the order blue, green, red, or (height, width).
    quality : 1 to 100 for JPEG, 0 to 9 (how hard to try) for PNG. img_fmt : the file extension of the format.
    Raises ValueError if the image cannot be stored like that. Needs OpenCV, see `mx.image`.
    """
    return pack(header, _opencv.encode(img, quality, img_fmt))
