"""Whole networks against MXNet 1.9.1: one step exactly, and weights after 20 updates."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from common import mx
from parity import networks
from parity.replay import GOLDENS

NAMES = list(networks.DATA_SHAPES)


@functools.cache
def golden(name):
    """{run: {array: its digest}}"""
    result = {}
    with np.load(GOLDENS / f"network_{name}.npz") as file:
        for key in file.files:
            run, array, part = key.split("|")
            result.setdefault(run, {}).setdefault(array, {})[part] = file[key]
    return result


def compare(actual, expected, tolerance):
    assert actual.keys() == expected.keys()
    for key, stored in expected.items():
        networks.assert_digests_agree(key, actual[key], stored, tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_all_gradients(name):
    compare(networks.one_step(mx, name), golden(name)["step"], 1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimizer", networks.OPTIMIZERS)
def test_weights_after_twenty_updates(name, optimizer):
    compare(networks.trained(mx, name, optimizer), golden(name)[optimizer], 1e-4)
