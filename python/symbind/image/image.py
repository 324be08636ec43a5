"""Reading, resizing, cropping and rotating images. An image is an NDArray of (height, width, channels)."""

from __future__ import annotations

import math
import os
import random
from typing import Any

import numpy as np

from .. import _opencv
from ..ndarray import NDArray, array, from_numpy
from ..ndarray.op import function

__all__ = [
    "center_crop",
    "color_normalize",
    "copyMakeBorder",
    "fixed_crop",
    "imdecode",
    "imread",
    "imresize",
    "imrotate",
    "random_crop",
    "random_rotate",
    "random_size_crop",
    "resize_short",
    "scale_down",
]

_CROP_ATTEMPTS = 10


def _host(image: Any) -> np.ndarray:
    """Return a NumPy array on the memory of an image, for reading."""
    return image.handle.peek_numpy() if isinstance(image, NDArray) else np.asarray(image)


def _deliver(result: np.ndarray, out: NDArray | None = None) -> NDArray:
    if result.ndim == 2:
        result = result[:, :, np.newaxis]
    if out is not None:
        out[:] = result
        return out
    return from_numpy(np.ascontiguousarray(result), zero_copy=True)


def imdecode(
    buf: Any, flag: int = 1, to_rgb: bool = True, out: NDArray | None = None, **kwargs: Any
) -> NDArray:
    """Decode an image.

    buf : bytes, or a uint8 array of them. flag : 1 (default) colour, 0 grey, -1 as stored.
    to_rgb : whether channels are red, green, blue (default) or blue, green, red.
    Returns uint8, (height, width, channels). A photo is turned as its camera's Exif entry says, unless it is
    a JFIF file, as in MXNet.
    Raises ValueError for what is no image. Needs OpenCV: ``pip install 'symbind[image]'``.
    """
    cv2 = _opencv.load()
    data = buf if isinstance(buf, (bytes, bytearray, memoryview)) else _host(buf).tobytes()
    # MXNet knows the size of JFIF files beforehand, and a turned image would not fit.
    as_stored = flag >= 0 and data[:3] == b"\xff\xd8\xff" and data[6:10] == b"JFIF"
    flags = flag | cv2.IMREAD_IGNORE_ORIENTATION if as_stored else flag
    image = _opencv.decode(data, flags)
    if image is None:
        raise ValueError(
            f"[image.imdecode] no image that OpenCV can decode: got {len(data)} bytes that begin with "
            f"{bytes(data[:8])!r}"
        )
    if to_rgb and image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return _deliver(image, out)


def imread(filename: str | os.PathLike, flag: int = 1, to_rgb: bool = True, **kwargs: Any) -> NDArray:
    """Read and decode an image file. Arguments and result as for `imdecode`; OSError if it cannot be read."""
    with open(filename, "rb") as file:
        data = file.read()
    try:
        return imdecode(data, flag, to_rgb, **kwargs)
    except ValueError as err:
        raise ValueError(f"{err} (file {os.fspath(filename)!r})") from None


def imresize(src: Any, w: int, h: int, interp: int = 1, out: NDArray | None = None, **kwargs: Any) -> NDArray:
    """Return an image in the size of `h` rows and `w` columns.

    interp : 0 nearest, 1 linear (default), 2 cubic, 3 area, 4 Lanczos. The dtype stays.
    """
    image = _host(src)
    if w < 1 or h < 1 or image.ndim != 3 or 0 in image.shape:
        raise ValueError(
            f"[image.imresize] cannot resize an image of shape {image.shape} to {h} x {w} pixels"
        )
    cv2 = _opencv.load()
    # OpenCV resizes neither int32 nor int8; the first becomes exact enough as float64.
    work = image.astype(np.float64) if image.dtype.kind in "ib" else image
    work = work.astype(np.float32) if work.dtype == np.float16 else work
    result = cv2.resize(work, (w, h), interpolation=_check_interpolation(interp))
    if result.dtype != image.dtype:
        if image.dtype.kind in "ib":
            result = np.rint(result)
        result = result.astype(image.dtype)
    return _deliver(result, out)


