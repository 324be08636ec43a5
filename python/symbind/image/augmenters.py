"""Augmenters: steps that change an image, most of them at random.

Random numbers come from Python's `random` and from `numpy.random`, in MXNet's order: after the same seeds the
results are MXNet's.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np

from ..ndarray import NDArray, array
from ..ndarray.op import function
from .image import (
    _get_interp_method,
    center_crop,
    color_normalize,
    imresize,
    random_crop,
    random_size_crop,
    resize_short,
)

__all__ = [
    "Augmenter",
    "BrightnessJitterAug",
    "CastAug",
    "CenterCropAug",
    "ColorJitterAug",
    "ColorNormalizeAug",
    "ContrastJitterAug",
    "CreateAugmenter",
    "ForceResizeAug",
    "HorizontalFlipAug",
    "HueJitterAug",
    "LightingAug",
    "RandomCropAug",
    "RandomGrayAug",
    "RandomOrderAug",
    "RandomSizedCropAug",
    "ResizeAug",
    "SaturationJitterAug",
    "SequentialAug",
]

# Weights of red, green and blue in brightness (ITU-R BT.601).
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
# From RGB to YIQ, where hue is an angle, and back.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_FROM_YIQ = np.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])
# Means, deviations and principal components of the colours of ImageNet.
IMAGENET_MEAN = np.array([123.68, 116.28, 103.53])
IMAGENET_STD = np.array([58.395, 57.12, 57.375])
_EIGENVALUES = np.array([55.46, 4.794, 1.148])
_EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


def jsonable(value: Any) -> Any:
    """Return an argument of an augmenter in a form that JSON has."""
    if isinstance(value, NDArray):
        value = value.asnumpy()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


class Augmenter:
    """Base class of augmenters: a callable from image to image. Keyword arguments are what `dumps` tells."""

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = {name: jsonable(value) for name, value in kwargs.items()}

    def dumps(self) -> Any:
        """Return the class and its arguments as JSON."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, src: Any) -> Any:
        """Return the changed image. Subclasses implement this; the base class raises NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} has to implement __call__")


class SequentialAug(Augmenter):
    """Applies augmenters one after the other. ts : list of Augmenter."""

    def __init__(self, ts: Any) -> None:
        super().__init__()
        self.ts = ts

    def dumps(self) -> Any:
        """Return the class and what the augmenters return."""
        return [type(self).__name__.lower(), [aug.dumps() for aug in self.ts]]

    def __call__(self, src: Any) -> Any:
        for aug in self.ts:
            src = aug(src)
        return src


class RandomOrderAug(SequentialAug):
    """Applies augmenters in random order. ts : list of Augmenter."""

    def __call__(self, src: Any) -> Any:
        random.shuffle(self.ts)
        return super().__call__(src)


class ResizeAug(Augmenter):
    """Resizes the shorter edge to `size` pixels, see `resize_short`."""

    def __init__(self, size: int, interp: int = 2) -> None:
        super().__init__(size=size, interp=interp)
        self.size, self.interp = size, interp

    def __call__(self, src: Any) -> Any:
        return resize_short(src, self.size, self.interp)


class ForceResizeAug(Augmenter):
    """Resizes to `size` (width, height) whatever the shape."""

    def __init__(self, size: Any, interp: int = 2) -> None:
        super().__init__(size=size, interp=interp)
        self.size, self.interp = size, interp

    def __call__(self, src: Any) -> Any:
        sizes = (src.shape[0], src.shape[1], self.size[1], self.size[0])
        return imresize(src, self.size[0], self.size[1], interp=_get_interp_method(self.interp, sizes))


class RandomCropAug(Augmenter):
    """Cuts a part of `size` (width, height) out at a random place, see `random_crop`."""

    def __init__(self, size: Any, interp: int = 2) -> None:
        super().__init__(size=size, interp=interp)
        self.size, self.interp = size, interp

    def __call__(self, src: Any) -> Any:
        return random_crop(src, self.size, self.interp)[0]


class RandomSizedCropAug(Augmenter):
    """Cuts out a part of random size and shape and resizes it, see `random_size_crop`."""

    def __init__(self, size: Any, area: Any, ratio: Any, interp: int = 2, **kwargs: Any) -> None:
        area = kwargs.pop("min_area", area)
        if kwargs:
            raise TypeError(f"[RandomSizedCropAug] unexpected arguments: {', '.join(sorted(kwargs))}")
        super().__init__(size=size, area=area, ratio=ratio, interp=interp)
        self.size, self.area, self.ratio, self.interp = size, area, ratio, interp

    def __call__(self, src: Any) -> Any:
        return random_size_crop(src, self.size, self.area, self.ratio, self.interp)[0]


class CenterCropAug(Augmenter):
    """Cuts a part of `size` (width, height) out of the middle, see `center_crop`."""

    def __init__(self, size: Any, interp: int = 2) -> None:
        super().__init__(size=size, interp=interp)
        self.size, self.interp = size, interp

    def __call__(self, src: Any) -> Any:
        return center_crop(src, self.size, self.interp)[0]


class BrightnessJitterAug(Augmenter):
    """Multiplies by a random factor of 1 - `brightness` to 1 + `brightness`, in place."""

    def __init__(self, brightness: float) -> None:
        super().__init__(brightness=brightness)
        self.brightness = brightness

    def __call__(self, src: Any) -> Any:
        src *= 1.0 + random.uniform(-self.brightness, self.brightness)
        return src


class ContrastJitterAug(Augmenter):
    """Moves pixels away from, or towards, the mean brightness by up to a share of `contrast`, in place."""

    def __init__(self, contrast: float) -> None:
        super().__init__(contrast=contrast)
        self.contrast = contrast

    def __call__(self, src: Any) -> Any:
        alpha = 1.0 + random.uniform(-self.contrast, self.contrast)
        grey = (src * array(_GREY)).asnumpy()
        mean = 3.0 * (1.0 - alpha) / grey.size * grey.sum(dtype=np.float64)
        src *= alpha
        src += float(mean)
        return src


class SaturationJitterAug(Augmenter):
    """Moves pixels away from, or towards, their grey value by up to a share of `saturation`, in place."""

    def __init__(self, saturation: float) -> None:
        super().__init__(saturation=saturation)
        self.saturation = saturation

    def __call__(self, src: Any) -> Any:
        alpha = 1.0 + random.uniform(-self.saturation, self.saturation)
        grey = function("sum")(src * array(_GREY), axis=2, keepdims=True)
        grey *= 1.0 - alpha
        src *= alpha
        src += grey
        return src


class HueJitterAug(Augmenter):
    """Turns hues by up to `hue` half circles."""

    def __init__(self, hue: float) -> None:
        super().__init__(hue=hue)
        self.hue = hue

    def __call__(self, src: Any) -> Any:
        angle = random.uniform(-self.hue, self.hue) * math.pi
        cosine, sine = math.cos(angle), math.sin(angle)
        turn = np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
        return function("dot")(src, array((_FROM_YIQ @ turn @ _TO_YIQ).T))


class ColorJitterAug(RandomOrderAug):
    """Changes brightness, contrast and saturation in random order; 0 leaves one out."""

    def __init__(self, brightness: float, contrast: float, saturation: float) -> None:
        steps: list[Augmenter] = []
        if brightness > 0:
            steps.append(BrightnessJitterAug(brightness))
        if contrast > 0:
            steps.append(ContrastJitterAug(contrast))
        if saturation > 0:
            steps.append(SaturationJitterAug(saturation))
        super().__init__(steps)


class LightingAug(Augmenter):
    """Adds random amounts of the principal components of colours, in place.

    alphastd : their standard deviation. eigval : array of (3,). eigvec : array of (3, 3).
    """

    def __init__(self, alphastd: float, eigval: Any, eigvec: Any) -> None:
        super().__init__(alphastd=alphastd, eigval=eigval, eigvec=eigvec)
        self.alphastd, self.eigval, self.eigvec = alphastd, eigval, eigvec

    def __call__(self, src: Any) -> Any:
        alpha = np.random.normal(0, self.alphastd, size=(3,))
        src += array(np.dot(self.eigvec * alpha, self.eigval))
        return src


class ColorNormalizeAug(Augmenter):
    """Subtracts `mean` and divides by `std`, each an array or None, in place."""

    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = (
            value if value is None or isinstance(value, NDArray) else array(value) for value in (mean, std)
        )
        super().__init__(mean=self.mean, std=self.std)

    def __call__(self, src: Any) -> Any:
        return color_normalize(src, self.mean, self.std)


class RandomGrayAug(Augmenter):
    """Makes an image grey with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p
        self._matrix = array(np.tile(np.array([[0.21], [0.72], [0.07]], np.float32), 3))

    def __call__(self, src: Any) -> Any:
        return function("dot")(src, self._matrix) if random.random() < self.p else src


