"""Texts: counting tokens, and vocabularies that number them."""

from . import utils, vocab

__all__ = ["utils", "vocab"]