def copyMakeBorder(
    src: Any,
    top: int = 0,
    bot: int = 0,
    left: int = 0,
    right: int = 0,
    type: int = 0,
    value: float = 0.0,
    values: Any = (),
    out: NDArray | None = None,
    **kwargs: Any,
) -> NDArray:
    """Return an image with a border of so many pixels.

    type : 0 (default) constant, of `value`, or of `values` for the channels; 1 the edge goes on, 2 mirrored
    with the edge, 3 wrapped around, 4 mirrored without it.
    """
    cv2 = _opencv.load()
    image = _host(src)
    filling = tuple(float(v) for v in values) or (float(value),) * 4
    kind = 0 if type == 16 else type  # 16 is constant, too, on an image of its own
    return _deliver(cv2.copyMakeBorder(image, top, bot, left, right, kind, value=filling), out)


def scale_down(src_size: Any, size: Any) -> tuple[int, int]:
    """Return the largest (width, height) of the shape of `size` that is not larger than `src_size`."""
    w, h = size
    src_w, src_h = src_size
    if src_h < h:
        w, h = float(w * src_h) / h, src_h
    if src_w < w:
        w, h = src_w, float(h * src_w) / w
    return int(w), int(h)


def _check_interpolation(interp: int) -> int:
    if interp not in (0, 1, 2, 3, 4):
        raise ValueError(f"[image] Unknown interp method {interp}: expected 0 to 4, 9 or 10")
    return interp


def _get_interp_method(interp: int, sizes: Any = ()) -> int:
    """Return an interpolation of OpenCV: 9 chooses by `sizes` (old and new height and width), 10 at
    random."""
    if interp == 9:
        if not sizes:
            return 2
        old_h, old_w, new_h, new_w = sizes
        if new_h > old_h and new_w > old_w:
            return 2
        return 3 if new_h < old_h and new_w < old_w else 1
    return random.randint(0, 4) if interp == 10 else _check_interpolation(interp)


def resize_short(src: NDArray, size: int, interp: int = 2) -> NDArray:
    """Return an image whose shorter edge has `size` pixels. interp : as for `imresize`, 9 by size, 10
    random."""
    h, w = src.shape[:2]
    new_h, new_w = (size * h // w, size) if h > w else (size, size * w // h)
    return imresize(src, new_w, new_h, interp=_get_interp_method(interp, (h, w, new_h, new_w)))


def fixed_crop(src: NDArray, x0: int, y0: int, w: int, h: int, size: Any = None, interp: int = 2) -> NDArray:
    """Cut `h` rows and `w` columns out of an image, from row `y0` and column `x0` on.

    size : (width, height) to resize the part to, optional.
    """
    image = _host(src)
    if w < 1 or h < 1 or x0 < 0 or y0 < 0 or x0 + w > image.shape[1] or y0 + h > image.shape[0]:
        raise ValueError(
            f"[image.fixed_crop] {h} x {w} pixels from row {y0} and column {x0} on do not lie in an image of "
            f"{image.shape[0]} x {image.shape[1]}"
        )
    part = image[y0 : y0 + h, x0 : x0 + w]
    if size is not None and (w, h) != tuple(size):
        return imresize(part, size[0], size[1], interp=_get_interp_method(interp, (h, w, size[1], size[0])))
    return _deliver(part.copy())


def random_crop(src: NDArray, size: Any, interp: int = 2) -> tuple[NDArray, tuple[int, int, int, int]]:
    """Cut a part of `size` (width, height) out at a random place; a smaller part, resized, if it does not
    fit.

    Returns the part, and column, row, width and height where it was.
    """
    h, w = src.shape[:2]
    new_w, new_h = scale_down((w, h), size)
    x0, y0 = random.randint(0, w - new_w), random.randint(0, h - new_h)
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def center_crop(src: NDArray, size: Any, interp: int = 2) -> tuple[NDArray, tuple[int, int, int, int]]:
    """Cut a part of `size` (width, height) out of the middle. Otherwise as `random_crop`."""
    h, w = src.shape[:2]
    new_w, new_h = scale_down((w, h), size)
    x0, y0 = (w - new_w) // 2, (h - new_h) // 2
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def random_size_crop(
    src: NDArray, size: Any, area: Any, ratio: Any, interp: int = 2, **kwargs: Any
) -> tuple[NDArray, tuple[int, int, int, int]]:
    """Cut out a part of random size and shape, and resize it to `size` (width, height).

    area : range of its share of the image's area; one number is the least. ratio : range of width / height.
    Returns as `random_crop`; the middle of the image if nothing fits in 10 attempts.
    """
    h, w = src.shape[:2]
    area = kwargs.pop("min_area", area)
    if kwargs:
        raise TypeError(f"[image.random_size_crop] unexpected arguments: {', '.join(sorted(kwargs))}")
    if isinstance(area, (int, float, np.number)):
        area = (area, 1.0)
    for _ in range(_CROP_ATTEMPTS):
        target = random.uniform(area[0], area[1]) * h * w
        shape = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        new_w, new_h = round(math.sqrt(target * shape)), round(math.sqrt(target / shape))
        if 0 < new_w <= w and 0 < new_h <= h:
            x0, y0 = random.randint(0, w - new_w), random.randint(0, h - new_h)
            return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)
    return center_crop(src, size, interp)


