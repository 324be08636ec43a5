"""Record what MXNet 1.9.1 with MKL-DNN computes of fused blocks.

Run in an environment that has mxnet==1.9.1, from anywhere::

    python tests/python/parity/record_fused_blocks.py
"""

from __future__ import annotations

import os
import pathlib
import sys

os.environ["MXNET_MKLDNN_ENABLED"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import mxnet as mx
import numpy as np
from parity.fused_blocks import BLOCKS, GOLDENS, run


def main() -> None:
    results = {}
    for block in BLOCKS:
        for i, output in enumerate(run(mx, block)):
            results[f"{block.id}:{i}"] = output
    np.savez_compressed(GOLDENS, **results)
    print(f"{len(BLOCKS)} blocks, {GOLDENS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
