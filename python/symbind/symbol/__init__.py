"""Graphs of operators: `mx.sym`. Every visible operator of the engine is a function here."""

from . import _internal, op, random
from .symbol import (
    Group,
    Symbol,
    Variable,
    arange,
    eye,
    full,
    hypot,
    linspace,
    load,
    load_json,
    maximum,
    minimum,
    modulo,
    ones,
    pow,
    power,
    var,
    zeros,
)

op._populate(globals())
