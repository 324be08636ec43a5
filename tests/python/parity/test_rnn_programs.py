"""`mx.rnn` against what MXNet 1.9.1 composed and computed (`record_rnn.py`)."""

from __future__ import annotations

import functools
import gzip
import json
import pathlib

import pytest
from common import mx
from parity import rnn_programs

GOLDEN = pathlib.Path(__file__).parent / "goldens" / "rnn_programs.json.gz"


@functools.cache
def golden():
    return json.loads(gzip.decompress(GOLDEN.read_bytes()))


@pytest.mark.parametrize("section", rnn_programs.SECTIONS)
def test_section(section):
    expected = golden()[section]
    actual = json.loads(json.dumps(rnn_programs.SECTIONS[section](mx)))
    assert sorted(actual) == sorted(expected)
    wrong = [name for name in expected if actual[name] != expected[name]]
    assert not wrong, f"{wrong[0]}: {actual[wrong[0]]} != {expected[wrong[0]]}"