def color_normalize(src: NDArray, mean: Any, std: Any = None) -> NDArray:
    """Subtract `mean` from an image and divide by `std`, in place; None leaves a step out."""
    if mean is not None:
        src -= mean
    if std is not None:
        src /= std
    return src


def imrotate(src: NDArray, rotation_degrees: Any, zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """Rotate images around their centre.

    src : float32, (channels, height, width), or a batch of them with one more axis in front.
    rotation_degrees : a number, or an array with one for each image of a batch.
    zoom_in : enlarge so that no empty corners are seen. zoom_out : shrink so that everything is seen.
    Raises ValueError for both, TypeError for another dtype or shape.
    """
    if zoom_in and zoom_out:
        raise ValueError("[image.imrotate] `zoom_in` and `zoom_out` cannot be both True")
    if src.dtype is not np.float32:
        raise TypeError(
            f"[image.imrotate] Only `float32` images are supported: got {np.dtype(src.dtype).name}"
        )
    batch = src.ndim == 4
    if src.ndim not in (3, 4):
        raise ValueError(f"[image.imrotate] expected 3 or 4 axes: got shape {src.shape}")
    images = src if batch else src.expand_dims(0)
    angles = np.radians(np.asarray(_host(rotation_degrees), np.float32).reshape(-1))
    if len(angles) not in (1, len(images)) or (not batch and len(angles) != 1):
        raise ValueError(
            f"[image.imrotate] got {len(angles)} angles, "
            f"expected one, or one for each of {len(images)} images"
        )
    angles = np.broadcast_to(angles, (len(images),))
    grid = _rotation_grid(angles, images.shape[2], images.shape[3], zoom_in, zoom_out)
    rotated = function("BilinearSampler")(images, array(grid))
    return rotated if batch else rotated[0]


def _rotation_grid(angles: np.ndarray, height: int, width: int, zoom_in: bool, zoom_out: bool) -> np.ndarray:
    """Return where every pixel comes from: (images, 2, height, width), -1 to 1 from edge to edge."""
    half_h, half_w = (height - 1) / 2, (width - 1) / 2
    rows, columns = np.meshgrid(np.arange(height) - half_h, np.arange(width) - half_w, indexing="ij")
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    grid = np.stack(
        [
            (columns * cosine - rows * sine) / max(half_w, 1e-9),
            (columns * sine + rows * cosine) / max(half_h, 1e-9),
        ],
        axis=1,
    )
    if zoom_in or zoom_out:
        # How far the corners of a rotated image reach in both directions.
        diagonal, corner = math.hypot(height, width), math.atan2(height, width)
        turns = np.stack([corner + np.abs(angles), corner - np.abs(angles)])
        reach_x = np.abs(diagonal * np.cos(turns)).max(axis=0)
        reach_y = np.abs(diagonal * np.sin(turns)).max(axis=0)
        if zoom_out:
            zoom = np.maximum(reach_x / width, reach_y / height)
        else:
            zoom = np.minimum(width / reach_x, height / reach_y)
        grid *= zoom[:, None, None, None]
    return grid.astype(np.float32)


def random_rotate(src: NDArray, angle_limits: Any, zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """Rotate images by random angles between two limits, one for each image of a batch. See `imrotate`."""
    if src.ndim == 3:
        return imrotate(src, np.random.uniform(angle_limits[0], angle_limits[1]), zoom_in, zoom_out)
    angles = np.random.uniform(angle_limits[0], angle_limits[1], size=len(src))
    return imrotate(src, array(angles), zoom_in, zoom_out)
