"""Iterators over image records: `ImageRecordIter` and its variants, and `ImageDetRecordIter` for
detection."""

from __future__ import annotations

import collections
import logging
import os
import random
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .. import _opencv
from ..base import MXNetError, mx_real_t
from ..ndarray import from_numpy, load, save
from ..random import numpy_generator
from .file_iter import MXDataIter, SampleOrder
from .image_augment import DefaultAugmenter
from .image_det_augment import DetectionAugmenter
from .image_normalize import Normalizer
from .image_parameters import (
    AugmentParameters,
    DetAugmentParameters,
    DetReaderParameters,
    NormalizeParameters,
    ReaderParameters,
    parse,
)
from .image_records import ImageRecords
from .iterator import DataBatch, DataDesc

__all__ = [
    "ImageDetRecordIter",
    "ImageRecordInt8Iter",
    "ImageRecordIter",
    "ImageRecordIter_v1",
    "ImageRecordUInt8Iter",
    "ImageRecordUInt8Iter_v1",
]


class _Decoder:
    """From the number of a sample to its place in a batch. Called from several threads at once."""

    def __init__(self, iterator: str, records: ImageRecords, channels: int, normalizer: Normalizer) -> None:
        self.iterator, self.records, self.normalizer = iterator, records, normalizer
        self.channels = channels

    def image(self, number: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the id, the labels and the decoded image of a record."""
        cv2 = _opencv.load()
        flags = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR, 4: cv2.IMREAD_UNCHANGED}
        identity, labels, data = self.records.read(number)
        image = _opencv.decode(data, flags[self.channels])
        if image is None:
            raise MXNetError(
                f"[{self.iterator}] {self.records.where(number)} (id {identity}) has no image that OpenCV "
                f"can decode: its {len(data)} bytes begin with {data[:8].tobytes()!r}"
            )
        got = image.shape[2] if image.ndim == 3 else 1
        if got != self.channels:
            raise ValueError(
                f"[{self.iterator}] {self.records.where(number)} (id {identity}): "
                f"got an image of {got} channels, data_shape expects {self.channels}"
            )
        return identity, labels, image

    def sample(self, number: int, seed: int, data: np.ndarray, label: np.ndarray) -> int:
        """Write one sample's data and labels; return its id."""
        raise NotImplementedError

    def samples(
        self, numbers: np.ndarray, seeds: np.ndarray, data: np.ndarray, label: np.ndarray, ids: np.ndarray
    ) -> None:
        """Write some samples of a batch."""
        for i, number in enumerate(numbers):
            ids[i] = self.sample(int(number), int(seeds[i]), data[i], label[i])


class _ClassDecoder(_Decoder):
    """For images with a fixed number of labels."""

    def __init__(
        self,
        iterator: str,
        records: ImageRecords,
        channels: int,
        normalizer: Normalizer,
        augmenter: DefaultAugmenter,
        label_width: int,
    ) -> None:
        super().__init__(iterator, records, channels, normalizer)
        self._augmenter, self._label_width = augmenter, label_width

    def sample(self, number: int, seed: int, data: np.ndarray, label: np.ndarray) -> int:
        identity, labels, image = self.image(number)
        if labels.size != self._label_width:
            raise ValueError(
                f"[{self.iterator}] {self.records.where(number)} (id {identity}) has {labels.size} labels: "
                f"got label_width {self._label_width}"
            )
        rng = random.Random(seed)
        self.normalizer(self._augmenter(image, rng), data, rng)
        label[:] = labels
        return identity


class _DetectionDecoder(_Decoder):
    """For images with lists of objects."""

    def __init__(
        self,
        iterator: str,
        records: ImageRecords,
        channels: int,
        normalizer: Normalizer,
        augmenter: DetectionAugmenter,
        label_width: int,
        pad_value: float,
    ) -> None:
        super().__init__(iterator, records, channels, normalizer)
        self._augmenter, self._label_width, self._pad_value = augmenter, label_width, pad_value

    def sample(self, number: int, seed: int, data: np.ndarray, label: np.ndarray) -> int:
        identity, labels, image = self.image(number)
        if 0 < self._label_width != labels.size:
            raise ValueError(
                f"[{self.iterator}] {self.records.where(number)} (id {identity}) has {labels.size} labels: "
                f"got label_width {self._label_width}"
            )
        header, width = (int(v) for v in labels[:2]) if labels.size >= 2 else (0, 0)
        if not (2 <= header <= labels.size and width >= 5 and (labels.size - header) % width == 0):
            raise ValueError(
                f"[{self.iterator}] {self.records.where(number)} (id {identity}) has no object labels: "
                f"expected the length of a header (2 or more), the length of an object (5 or more), "
                f"the rest of the header and objects, got {labels[:8].tolist()} of {labels.size} numbers"
            )
        rng = random.Random(seed)
        image, objects = self._augmenter(image, labels[header:].reshape(-1, width), rng)
        height, columns = image.shape[:2]
        data[:] = 0
        self.normalizer(image, data[:, :height, :columns], rng)
        count = header + objects.size
        label[:4] = self.channels, height, columns, count
        label[4 : 4 + header] = labels[:header]
        label[4 + header : 4 + count] = objects.reshape(-1)
        label[4 + count :] = self._pad_value
        return identity


class _RecordIter(MXDataIter):
    """Deals out samples, has them decoded by threads some batches ahead, and yields the batches in order."""

    def __init__(
        self,
        p: ReaderParameters,
        dtype: np.dtype,
        records: ImageRecords,
        decoder: _Decoder,
        label_shape: tuple[int, ...],
    ) -> None:
        if p.batch_size < 1:
            raise ValueError(
                f"[{type(self).__name__}] wrong batch_size: got {p.batch_size}, expected at least 1"
            )
        super().__init__(p.batch_size)
        self._p, self._dtype, self._decoder, self._label_shape = p, dtype, decoder, label_shape
        self._seeds = _generator(p.seed_aug)
        shuffler = _generator(p.seed)
        self._order = SampleOrder(
            len(records), p.batch_size, p.round_batch, shuffler.permutation if p.shuffle else None
        )
        threads = max(1, min(p.preprocess_threads, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=type(self).__name__)
        self._chunk = -(-p.batch_size // threads)
        self._ahead: collections.deque[tuple[DataBatch, list[Future]]] = collections.deque()
        self._ended = False
        if p.verbose:
            logging.getLogger("symbind").info(
                "%s: %s, %d images, %d threads", type(self).__name__, p.path_imgrec, len(records), threads
            )

    def __del__(self) -> None:
        if hasattr(self, "_pool"):
            self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the images."""
        return [DataDesc(self._p.data_name, (self.batch_size, *self._p.data_shape), self._dtype.type)]

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name and batch shape of the labels, which are float32."""
        return [DataDesc(self._p.label_name, (self.batch_size, *self._label_shape))]

    def _submit(self) -> None:
        """Give the threads the next batch, unless the epoch is dealt out."""
        dealt = self._order.next()
        if dealt is None:
            self._ended = True
            return
        numbers, pad = dealt
        count = self.batch_size
        seeds = self._seeds.integers(0, 1 << 63, size=count)
        data = np.empty((count, *self._p.data_shape), self._dtype)
        label = np.empty((count, *(self._label_shape or (1,))), mx_real_t)
        ids = np.zeros(count, np.uint64)
        futures = [
            self._pool.submit(self._decoder.samples, *(a[i : i + self._chunk] for a in arrays))
            for arrays in [(numbers, seeds, data, label, ids)]
            for i in range(0, count, self._chunk)
        ]
        batch = DataBatch(
            [from_numpy(data, zero_copy=True)],
            [from_numpy(label.reshape(count, *self._label_shape), zero_copy=True)],
            pad=pad,
            index=ids,
        )
        self._ahead.append((batch, futures))

    def _read(self) -> DataBatch | None:
        while not self._ended and len(self._ahead) <= max(self._p.prefetch_buffer, 1):
            self._submit()
        if not self._ahead:
            return None
        batch, futures = self._ahead.popleft()
        for future in futures:
            future.result()
        return batch

    def _rewind(self) -> None:
        if self._ended and not self._ahead:
            self._order.reset()
        else:
            self._cancel()
            self._order.restart()
        self._ended = False

    def _cancel(self) -> None:
        for _, futures in self._ahead:
            for future in futures:
                future.cancel()
        self._ahead.clear()


def _generator(seed: int | None) -> np.random.Generator:
    return numpy_generator() if seed is None else np.random.default_rng(seed)


def _check_shape(iterator: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or shape[0] not in (1, 3, 4) or min(shape) < 1:
        raise ValueError(
            f"[{iterator}] wrong data_shape: got {shape}, expected (channels, height, width) with 1, 3 or 4 "
            "channels"
        )


class ImageRecordIter(_RecordIter):
    """Iterates over the images of a record file: decoded, augmented and normalised by threads, ahead of time.

    Epochs and last batches are as for `CSVIter`. Batches are the same from run to run for the same seeds,
    however many threads there are. Needs OpenCV: ``pip install 'symbind[image]'``.

    Parameters
    ----------
    path_imgrec : str
        The record file, as `im2rec` or `mx.recordio` makes it.
    data_shape : tuple of int
        (channels, height, width) of a sample: 1 channel is grey, 3 are red, green, blue, 4 have alpha.
    batch_size : int
    path_imgidx : str, optional
        Its index. Without one the file is gone through from header to header once.
    path_imglist : str, optional
        A list file whose labels replace those in the records.
    label_width : int, default 1
        Labels of a sample; batches of labels are (batch_size,) for 1, otherwise (batch_size, label_width).
    shuffle : bool, default False
        Whether every pass is in a new order of the whole part.
    seed, seed_aug : int, optional
        Determine the order, and the random augmentations. Default: from `mx.random.seed`.
    num_parts, part_index : int
        Iterate over one of several parts of the file. Defaults 1 and 0.
    round_batch : bool, default True
        Fill up the last batch with the first samples of the next epoch instead of samples of the batch
        before.
    preprocess_threads, prefetch_buffer : int, default 4
        Threads that decode, and batches that are worked on ahead of time.
    dtype : {'float32', 'uint8', 'int8'}, default None for float32
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.
    resize : int
        Length of the shorter edge, before everything else.
    pad, fill_value : int
        Border on all sides, and its value (default 255), also used where a rotation leaves nothing.
    rotate, max_rotate_angle, max_shear_ratio, max_random_scale, min_random_scale, max_aspect_ratio,
    min_aspect_ratio, max_img_size, min_img_size :
        One affine map: degrees (random within +-max), shear, scale, ratio of width and height.
    rand_crop : bool, default False
        Cut `data_shape` out at a random place instead of the middle. Images that are too small are enlarged.
    max_crop_size, min_crop_size : int
        Cut out a square of random size and resize it.
    random_resized_crop, max_random_area, min_random_area :
        Cut out a part of random area (of 1) and aspect ratio and resize it.
    inter_method : int, default 1
        0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos, 9 by size, 10 random.
    random_h, random_s, random_l : int
        Most that is added to hue (of 180), saturation and lightness (of 255).
    brightness, contrast, saturation, pca_noise : float
        Most relative change, and the standard deviation of noise along the colours of ImageNet.
    mirror, rand_mirror : bool
        Mirror all images, or every other one by chance.
    mean_r, mean_g, mean_b, mean_a, std_r, std_g, std_b, std_a, scale : float
        float32 values are (pixel - mean) / std * scale.
    mean_img : str
        An array file with a mean image. It is computed and written if there is none.
    max_random_contrast, max_random_illumination : float
        Random factor and summand of all values.

    Raises
    ------
    ImportError
        If OpenCV is not installed.
    OSError, MXNetError
        If a file cannot be read, or is damaged; for a damaged image or record, when its batch is asked for.
    ValueError, TypeError
        For arguments that are wrong or missing.
    """

    _dtype_name: str | None = None
    _divide = False

    def __init__(self, **kwargs: Any) -> None:
        name = type(self).__name__
        _opencv.load()
        p, augment, normalize = parse(name, kwargs, ReaderParameters, AugmentParameters, NormalizeParameters)
        _check_shape(name, p.data_shape)
        dtype = _dtype(name, self._dtype_name or p.dtype)
        records = ImageRecords(name, p)
        normalizer = Normalizer(name, normalize, p.data_shape[0], dtype, self._divide)
        augmenter = DefaultAugmenter(name, augment, p.data_shape)
        decoder = _ClassDecoder(name, records, p.data_shape[0], normalizer, augmenter, p.label_width)
        super().__init__(p, dtype, records, decoder, () if p.label_width == 1 else (p.label_width,))
        if normalize.mean_img and dtype == np.float32:
            normalizer.mean_image = _mean_image(name, normalize.mean_img, decoder, augmenter, p)


class ImageRecordIter_v1(ImageRecordIter):
    """`ImageRecordIter` under the name of MXNet's old implementation."""

    _divide = True


class ImageRecordUInt8Iter(ImageRecordIter):
    """`ImageRecordIter` whose batches are uint8: pixels as they are, without mean, scale and std."""

    _dtype_name = "uint8"


class ImageRecordUInt8Iter_v1(ImageRecordUInt8Iter):
    """`ImageRecordUInt8Iter` under the name of MXNet's old implementation."""


class ImageRecordInt8Iter(ImageRecordIter):
    """`ImageRecordIter` whose batches are int8: pixels minus the rounded mean, cut to -128 to 127."""

    _dtype_name = "int8"


def _dtype(iterator: str, dtype: Any) -> np.dtype:
    result = np.dtype(mx_real_t if dtype is None else dtype)
    if result.name not in ("float32", "uint8", "int8"):
        raise ValueError(
            f"[{iterator}] wrong dtype: got {result.name}, expected float32, uint8 or int8; use astype"
        )
    return result


def _mean_image(
    iterator: str, path: str, decoder: _Decoder, augmenter: DefaultAugmenter, p: ReaderParameters
) -> np.ndarray:
    """Return the mean image, (channels, height, width), from a file or, if there is none, of all samples."""
    if os.path.exists(path):
        arrays = load(path)
        mean = (next(iter(arrays.values())) if isinstance(arrays, dict) else arrays[0]).asnumpy()
        if mean.shape != tuple(p.data_shape):
            raise ValueError(
                f"[{iterator}] {path!r}: wrong shape of the mean image: got {mean.shape}, "
                f"expected {tuple(p.data_shape)}"
            )
        return mean.astype(np.float32)
    pixels = Normalizer(iterator, NormalizeParameters(), p.data_shape[0], np.dtype(np.float32))
    total, one = np.zeros(p.data_shape, np.float64), np.empty(p.data_shape, np.float32)
    for number in range(len(decoder.records)):
        rng = random.Random(number)
        pixels(augmenter(decoder.image(number)[2], rng), one, rng)
        total += one
    mean = (total / len(decoder.records)).astype(np.float32)
    save(path, {"mean_img": from_numpy(mean)})
    return mean


class ImageDetRecordIter(_RecordIter):
    """Iterates over images with objects in them, for detection.

    A label of a record is (A, B, ..., objects): the length A of its header, the length B of an object, the
    rest of the header, and objects of (class, left, top, right, bottom, ...) with coordinates from 0 to 1. A
    label in a batch is (channels, height and width of the image inside of the sample, length of what
    follows), that, and padding. Files, order, seeds, threads and names as for `ImageRecordIter`, and
    `mean_*`, `std_*`, `scale`.

    Parameters
    ----------
    label_pad_width : int
        Length that labels are padded to; default: the longest of the file.
    label_pad_value : float, default -1
    label_width : int, default -1
        Length of the labels in the records, if all have the same.
    resize : int
        Length of the shorter edge, before everything else.
    resize_mode : {'force', 'shrink', 'fit'}, default 'force'
        To `data_shape`; or with the aspect ratio kept, never enlarged or always: the rest of the sample is 0.
    rand_mirror_prob : float
    rand_pad_prob, max_pad_scale, fill_value :
        Put the image into one up to `max_pad_scale` times as large, filled with `fill_value` (default 127).
    rand_crop_prob, num_crop_sampler, max_crop_trials, min_crop_*, max_crop_* :
        Cut out a part. Samplers draw scales and aspect ratios of boxes; a box is taken if some object's
        overlap (intersection over union), sample coverage (share of the box) and object coverage (share of
        the object) lie in its ranges. Tuples have one number, or one for each sampler.
    crop_emit_mode : {'center', 'overlap'}, default 'center'
        Objects stay if their centre is inside, or more than `emit_overlap_thresh` (default 0.3) of their
        area.
    max_random_hue, max_random_saturation, max_random_illumination, max_random_contrast and their
    random_*_prob :
        Change colours with these probabilities.
    inter_method : int, default 1

    Raises as `ImageRecordIter`; also ValueError for labels that are no objects.
    """

    def __init__(self, **kwargs: Any) -> None:
        name = type(self).__name__
        _opencv.load()
        p, augment, normalize = parse(
            name, kwargs, DetReaderParameters, DetAugmentParameters, NormalizeParameters
        )
        _check_shape(name, p.data_shape)
        # These names are of the augmenter here; and a std of 0 means none.
        normalize.max_random_contrast = normalize.max_random_illumination = 0.0
        for channel in "rgba":
            if getattr(normalize, f"std_{channel}") == 0:
                setattr(normalize, f"std_{channel}", 1.0)
        dtype = _dtype(name, p.dtype)
        records = ImageRecords(name, p)
        longest = records.longest_label()
        width = p.label_pad_width if p.label_pad_width > 0 else longest
        if width < longest:
            raise ValueError(
                f"[{name}] wrong label_pad_width: got {width}, the longest label of {p.path_imgrec!r} has "
                f"{longest} numbers"
            )
        normalizer = Normalizer(name, normalize, p.data_shape[0], dtype, divide=True)
        augmenter = DetectionAugmenter(name, augment, p.data_shape)
        decoder = _DetectionDecoder(
            name, records, p.data_shape[0], normalizer, augmenter, p.label_width, p.label_pad_value
        )
        super().__init__(p, dtype, records, decoder, (4 + width,))
