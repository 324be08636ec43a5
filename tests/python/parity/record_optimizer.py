"""Record optimizer updates, Module training and an optimizer-states file from MXNet 1.9.1.

Run in an environment that has mxnet==1.9.1, from anywhere::

    python tests/python/parity/record_optimizer.py
"""

from __future__ import annotations

import os
import pathlib
import sys
import warnings

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import training_cases as cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"


def states_files(mx) -> dict:
    """Files that MXNet's updaters write, as bytes: int keys, name keys, and states of every structure."""
    rng = np.random.RandomState(11)
    files = {}
    for label, name, kwargs, key in (
        ("sgd_mom", "sgd", {"momentum": 0.9}, 0),
        ("sgd_none", "sgd", {}, 0),
        ("adam_named", "adam", {}, "fc_weight"),
        ("sgd_mp", "sgd", {"momentum": 0.9, "multi_precision": True}, 2),
        ("rmsprop", "rmsprop", {"centered": True}, 5),
        ("ftml", "ftml", {}, 0),
        ("dcasgd", "dcasgd", {}, 1),
        ("signum", "signum", {}, 0),
        ("lamb_mp", "lamb", {"multi_precision": True}, 0),
        ("lars_mp", "lars", {"momentum": 0.9, "multi_precision": True}, 3),
    ):
        updater = mx.optimizer.get_updater(mx.optimizer.create(name, **kwargs))
        dtype = "float16" if label.endswith("mp") else "float32"
        weight = mx.nd.array(rng.randn(2, 3), dtype=dtype)
        updater(key, mx.nd.array(rng.randn(2, 3), dtype=dtype), weight)
        files[label] = np.frombuffer(updater.get_states(), dtype=np.uint8)
        flat = cases._flat(updater.states[key])
        files.update({f"{label}_{i}": array for i, array in enumerate(flat)})
    return files


def main() -> None:
    """Write ``goldens/optimizer.npz``, ``goldens/module_training.npz`` and ``goldens/states_files.npz``."""
    warnings.simplefilter("ignore")
    os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
    from common import mx

    for file_name, labels, run in (
        ("optimizer", cases.OPTIMIZER_CASES, cases.run_optimizer_case),
        ("module_training", cases.MODULE_CASES, cases.run_module_case),
    ):
        results = {f"{label}/{key}": value for label in labels for key, value in run(mx, label).items()}
        np.savez_compressed(GOLDENS / f"{file_name}.npz", **results)
        print(f"{file_name}: {len(results)} arrays of {len(labels)} cases")
    np.savez_compressed(GOLDENS / "states_files.npz", **states_files(mx))


if __name__ == "__main__":
    main()
