"""Run one case on an engine (MXNet or symbind) and name every array that it produced."""

from __future__ import annotations

import json
import pathlib

import numpy as np

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"

#: Operators whose result depends on training mode, which a plain imperative call does not have.
MODE_DEPENDENT = frozenset({"BatchNorm", "BatchNorm_v1", "Dropout", "_contrib_SyncBatchNorm"})


def find_operator(namespace, op: str):
    """``namespace`` is ``mx.sym`` or ``mx.nd``; names with a leading underscore live in parts of it."""
    for part in ("contrib", "linalg"):
        if op.startswith(f"_{part}_"):
            return getattr(getattr(namespace, part), op[len(part) + 2 :])
    holder = namespace if hasattr(namespace, op) else namespace._internal
    return getattr(holder, op)


def build_symbol(mx, case):
    """The case's operator over variables named as its inputs."""
    function = find_operator(mx.sym, case.op)
    variables = {name: mx.sym.Variable(name) for name in (*case.inputs, *case.aux)}
    if case.positional:
        return function(*variables.values(), name="op", **case.attrs)
    return function(name="op", **variables, **case.attrs)


def _ndarray(mx, array: np.ndarray):
    return mx.nd.array(array, dtype=array.dtype)


def head_gradients(case, outputs: list[np.ndarray]) -> list[np.ndarray]:
    """Seeded gradients at the outputs, from the same uniform sums as the inputs."""
    rs = case.random_state("heads")
    return [
        ((rs.random_sample((2, o.size)).sum(0) - 1.0) * 2.0).reshape(o.shape).astype(o.dtype) for o in outputs
    ]


def initial_gradient(case, name: str, like: np.ndarray) -> np.ndarray:
    """What a gradient array holds before backward: must vanish under 'write', stay under 'add'."""
    rs = case.random_state("gradient of " + name)
    return rs.random_sample(like.size).reshape(like.shape).astype(like.dtype)


def run_case(mx, case, req: str | None = None, watch=None) -> dict[str, np.ndarray]:
    """Bind, run forward and (in training) backward; return ``out<i>``, ``grad:<name>``, ``aux:<name>``.

    ``req`` replaces the case's own gradient request; ``watch`` is a monitor callback.
    """
    req = req or case.req
    arguments, auxiliary = case.arrays()
    symbol = build_symbol(mx, case)
    gradients = {n: _ndarray(mx, initial_gradient(case, n, arguments[n])) for n in case.wrt}
    executor = symbol.bind(
        mx.cpu(),
        {n: _ndarray(mx, a) for n, a in arguments.items()},
        args_grad=gradients,
        grad_req={n: req if n in gradients else "null" for n in arguments},
        aux_states={n: _ndarray(mx, a) for n, a in auxiliary.items()},
    )
    if watch is not None:
        executor.set_monitor_callback(watch)
    outputs = [o.asnumpy() for o in executor.forward(is_train=case.train)]
    result = {f"out{i}": o for i, o in enumerate(outputs)}
    if case.wrt and case.train:
        if case.head is None:
            executor.backward()
        else:
            executor.backward([_ndarray(mx, g) for g in head_gradients(case, outputs)])
    if case.wrt:
        result.update({f"grad:{n}": g.asnumpy() for n, g in gradients.items()})
    result.update({f"aux:{n}": a.asnumpy() for n, a in executor.aux_dict.items()})
    return {name: array for name, array in result.items() if name not in case.unchecked}


def expected_of(mx, case) -> dict[str, np.ndarray]:
    """What to record: under 'add', what was there plus what 'write' writes.

    In MXNet 1.9.1 many operators (clip, mean, SliceChannel, the losses and more) scale or overwrite the old
    gradient instead.
    """
    if case.req != "add":
        return run_case(mx, case)
    arguments, _ = case.arrays()
    result = run_case(mx, case, "write")
    for name in case.wrt:
        if f"grad:{name}" in result:
            result[f"grad:{name}"] = result[f"grad:{name}"] + initial_gradient(case, name, arguments[name])
    return result


def run_imperative(mx, case) -> dict[str, np.ndarray]:
    """The same call through ``mx.nd``: outputs only."""
    arguments, auxiliary = case.arrays()
    function = find_operator(mx.nd, case.op)
    arrays = {n: _ndarray(mx, a) for n, a in {**arguments, **auxiliary}.items()}
    made = function(*arrays.values(), **case.attrs) if case.positional else function(**arrays, **case.attrs)
    outputs = made if isinstance(made, (list, tuple)) else [made]
    return {f"out{i}": o.asnumpy() for i, o in enumerate(outputs) if f"out{i}" not in case.unchecked}


class GoldenFile:
    """All arrays of a family in one compressed npz: a JSON index and one flat array per dtype.

    Thousands of small arrays would otherwise cost more in zip and npy headers than in numbers.
    """

    def __init__(self, family: str):
        self.path = GOLDENS / f"ops_{family}.npz"

    def write(self, results: dict[str, tuple[int, dict[str, np.ndarray]]]) -> None:
        """``results`` maps case id to (checksum of the case, arrays)."""
        flat: dict[str, list[np.ndarray]] = {}
        used: dict[str, int] = {}
        index = {}
        for case_id, (checksum, arrays) in results.items():
            entries = []
            for name, array in arrays.items():
                dtype = array.dtype.name
                entries.append([name, dtype, list(array.shape), used.get(dtype, 0)])
                flat.setdefault(dtype, []).append(array.ravel())
                used[dtype] = used.get(dtype, 0) + array.size
            index[case_id] = [checksum, entries]
        text = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), dtype=np.uint8)
        np.savez_compressed(self.path, index=text, **{d: np.concatenate(parts) for d, parts in flat.items()})

    def read(self) -> dict[str, tuple[int, dict[str, np.ndarray]]]:
        """The inverse of ``write``."""
        with np.load(self.path) as file:
            index = json.loads(file["index"].tobytes().decode())
            flat = {name: file[name] for name in file.files if name != "index"}
        results = {}
        for case_id, (checksum, entries) in index.items():
            arrays = {}
            for name, dtype, shape, start in entries:
                size = int(np.prod(shape, dtype=np.int64))
                arrays[name] = flat[dtype][start : start + size].reshape(shape)
            results[case_id] = (checksum, arrays)
        return results
