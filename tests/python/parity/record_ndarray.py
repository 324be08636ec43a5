"""Records the values of `ndarray_programs.py` under MXNet 1.9.1 into `goldens/ndarray.json`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5:
``python tests/python/parity/record_ndarray.py``.
"""

from __future__ import annotations

import json
import pathlib
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mxnet as mx

from ndarray_programs import PROGRAMS, run

TARGET = pathlib.Path(__file__).parent / "goldens" / "ndarray.json"


def main():
    lines = [f"{json.dumps(program)}: {json.dumps(run(program, mx))}" for program in PROGRAMS]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
