"""How a public symbol file is loaded, bound, run and trained, alike in MXNet and in symbind.

Parameters come from the file next to the symbol; where there is none, or it lacks one, a rule makes them from
name and shape.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import zlib

import numpy as np

#: The folder of ``*-symbol.json`` files and their MANIFEST.tsv.
MODELS = pathlib.Path(
    os.environ.get("SYMBIND_MODELS_DIR", pathlib.Path(__file__).resolve().parents[4] / "shared" / "models")
)
GOLDEN = pathlib.Path(__file__).resolve().parent / "goldens" / "real_models.json.gz"

#: How many elements of an array are kept.
SAMPLES = 16
STEPS = 3


@functools.cache
def _noise() -> np.ndarray:
    # The length is prime: rows of a matrix do not repeat.
    return np.random.RandomState(7).uniform(-0.5, 0.5, 1000003).astype(np.float32)


def pattern(name: str, shape: tuple) -> np.ndarray:
    """Numbers in [-0.5, 0.5) that depend on name and shape alone, the same on every platform."""
    start = zlib.crc32(name.encode()) % _noise().size
    return np.resize(np.roll(_noise(), -start), shape)


def value_of(name: str, shape: tuple) -> np.ndarray:
    """What the array of this name holds where no file says it."""
    if name.endswith("label"):
        return (1 + np.arange(np.prod(shape, dtype=np.int64)) % 2).reshape(shape).astype(np.float32) % 2
    noise = pattern(name, shape)
    if name.endswith("gamma"):
        return 1 + noise * 0.2
    if name.endswith(("_var", "variance")):
        return 1 + noise * 0.5
    if name.endswith(("bias", "beta", "mean")):
        return noise * 0.1
    if name.endswith("weight") and len(shape) > 1:
        return noise * np.float32(np.sqrt(24.0 / np.prod(shape[1:], dtype=np.float64)))
    if len(shape) == 1:  # the packed parameters of a recurrent layer
        return noise * 0.3
    return noise * 2


def load(mx, path: pathlib.Path, without_dropout: bool = False):
    """The symbol of a file; for training, with every dropout's p set to 0."""
    if not without_dropout:
        return mx.sym.load(str(path))
    graph = json.loads(path.read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["op"] in ("Dropout", "RNN"):
            for key in ("param", "attr", "attrs"):
                if "p" in node.get(key, ()):
                    node[key]["p"] = "0"
    return mx.sym.load_json(json.dumps(graph))


def parameters_next_to(mx, path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of the file of parameters that belongs to a symbol file; none where there is no file."""
    name = path.name.replace("-symbol.json", "-0000.params")
    if not (path.parent / name).exists():
        return {}
    arrays = mx.nd.load(str(path.parent / name))
    return {k.split(":", 1)[-1]: v.asnumpy() for k, v in arrays.items()}


def shape_checksum(symbol, inputs: dict[str, tuple]) -> int:
    """One number for the shapes of all internal outputs, in order."""
    internals = symbol.get_internals()
    _, shapes, _ = internals.infer_shape(**inputs)
    text = json.dumps([list(s) for s in shapes])
    return zlib.crc32(text.encode())


def parameter_count(symbol, inputs: dict[str, tuple]) -> int:
    """Elements of all arguments and states."""
    arguments, _, states = symbol.infer_shape(**inputs)
    return sum(int(np.prod(s, dtype=np.int64)) for s in [*arguments, *states])


def bound(mx, symbol, inputs: dict[str, tuple], known: dict[str, np.ndarray], perturbation: float, req: str):
    """An executor with all values set; ``perturbation`` moves the inputs a little away from them."""
    executor = symbol.simple_bind(mx.cpu(), grad_req=req, **inputs)
    for arrays in (executor.arg_dict, executor.aux_dict):
        for name, array in arrays.items():
            value = known.get(name)
            if value is None or value.shape != array.shape:
                value = value_of(name, array.shape)
            is_input = name in inputs and not name.endswith("label")
            if is_input and perturbation:
                value = value * (1 + np.float32(4 * perturbation) * pattern("perturbation", value.shape))
            array[:] = value
    return executor


def predict(mx, symbol, inputs, known, perturbation: float = 0.0) -> list[dict]:
    """Summaries of the outputs of one inference pass."""
    executor = bound(mx, symbol, inputs, known, perturbation, "null")
    return [summary(o.asnumpy()) for o in executor.forward(is_train=False)]


def fixed_gammas(symbol) -> set[str]:
    """Gammas that BatchNorm does not read. MXNet sets them to 1 when it trains; symbind leaves them alone."""
    nodes = json.loads(symbol.tojson())["nodes"]
    return {
        nodes[node["inputs"][1][0]]["name"]
        for node in nodes
        if node["op"].startswith("BatchNorm")
        and node.get("attrs", {}).get("fix_gamma", "True") in ("True", "true", "1")
    }


def train(mx, symbol, inputs, known, rate: float, perturbation: float = 0.0) -> list[dict]:
    """Summaries of some steps of gradient descent: outputs, gradients of inputs, changes of parameters."""
    executor = bound(mx, symbol, inputs, known, perturbation, "write")
    states = dict(executor.aux_dict)
    labels = [n for n in executor.arg_dict if n.endswith("label")]
    skipped = {*inputs, *labels, *fixed_gammas(symbol)}
    start = {n: a.asnumpy().copy() for n, a in {**executor.arg_dict, **states}.items() if n not in skipped}
    steps = []
    for _ in range(STEPS):
        outputs = executor.forward(is_train=True)
        found = {"outputs": [summary(o.asnumpy()) for o in outputs]}
        executor.backward([mx.nd.array(pattern("head", o.shape), dtype=o.dtype) for o in outputs])
        for name, gradient in executor.grad_dict.items():
            if name not in inputs and name not in labels:
                value = executor.arg_dict[name]
                value[:] = value.asnumpy() - np.float32(rate) * gradient.asnumpy()
        found["gradients"] = [
            summary(g.asnumpy()) for n, g in executor.grad_dict.items() if n in inputs and n not in labels
        ]
        steps.append(found)
    ends = {**executor.arg_dict, **states}
    steps[-1]["changes"] = [change(n, start[n], ends[n].asnumpy()) for n in start]
    return steps


def _short(value: float, digits: int = 7) -> float:
    return float(f"{value:.{digits}g}")


def summary(array: np.ndarray) -> dict:
    """Some elements of an array, its scale and shape."""
    flat = array.ravel().astype(np.float64)
    at = np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)
    return {
        "shape": list(array.shape),
        "scale": _short(float(np.abs(flat).max(initial=0))),
        "mean": _short(float(np.abs(flat).mean() if flat.size else 0)),
        "samples": [_short(v) for v in flat[at]],
    }


def change(name: str, before: np.ndarray, after: np.ndarray) -> list[float]:
    """How far a parameter went (norm, and along one direction), and how large it was."""
    step = (after.astype(np.float64) - before).ravel()
    norm = float(np.sqrt(step @ step))
    along = float(step @ pattern(name, step.shape).astype(np.float64))
    return [_short(norm, 6), _short(along, 6), _short(float(np.linalg.norm(before)), 3)]


def differences(actual: dict, expected: dict) -> float:
    """The largest difference of two summaries, relative to the scale of the array."""
    if actual["shape"] != expected["shape"]:
        return float("inf")
    scale = max(expected["scale"], 1e-30)
    pairs = zip([*actual["samples"], actual["mean"]], [*expected["samples"], expected["mean"]])
    worst = max(abs(a - b) for a, b in pairs) / scale
    return worst if worst == worst else float("inf")


def step_differences(actual: list[dict], expected: list[dict]) -> dict[str, float]:
    """The largest relative differences of two trainings, by kind.

    Of a parameter that nothing but rounding moves, the change is compared with the parameter itself.
    """
    worst = {"outputs": 0.0, "gradients": 0.0, "changes": 0.0}
    for a, e in zip(actual, expected):
        for kind in {"outputs", "gradients"} & e.keys():
            if len(a[kind]) != len(e[kind]):
                return {kind: float("inf")}
            for one, other in zip(a[kind], e[kind]):
                worst[kind] = max(worst[kind], differences(one, other))
    if "changes" not in expected[-1]:
        return worst
    median = float(np.median([norm for norm, _, _ in expected[-1]["changes"]] or [0.0]))
    for one, other in zip(actual[-1]["changes"], expected[-1]["changes"]):
        scale = max(other[0], 1e-3 * median, 1e-5 * other[2], 1e-30)
        worst["changes"] = max(
            worst["changes"], abs(one[0] - other[0]) / scale, abs(one[1] - other[1]) / scale
        )
    return worst
