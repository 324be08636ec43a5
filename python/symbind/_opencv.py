"""OpenCV, the extra that decodes, encodes and resizes images. It is imported when it is first needed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["decode", "encode", "load"]


@functools.cache
def load() -> Any:
    """Return the module `cv2`. Raises ImportError, with the remedy, where it is not installed."""
    try:
        import cv2
    except ImportError as err:
        raise ImportError(
            f"[image] images need OpenCV, which is not installed ({err}): run "
            "pip install 'symbind[image]', or pip install opencv-python-headless"
        ) from err
    return cv2


def decode(data: Any, flag: int) -> np.ndarray | None:
    """Decode bytes to an image in the order blue, green, red, or grey; None for what is no image.

    flag : one of OpenCV's: -1 as stored, 0 grey, 1 colour.
    """
    cv2 = load()
    buffer = np.frombuffer(data, np.uint8)
    if buffer.size == 0:
        return None
    try:
        return cv2.imdecode(buffer, flag)
    except cv2.error:
        return None


def encode(image: np.ndarray, quality: int, extension: str) -> bytes:
    """Compress an image (blue, green, red, or grey) to the format of a file extension.

    quality : 1 to 100 for JPEG and WebP, 0 to 9 (how hard to try) for PNG.
    Raises ValueError if the format is not known or cannot hold the image.
    """
    cv2 = load()
    kind = extension.lower()
    if kind in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif kind == ".png":
        options = [cv2.IMWRITE_PNG_COMPRESSION, min(quality, 9)]  # as pack_img defaults to 95
    elif kind == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    else:
        options = []
    try:
        done, data = cv2.imencode(extension, image, options)
    except cv2.error as err:
        done, problem = False, str(err)
    else:
        problem = "OpenCV cannot encode it"
    if not done:
        raise ValueError(
            f"[image] cannot store an image of shape {np.shape(image)} and dtype "
            f"{getattr(image, 'dtype', type(image).__name__)} as {extension!r} with quality {quality}: "
            f"{problem}"
        )
    return data.tobytes()
