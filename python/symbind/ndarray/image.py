"""Operators on images: `mx.nd.image`."""

from .op import _populate

_populate(globals(), "_image_")
