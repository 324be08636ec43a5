"""Initial values of parameters.

An initializer is called with the name of a parameter, as an `InitDesc`, and an array, which it fills. The
name decides: weights get what the initializer is about, biases 0, gammas 1 and so on. A variable that was
made with ``Variable(init=...)`` carries an initializer of its own, in its attribute ``__init__``, which wins.
"""

from .base import InitDesc, Initializer, create, register
from .combined import Load, Mixed
from .constant import Bilinear, Constant, One, Zero
from .distribution import MSRAPrelu, Normal, Orthogonal, Uniform, Xavier
from .recurrent import FusedRNN, LSTMBias

__all__ = [
    "Bilinear",
    "Constant",
    "FusedRNN",
    "InitDesc",
    "Initializer",
    "LSTMBias",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Xavier",
    "Zero",
    "create",
    "register",
]
