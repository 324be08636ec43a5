"""Arrays on a device: `mx.nd`. Every visible operator of the engine is a function here."""

from typing import TYPE_CHECKING, Any

from . import _internal, contrib, image, linalg, op, random, sparse
from .arithmetic import (
    add,
    divide,
    equal,
    greater,
    greater_equal,
    hypot,
    lesser,
    lesser_equal,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    modulo,
    multiply,
    not_equal,
    power,
    subtract,
    true_divide,
)
from .custom import Custom
from .functions import histogram, split_v2
from .image_decode import imdecode
from .ndarray import (
    NDArray,
    arange,
    array,
    concatenate,
    empty,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
    moveaxis,
    onehot_encode,
    ones,
    to_dlpack_for_read,
    to_dlpack_for_write,
    waitall,
    zeros,
)
from .sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray
from .utils import load, load_frombuffer, save

op._populate(globals())

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...  # the operators, which a type checker cannot see
