"""`ImageIter`: batches of images from record files, list files or Python lists, through augmenters."""

from __future__ import annotations

import logging
import os
import random
from typing import Any

import numpy as np

from ..io import DataBatch, DataDesc, DataIter
from ..ndarray import NDArray, array, from_numpy
from ..recordio import MXIndexedRecordIO, MXRecordIO, unpack
from .augmenters import CreateAugmenter
from .image import _host, imdecode

__all__ = ["ImageIter"]

_LAST_BATCH_HANDLES = ("pad", "discard", "roll_over")


def read_list(path: str | os.PathLike) -> dict[int, tuple[np.ndarray, str]]:
    """Read a list file: lines of a number, labels and a path with tabs between them.

    Returns labels (float32) and path by number. Raises ValueError, with file and line, for other lines.
    """
    entries = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.strip().split("\t")
            if fields == [""]:
                continue
            try:
                key, *labels = fields[:-1]
                entries[int(key)] = np.array(labels, np.float32), fields[-1]
            except ValueError as err:
                raise ValueError(
                    f"[image] {os.fspath(path)!r}: line {number}: expected a number, labels and a path with "
                    f"tabs between them, got {line[:80]!r} ({err})"
                ) from None
    return entries


class ImageIter(DataIter):
    """Iterates over images: decodes them, applies augmenters and makes batches of (channels, height, width).

    One thread; `mx.io.ImageRecordIter` is faster. Order and augmentation follow Python's `random`.

    Parameters
    ----------
    batch_size : int
    data_shape : tuple of int
        (channels, height, width); channels is 1 or 3.
    label_width : int, default 1
    path_imgrec : str, optional
        A record file; with `path_imgidx`, its index, it can be shuffled and divided.
    path_imglist : str, optional
        A list file: labels and paths below `path_root`, or labels for the numbers of `path_imgrec`.
    imglist : list, optional
        The same as a list of [label or list of labels, path].
    path_root : str, optional
    shuffle : bool, default False
    part_index, num_parts : int
        Iterate over one of several equal parts. Defaults 0 and 1.
    aug_list : list of Augmenter, optional
        Default: what `CreateAugmenter` makes of `data_shape` and all further arguments.
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.
    dtype : default 'float32'
    last_batch_handle : {'pad', 'discard', 'roll_over'}, default 'pad'
        What becomes of a last batch that is not full: filled up from the beginning, left out, or kept for the
        beginning of the next epoch. `pad` of a batch that begins with kept samples is the number of new ones,
        as in MXNet.

    Raises
    ------
    ValueError
        For arguments that are wrong or contradict each other.
    OSError, MXNetError
        If a file cannot be read, or is damaged. An image that cannot be decoded is left out and logged.
    """

    def __init__(
        self,
        batch_size: int,
        data_shape: Any,
        label_width: int = 1,
        path_imgrec: str | None = None,
        path_imglist: str | None = None,
        path_root: str | None = None,
        path_imgidx: str | None = None,
        shuffle: bool = False,
        part_index: int = 0,
        num_parts: int = 1,
        aug_list: Any = None,
        imglist: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: Any = "float32",
        last_batch_handle: str = "pad",
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size)
        owner = type(self).__name__
        if not (path_imgrec or path_imglist or isinstance(imglist, list)):
            raise ValueError(f"[{owner}] no images given: expected path_imgrec, path_imglist or imglist")
        if last_batch_handle not in _LAST_BATCH_HANDLES:
            raise ValueError(
                f"[{owner}] wrong last_batch_handle: got {last_batch_handle!r}, "
                f"expected one of {', '.join(_LAST_BATCH_HANDLES)}"
            )
        self.check_data_shape(data_shape)
        self.data_shape, self.label_width = tuple(data_shape), label_width
        self.path_root = path_root or ""
        self.dtype = np.dtype(dtype).name
        self.shuffle, self.last_batch_handle = shuffle, last_batch_handle
        self._data_name, self._label_name = data_name, label_name
        self.imgrec: Any = None
        self.imglist: dict[Any, Any] | None = None
        self.seq: list[Any] | None = None
        self._open(path_imgrec, path_imgidx, path_imglist, imglist)
        self._divide(part_index, num_parts)
        self.auglist: Any = CreateAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.cur = 0
        self._allow_read = True
        self._cache: tuple[np.ndarray, np.ndarray, int] | None = None
        self.provide_data = [DataDesc(data_name, (batch_size, *self.data_shape), self.dtype)]
        self.provide_label = [DataDesc(label_name, self._label_batch_shape(), self.dtype)]
        self.reset()

    def _label_batch_shape(self) -> tuple[int, ...]:
        return (self.batch_size,) if self.label_width == 1 else (self.batch_size, self.label_width)

    def _open(self, imgrec: Any, imgidx: Any, path_imglist: Any, imglist: Any) -> None:
        if imgrec and imgidx:
            self.imgrec = MXIndexedRecordIO(imgidx, imgrec, "r")
            self.seq = list(self.imgrec.keys)
        elif imgrec:
            self.imgrec = MXRecordIO(imgrec, "r")
        if path_imglist:
            self.imglist = dict(read_list(path_imglist))
        elif isinstance(imglist, list):
            self.imglist = {
                str(i): (
                    np.array(entry[0] if len(entry) == 2 else entry[:-1], np.float32).reshape(-1),
                    entry[-1],
                )
                for i, entry in enumerate(imglist, 1)
            }
        if self.imglist is not None and (self.imgrec is None or self.seq is None):
            self.seq = list(self.imglist)
        if self.imgrec is not None and not imgidx:
            self.seq = None

    def _divide(self, part_index: int, num_parts: int) -> None:
        owner = type(self).__name__
        if not 0 <= part_index < num_parts:
            raise ValueError(f"[{owner}] wrong part_index: got {part_index}, expected 0 to {num_parts - 1}")
        if self.seq is None:
            if self.shuffle or num_parts > 1:
                raise ValueError(f"[{owner}] shuffling and dividing a record file needs path_imgidx")
            return
        size = len(self.seq) // num_parts
        if num_parts > 1:
            self.seq = self.seq[part_index * size : (part_index + 1) * size]
        if not self.seq:
            raise ValueError(f"[{owner}] no images in part {part_index} of {num_parts}")

    @property
    def num_image(self) -> int | None:
        """Number of images, None for a record file without index."""
        return None if self.seq is None else len(self.seq)

    def reset(self) -> None:
        """Begin the next epoch; with 'roll_over' the samples that were kept come first."""
        if self.seq is not None and self.shuffle:
            random.shuffle(self.seq)
        if self.last_batch_handle != "roll_over" or self._cache is None:
            self._restart()
        self._allow_read = True

    def hard_reset(self) -> None:
        """Begin the next epoch without samples that were kept."""
        self._cache = None
        self.reset()

    def _restart(self) -> None:
        if self.imgrec is not None:
            self.imgrec.reset()
        self.cur = 0

    def next_sample(self) -> tuple[Any, bytes]:
        """Return the next label and the bytes of its image. Raises StopIteration after the last."""
        if self.seq is None:
            record = self.imgrec.read()
            if record is None:
                if self.last_batch_handle != "discard":
                    self.imgrec.reset()
                raise StopIteration
            header, image = unpack(record)
            return header.label, image
        if self.cur >= len(self.seq):
            if self.last_batch_handle != "discard":
                self.cur = 0
            raise StopIteration
        key = self.seq[self.cur]
        self.cur += 1
        if self.imgrec is not None:
            header, image = unpack(self.imgrec.read_idx(key))
            return (header.label if self.imglist is None else self.imglist[key][0]), image
        assert self.imglist is not None
        label, path = self.imglist[key]
        return label, self.read_image(path)

    def _new_batch(self) -> tuple[np.ndarray, np.ndarray]:
        data = np.zeros((self.batch_size, *self.data_shape), self.dtype)
        return data, np.zeros(self.provide_label[0].shape, self.dtype)

    def _put_label(self, labels: np.ndarray, i: int, label: Any) -> None:
        if isinstance(label, NDArray):
            label = label.asnumpy()
        labels[i] = np.reshape(label, labels.shape[1:])

    def _transform(self, image: NDArray, label: Any) -> tuple[NDArray, Any]:
        return self.augmentation_transform(image), label

    def _batchify(self, data: np.ndarray, labels: np.ndarray, start: int = 0) -> int:
        """Fill a batch from sample `start` on; return where the images ended."""
        i = start
        while i < self.batch_size:
            try:
                label, raw = self.next_sample()
            except StopIteration:
                break
            try:
                image = self.imdecode(raw)
                self.check_valid_image(image)
            except (RuntimeError, ValueError) as err:
                logging.getLogger("symbind").warning("Invalid image, skipping: %s", err)
                continue
            image, label = self._transform(image, label)
            self._check_image(image)
            data[i] = _host(self.postprocess_data(image))
            self._put_label(labels, i, label)
            i += 1
        return i

    def _check_image(self, image: NDArray) -> None:
        channels, height, width = self.data_shape
        if tuple(image.shape) != (height, width, channels):
            raise ValueError(
                f"[{type(self).__name__}] the augmenters made an image of shape {tuple(image.shape)}, "
                f"expected {(height, width, channels)}"
            )

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration at the end of the epoch."""
        if not self._allow_read:
            raise StopIteration
        rolled, self._cache = self._cache, None
        if rolled is None:
            data, labels = self._new_batch()
            end = self._batchify(data, labels)
            if end == 0:
                raise StopIteration
        else:
            data, labels, begin = rolled
            end = self._batchify(data, labels, begin)
        pad = self.batch_size - end
        if rolled is not None and not pad:
            return self._deliver(data, labels, self.batch_size - begin)
        if pad and self.last_batch_handle == "discard":
            raise StopIteration
        if pad and self.last_batch_handle == "roll_over":
            self._cache = data, labels, end
            raise StopIteration
        if pad:
            self._fill(data, labels, end)
            self._allow_read = False
        return self._deliver(data, labels, pad)

    def _deliver(self, data: np.ndarray, labels: np.ndarray, pad: int) -> DataBatch:
        return DataBatch(
            [from_numpy(data, zero_copy=True)],
            [from_numpy(labels, zero_copy=True)],
            pad=pad,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )

    def _fill(self, data: np.ndarray, labels: np.ndarray, end: int) -> None:
        """Fill a batch up from the beginning, as often as that takes."""
        while end < self.batch_size:
            begin, end = end, self._batchify(data, labels, end)
            if begin == end:
                break

    def check_data_shape(self, data_shape: Any) -> None:
        """Raise ValueError unless the shape is (1 or 3, height, width)."""
        if len(data_shape) != 3 or data_shape[0] not in (1, 3):
            raise ValueError(
                f"[{type(self).__name__}] wrong data_shape: got {tuple(data_shape)}, "
                "expected (channels, height, width) with 1 or 3 channels"
            )

    def check_valid_image(self, data: Any) -> None:
        """Raise RuntimeError for an image without pixels."""
        image = data[0] if isinstance(data, (list, tuple)) else data
        if 0 in image.shape or not image.shape:
            raise RuntimeError("Data shape is wrong")

    def imdecode(self, s: bytes) -> NDArray:
        """Decode an image, see `mx.image.imdecode`; for one channel, to grey."""
        return imdecode(s, flag=0 if self.data_shape[0] == 1 else 1)

    def read_image(self, fname: str) -> bytes:
        """Return the bytes of a file below `path_root`."""
        with open(os.path.join(self.path_root, fname), "rb") as file:
            return file.read()

    def augmentation_transform(self, data: NDArray) -> NDArray:
        """Apply all augmenters to an image."""
        for augmenter in self.auglist:
            data = augmenter(data)
        return data

    def postprocess_data(self, datum: NDArray) -> NDArray:
        """Return an image of (height, width, channels) as (channels, height, width)."""
        return array(np.transpose(_host(datum), (2, 0, 1)), dtype=datum.dtype)
