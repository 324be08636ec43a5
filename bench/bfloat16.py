"""How much faster symbind computes in bfloat16 than in float32.

    python bench/bfloat16.py [resnet50 resnet50_infer ...] [--rounds 8] [--out bench/results/bfloat16.json]

Runs in the Python that has symbind, on a processor with AVX512-BF16. Blocks of steps of both alternate; the
ratio is that of the medians of the blocks. "deviation" is the largest difference of the outputs of one step
from equal parameters, relative to the largest output.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

DTYPES = ("float32", "bfloat16")
DEFAULT = ["resnet50", "resnet18", "resnet50_infer", "resnet50_infer_b8", "resnet18_infer"]


def outputs(session: Any, train: bool) -> Any:
    return session.check_train()[0] if train else session.check_infer()[0]


def block_ms(session: Any, seconds: float) -> float:
    """Milliseconds a step over at least `seconds`."""
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        session.run(1)
        steps += 1
    return (time.perf_counter() - start) * 1e3 / steps


def compare(name: str, rounds: int, seconds: float) -> dict[str, Any]:
    import numpy as np
    import symbind
    from cases import CASES
    from engines._module_api import ModuleSession

    case = CASES[name]
    train = case.kind == "train"
    sessions = {d: ModuleSession(symbind, case, compute_dtype=d) for d in DTYPES}
    first = {d: np.asarray(outputs(s, train)) for d, s in sessions.items()}
    deviation = np.abs(first["bfloat16"] - first["float32"]).max() / np.abs(first["float32"]).max()
    for session in sessions.values():
        session.run(2)
    times: dict[str, list[float]] = {d: [] for d in DTYPES}
    for _ in range(rounds):
        for d, session in sessions.items():
            times[d].append(block_ms(session, seconds))
    medians = {d: statistics.median(t) for d, t in times.items()}
    return {
        "float32_ms": medians["float32"],
        "bfloat16_ms": medians["bfloat16"],
        "ratio": medians["float32"] / medians["bfloat16"],
        "ratios": sorted(a / b for a, b in zip(times["float32"], times["bfloat16"])),
        "deviation": float(deviation),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one block")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    from machine import describe

    record: dict[str, Any] = {"threads": options.threads, "machine": describe(), "cases": {}}
    print("| case | float32, ms | bfloat16, ms | ratio (smallest to largest) | deviation |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in options.cases or DEFAULT:
        found = record["cases"][name] = compare(name, options.rounds, options.seconds)
        low, high = found["ratios"][0], found["ratios"][-1]
        print(
            f"| {name} | {found['float32_ms']:.1f} | {found['bfloat16_ms']:.1f} | "
            f"**{found['ratio']:.2f}** ({low:.2f} to {high:.2f}) | {found['deviation']:.1e} |",
            flush=True,
        )
    if options.out:
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
