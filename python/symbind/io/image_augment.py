"""How `ImageRecordIter` changes a decoded image until it has the wanted size: MXNet's default augmenter.

Images are NumPy arrays of uint8, (height, width, channels) or (height, width), in OpenCV's order of channels.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from .. import _opencv
from .image_parameters import AugmentParameters

__all__ = ["DefaultAugmenter", "interpolation", "resize", "resize_shorter_edge", "shift_hls"]

_CROP_ATTEMPTS = 10
# Eigenvalues and eigenvectors of the colours of ImageNet, from Krizhevsky et al., "ImageNet Classification
# with Deep Convolutional Neural Networks", section 4.1. Rows: red, green, blue.
_PCA_VALUES = np.array([55.46, 4.794, 1.148])
_PCA_VECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
_LINEAR, _CUBIC, _AREA = 1, 2, 3


def interpolation(
    method: int, height: int, width: int, new_height: int, new_width: int, rng: random.Random
) -> int:
    """Return OpenCV's number for an interpolation: 0 to 4 are its own, 9 is by size, 10 random."""
    if method == 9:
        if new_height > height and new_width > width:
            return _CUBIC
        return _AREA if new_height < height and new_width < width else _LINEAR
    return rng.randint(0, 4) if method == 10 else method


def resize(image: np.ndarray, new_height: int, new_width: int, method: int, rng: random.Random) -> np.ndarray:
    """Return the image in another size."""
    height, width = image.shape[:2]
    if (height, width) == (new_height, new_width):
        return image
    method = interpolation(method, height, width, new_height, new_width, rng)
    return _opencv.load().resize(image, (max(new_width, 1), max(new_height, 1)), interpolation=method)


