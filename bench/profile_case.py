"""Where a step goes: times by operator of one case, through the engine's own profiler.

    python bench/profile_case.py resnet50 [--steps 6] [--nodes 20] [--compute-dtype bfloat16]

Runs in the Python that has symbind. Each line: share of the step, milliseconds a step, calls a step,
operator; with --nodes also the slowest nodes. "outside" is what the step takes beyond its operators.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import symbind
from cases import CASES
from engines._module_api import ModuleSession

Key = tuple[str, ...]


def table(title: str, total: dict[Key, float], calls: dict[Key, int], steps: int, step_ms: float) -> None:
    print(f"\n{title}")
    for key, ns in sorted(total.items(), key=lambda item: -item[1]):
        ms = ns / 1e6 / steps
        print(f"{100 * ms / step_ms:5.1f} %  {ms:9.3f} ms  {calls[key] / steps:7.1f}  {' '.join(key)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=sorted(n for n, c in CASES.items() if c.kind != "fit"))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--compute-dtype", default="float32")
    parser.add_argument("--nodes", type=int, default=0, help="also the slowest nodes")
    options = parser.parse_args()

    session = ModuleSession(symbind, CASES[options.case], compute_dtype=options.compute_dtype)
    session.run(2)
    start = time.perf_counter()
    session.run(options.steps)
    plain_ms = (time.perf_counter() - start) * 1e3 / options.steps
    symbind._core.set_profiler(True)
    start = time.perf_counter()
    session.run(options.steps)
    step_ms = (time.perf_counter() - start) * 1e3 / options.steps
    symbind._core.set_profiler(False)

    by_op: dict[Key, float] = defaultdict(float)
    op_calls: dict[Key, int] = defaultdict(int)
    by_node: dict[Key, float] = defaultdict(float)
    node_calls: dict[Key, int] = defaultdict(int)
    for op, node, begin, end, _ in symbind._core.profiler_events():
        by_op[(op,)] += end - begin
        op_calls[(op,)] += 1
        by_node[(op, node)] += end - begin
        node_calls[(op, node)] += 1
    inside = sum(by_op.values()) / 1e6 / options.steps
    print(
        f"{options.case}: {plain_ms:.3f} ms a step, {step_ms:.3f} ms with the profiler, "
        f"{step_ms - inside:.3f} ms outside of the operators"
    )
    table("by operator", by_op, op_calls, options.steps, step_ms)
    if options.nodes:
        slowest = dict(sorted(by_node.items(), key=lambda item: -item[1])[: options.nodes])
        table("slowest nodes", slowest, node_calls, options.steps, step_ms)


if __name__ == "__main__":
    main()
