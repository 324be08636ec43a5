"""Programs on the Module API compute what MXNet 1.9.1 computed."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from common import mx
from parity import module_cases, module_fit_cases  # noqa: F401 - the latter adds its cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDENS / "modules.npz") as file:
        return dict(file)


def test_all_cases_are_recorded(golden):
    assert {key.split("/")[0] for key in golden} == set(module_cases.CASES)


@pytest.mark.parametrize("label", module_cases.CASES)
def test_same_as_mxnet(golden, label):
    expected = {key.split("/", 1)[1]: value for key, value in golden.items() if key.startswith(f"{label}/")}
    actual = module_cases.CASES[label](mx)
    assert set(actual) == set(expected)
    for key, value in expected.items():
        largest = np.nanmax(np.abs(value)) if value.size else 0
        np.testing.assert_allclose(actual[key], value, rtol=2e-5, atol=2e-5 * largest, err_msg=key)
