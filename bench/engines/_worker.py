"""The protocol of an engine worker: one JSON object a line, a request on stdin, its answer on stdout.

    {"cmd": "hello", "threads": 2}     -> {"versions": {...}, "import_rss_mb": ...}
    {"cmd": "prepare", "case": {...}}  -> {"prepare_s": ..., "metrics": {...}} or {"unsupported": "why"}
    {"cmd": "check", "steps": K}       -> {"losses": [...], "outputs": [...]}, from the seeded weights
    {"cmd": "block", "warm": W, "steps": N} -> {"seconds": ...} for N steps, after W that are not timed
    {"cmd": "memory"}                  -> {"peak_rss_mb": ..., "metrics": {...}}
    {"cmd": "quit"}

Any answer may be {"error": "..."} instead. An engine file calls `serve(load)`; `load(threads)` imports its
framework and returns an object with `versions() -> dict` and `prepare(case) -> Session`, and `fits = True` if
its sessions have `check_fit`.
"""

from __future__ import annotations

import abc
import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import time
import traceback
from typing import Any, Callable

CHECK_ROWS = 128
"""Rows of the softmax that the check looks at: enough to tell networks apart, little memory."""


class Unsupported(Exception):
    """The engine cannot, or need not, run this case; the text says why."""


class Session(abc.ABC):
    """One prepared case, its weights drawn from the case's seed."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    @abc.abstractmethod
    def run(self, steps: int) -> None:
        """Run `steps` steps and return when all their results are there."""

    @abc.abstractmethod
    def check_train(self) -> Any:
        """Run one training step; return probabilities of its forward (first CHECK_ROWS rows) and labels."""

    @abc.abstractmethod
    def check_infer(self) -> list[Any]:
        """Return the output array of every batch of the case."""

    def check_fit(self, steps: int) -> tuple[list[float], Any]:
        """Fit on the first `steps` batches; return the running losses and the outputs of the last batch."""
        raise Unsupported("no fit")


class InferenceSession(Session):
    """A session of an engine that only infers; subclasses have `run` and `infer`."""

    def __init__(self, inputs: list[Any]) -> None:
        super().__init__()
        self._inputs = inputs

    @abc.abstractmethod
    def infer(self, data: Any) -> Any:
        """Output array of one input array."""

    def check_infer(self) -> list[Any]:
        return [self.infer(data) for data in self._inputs]

    def check_train(self) -> Any:
        raise Unsupported("inference only")


def cross_entropy(probabilities: Any, labels: Any) -> float:
    """Mean of -log p[label] over the rows at hand, in float64."""
    import numpy as np

    rows = np.arange(len(probabilities))
    picked = np.asarray(probabilities, np.float64)[rows, labels[: len(rows)]]
    return float(-np.log(np.maximum(picked, 1e-30)).mean())


def softmax(logits: Any) -> Any:
    import numpy as np

    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _check(session: Session, kind: str, steps: int) -> dict[str, Any]:
    import numpy as np

    if kind == "infer":
        outputs = np.concatenate([np.asarray(out, np.float64).ravel() for out in session.check_infer()])
        return {"losses": [], "outputs": outputs.tolist()}
    if kind == "fit":
        losses, probabilities = session.check_fit(steps)
        return {"losses": losses, "outputs": np.asarray(probabilities, np.float64).ravel()[:4096].tolist()}
    losses = []
    for _ in range(steps):
        probabilities, labels = session.check_train()
        losses.append(cross_entropy(probabilities, labels))
    return {"losses": losses, "outputs": np.asarray(probabilities, np.float64).ravel()[:4096].tolist()}


def _status_mb(field: str) -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise OSError(f"[worker] no {field} in /proc/self/status: peak memory needs Linux")


def _die_with_parent() -> None:
    """The driver stops idle workers with SIGSTOP: were it killed, nobody would wake them again."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def serve(load: Callable[[int], Any]) -> None:
    """Answer requests until "quit" or end of input."""
    _die_with_parent()
    # Frameworks print to stdout as they like: the protocol gets a descriptor of its own, the rest stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    state: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["cmd"] == "quit":
            break
        try:
            answer = _answer(state, request, load)
        except Unsupported as why:
            answer = {"unsupported": str(why)}
        except Exception as error:  # the driver records the failure and goes on with the other engines
            traceback.print_exc()
            answer = {"error": _one_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    sys.stderr.flush()
    os._exit(0)  # several frameworks crash in their own teardown


def _one_line(error: Exception) -> str:
    """Type, first line of the text, and the place it came from."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {text} ({os.path.basename(place.filename)}:{place.lineno})"


def _answer(state: dict[str, Any], request: dict[str, Any], load: Callable[[int], Any]) -> dict[str, Any]:
    command = request["cmd"]
    if command == "hello":
        state["engine"] = load(request["threads"])
        versions = {"python": ".".join(map(str, sys.version_info[:3])), **state["engine"].versions()}
        return {"versions": versions, "import_rss_mb": _status_mb("VmHWM")}
    if command == "prepare":
        from cases import Case

        state["case"] = Case(**request["case"])
        if state["case"].kind == "fit" and not getattr(state["engine"], "fits", False):
            raise Unsupported("has no call like fit")
        start = time.perf_counter()
        state["session"] = state["engine"].prepare(state["case"])
        return {"prepare_s": time.perf_counter() - start, "metrics": state["session"].metrics}
    if command == "check":
        return _check(state["session"], state["case"].kind, request["steps"])
    if command == "block":
        return {"seconds": _timed_block(state["session"], request["warm"], request["steps"])}
    if command == "memory":
        return {"peak_rss_mb": _status_mb("VmHWM"), "metrics": state["session"].metrics}
    raise ValueError(f"[worker] unknown command: got {command!r}")


def _timed_block(session: Session, warm: int, steps: int) -> float:
    if warm:
        session.run(warm)
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        session.run(steps)
        return time.perf_counter() - start
    finally:
        gc.enable()
