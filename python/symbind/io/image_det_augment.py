"""How `ImageDetRecordIter` changes a decoded image together with the boxes of its objects.

Objects are rows of (class, left, top, right, bottom, ...), with coordinates from 0 to 1.
"""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np

from .. import _opencv
from .image_augment import resize, resize_shorter_edge, shift_hls
from .image_parameters import DetAugmentParameters

__all__ = ["DetectionAugmenter", "intersections"]

_LEFT, _TOP, _RIGHT, _BOTTOM = 1, 2, 3, 4
_MODES = ("force", "shrink", "fit")
_EMIT_MODES = ("center", "overlap")


def intersections(objects: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the areas that objects share with a box (left, top, right, bottom), and their own areas."""
    low = np.maximum(objects[:, _LEFT : _TOP + 1], box[:2])
    high = np.minimum(objects[:, _RIGHT : _BOTTOM + 1], box[2:])
    sizes = objects[:, _RIGHT : _BOTTOM + 1] - objects[:, _LEFT : _TOP + 1]
    return np.prod(np.maximum(high - low, 0), axis=1), np.prod(np.maximum(sizes, 0), axis=1)


@dataclasses.dataclass
class _Sampler:
    """One way to draw boxes to crop to, and what a box has to be like."""

    min_scale: float
    max_scale: float
    min_aspect_ratio: float
    max_aspect_ratio: float
    overlap: tuple[float, float]
    sample_coverage: tuple[float, float]
    object_coverage: tuple[float, float]
    trials: int

    def draw(self, rng: random.Random) -> np.ndarray:
        """Draw one box inside of the image."""
        scale = min(rng.uniform(self.min_scale, self.max_scale) + 1e-12, 1.0)
        ratio = rng.uniform(self.min_aspect_ratio, self.max_aspect_ratio)
        ratio = min(max(ratio, scale**2), 1 / scale**2)
        width, height = min(1.0, scale * math.sqrt(ratio)), min(1.0, scale / math.sqrt(ratio))
        left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
        return np.array([left, top, left + width, top + height], np.float32)

    def accepts(self, box: np.ndarray, objects: np.ndarray) -> bool:
        """Whether some object meets all ranges that are narrower than 0 to 1."""
        shared, areas = intersections(objects, box)
        box_area = float(np.prod(box[2:] - box[:2]))
        fits = np.ones(len(objects), bool)
        for (low, high), whole in (
            (self.overlap, areas + box_area - shared),
            (self.sample_coverage, np.full(len(objects), box_area)),
            (self.object_coverage, areas),
        ):
            if low > 0 or high < 1:
                part = shared / np.maximum(whole, 1e-12)
                fits &= (part >= low) & (part <= high)
        return bool(fits.any())


class DetectionAugmenter:
    """Changes images and objects as the arguments of `ImageDetRecordIter` say.

    Raises ValueError for arguments that contradict each other.
    """

    def __init__(self, iterator: str, parameters: DetAugmentParameters, data_shape: tuple[int, ...]) -> None:
        self._p = p = parameters
        self._height, self._width = data_shape[1:]
        for name, value, choices in (
            ("resize_mode", p.resize_mode, _MODES),
            ("crop_emit_mode", p.crop_emit_mode, _EMIT_MODES),
        ):
            if value not in choices:
                raise ValueError(
                    f"[{iterator}] wrong {name}: got {value!r}, expected one of {', '.join(choices)}"
                )
        self._samplers = [self._sampler(iterator, i) for i in range(p.num_crop_sampler)]

    def _sampler(self, iterator: str, number: int) -> _Sampler:
        p = self._p

        def of(name: str) -> float:
            values = getattr(p, name)
            if len(values) not in (1, p.num_crop_sampler):
                raise ValueError(
                    f"[{iterator}] wrong length of {name}: got {len(values)} values, "
                    f"expected 1 or num_crop_sampler = {p.num_crop_sampler}"
                )
            return values[number % len(values)]

        def between(name: str) -> tuple[float, float]:
            return of(f"min_crop_{name}"), of(f"max_crop_{name}")

        return _Sampler(
            *between("scales"),
            *between("aspect_ratios"),
            between("overlaps"),
            between("sample_coverages"),
            between("object_coverages"),
            int(of("max_crop_trials")),
        )

    def __call__(
        self, image: np.ndarray, objects: np.ndarray, rng: random.Random
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the image, not larger than wanted, and its objects."""
        p = self._p
        if p.resize > 0:
            image = resize_shorter_edge(image, p.resize, p.inter_method, rng)
        if image.ndim == 3 and image.shape[2] == 3:
            image = self._colours(image, rng)
        if rng.random() < p.rand_mirror_prob:
            image = _opencv.load().flip(image, 1)
            objects = objects.copy()
            objects[:, [_LEFT, _RIGHT]] = 1 - objects[:, [_RIGHT, _LEFT]]
        if rng.random() < p.rand_pad_prob and p.max_pad_scale > 1:
            image, objects = self._pad(image, objects, rng)
        if rng.random() < p.rand_crop_prob and self._samplers:
            image, objects = self._crop(image, objects, rng)
        return self._fit(image, rng), objects

    def _colours(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        p = self._p
        shifts = [
            int(rng.uniform(-most, most)) if rng.random() < chance else 0
            for most, chance in (
                (p.max_random_hue, p.random_hue_prob),
                (p.max_random_illumination, p.random_illumination_prob),
                (p.max_random_saturation, p.random_saturation_prob),
            )
        ]
        if any(shifts):
            image = shift_hls(image, *shifts)
        if rng.random() < p.random_contrast_prob and p.max_random_contrast > 0:
            alpha = 1 + rng.uniform(-p.max_random_contrast, p.max_random_contrast)
            image = _opencv.load().convertScaleAbs(image, alpha=max(alpha, 0.0))
        return image

    def _pad(
        self, image: np.ndarray, objects: np.ndarray, rng: random.Random
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put the image at a random place of a larger one."""
        cv2 = _opencv.load()
        height, width = image.shape[:2]
        scale = rng.uniform(1, self._p.max_pad_scale)
        new_height, new_width = int(height * scale), int(width * scale)
        top, left = rng.randint(0, new_height - height), rng.randint(0, new_width - width)
        image = cv2.copyMakeBorder(
            image,
            top,
            new_height - height - top,
            left,
            new_width - width - left,
            cv2.BORDER_CONSTANT,
            value=(self._p.fill_value,) * 4,
        )
        objects = objects.copy()
        objects[:, [_LEFT, _RIGHT]] = (objects[:, [_LEFT, _RIGHT]] * width + left) / new_width
        objects[:, [_TOP, _BOTTOM]] = (objects[:, [_TOP, _BOTTOM]] * height + top) / new_height
        return image, objects

    def _crop(
        self, image: np.ndarray, objects: np.ndarray, rng: random.Random
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cut out a box that the samplers allow and that keeps an object; nothing if none is found."""
        samplers = list(self._samplers)
        rng.shuffle(samplers)
        for sampler in samplers:
            for _ in range(sampler.trials):
                box = sampler.draw(rng)
                if not sampler.accepts(box, objects):
                    continue
                kept = self._objects_in(box, objects)
                if len(kept):
                    height, width = image.shape[:2]
                    left, top, right, bottom = np.rint(box * [width, height, width, height]).astype(int)
                    return image[top : max(bottom, top + 1), left : max(right, left + 1)], kept
        return image, objects

    def _objects_in(self, box: np.ndarray, objects: np.ndarray) -> np.ndarray:
        """Return the objects that stay when the image is cut to `box`, in its coordinates."""
        if self._p.crop_emit_mode == "center":
            centre = (objects[:, [_LEFT, _TOP]] + objects[:, [_RIGHT, _BOTTOM]]) / 2
            stays = ((centre >= box[:2]) & (centre <= box[2:])).all(axis=1)
        else:
            shared, areas = intersections(objects, box)
            stays = shared / np.maximum(areas, 1e-12) > self._p.emit_overlap_thresh
        kept = objects[stays].copy()
        origin, size = np.tile(box[:2], 2), np.tile(box[2:] - box[:2], 2)
        corners = slice(_LEFT, _BOTTOM + 1)
        kept[:, corners] = np.clip((kept[:, corners] - origin) / np.maximum(size, 1e-12), 0, 1)
        return kept

    def _fit(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        p = self._p
        if p.resize_mode == "force":
            return resize(image, self._height, self._width, p.inter_method, rng)
        height, width = np.float32(image.shape[0]), np.float32(image.shape[1])
        ratio = min(np.float32(self._height) / height, np.float32(self._width) / width)
        if p.resize_mode == "shrink":
            ratio = min(ratio, np.float32(1))
        return resize(image, int(height * ratio), int(width * ratio), p.inter_method, rng)
