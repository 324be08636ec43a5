"""Records what `mx.rnn` of MXNet 1.9.1 composes and computes into `goldens/rnn_programs.json.gz`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_rnn.py``.
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
from parity import rnn_programs

TARGET = pathlib.Path(__file__).parent / "goldens" / "rnn_programs.json.gz"


def main() -> None:
    """Write one file."""
    results = {name: make(mx) for name, make in rnn_programs.SECTIONS.items()}
    text = json.dumps(results, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(results['symbols'])} symbols, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
