"""Record what MXNet 1.9.1 makes of a folder of public symbol files.

SYMBIND_MODELS_DIR=folder python tests/python/parity/record_real_models.py [part of a name ...]

Small inputs that a graph accepts are chosen and recorded with it. With names, only those files are recorded
anew. Every file gets a process of its own, because some graphs crash MXNet, with MKL-DNN's kernels; what
fails with those is tried with MXNet's own, which take minutes.
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import warnings

os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
# MXNet's fusion of convolutions with sums overwrites values that are still to be read: with it, two of the
# networks predict something else than with any of MXNet's kernels one by one.
os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from common import mx
from parity import real_models as rm

#: What turns on the last bits (sorting, thresholds), or on random numbers, is no fact to compare with: inputs
#: that are PERTURBATION away must give results this close.
PERTURBATION = 1e-6
STABLE = {"predict": 1e-5, "train": 2e-4}
#: Training of these is no fact: MXNet computes the gradient of PReLU's slopes from values that it has
#: overwritten where slopes are negative; finite differences agree with symbind.
UNTRAINED = ("mtcnn-le0.8-symbol.json",)
#: Seconds that one run may take here, that one file may take, and elements of all parameters.
PATIENCE, PATIENCE_PER_FILE, MAX_PARAMETERS = 10.0, 40.0, 70_000_000
#: Step sizes: the first one with which training is stable.
RATES = (1e-2, 1e-4)
#: Batch sizes to train with; 0 is that of the manifest.
BATCHES = (4, 0) if os.environ.get("MXNET_MKLDNN_ENABLED", "1") == "1" else (2, 0)


def manifest() -> dict[str, dict[str, tuple]]:
    """Input shapes by file."""
    rows = [line.split("\t") for line in (rm.MODELS / "MANIFEST.tsv").read_text().splitlines()[1:]]
    return {
        row[0]: {
            name: tuple(map(int, dims.split(",")))
            for name, dims in (item.rsplit("=", 1) for item in row[4].split() if "=" in item)
        }
        for row in rows
    }


def with_side(shape: tuple, side: int) -> tuple:
    """An image's shape with its longer side made shorter; other shapes as they are."""
    if len(shape) not in (4, 5):
        return shape
    for first in (len(shape) - 2, len(shape) - 3):
        channels = shape[first - 1] if first == len(shape) - 2 else shape[-1]
        longest = max(shape[first : first + 2])
        if min(shape[first : first + 2]) >= 32 and channels in (1, 3, 16) and longest > side:
            small = tuple(max(1, d * side // longest) for d in shape[first : first + 2])
            return (*shape[:first], *small, *shape[first + 2 :])
    return shape


def candidates(given: dict[str, tuple], batches: tuple[int, ...], sides: tuple[int, ...] = (10**6,)):
    """Inputs to try, small images first; labels are left to inference where that works."""
    without = {n: s for n, s in given.items() if not n.endswith("label")}
    seen = []
    for batch in batches:
        for side in sides:
            for base in (without, given):
                small = {n: with_side(s, side) for n, s in base.items()}
                if batch:
                    small = {n: (batch, *s[1:]) if "anchor" not in n else s for n, s in small.items()}
                if small not in seen:
                    seen.append(small)
                    yield small


def stable_part(facts: list[dict], moved: list[dict]) -> list[dict]:
    """What of the first step is stable where three steps are not: gradients of deep networks jump."""
    first = {
        kind: facts[0][kind]
        for kind in ("outputs", "gradients")
        if max(map(rm.differences, moved[0][kind], facts[0][kind]), default=0) < STABLE["train"]
    }
    return [first]


def tried(symbol, inputs: dict, known: dict, rate: float | None):
    """The facts of one run, how far they move, and which are stable; raises where the inputs do not fit."""
    began = time.time()
    if rate is None:
        facts = rm.predict(mx, symbol, inputs, known)
        moved = rm.predict(mx, symbol, inputs, known, PERTURBATION)
        moves = max((rm.differences(m, s) for m, s in zip(moved, facts)), default=0)
        part = facts if moves < 1e-2 else []
    else:
        facts = rm.train(mx, symbol, inputs, known, rate)
        moved = rm.train(mx, symbol, inputs, known, rate, PERTURBATION)
        moves = max(rm.step_differences(moved, facts).values())
        part = stable_part(facts, moved)
    took = (time.time() - began) / 2
    shapes = [s for n, s in inputs.items() if not n.endswith("label")]
    print(f"  {rate or 'predict'} {shapes[:2]} {took:.1f} s, moves by {moves:.1e}", flush=True)
    if took > PATIENCE:
        raise TimeoutError("too slow for a test")
    return facts, moves, part


def find(symbol, given: dict, known: dict, batches: tuple, rates: tuple) -> dict:
    """The first inputs with stable facts, and these; else those with the most stable part, and that part.

    Predictions that are not stable are kept with how far they move.
    """
    began = time.time()
    sides = (32, 64, 96, 128, 224, 320, 10**6) if rates == (None,) else (32, 96, 10**6)
    fitted: list = []
    best: dict = {}
    for inputs in candidates(given, batches, sides):
        shapes = [s for n, s in inputs.items() if not n.endswith("label")]
        if time.time() - began > PATIENCE_PER_FILE:
            break
        if shapes in fitted:
            continue  # with labels, after it was tried without
        try:
            symbol.infer_shape(**inputs)
            if rm.parameter_count(symbol, inputs) > MAX_PARAMETERS:
                continue
            fitted.append(shapes)
            for rate in rates:
                facts, moves, part = tried(symbol, inputs, known, rate)
                found = {"inputs": inputs, "rate": rate, "facts": facts, "moves": moves}
                if moves < STABLE["predict" if rate is None else "train"]:
                    return found
                size = len(part[0]) if part else 0
                if (size, -moves) > best.get("rank", (0, 0)):
                    best = {**found, "facts": part, "rank": (size, -moves)}
        except Exception as error:  # this size does not fit the graph: the next one
            print(f"  {rates[0]} {inputs}: {re.sub(chr(10), ' ', str(error))[-150:]}", flush=True)
    best.pop("rank", None)
    return best


def record(path: pathlib.Path, given: dict[str, tuple]) -> dict:
    """The facts about one file."""
    try:
        symbol = rm.load(mx, path)
    except mx.MXNetError as error:
        found = re.search(r"Failed loading Op (\S+) of type (\S+):", str(error))
        return {"loads": False, "node": found and found[1], "op": found and found[2]}
    facts = {"loads": True}
    known = rm.parameters_next_to(mx, path)
    for inputs in candidates(given, (0,)):
        try:
            facts["shapes"] = {"inputs": inputs, "checksum": rm.shape_checksum(symbol, inputs)}
            break
        except Exception:  # does not fit
            continue
    facts["predict"] = find(symbol, given, known, (0,), (None,))
    if path.name in UNTRAINED or "_contrib_quantize" in symbol.tojson():  # which has no gradients
        return facts
    facts["train"] = find(rm.load(mx, path, without_dropout=True), given, known, BATCHES, RATES)
    return facts


def alone(name: str, mkldnn: str) -> dict:
    """The facts about one file, from a process of its own."""
    command = [sys.executable, __file__, "--one", name]
    environment = {**os.environ, "MXNET_MKLDNN_ENABLED": mkldnn}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, timeout=100)
    except subprocess.TimeoutExpired:
        print("  takes too long", flush=True)
        return {}
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if not line.startswith("FACTS")), flush=True)
    if lines and lines[-1].startswith("FACTS"):
        return json.loads(lines[-1][5:])
    print(f"  MXNet died: {done.returncode}", flush=True)
    return {}


def write(facts: dict) -> None:
    """Write what is known so far."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    rm.GOLDEN.write_bytes(gzip.compress(text, mtime=0))


def main(parts: list[str]) -> None:
    """Write one file."""
    warnings.simplefilter("ignore")
    if parts[:1] == ["--one"]:
        print("FACTS" + json.dumps(record(rm.MODELS / parts[1], manifest().get(parts[1], {}))))
        return
    facts = json.loads(gzip.decompress(rm.GOLDEN.read_bytes())) if parts else {}
    for path in sorted(rm.MODELS.glob("*-symbol.json")):
        if parts and not any(part in path.name for part in parts):
            continue
        print(path.name, flush=True)
        found = alone(path.name, "1")
        if found.get("loads", True) and not found.get("predict"):
            found = {**alone(path.name, "0"), **{k: v for k, v in found.items() if v}}
        facts[path.name] = found
        write(facts)
    print(f"{len(facts)} files, {rm.GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
