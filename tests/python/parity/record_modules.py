"""Record what MXNet 1.9.1 computes for ``module_cases``, ``module_fit_cases`` and ``module_walks``.

Run in an environment that has mxnet==1.9.1, from anywhere::

    python tests/python/parity/record_modules.py
"""

from __future__ import annotations

import os
import pathlib
import sys
import warnings

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import module_cases, module_fit_cases, module_walks  # noqa: F401 - the second adds its cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"


def main() -> None:
    """Write ``goldens/modules.npz`` and ``goldens/module_walks.npz``."""
    warnings.simplefilter("ignore")
    os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
    from common import mx

    results = {}
    for label, run in module_cases.CASES.items():
        results.update({f"{label}/{key}": np.asarray(value) for key, value in run(mx).items()})
    np.savez_compressed(GOLDENS / "modules.npz", **results)
    print(f"modules: {len(results)} arrays of {len(module_cases.CASES)} cases")
    walks = {str(seed): module_walks.walked(mx, seed)[1] for seed in module_walks.SEEDS}
    np.savez_compressed(GOLDENS / "module_walks.npz", **walks)
    print(f"module_walks: {len(walks)} walks")


if __name__ == "__main__":
    main()
