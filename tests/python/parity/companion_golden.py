"""Compares the companions of training with what MXNet 1.9.1 did (`record_companions.py`)."""

from __future__ import annotations

import functools
import json
import pathlib

import pytest

_FILE = pathlib.Path(__file__).parent / "goldens" / "companions.json"


@functools.cache
def section(name):
    """{situation: result} of one of the modules."""
    return json.loads(_FILE.read_text())[name]


def as_json(value):
    """What a result looks like after a round through JSON, so that tuples and lists compare equal."""
    return json.loads(json.dumps(value, default=float))


def assert_same(actual, expected, rtol=1e-6, where="result"):
    """Equal, with numbers to a relative tolerance and NaN equal to NaN."""
    actual = as_json(actual)
    if isinstance(expected, list):
        assert isinstance(actual, list) and len(actual) == len(expected), f"{where}: {actual} != {expected}"
        for index, (left, right) in enumerate(zip(actual, expected)):
            assert_same(left, right, rtol, f"{where}[{index}]")
    elif isinstance(expected, dict):
        assert sorted(actual) == sorted(expected), where
        for key, right in expected.items():
            assert_same(actual[key], right, rtol, f"{where}[{key!r}]")
    elif isinstance(expected, (int, float)) and not isinstance(expected, bool):
        assert actual == pytest.approx(expected, rel=rtol, abs=1e-12, nan_ok=True), where
    else:
        assert actual == expected, where
