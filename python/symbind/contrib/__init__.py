"""What is not yet, or no longer, in the core of MXNet: operators (`nd`, `sym`), text and logging helpers."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from .._out_of_scope import attribute_error
from ..ndarray import contrib as nd
from ..symbol import contrib as sym
from . import tensorboard, text

ndarray = nd
symbol = sym

if not _TYPE_CHECKING:

    def __getattr__(name: str):
        raise attribute_error(__name__, name)
