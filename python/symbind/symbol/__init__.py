"""Graphs of operators: `mx.sym`. Every visible operator of the engine is a function here."""

from . import _internal, contrib, image, linalg, op, random, sparse
from .arithmetic import hypot, maximum, minimum, modulo, pow, power
from .creation import (
    Group,
    Variable,
    arange,
    eye,
    full,
    linspace,
    load,
    load_json,
    ones,
    var,
    zeros,
)
from .custom import Custom
from .functions import histogram, split_v2
from .symbol import Symbol

op._populate(globals())
