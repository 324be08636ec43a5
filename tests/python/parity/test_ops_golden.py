"""Every operator case against what MXNet 1.9.1 computed."""

from __future__ import annotations

import functools

import pytest
from common import assert_close, mx
from parity import cases
from parity.replay import MODE_DEPENDENT, GoldenFile, run_case, run_imperative

ALL = cases.all_cases()


@functools.cache
def goldens(family):
    return GoldenFile(family).read()


def expected_of(case):
    """The recorded arrays; fails when the table was edited and not recorded again."""
    recorded = goldens(case.family)
    assert case.id in recorded, f"{case.id} has no golden: run record_ops.py {case.family}"
    checksum, arrays = recorded[case.id]
    assert checksum == case.checksum(), (
        f"{case.id} was edited after recording: run record_ops.py {case.family}"
    )
    return arrays


def compare(case, actual, expected):
    for name, array in expected.items():
        assert name in actual, f"{case.id}: {name} is missing, got {sorted(actual)}"
        assert actual[name].dtype == array.dtype, (
            f"{case.id} {name}: {actual[name].dtype}, expected {array.dtype}"
        )
        assert_close(actual[name], array, case.rtol, case.atol, f"{case.id} {name} {case.attrs}")


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_bound(case):
    actual, expected = run_case(mx, case), expected_of(case)
    assert actual.keys() == expected.keys()
    compare(case, actual, expected)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_watched(case):
    """A monitor makes the executor run every node by itself."""
    seen = []
    actual = run_case(mx, case, watch=lambda name, array: seen.append(name))
    compare(case, actual, expected_of(case))
    assert seen


@pytest.mark.parametrize("case", [c for c in ALL if c.op not in MODE_DEPENDENT], ids=lambda case: case.id)
def test_imperative(case):
    expected = {n: a for n, a in expected_of(case).items() if n.startswith("out")}
    actual = run_imperative(mx, case)
    assert actual.keys() == expected.keys()
    compare(case, actual, expected)


def test_every_case_has_its_own_id():
    assert len({case.id for case in ALL}) == len(ALL)
