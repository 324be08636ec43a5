"""What the profiler recorded in this process: a list for the trace, and sums for the table."""

from __future__ import annotations

import atexit
import json
import threading
import warnings
from typing import Any, NamedTuple

from .. import _core
from .._files import atomic_write

KINDS = ("profile_all", "profile_symbolic", "profile_imperative", "profile_memory", "profile_api")
CONFIG: dict[str, Any] = {
    **dict.fromkeys(KINDS, False),
    "filename": "profile.json",
    "continuous_dump": False,
    "dump_period": 1.0,
    "aggregate_stats": False,
}


class Record(NamedTuple):
    """One line of the trace. Times in nanoseconds; `value` belongs to counters, `scope` to markers."""

    category: str
    name: str
    start: int
    end: int
    thread: int
    node: str = ""
    value: float | None = None
    scope: str = ""


class Statistics:
    """Count, total, smallest and largest of times in milliseconds, or of a counter's values."""

    __slots__ = ("count", "max", "min", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0
        self.min, self.max = float("inf"), float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.min = min(self.min, value)
        self.max = max(self.max, value)

    @property
    def avg(self) -> float:
        return self.total / self.count


class Recorder:
    """What was recorded in this process, and whether recording goes on."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.config = dict(CONFIG)
        self.state = "stop"
        self.paused = False
        self.has_run = False
        self.unsaved = False
        self.records: list[Record] = []
        self.statistics: dict[str, dict[str, Statistics]] = {}
        self.counters: dict[str, dict[str, Statistics]] = {}
        self.ticker: threading.Timer | None = None

    @property
    def active(self) -> bool:
        return self.state == "run" and not self.paused

    def apply(self) -> None:
        """Switches the engine's recording on or off, keeping what it has so far."""
        self.collect()
        _core.set_profiler(self.active)
        if self.ticker is not None:
            self.ticker.cancel()
            self.ticker = None
        if self.active and self.config["continuous_dump"]:
            self._tick_later()

    def _tick_later(self) -> None:
        self.ticker = threading.Timer(self.config["dump_period"], self._tick)
        self.ticker.daemon = True
        self.ticker.start()

    def _tick(self) -> None:
        with self.lock:
            if self.active and self.config["continuous_dump"]:
                self.write(finished=False)
                self._tick_later()

    def collect(self) -> None:
        """Takes over what the engine recorded since the last time."""
        with self.lock:
            wanted = {kind for kind in KINDS if self.config[kind]}
            every = not wanted or "profile_all" in wanted
            for op, node, start, end, thread in _core.profiler_events():
                if every or ("profile_symbolic" if node else "profile_imperative") in wanted:
                    self.add(Record("operator", op, start, end, thread, node))

    def add(self, record: Record) -> None:
        with self.lock:
            self.records.append(record)
            self.unsaved = True
            if record.scope:
                return
            table = self.statistics if record.value is None else self.counters
            line = table.setdefault(record.category, {}).setdefault(record.name, Statistics())
            line.add((record.end - record.start) * 1e-6 if record.value is None else record.value)

    def write(self, finished: bool) -> None:
        with self.lock:
            self.collect()
            with atomic_write(self.config["filename"], "w") as file:
                json.dump(_chrome_trace(self.records), file)
            self.unsaved = False
            if finished:
                self.records = []


recorder = Recorder()


def _chrome_trace(records: list[Record]) -> dict[str, Any]:
    """Trace-event format of chrome://tracing and Perfetto: a process per category, times in microseconds."""
    processes: dict[str, int] = {}
    events: list[dict[str, Any]] = []
    for record in records:
        event: dict[str, Any] = {
            "name": record.name,
            "cat": record.category,
            "ts": record.start * 1e-3,
            "pid": processes.setdefault(record.category, len(processes)),
            "tid": record.thread,
        }
        if record.scope:
            event.update(ph="i", s=record.scope)
        elif record.value is not None:
            event.update(ph="C", args={record.name: record.value})
        else:
            event.update(ph="X", dur=(record.end - record.start) * 1e-3)
            if record.node:
                event["args"] = {"node": record.node}
        events.append(event)
    titles: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}
        for name, pid in processes.items()
    ]
    return {"traceEvents": titles + events, "displayTimeUnit": "ms"}


@atexit.register
def _write_at_exit() -> None:
    """A program that stops the profiler and ends without `dump` still gets its file."""
    if recorder.has_run:
        recorder.collect()
    if recorder.unsaved:
        try:
            recorder.write(finished=True)
        except OSError as err:
            warnings.warn(f"[profiler] the trace was not written: {err}", stacklevel=1)
