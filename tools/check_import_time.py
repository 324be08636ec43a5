"""Measures what `import symbind` costs on top of `import numpy`, and fails above the limit.

    python tools/check_import_time.py [--limit SECONDS] [--runs N]

Fresh processes take turns; the medians of N runs each are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

MEASURE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_time(module: str) -> float:
    """Return the seconds that one import takes in a fresh process."""
    result = subprocess.run([sys.executable, "-c", MEASURE.format(module)], capture_output=True, check=True)
    return float(result.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=float, default=0.3, help="seconds, default 0.3")
    parser.add_argument("--runs", type=int, default=9, help="default 9")
    options = parser.parse_args()
    times: dict[str, list[float]] = {"numpy": [], "symbind": []}
    for module in times:
        import_time(module)  # once, for the disk cache
    for _ in range(options.runs):
        for module, values in times.items():
            values.append(import_time(module))
    numpy, symbind = (statistics.median(values) for values in times.values())
    own = symbind - numpy
    print(f"import numpy {numpy:.3f} s, import symbind {symbind:.3f} s, of it its own {own:.3f} s")
    if own > options.limit:
        print(f"over the limit of {options.limit} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
