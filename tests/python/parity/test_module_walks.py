"""Walks at random through the calls of a Module compute what MXNet 1.9.1 computed."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from common import mx
from parity.module_walks import SEEDS, walked

pytestmark = pytest.mark.filterwarnings("ignore")
GOLDEN = pathlib.Path(__file__).resolve().parent / "goldens" / "module_walks.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.mark.parametrize("seed", SEEDS)
def test_same_as_mxnet(golden, seed):
    names, noted = walked(mx, seed)
    np.testing.assert_allclose(noted, golden[str(seed)], rtol=2e-4, atol=2e-5, err_msg=", ".join(names))