class HorizontalFlipAug(Augmenter):
    """Mirrors an image with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p

    def __call__(self, src: Any) -> Any:
        return function("flip")(src, axis=1) if random.random() < self.p else src


class CastAug(Augmenter):
    """Converts to a dtype, default float32."""

    def __init__(self, typ: Any = "float32") -> None:
        super().__init__(type=typ)
        self.typ = typ

    def __call__(self, src: Any) -> Any:
        return src.astype(self.typ)


def colour_augmenters(
    mean: Any,
    std: Any,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    pca_noise: float,
    rand_gray: float,
    owner: str,
) -> list[Augmenter]:
    """Return the steps on colours that classification and detection share."""
    steps: list[Augmenter] = [CastAug()]
    if brightness or contrast or saturation:
        steps.append(ColorJitterAug(brightness, contrast, saturation))
    if hue:
        steps.append(HueJitterAug(hue))
    if pca_noise > 0:
        steps.append(LightingAug(pca_noise, _EIGENVALUES, _EIGENVECTORS))
    if rand_gray > 0:
        steps.append(RandomGrayAug(rand_gray))
    mean, std = _three(mean, IMAGENET_MEAN, "mean", owner), _three(std, IMAGENET_STD, "std", owner)
    if mean is not None or std is not None:
        steps.append(ColorNormalizeAug(mean, std))
    return steps


def _three(value: Any, default: np.ndarray, what: str, owner: str) -> Any:
    if value is None or value is False:
        return None
    if value is True:
        return default
    shape = np.shape(value.asnumpy() if isinstance(value, NDArray) else value)
    if shape not in ((1,), (3,)):
        raise ValueError(f"[{owner}] wrong shape of {what}: got {shape}, expected (1,) or (3,)")
    return value


def CreateAugmenter(
    data_shape: Any,
    resize: int = 0,
    rand_crop: bool = False,
    rand_resize: bool = False,
    rand_mirror: bool = False,
    mean: Any = None,
    std: Any = None,
    brightness: float = 0,
    contrast: float = 0,
    saturation: float = 0,
    hue: float = 0,
    pca_noise: float = 0,
    rand_gray: float = 0,
    inter_method: int = 2,
) -> list[Augmenter]:
    """Return the usual list of augmenters.

    data_shape : (channels, height, width) of the result. resize : length of the shorter edge first, if above
    0.
    rand_crop : cut out at random instead of the middle. rand_resize : a part of random size, needs
    `rand_crop`.
    rand_mirror : mirror half of the images. mean, std : arrays of 3 or 1, True for ImageNet's, None for none.
    brightness, contrast, saturation, hue : most relative change. pca_noise : standard deviation of noise.
    rand_gray : probability. inter_method : as for `resize_short`.
    """
    steps: list[Augmenter] = []
    if resize > 0:
        steps.append(ResizeAug(resize, inter_method))
    crop_size = (data_shape[2], data_shape[1])
    if rand_resize:
        if not rand_crop:
            raise ValueError("[image.CreateAugmenter] rand_resize needs rand_crop=True")
        steps.append(RandomSizedCropAug(crop_size, 0.08, (3.0 / 4.0, 4.0 / 3.0), inter_method))
    elif rand_crop:
        steps.append(RandomCropAug(crop_size, inter_method))
    else:
        steps.append(CenterCropAug(crop_size, inter_method))
    if rand_mirror:
        steps.append(HorizontalFlipAug(0.5))
    return steps + colour_augmenters(
        mean, std, brightness, contrast, saturation, hue, pca_noise, rand_gray, "image.CreateAugmenter"
    )
