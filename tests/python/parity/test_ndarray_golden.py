"""NDArray computes, indexes and converts as MXNet 1.9.1 does: values recorded by `record_ndarray.py`."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from common import mx
from parity.ndarray_programs import PROGRAMS, run

GOLDEN = json.loads((pathlib.Path(__file__).parent / "goldens" / "ndarray.json").read_text())


def check(actual, expected):
    if isinstance(expected, list):
        assert isinstance(actual, list) and len(actual) == len(expected)
        for a, e in zip(actual, expected):
            check(a, e)
    elif isinstance(expected, dict):
        assert isinstance(actual, dict) and set(actual) == set(expected)
        for key in expected:
            check(actual[key], expected[key])
    elif isinstance(expected, float) and not isinstance(actual, str):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-5)
    else:
        assert actual == expected


def test_every_program_is_recorded():
    assert list(GOLDEN) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program):
    check(run(program, mx), GOLDEN[program])
