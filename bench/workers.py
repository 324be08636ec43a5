"""One worker process for each engine, spoken to in JSON lines; idle ones are stopped (SIGSTOP)."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent


class WorkerError(Exception):
    """The worker died, took too long or answered with an error."""


class Unsupported(Exception):
    """The engine does not run this case; the text says why."""


@dataclass
class EngineSpec:
    """How to start the worker of one column of the table.

    label: name in the table; engine: file in engines/ without `.py`; python: interpreter with the framework;
    path: folder put first on PYTHONPATH, for a package used from its source tree; env: further variables.
    """

    label: str
    engine: str
    python: str
    path: str = ""
    env: dict[str, str] = field(default_factory=dict)


def _environment(spec: EngineSpec, threads: int) -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        env[name] = str(threads)
    env["TF_NUM_INTEROP_THREADS"] = "1"
    env["TF_CPP_MIN_LOG_LEVEL"] = "3"
    env["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    env["CUDA_VISIBLE_DEVICES"] = ""
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["PYTHONHASHSEED"] = "0"
    if spec.path:
        env["PYTHONPATH"] = spec.path
    env.update(spec.env)
    return env


class Worker:
    """A running engine worker. Use as a context manager, or `close()` it."""

    def __init__(self, spec: EngineSpec, threads: int, timeout_s: float) -> None:
        self.spec, self._timeout_s, self._stopped = spec, timeout_s, False
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [spec.python, "-m", f"engines.{spec.engine}"],
            cwd=BENCH,
            env=_environment(spec, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def ask(self, cmd: str, **request: Any) -> dict[str, Any]:
        """Wake the worker, send a request, return its answer and put the worker to sleep again."""
        self._wake(True)
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"cmd": cmd, **request}) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._timeout_s)
        except queue.Empty:
            self.close()
            raise WorkerError(f"no answer to {cmd!r} within {self._timeout_s:.0f} s") from None
        except BrokenPipeError:
            line = None
        if line is None:
            code = self._process.wait()
            raise WorkerError(f"worker ended with {_exit_text(code)} in {cmd!r}: {self._last_words()}")
        self._wake(False)
        answer: dict[str, Any] = json.loads(line)
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise WorkerError(f"{cmd}: {answer['error']}")
        return answer

    def _wake(self, awake: bool) -> None:
        """Frameworks' thread pools spin for a while after their work; an idle worker must not take a core."""
        if awake == self._stopped and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT if awake else signal.SIGSTOP)
            self._stopped = not awake

    def log(self) -> str:
        """What the worker wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def _last_words(self) -> str:
        lines: list[str] = [line for line in self.log().splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "it wrote nothing"

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _exit_text(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
