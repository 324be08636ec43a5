"""Record what MXNet 1.9.1 infers from part of the shapes and types of every operator case.

python tests/python/parity/record_inference.py
"""

from __future__ import annotations

import gzip
import os
import pathlib
import sys

os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from common import mx
from parity import cases, inference
from parity.replay import GOLDENS


def main() -> None:
    """Write one file."""
    results = {case.id: [case.checksum(), inference.answers(mx, case)] for case in cases.all_cases()}
    path = GOLDENS / "inference.json.gz"
    path.write_bytes(gzip.compress(inference.dump(results), mtime=0))
    print(f"{len(results)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
