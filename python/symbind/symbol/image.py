"""Operators on images: `mx.sym.image`."""

from .op import _populate

_populate(globals(), "_image_")
