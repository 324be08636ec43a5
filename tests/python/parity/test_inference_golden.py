"""Inference from partial information knows at least what MXNet 1.9.1 knows, and nothing else."""

from __future__ import annotations

import functools
import gzip
import json

import pytest
from common import mx
from parity import cases, inference
from parity.replay import GOLDENS

ALL = cases.all_cases()


@functools.cache
def goldens():
    return json.loads(gzip.decompress((GOLDENS / "inference.json.gz").read_bytes()))


#: MXNet settles dtypes of int8 operators before their inputs are known; here they wait for them.
LATER = {"quantized"}


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(f, marks=pytest.mark.xfail(strict=True, reason="known later than in MXNet"))
        if f in LATER
        else f
        for f in cases.FAMILIES
    ],
)
def test_partial_inference(family):
    wrong = []
    for case in cases.family_cases(family):
        checksum, expected = goldens()[case.id]
        assert checksum == case.checksum(), f"{case.id} was edited after recording: run record_inference.py"
        actual = inference.answers(mx, case)
        for question, answer in expected.items():
            if answer is None:  # MXNet gave up with an error; that is not a fact about the operator
                continue
            if actual[question] is None or not inference.agrees(actual[question], answer):
                wrong.append(f"{case.id} {case.attrs} {question}: {actual[question]}, expected {answer}")
    assert not wrong, "\n".join(wrong)
