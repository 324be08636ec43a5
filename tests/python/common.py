"""What every behaviour test imports: the package under test and the comparisons.

The same test files state what MXNet 1.9.1 does, so they also run under MXNet itself::

    SYMBIND_TEST_MODULE=mxnet python -m pytest tests/python/test_symbol.py

Tests of behaviour that is deliberately symbind's own carry ``@ours_only``, and are skipped there.
"""

from __future__ import annotations

import importlib
import os
import warnings

import numpy as np
import pytest

MODULE_NAME = os.environ.get("SYMBIND_TEST_MODULE", "symbind")
IS_MXNET = MODULE_NAME == "mxnet"


def quiet_native_mxnet():
    """Environment for MXNet as the reference; call before it is imported.

    Its own kernels rather than MKL-DNN's, because where the two disagree MKL-DNN's are wrong by finite
    differences or by the meaning of grad_req: a bias gradient without a weight gradient is never written,
    'add' overwrites fix_gamma's gradient, average pooling in the 'full' convention loses
    gradient at the border.
    The synchronous engine, because with the other one BatchNorm's moving averages sometimes miss an update.
    """
    for name, value in (
        ("MXNET_MKLDNN_ENABLED", "0"),
        ("MXNET_SUBGRAPH_VERBOSE", "0"),
        ("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0"),
        ("MXNET_ENGINE_TYPE", "NaiveEngine"),
    ):
        os.environ.setdefault(name, value)


def import_mx():
    """The package under test: symbind, or what ``SYMBIND_TEST_MODULE`` names."""
    if IS_MXNET:
        quiet_native_mxnet()
    with warnings.catch_warnings():
        if IS_MXNET:
            warnings.simplefilter("ignore")
        return importlib.import_module(MODULE_NAME)


mx = import_mx()

ours_only = pytest.mark.skipif(
    IS_MXNET, reason="behaviour that symbind chose to have and MXNet 1.9.1 has not"
)


def tolerance(dtype):
    """(rtol, atol relative to the largest expected magnitude) for results computed in ``dtype``."""
    dtype = np.dtype(dtype)
    if dtype == np.float16:
        return 4e-3, 2e-3
    if dtype == np.float32:
        return 2e-5, 2e-6
    if dtype == np.float64:
        return (2e-6, 1e-6) if IS_MXNET else (1e-9, 1e-11)  # MXNet keeps many constants in float32
    return 0.0, 0.0


def as_numpy(value):
    """A NumPy array for an NDArray, or whatever NumPy itself can turn into one."""
    return value.asnumpy() if hasattr(value, "asnumpy") else np.asarray(value)


def assert_close(actual, expected, rtol=None, atol=None, what="result"):
    """Same shape, same non-finite entries, and close: integers exactly, floats by ``tolerance``.

    The absolute part of the tolerance scales with the largest expected magnitude, because a sum of
    terms of that size cannot be more exact than its rounding.
    """
    actual, expected = as_numpy(actual), as_numpy(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    if expected.size == 0:
        return
    default_rtol, default_atol = tolerance(expected.dtype)
    rtol = default_rtol if rtol is None else rtol
    if atol is None:
        finite = (
            np.abs(expected[np.isfinite(expected)].astype(np.float64)) if expected.dtype.kind == "f" else ()
        )
        atol = default_atol * max(1.0, float(np.max(finite)) if len(finite) else 0.0)
    if expected.dtype.kind == "f":
        actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=what, equal_nan=True)
