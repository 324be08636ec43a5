"""Augmenters for detection: steps that change an image together with the boxes of its objects.

Labels are arrays with a row (class, left, top, right, bottom, ...) for each object, coordinates from 0 to 1.
Random numbers come from Python's `random`, in MXNet's order.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np

from ..ndarray import NDArray
from ..ndarray.op import function
from .augmenters import Augmenter, ForceResizeAug, ResizeAug, colour_augmenters, jsonable
from .image import copyMakeBorder, fixed_crop

__all__ = [
    "CreateDetAugmenter",
    "CreateMultiRandCropAugmenter",
    "DetAugmenter",
    "DetBorrowAug",
    "DetHorizontalFlipAug",
    "DetRandomCropAug",
    "DetRandomPadAug",
    "DetRandomSelectAug",
]

_LEFT, _TOP, _RIGHT, _BOTTOM = 1, 2, 3, 4
_CONSTANT_BORDER = 16
# The largest part of a pixel that does not round up.
_ALMOST_HALF = 0.499999


def _areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas of boxes (left, top, right, bottom)."""
    return np.maximum(0, boxes[:, 2] - boxes[:, 0]) * np.maximum(0, boxes[:, 3] - boxes[:, 1])


class DetAugmenter:
    """Base class: a callable from (image, label) to both. Keyword arguments are what `dumps` tells."""

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = {name: jsonable(value) for name, value in kwargs.items()}

    def dumps(self) -> Any:
        """Return the class and its arguments as JSON."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        """Return the changed image and label. Subclasses implement this; here, raise NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} has to implement __call__")


class DetBorrowAug(DetAugmenter):
    """Applies an augmenter that leaves positions alone. Raises TypeError for anything else."""

    def __init__(self, augmenter: Augmenter) -> None:
        if not isinstance(augmenter, Augmenter):
            raise TypeError(f"[DetBorrowAug] got {type(augmenter).__name__}, expected an image.Augmenter")
        super().__init__(augmenter=augmenter.dumps())
        self.augmenter = augmenter

    def dumps(self) -> Any:
        """Return the class and what the augmenter returns."""
        return [type(self).__name__.lower(), self.augmenter.dumps()]

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        return self.augmenter(src), label


class DetRandomSelectAug(DetAugmenter):
    """Applies one of some augmenters at random, or none with probability `skip_prob`.

    aug_list : DetAugmenter or list of them; an empty one does nothing.
    """

    def __init__(self, aug_list: Any, skip_prob: float = 0) -> None:
        super().__init__(skip_prob=skip_prob)
        aug_list = aug_list if isinstance(aug_list, (list, tuple)) else [aug_list]
        for augmenter in aug_list:
            if not isinstance(augmenter, DetAugmenter):
                raise ValueError(
                    f"[DetRandomSelectAug] got {type(augmenter).__name__}, expected a DetAugmenter"
                )
        self.aug_list, self.skip_prob = list(aug_list), skip_prob if aug_list else 1

    def dumps(self) -> Any:
        """Return the class and what the augmenters return."""
        return [type(self).__name__.lower(), [augmenter.dumps() for augmenter in self.aug_list]]

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        if random.random() < self.skip_prob:
            return src, label
        random.shuffle(self.aug_list)
        return self.aug_list[0](src, label)


