"""Makes ``common`` and the ``parity`` package importable from every test folder."""

import pathlib
import sys

import numpy as np
import pytest

_HERE = str(pathlib.Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)


@pytest.fixture(autouse=True)
def _seeded():
    """Whatever a test draws from NumPy's global generator is the same in every run and order."""
    np.random.seed(20)
