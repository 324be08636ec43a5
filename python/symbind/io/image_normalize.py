"""From an image of bytes to its place in a batch: order of axes and channels, mirroring, mean and scale."""

from __future__ import annotations

import random

import numpy as np

from .. import _opencv
from .image_parameters import NormalizeParameters

__all__ = ["Normalizer"]


class Normalizer:
    """Writes images, (height, width, channels) in OpenCV's order, into batches of (channels, height, width).

    float32 values are (pixel - mean) * scale / std, with contrast and illumination changed at random if that
    is asked for. uint8 values are pixels, int8 values are pixels minus the rounded mean, at most 127.

    Parameters
    ----------
    iterator : str
        For error messages.
    parameters : NormalizeParameters
    channels : int
        1 grey, 3 red, green, blue, 4 with alpha.
    dtype : numpy.dtype
    divide : bool
        Whether to divide by std in float32 instead of multiplying by its inverse, as old readers did.

    Raises ValueError for a std of 0.
    """

    def __init__(
        self,
        iterator: str,
        parameters: NormalizeParameters,
        channels: int,
        dtype: np.dtype,
        divide: bool = False,
    ) -> None:
        self._p = p = parameters
        self._dtype = dtype
        self._divide = divide
        self._mean = np.array([p.mean_r, p.mean_g, p.mean_b, p.mean_a], np.float32)[:channels]
        self._std = np.array([p.std_r, p.std_g, p.std_b, p.std_a], np.float32)[:channels]
        if not self._std.all():
            raise ValueError(f"[{iterator}] a standard deviation is 0: got {self._std.tolist()}")
        self._source = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        self.mean_image: np.ndarray | None = None

    def __call__(self, image: np.ndarray, out: np.ndarray, rng: random.Random) -> None:
        """Write one image to `out`, (channels, height, width)."""
        p, cv2 = self._p, _opencv.load()
        coin = p.rand_mirror and rng.random() < 0.5
        if p.mirror or coin:
            image = cv2.flip(image, 1)
        planes = cv2.split(image) if image.ndim == 3 else [image]
        contrast = 1 + rng.uniform(-p.max_random_contrast, p.max_random_contrast)
        illumination = rng.uniform(-p.max_random_illumination, p.max_random_illumination)
        for channel, source in enumerate(self._source):
            if self._dtype == np.float32:
                self._write(planes[source], out[channel], channel, contrast, illumination)
            elif self._dtype == np.int8:
                centred = planes[source] - np.floor(self._mean[channel] + 0.5)
                out[channel] = np.clip(centred, -128, 127)
            else:
                out[channel] = planes[source]

    def _write(
        self, plane: np.ndarray, out: np.ndarray, channel: int, contrast: float, illumination: float
    ) -> None:
        mean = self._mean[channel] if self.mean_image is None else self.mean_image[channel]
        np.subtract(plane, mean, out=out, dtype=np.float32)
        std, scale = self._std[channel], np.float32(contrast * self._p.scale)
        if self._divide and std != 1:
            out /= std
            std = np.float32(1)
        factor = scale / std
        if factor != 1:
            out *= factor
        if illumination:
            out += np.float32(illumination * self._p.scale) / std