def resize_shorter_edge(image: np.ndarray, size: int, method: int, rng: random.Random) -> np.ndarray:
    """Return the image with a shorter edge of `size` pixels."""
    height, width = image.shape[:2]
    if height > width:
        return resize(image, size * height // width, size, method, rng)
    return resize(image, size, size * width // height, method, rng)


def shift_hls(image: np.ndarray, hue: int, lightness: int, saturation: int) -> np.ndarray:
    """Return a colour image with numbers added to hue (0 to 180), lightness and saturation (to 255)."""
    cv2 = _opencv.load()
    hls = cv2.cvtColor(image, cv2.COLOR_BGR2HLS).astype(np.int16)
    hls += np.array([hue, lightness, saturation], np.int16)
    np.clip(hls, 0, np.array([180, 255, 255], np.int16), out=hls)
    return cv2.cvtColor(hls.astype(np.uint8), cv2.COLOR_HLS2BGR)


class DefaultAugmenter:
    """Changes images as the arguments of `ImageRecordIter` say; random numbers come from the caller.

    Raises ValueError for arguments that contradict each other.
    """

    def __init__(self, iterator: str, parameters: AugmentParameters, data_shape: tuple[int, ...]) -> None:
        self._p = p = parameters
        self._name = iterator
        self._height, self._width = data_shape[1:]
        if p.inter_method not in (0, 1, 2, 3, 4, 9, 10):
            raise ValueError(
                f"[{iterator}] wrong inter_method: got {p.inter_method}, expected 0 to 4, 9 or 10"
            )
        if p.min_crop_size > p.max_crop_size:
            raise ValueError(
                f"[{iterator}] min_crop_size {p.min_crop_size} exceeds max_crop_size {p.max_crop_size}"
            )
        for name in ("scale", "area"):
            low, high = getattr(p, f"min_random_{name}"), getattr(p, f"max_random_{name}")
            if not 0 < low <= high:
                raise ValueError(
                    f"[{iterator}] wrong range of min_random_{name} to max_random_{name}: got {low} to {high}"
                )
        self._warps = not p.random_resized_crop and (
            p.max_rotate_angle > 0
            or p.rotate > 0
            or p.max_shear_ratio > 0
            or (p.min_random_scale, p.max_random_scale) != (1, 1)
            or p.max_aspect_ratio != 0
            or p.min_aspect_ratio is not None
            or p.max_img_size != 1e10
            or p.min_img_size != 0
        )

    def __call__(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        """Return the image in the wanted size."""
        p = self._p
        if p.resize > 0:
            image = resize_shorter_edge(image, p.resize, p.inter_method, rng)
        if self._warps:
            image = self._warp(image, rng)
        if p.pad > 0:
            image = self._pad(image)
        image = self._crop(image, rng)
        if image.ndim == 3 and image.shape[2] == 3:
            image = self._colours(image, rng)
        return image

    def _fill(self) -> tuple[int, ...]:
        return (self._p.fill_value,) * 4

    def _pad(self, image: np.ndarray) -> np.ndarray:
        cv2, pad = _opencv.load(), self._p.pad
        return cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=self._fill())

    def _ratio(self, rng: random.Random) -> float:
        p = self._p
        if p.min_aspect_ratio is not None:
            return rng.uniform(p.min_aspect_ratio, p.max_aspect_ratio)
        return 1 + rng.uniform(-p.max_aspect_ratio, p.max_aspect_ratio)

    def _warp(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        """Rotate, shear, scale and change the aspect ratio by one affine map around the centre."""
        p = self._p
        height, width = image.shape[:2]
        shear = rng.uniform(-p.max_shear_ratio, p.max_shear_ratio)
        angle = p.rotate if p.rotate > 0 else rng.randint(-p.max_rotate_angle, p.max_rotate_angle)
        scale, ratio = rng.uniform(p.min_random_scale, p.max_random_scale), self._ratio(rng)
        scale_y = 2 * scale / (1 + ratio)
        scale_x = ratio * scale_y
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        linear = np.array(
            [
                [scale_y * cosine - shear * sine * scale_x, scale_y * sine + shear * cosine * scale_x],
                [-sine * scale_x, cosine * scale_x],
            ]
        )
        size = np.clip(scale * np.array([width, height]), p.min_img_size, p.max_img_size)
        offset = (size - linear @ [width, height]) / 2
        new_width, new_height = (int(v) for v in size)
        method = interpolation(p.inter_method, height, width, new_height, new_width, rng)
        cv2 = _opencv.load()
        return cv2.warpAffine(
            image,
            np.column_stack([linear, offset]).astype(np.float32),
            (new_width, new_height),
            flags=method,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=self._fill(),
        )

    def _crop(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        p = self._p
        part = self._random_part(image, rng) if p.random_resized_crop else None
        if part is not None:
            return resize(part, self._height, self._width, p.inter_method, rng)
        if p.max_crop_size > 0 and not p.random_resized_crop:
            size = rng.randint(max(p.min_crop_size, 1), p.max_crop_size)
            if min(image.shape[:2]) < p.max_crop_size:
                raise ValueError(
                    f"[{self._name}] max_crop_size {p.max_crop_size} exceeds an image of "
                    f"{image.shape[0]} x {image.shape[1]} pixels"
                )
            image = self._cut(image, size, size, rng)
            return resize(image, self._height, self._width, p.inter_method, rng)
        if image.shape[0] < self._height:
            new_width = int(np.float32(self._height) / np.float32(image.shape[0]) * image.shape[1])
            image = resize(image, self._height, new_width, p.inter_method, rng)
        if image.shape[1] < self._width:
            new_height = int(np.float32(self._width) / np.float32(image.shape[1]) * image.shape[0])
            image = resize(image, max(new_height, self._height), self._width, p.inter_method, rng)
        return self._cut(image, self._height, self._width, rng)

    def _cut(self, image: np.ndarray, height: int, width: int, rng: random.Random) -> np.ndarray:
        top, left = image.shape[0] - height, image.shape[1] - width
        if self._p.rand_crop:
            top, left = rng.randint(0, top), rng.randint(0, left)
        else:
            top, left = top // 2, left // 2
        return image[top : top + height, left : left + width]

    def _random_part(self, image: np.ndarray, rng: random.Random) -> np.ndarray | None:
        """Cut out a part of random area and aspect ratio; None if none fits in 10 attempts."""
        p = self._p
        height, width = image.shape[:2]
        for _ in range(_CROP_ATTEMPTS):
            area = rng.uniform(p.min_random_area, p.max_random_area) * height * width
            ratio = max(self._ratio(rng), 1e-3)
            new_width, new_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < new_width <= width and 0 < new_height <= height:
                top, left = rng.randint(0, height - new_height), rng.randint(0, width - new_width)
                return image[top : top + new_height, left : left + new_width]
        return None

    def _colours(self, image: np.ndarray, rng: random.Random) -> np.ndarray:
        p = self._p
        if p.random_h or p.random_s or p.random_l:
            hue, saturation, lightness = (
                int(rng.uniform(-v, v)) for v in (p.random_h, p.random_s, p.random_l)
            )
            image = shift_hls(image, hue, lightness, saturation)
        if p.brightness > 0 or p.contrast > 0 or p.saturation > 0:
            image = _jitter(image, p, rng)
        if p.pca_noise > 0:
            strength = [rng.gauss(0, p.pca_noise) for _ in range(3)]
            red_green_blue = _PCA_VECTORS @ (strength * _PCA_VALUES)
            noisy = image + red_green_blue[::-1].astype(np.float32)
            image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        return image


def _jitter(image: np.ndarray, p: Any, rng: random.Random) -> np.ndarray:
    """Change brightness, contrast and saturation, in random order."""
    cv2 = _opencv.load()
    steps = [("brightness", p.brightness), ("contrast", p.contrast), ("saturation", p.saturation)]
    rng.shuffle(steps)
    for step, most in steps:
        alpha = 1 + rng.uniform(-most, most)
        if most <= 0:
            continue
        if step == "brightness":
            image = cv2.convertScaleAbs(image, alpha=max(alpha, 0.0))
            continue
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if step == "contrast":
            image = cv2.addWeighted(image, alpha, np.full_like(image, 0), 0, (1 - alpha) * cv2.mean(grey)[0])
        else:
            image = cv2.addWeighted(image, alpha, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), 1 - alpha, 0)
    return image
