"""Write a checkpoint, typed array files and optimizer states with MXNet 1.9.1, and what they lead to.

    python tests/python/parity/record_checkpoints.py [folder]

With a folder, read the files there instead (written by symbind, with ``facts.npz``) and check them.
"""

from __future__ import annotations

import os
import pathlib
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
from common import assert_close, mx
from parity import checkpoints
from parity.replay import GOLDENS


def close(actual, expected, what: str) -> None:
    """Compare, except after resuming Adam: MXNet restarts its update count, where symbind's files go on."""
    if not what.startswith("trained_adam"):
        assert_close(actual, expected, 1e-4, 1e-5, what)


def main() -> None:
    """Record, or check a folder."""
    if len(sys.argv) > 1:
        folder = pathlib.Path(sys.argv[1])
        with np.load(folder / "facts.npz") as file:
            facts = dict(file)
        checkpoints.check_all(mx, folder, facts, close)
        print("MXNet reads everything")
        return
    folder = GOLDENS / "checkpoint"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "facts.npz", **checkpoints.write_all(mx, folder))
    print(f"{sum(f.stat().st_size for f in folder.iterdir())} bytes in {folder.name}")


if __name__ == "__main__":
    main()
