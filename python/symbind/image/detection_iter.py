"""`ImageDetIter`: batches of images with objects in them, through augmenters."""

from __future__ import annotations

import colorsys
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _opencv
from ..io import DataDesc
from ..ndarray import NDArray
from .detection import CreateDetAugmenter
from .image import _host
from .image_iter import ImageIter

__all__ = ["ImageDetIter"]


class ImageDetIter(ImageIter):
    """Iterates over images and their objects, as `ImageIter` does over images and labels.

    A label of a record or list is (A, B, ..., objects): the length A of its header, the length B of an
    object, the rest of the header, and objects of (class, left, top, right, bottom, ...), coordinates from 0
    to 1. Labels in batches are (batch_size, objects, B), with rows of -1 behind the objects of an image.

    Parameters
    ----------
    aug_list : list of DetAugmenter, optional
        Default: what `CreateDetAugmenter` makes of `data_shape` and all further arguments.
    label_name : str, default 'label'

    Other parameters are those of `ImageIter`.

    Raises
    ------
    ValueError
        If no label holds an object; otherwise as `ImageIter`. Images without a valid object are left out.
    """

    def __init__(
        self,
        batch_size: int,
        data_shape: Any,
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
        label_name: str = "label",
        last_batch_handle: str = "pad",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            data_shape=data_shape,
            path_imgrec=path_imgrec,
            path_imglist=path_imglist,
            path_root=path_root,
            path_imgidx=path_imgidx,
            shuffle=shuffle,
            part_index=part_index,
            num_parts=num_parts,
            aug_list=CreateDetAugmenter(data_shape, **kwargs) if aug_list is None else aug_list,
            imglist=imglist,
            data_name=data_name,
            label_name=label_name,
            last_batch_handle=last_batch_handle,
        )
        self.label_shape = self._estimate_label_shape()
        self._describe()

    def _describe(self) -> None:
        self.provide_data = [DataDesc(self._data_name, (self.batch_size, *self.data_shape), self.dtype)]
        self.provide_label = [DataDesc(self._label_name, (self.batch_size, *self.label_shape), self.dtype)]

    def _estimate_label_shape(self) -> tuple[int, int]:
        """Return the largest number of objects in an image, and the length of an object."""
        count, width = 0, 5
        self.reset()
        try:
            while True:
                label, _ = self.next_sample()
                objects = self._parse_label(label)
                count, width = max(count, len(objects)), objects.shape[1]
        except StopIteration:
            pass
        self._restart()
        return count, width

    @staticmethod
    def _parse_label(label: Any) -> np.ndarray:
        """Return the objects of a label that have an area. Raises RuntimeError if it is no such label."""
        raw = (label.asnumpy() if isinstance(label, NDArray) else np.asarray(label)).ravel()
        if raw.size < 7:
            raise RuntimeError(f"Label shape is invalid: got {raw.shape}, expected 7 numbers or more")
        header, width = int(raw[0]), int(raw[1])
        if header < 2 or width < 5 or (raw.size - header) % width:
            raise RuntimeError(
                f"Label shape {raw.shape} inconsistent with annotation width {width} and header {header}"
            )
        objects = raw[header:].reshape(-1, width)
        objects = objects[(objects[:, 3] > objects[:, 1]) & (objects[:, 4] > objects[:, 2])]
        if not len(objects):
            raise RuntimeError("Encounter sample with no valid label.")
        return objects

    def check_label_shape(self, label_shape: Any) -> None:
        """Raise ValueError for a shape that is too small for the labels."""
        if len(label_shape) != 2:
            raise ValueError(f"label_shape should have length 2: got {tuple(label_shape)}")
        if label_shape[0] < self.label_shape[0]:
            raise ValueError(
                f"Attempts to reduce label count from {self.label_shape[0]} to {label_shape[0]}, not allowed."
            )
        if label_shape[1] != self.label_shape[1]:
            raise ValueError(
                f"label_shape object width inconsistent: {self.label_shape[1]} vs {label_shape[1]}."
            )

    def reshape(self, data_shape: Any = None, label_shape: Any = None) -> None:
        """Change the shape of images, (channels, height, width), or of labels, (objects, length of an
        object).

        Augmenters stay: those in `auglist` have to make images of the new shape.
        """
        if data_shape is not None:
            self.check_data_shape(data_shape)
            self.data_shape = tuple(data_shape)
        if label_shape is not None:
            self.check_label_shape(label_shape)
            self.label_shape = tuple(label_shape)
        self._describe()

    def sync_label_shape(self, it: ImageDetIter, verbose: bool = False) -> ImageDetIter:
        """Give this iterator and another one the larger of their label shapes. Returns the other one."""
        if not isinstance(it, ImageDetIter):
            raise TypeError(f"[ImageDetIter.sync_label_shape] got {type(it).__name__}, expected ImageDetIter")
        count = max(self.label_shape[0], it.label_shape[0])
        before = self.label_shape, it.label_shape
        for one in (self, it):
            one.reshape(label_shape=(count, self.label_shape[1]))
        if verbose and before[0] != before[1]:
            logging.getLogger("symbind").info("Resized label_shape to %s.", self.label_shape)
        return it

    def augmentation_transform(self, data: NDArray, label: Any = None) -> Any:
        """Apply all augmenters to an image and its objects."""
        for augmenter in self.auglist:
            data, label = augmenter(data, label)
        return data, label

    def _transform(self, image: NDArray, label: Any) -> tuple[NDArray, Any]:
        return self.augmentation_transform(image, self._parse_label(label))

    def _put_label(self, labels: np.ndarray, i: int, label: Any) -> None:
        objects = np.asarray(label)
        if len(objects) > labels.shape[1]:
            raise ValueError(
                f"[ImageDetIter] an image has {len(objects)} objects, label_shape has {labels.shape[1]}: "
                "call reshape(label_shape=...)"
            )
        labels[i] = -1
        labels[i, : len(objects)] = objects

    def draw_next(
        self,
        color: Any = None,
        thickness: int = 2,
        mean: Any = None,
        std: Any = None,
        clip: bool = True,
        waitKey: Any = None,
        window_name: str = "draw_next",
        id2labels: Any = None,
    ) -> Iterator[np.ndarray]:
        """Yield augmented images with their boxes drawn on them.

        color : (red, green, blue) of 0 to 255; default one for each class. thickness : of lines, in pixels.
        mean, std : undo a normalisation; True for ImageNet's. clip : cut values to 0 to 255.
        waitKey : milliseconds to show an image in a window for; needs an OpenCV with windows.
        id2labels : dict from class to name, which is written beside the box.
        Yields uint8 (or float32 without `clip`), (height, width, channels), in the order of the iterator.
        """
        from .augmenters import IMAGENET_MEAN, IMAGENET_STD

        cv2 = _opencv.load()
        mean, std = (IMAGENET_MEAN if mean is True else mean), (IMAGENET_STD if std is True else std)
        while True:
            try:
                label, raw = self.next_sample()
            except StopIteration:
                return
            image, objects = self._transform(self.imdecode(raw), label)
            picture = _host(image).astype(np.float32)
            if std is not None:
                picture *= _host(std)
            if mean is not None:
                picture += _host(mean)
            if clip:
                picture = np.clip(picture, 0, 255).astype(np.uint8)
            picture = np.ascontiguousarray(picture)
            height, width = picture.shape[:2]
            for row in np.asarray(objects):
                corners = (row[1:5] * [width, height, width, height]).astype(int).tolist()
                shade = color or [int(255 * v) for v in colorsys.hsv_to_rgb(row[0] * 0.618 % 1, 1, 1)]
                cv2.rectangle(picture, corners[:2], corners[2:], shade, thickness)
                if id2labels is not None and int(row[0]) in id2labels:
                    place = (corners[0] + 2, corners[1] + 12)
                    cv2.putText(picture, str(id2labels[int(row[0])]), place, 0, 0.4, shade)
            if waitKey is not None:
                cv2.imshow(window_name, picture[:, :, ::-1])
                cv2.waitKey(waitKey)
            yield picture
