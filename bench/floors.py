"""What a step would take if its oneDNN primitives ran alone and everything else ran at the speed of memory.

    python bench/floors.py resnet50 mlp_large [--threads 2] [--out bench/results/floors.json]

Runs in the Python that has symbind and `onednn-devel-cpu-gomp` (whose headers the build needs too), with g++.
For each case: milliseconds of its convolutions and matrix products, each direction of each layer as the best
of several layouts; bytes that all other operators cannot avoid, divided by the measured bandwidth; their sum,
the floor; and the step of symbind in the same sitting. The floor knows direct convolutions only: with
Winograd's algorithm a step can be below it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from functools import reduce
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import CASES  # noqa: E402

# Passes over the output of an operator, forward and backward, that arithmetic asks for: BatchNorm reads its
# data for the statistics and again to write, and two tensors twice to write one on the way back. A relu
# behind it costs nothing.
PASSES = {"batchnorm": (3, 5), "add": (3, 3), "relu": (0, 0), "tanh": (2, 3), "maxpool": (2, 3)}
UPDATE_PASSES = 5  # weight and momentum read and written, gradient read


def size(shape: tuple[int, ...]) -> int:
    return reduce(lambda a, b: a * b, shape, 1)


class Primitives:
    """The program that times single primitives."""

    def __init__(self, threads: int) -> None:
        prefix = Path(sysconfig.get_path("data"))
        self._folder = tempfile.TemporaryDirectory()
        program = Path(self._folder.name) / "primitives"
        subprocess.run(
            ["g++", "-O2", "-std=c++17", "-fopenmp", HERE / "floor" / "primitives.cpp", f"-I{prefix}/include",
             f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib", "-ldnnl", "-o", program],
            check=True,
        )  # fmt: skip
        env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        self._known: dict[str, float] = {}

    def __call__(self, *words: Any) -> float:
        line = " ".join(map(str, words))
        if line not in self._known:
            assert self._process.stdin is not None and self._process.stdout is not None
            print(line, file=self._process.stdin, flush=True)
            self._known[line] = float(self._process.stdout.readline())
        return self._known[line]


def conv_ms(primitives: Primitives, net: Any, node: Any, train: bool) -> float:
    n, c, h, w = net.shape_of(node.inputs[0])
    attrs = node.attrs
    numbers = (n, c, h, w, attrs["channels"], *attrs["kernel"], *attrs["stride"], *attrs["pad"])
    directions = ["forward"]
    if train:
        directions += ["weight"] + (["data"] if node.inputs[0] != "data" else [])
    return sum(primitives("conv", d, *numbers) for d in directions)


def dense_ms(primitives: Primitives, net: Any, node: Any, train: bool) -> float:
    shape, units = net.shape_of(node.inputs[0]), node.attrs["units"]
    m, k = shape[0], size(shape) // shape[0]
    total = primitives("matmul", m, units, k, 0, 1)
    if train:
        total += primitives("matmul", units, k, m, 1, 0)
        total += primitives("matmul", m, k, units, 0, 0) if node.inputs[0] != "data" else 0
    return total


def floor_of(name: str, primitives: Primitives) -> dict[str, float]:
    case = CASES[name]
    net, train = case.net(), case.kind == "train"
    products, moved = 0.0, 0
    for node in net.nodes:
        if node.op == "conv":
            products += conv_ms(primitives, net, node, train)
        elif node.op == "dense":
            products += dense_ms(primitives, net, node, train)
        else:
            forward, backward = PASSES.get(node.op, (0, 0))
            if node.op == "batchnorm" and not train:
                forward = 0  # folded into the convolution
            moved += 4 * size(node.shape) * (forward + (backward if train else 0))
    if train:
        moved += 4 * UPDATE_PASSES * sum(size(p.shape) for p in net.params if p.trained)
    memory = moved / primitives("bandwidth") / 1e6
    return {"products_ms": products, "other_ms": memory, "floor_ms": products + memory}


def step_ms(name: str, seconds: float = 3.0) -> float:
    """The median step of symbind, through the Module API."""
    import symbind
    from engines._module_api import ModuleSession

    session = ModuleSession(symbind, CASES[name])
    session.run(3)
    times: list[float] = []
    while sum(times) < seconds * 1e3 or len(times) < 5:
        start = time.perf_counter()
        session.run(1)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    supported = [n for n, c in CASES.items() if c.network in ("mlp", "lenet", "resnet")]
    parser.add_argument("cases", nargs="+", choices=supported)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)

    primitives = Primitives(options.threads)
    record: dict[str, Any] = {
        "threads": options.threads,
        "bandwidth_gb_s": primitives("bandwidth"),
        "cases": {},
    }
    print(f"bandwidth {record['bandwidth_gb_s']:.1f} GB/s")
    print(f"{'case':20} {'products':>10} {'other':>10} {'floor':>10} {'step':>10} {'step/floor':>10}")
    for name in options.cases:
        result = floor_of(name, primitives)
        result["step_ms"] = step_ms(name)
        record["cases"][name] = result
        values = [result[k] for k in ("products_ms", "other_ms", "floor_ms", "step_ms")]
        print(f"{name:20} " + " ".join(f"{v:10.3f}" for v in values) + f" {values[3] / values[2]:10.2f}")
    if options.out:
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
