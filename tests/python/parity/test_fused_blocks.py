"""Fused MKL-DNN blocks, quantized and not, against what MXNet 1.9.1 computed."""

import functools

import numpy as np
import pytest
from common import mx
from parity.fused_blocks import BLOCKS, GOLDENS, run, symbol_of


@functools.cache
def goldens():
    with np.load(GOLDENS) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_output(block):
    outputs = run(mx, block)
    expected = [goldens()[f"{block.id}:{i}"] for i in range(len(outputs))]
    assert f"{block.id}:{len(outputs)}" not in goldens()
    for output, wanted in zip(outputs, expected):
        assert output.dtype == wanted.dtype and output.shape == wanted.shape
        if output.dtype.kind == "f":
            np.testing.assert_allclose(output, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
            continue
        # A product that falls between two numbers may be rounded to either; no more than a few do.
        off = np.abs(output.astype("int64") - wanted.astype("int64"))
        if output.dtype == np.int32:  # a weight that is rounded otherwise counts as often as data says
            assert off.max() <= 260 and (off > 0).mean() < 0.3
        else:
            assert off.max() <= 1 and (off > 0).mean() < 0.05


@pytest.mark.parametrize("block", BLOCKS[::9], ids=lambda block: block.id)
def test_a_file_keeps_the_block(block):
    symbol = symbol_of(mx, block)
    again = mx.sym.load_json(symbol.tojson())
    assert again.tojson() == symbol.tojson()
    assert again.list_arguments() == symbol.list_arguments()
    assert again.list_auxiliary_states() == symbol.list_auxiliary_states()
    assert '"subgraphs"' in symbol.tojson()
