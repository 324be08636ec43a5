"""Records what `mx.image` of MXNet 1.9.1 does into `goldens/images.npz`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_images.py``.
"""

import json
import pathlib
import sys
import traceback

import mxnet as mx
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import image_cases as cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"


def main():
    content = {}
    for name in cases.CASES:
        try:
            results = cases.run(mx, GOLDENS / "images", name)
        except Exception:
            traceback.print_exc()
            print("not recorded:", name)
            continue
        for i, value in enumerate(results):
            if isinstance(value, np.ndarray):
                if value.dtype.kind == "f" and (value == value.astype(np.int16)).all():
                    value = value.astype(np.int16)
                elif value.dtype.kind == "f":
                    value = value.astype(np.float32)
                content[f"{name}/{i}"] = value
        values = [None if isinstance(v, np.ndarray) else v for v in results]
        content[f"{name}/values"] = json.dumps(values)
    path = GOLDENS / "images.npz"
    np.savez_compressed(path, **content)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
