"""Record operator goldens from MXNet 1.9.1.

Run in an environment that has mxnet==1.9.1, from anywhere::

    python tests/python/parity/record_ops.py [family ...]

A case that MXNet refuses stops the recording with its message: the table is wrong then, not the file.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import cases
from parity.replay import GoldenFile, expected_of

#: MXNet itself does not run (all of) these: they are recorded from MKL-DNN.
NEED_MKLDNN = frozenset({"quantized", "rnn"})


def record_apart(family: str) -> int:
    """Record a family in a process that has MKL-DNN; its exit status."""
    environment = dict(os.environ, MXNET_MKLDNN_ENABLED="1")
    return subprocess.run([sys.executable, __file__, family], env=environment).returncode


def record(mx, family: str) -> int:
    """Write one family's file; the number of cases that failed."""
    results, failures = {}, 0
    for case in cases.family_cases(family):
        try:
            results[case.id] = (case.checksum(), expected_of(mx, case))
        except Exception as error:  # every refused case is listed before stopping
            failures += 1
            print(
                f"{case.id} {case.attrs}: {str(error).strip().splitlines()[-1:]} {str(error)[:300]}",
                file=sys.stderr,
            )
    if not failures:
        GoldenFile(family).write(results)
        print(f"{family}: {len(results)} cases, {GoldenFile(family).path.stat().st_size} bytes")
    return failures


def main() -> int:
    """Record the families named on the command line, or all."""
    warnings.simplefilter("ignore")
    os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
    from common import mx

    has_mkldnn = os.environ["MXNET_MKLDNN_ENABLED"] == "1"
    failed = 0
    for family in sys.argv[1:] or cases.FAMILIES:
        apart = family in NEED_MKLDNN and not has_mkldnn
        failed += record_apart(family) if apart else record(mx, family)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
