"""Records what MXNet 1.9.1 computes with sparse arrays into `goldens/sparse.json.gz`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_sparse.py``.
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import sys

os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from common import mx
from parity import sparse_programs

TARGET = pathlib.Path(__file__).parent / "goldens" / "sparse.json.gz"


def main() -> None:
    """Write one file."""
    results = {name: make(mx) for name, make in sparse_programs.SECTIONS.items()}
    text = json.dumps(results, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{sum(map(len, results.values()))} results, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