class DetHorizontalFlipAug(DetAugmenter):
    """Mirrors image and boxes with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        if random.random() < self.p:
            src = function("flip")(src, axis=1)
            label = label.copy()
            label[:, [_LEFT, _RIGHT]] = 1.0 - label[:, [_RIGHT, _LEFT]]
        return src, label


def _check_range(owner: str, what: str, values: Any) -> None:
    if len(values) != 2 or not values[1] > 0 or values[0] > values[1]:
        raise ValueError(f"[{owner}] wrong {what}: got {tuple(values)}, expected a lower and an upper limit")


class DetRandomCropAug(DetAugmenter):
    """Cuts out a part of random size and shape that shows enough of all objects that it touches.

    Parameters
    ----------
    min_object_covered : float, default 0.1
        Least share of every object in the part that it has to show.
    aspect_ratio_range : tuple, default (0.75, 1.33)
        Of width / height.
    area_range : tuple, default (0.05, 1.0)
        Of its share of the image. With an upper limit of 0 nothing is done.
    min_eject_coverage : float, default 0.3
        Objects of which less is left are taken out of the label.
    max_attempts : int, default 50
        After so many the image stays as it is.
    """

    def __init__(
        self,
        min_object_covered: float = 0.1,
        aspect_ratio_range: Any = (0.75, 1.33),
        area_range: Any = (0.05, 1.0),
        min_eject_coverage: float = 0.3,
        max_attempts: int = 50,
    ) -> None:
        if not isinstance(aspect_ratio_range, (tuple, list)):
            aspect_ratio_range = (aspect_ratio_range, aspect_ratio_range)
        if not isinstance(area_range, (tuple, list)):
            area_range = (area_range, 1.0)
        super().__init__(
            min_object_covered=min_object_covered,
            aspect_ratio_range=aspect_ratio_range,
            area_range=area_range,
            min_eject_coverage=min_eject_coverage,
            max_attempts=max_attempts,
        )
        self.min_object_covered, self.min_eject_coverage = min_object_covered, min_eject_coverage
        self.aspect_ratio_range, self.area_range = aspect_ratio_range, area_range
        self.max_attempts = max_attempts
        self.enabled = area_range[1] > 0
        if self.enabled:
            _check_range("DetRandomCropAug", "area_range", area_range)
            _check_range("DetRandomCropAug", "aspect_ratio_range", aspect_ratio_range)

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        found = self._proposal(label, src.shape[0], src.shape[1]) if self.enabled else None
        if found is None:
            return src, label
        box, label = found
        return fixed_crop(src, *box), label

    def _proposal(self, label: np.ndarray, height: int, width: int) -> Any:
        """Return a box (column, row, width, height) and the label in it, None if none was found."""
        for _ in range(self.max_attempts):
            size = self._size(height, width)
            if size is None:
                continue
            w, h = size
            y, x = random.randint(0, max(0, height - h)), random.randint(0, max(0, width - w))
            if self._accepts(label, (x, y, w, h), height, width):
                inside = self._update_labels(label, (x, y, w, h), height, width)
                if inside is not None:
                    return (x, y, w, h), inside
        return None

    def _size(self, height: int, width: int) -> tuple[int, int] | None:
        """Draw a width and a height with area and ratio in their ranges, as far as whole numbers allow."""
        least, most = (share * height * width for share in self.area_range)
        ratio = random.uniform(*self.aspect_ratio_range)
        if ratio <= 0:
            return None
        h, max_h = round(math.sqrt(least / ratio)), round(math.sqrt(most / ratio))
        if round(max_h * ratio) > width:
            max_h = int((width + _ALMOST_HALF) / ratio)
        max_h = min(max_h, height)
        h = min(h, max_h)
        if h < max_h:
            h = random.randint(h, max_h)
        w = round(h * ratio)
        if w * h < least:
            h += 1
            w = round(h * ratio)
        if w * h > most:
            h -= 1
            w = round(h * ratio)
        fits = least <= w * h <= most and 0 <= w <= width and 0 <= h <= height
        return (w, h) if fits else None

    def _accepts(self, label: np.ndarray, box: Any, height: int, width: int) -> bool:
        """Whether the part shows enough of every object that it touches, and of one at least."""
        x, y, w, h = box
        if w * h < 2:
            return False
        corners = np.array([x / width, y / height, (x + w) / width, (y + h) / height])
        boxes = label[:, _LEFT : _BOTTOM + 1]
        boxes = boxes[_areas(boxes) * width * height > 2]
        shared = np.hstack([np.maximum(boxes[:, :2], corners[:2]), np.minimum(boxes[:, 2:], corners[2:])])
        coverage = _areas(shared) / _areas(boxes)
        coverage = coverage[coverage > 0]
        return bool(coverage.size and coverage.min() > self.min_object_covered)

    def _update_labels(self, label: np.ndarray, box: Any, height: int, width: int) -> np.ndarray | None:
        """Return the objects in a part, in its coordinates; None if there are none."""
        x, y, w, h = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        moved = label.copy()
        corners = (moved[:, _LEFT : _BOTTOM + 1] - [x, y, x, y]) / [w, h, w, h]
        moved[:, _LEFT : _BOTTOM + 1] = np.clip(corners, 0, 1)
        kept = moved[:, _LEFT : _BOTTOM + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            coverage = _areas(kept) * w * h / _areas(label[:, _LEFT : _BOTTOM + 1])
        valid = (kept[:, 2] > kept[:, 0]) & (kept[:, 3] > kept[:, 1]) & (coverage > self.min_eject_coverage)
        return moved[valid] if valid.any() else None


class DetRandomPadAug(DetAugmenter):
    """Puts the image at a random place of a larger one.

    Parameters
    ----------
    aspect_ratio_range : tuple, default (0.75, 1.33)
        Of width / height of the larger one.
    area_range : tuple, default (1.0, 3.0)
        Of its area, in areas of the image. With an upper limit of 1 nothing is done.
    max_attempts : int, default 50
        After so many the image stays as it is.
    pad_val : tuple, default (128, 128, 128)
        What the rest of it is filled with.
    """

    def __init__(
        self,
        aspect_ratio_range: Any = (0.75, 1.33),
        area_range: Any = (1.0, 3.0),
        max_attempts: int = 50,
        pad_val: Any = (128, 128, 128),
    ) -> None:
        pad_val = pad_val if isinstance(pad_val, (list, tuple)) else (pad_val,)
        if not isinstance(aspect_ratio_range, (list, tuple)):
            aspect_ratio_range = (aspect_ratio_range, aspect_ratio_range)
        if not isinstance(area_range, (tuple, list)):
            area_range = (area_range, area_range)
        super().__init__(
            aspect_ratio_range=aspect_ratio_range,
            area_range=area_range,
            max_attempts=max_attempts,
            pad_val=pad_val,
        )
        self.pad_val, self.max_attempts = pad_val, max_attempts
        self.aspect_ratio_range, self.area_range = aspect_ratio_range, area_range
        self.enabled = area_range[1] > 1.0
        if self.enabled:
            _check_range("DetRandomPadAug", "area_range", area_range)
            _check_range("DetRandomPadAug", "aspect_ratio_range", aspect_ratio_range)

    def __call__(self, src: NDArray, label: np.ndarray) -> tuple[NDArray, np.ndarray]:
        height, width = src.shape[:2]
        place = self._proposal(height, width) if self.enabled else None
        if place is None:
            return src, label
        x, y, w, h = place
        src = copyMakeBorder(src, y, h - y - height, x, w - x - width, _CONSTANT_BORDER, values=self.pad_val)
        label = label.copy()
        label[:, [_LEFT, _RIGHT]] = (label[:, [_LEFT, _RIGHT]] * width + x) / w
        label[:, [_TOP, _BOTTOM]] = (label[:, [_TOP, _BOTTOM]] * height + y) / h
        return src, label

    def _proposal(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """Return column and row of the image, and width and height of the larger one, or None."""
        least, most = (share * height * width for share in self.area_range)
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            if ratio <= 0:
                continue
            h, max_h = round(math.sqrt(least / ratio)), round(math.sqrt(most / ratio))
            if round(h * ratio) < width:
                h = int((width + _ALMOST_HALF) / ratio)
            h = min(max(h, height), max_h)
            if h < max_h:
                h = random.randint(h, max_h)
            w = round(h * ratio)
            if h - height < 2 or w - width < 2:
                continue
            y, x = random.randint(0, max(0, h - height)), random.randint(0, max(0, w - width))
            return x, y, w, h
        return None


def CreateMultiRandCropAugmenter(
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = (0.75, 1.33),
    area_range: Any = (0.05, 1.0),
    min_eject_coverage: Any = 0.3,
    max_attempts: Any = 50,
    skip_prob: float = 0,
) -> DetRandomSelectAug:
    """Return an augmenter that applies one of several `DetRandomCropAug`, or none with probability
    `skip_prob`.

    Every argument may be a list with a value for each of them; single values are for all.
    """
    arguments = [min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts]
    count = max(len(a) if isinstance(a, list) else 1 for a in arguments)
    columns = []
    for argument in arguments:
        values = argument if isinstance(argument, list) else [argument]
        if len(values) not in (1, count):
            raise ValueError(
                "[image.CreateMultiRandCropAugmenter] lists of different lengths: "
                f"got {len(values)} and {count}"
            )
        columns.append(values * (count // len(values)))
    return DetRandomSelectAug([DetRandomCropAug(*row) for row in zip(*columns)], skip_prob=skip_prob)


def CreateDetAugmenter(
    data_shape: Any,
    resize: int = 0,
    rand_crop: float = 0,
    rand_pad: float = 0,
    rand_gray: float = 0,
    rand_mirror: bool = False,
    mean: Any = None,
    std: Any = None,
    brightness: float = 0,
    contrast: float = 0,
    saturation: float = 0,
    pca_noise: float = 0,
    hue: float = 0,
    inter_method: int = 2,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = (0.75, 1.33),
    area_range: Any = (0.05, 3.0),
    min_eject_coverage: Any = 0.3,
    max_attempts: Any = 50,
    pad_val: Any = (127, 127, 127),
) -> list[DetAugmenter]:
    """Return the usual list of augmenters for detection.

    rand_crop, rand_pad : probabilities. area_range : of both together: crops up to 1, padding from 1 on.
    Other arguments as for `CreateAugmenter`, `DetRandomCropAug` and `DetRandomPadAug`.
    """
    steps: list[DetAugmenter] = []
    if resize > 0:
        steps.append(DetBorrowAug(ResizeAug(resize, inter_method)))
    if rand_crop > 0:
        steps.append(
            CreateMultiRandCropAugmenter(
                min_object_covered,
                aspect_ratio_range,
                area_range,
                min_eject_coverage,
                max_attempts,
                skip_prob=1 - rand_crop,
            )
        )
    if rand_mirror:
        steps.append(DetHorizontalFlipAug(0.5))
    if rand_pad > 0:
        pad = DetRandomPadAug(aspect_ratio_range, (1.0, area_range[1]), max_attempts, pad_val)
        steps.append(DetRandomSelectAug([pad], 1 - rand_pad))
    steps.append(DetBorrowAug(ForceResizeAug((data_shape[2], data_shape[1]), inter_method)))
    colours = colour_augmenters(
        mean, std, brightness, contrast, saturation, hue, pca_noise, rand_gray, "image.CreateDetAugmenter"
    )
    return steps + [DetBorrowAug(step) for step in colours]
