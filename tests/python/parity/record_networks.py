"""Record what MXNet 1.9.1 computes for whole networks: one step, and 20 updates with two optimizers.

python tests/python/parity/record_networks.py
"""

from __future__ import annotations

import os
import pathlib
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
from common import mx
from parity import networks
from parity.replay import GOLDENS


def main() -> None:
    """Write one file per network."""
    for name in networks.DATA_SHAPES:
        stored = {}
        results = {"step": networks.one_step(mx, name)}
        results.update(
            {optimizer: networks.trained(mx, name, optimizer) for optimizer in networks.OPTIMIZERS}
        )
        for run, arrays in results.items():
            for key, array in arrays.items():
                for part, value in networks.digest(key, array).items():
                    stored[f"{run}|{key}|{part}"] = value
        path = GOLDENS / f"network_{name}.npz"
        np.savez_compressed(path, **stored)
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
