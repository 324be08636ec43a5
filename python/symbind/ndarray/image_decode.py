"""`mx.nd.imdecode`, the older way to decode an image; `mx.image.imdecode` is the newer one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _opencv
from .ndarray import NDArray, from_numpy

__all__ = ["imdecode"]


def imdecode(
    str_img: bytes,
    clip_rect: Any = (0, 0, 0, 0),
    out: NDArray | None = None,
    index: int = 0,
    channels: int = 3,
    mean: NDArray | None = None,
) -> NDArray:
    """Decode an image to float32 of (channels, height, width): red, green, blue, or grey.

    clip_rect : (left, top, right, bottom) of the part to return, default all of it.
    out : where to write it, (channels, height, width), or its image number `index` if it has one more axis.
    channels : 3 (default) or 1. mean : subtracted, of the result's shape.
    Raises ValueError for what is no image. Needs OpenCV: ``pip install 'symbind[image]'``.
    """
    image = _opencv.decode(str_img, 0 if channels == 1 else 1)
    if image is None:
        raise ValueError(f"[nd.imdecode] no image that OpenCV can decode: got {len(str_img)} bytes")
    left, top, right, bottom = clip_rect
    if right > left and bottom > top:
        image = image[top:bottom, left:right]
    planes = image[np.newaxis] if channels == 1 else image[:, :, ::-1].transpose(2, 0, 1)
    result = from_numpy(np.ascontiguousarray(planes, dtype=np.float32), zero_copy=True)
    if mean is not None:
        result = result - mean  # type: ignore[operator]
    if out is None:
        return result
    if len(out.shape) == 4:
        out[index] = result
    else:
        out[:] = result
    return out
