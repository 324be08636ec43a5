"""Gluon is no part of symbind: importing this module raises ImportError with what to do instead."""

from ._out_of_scope import REMEDIES

raise ImportError(f"[import gluon] {REMEDIES['gluon']}")
