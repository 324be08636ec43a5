"""Sparse arrays against what MXNet 1.9.1 computed (`record_sparse.py`)."""

from __future__ import annotations

import functools
import gzip
import json
import pathlib

import pytest
from common import mx
from parity import sparse_programs
from parity.sparse_golden import agree

GOLDEN = pathlib.Path(__file__).parent / "goldens" / "sparse.json.gz"


@functools.cache
def golden():
    return json.loads(gzip.decompress(GOLDEN.read_bytes()))


@pytest.mark.parametrize("section", sparse_programs.SECTIONS)
def test_section(section):
    expected = golden()[section]
    actual = json.loads(json.dumps(sparse_programs.SECTIONS[section](mx)))
    assert sorted(actual) == sorted(expected)
    wrong = [name for name in expected if not agree(actual[name], expected[name])]
    assert not wrong, f"{wrong}: {actual[wrong[0]]} != {expected[wrong[0]]}"
