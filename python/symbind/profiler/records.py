"""Records that a program makes itself: tasks, frames, events, counters and markers."""

from __future__ import annotations

import threading
import time

from .recorder import Record, recorder

_SCOPES = {"global": "g", "process": "p", "thread": "t", "task": "t", "marker": "t"}


class Domain:
    """A group of records by name: a process of the trace, and a table of `dumps`."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name

    def new_task(self, name):
        """A `Task` of this domain."""
        return Task(self, name)

    def new_frame(self, name):
        """A `Frame` of this domain."""
        return Frame(self, name)

    def new_counter(self, name, value=None):
        """A `Counter` of this domain."""
        return Counter(self, name, value)

    def new_marker(self, name):
        """A `Marker` of this domain."""
        return Marker(self, name)


class _Span:
    """A time between `start` and `stop`, recorded if the profiler runs at both. Also a ``with`` block."""

    def __init__(self, category: str, name: str):
        self.name = name
        self._category = category
        self._start: int | None = None

    def start(self):
        """Begins the time; a second call begins it anew."""
        self._start = time.monotonic_ns() if recorder.active else None

    def stop(self):
        """Ends and records the time. Without `start` there is nothing to record."""
        start, self._start = self._start, None
        if start is not None and recorder.active:
            now = time.monotonic_ns()
            recorder.add(Record(self._category, self.name, start, now, threading.get_native_id()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def __str__(self):
        return self.name


class Task(_Span):
    """A named piece of work of a `Domain`."""

    def __init__(self, domain, name):
        super().__init__(str(domain), name)


class Frame(_Span):
    """A named round of repeated work, such as an iteration, of a `Domain`."""

    def __init__(self, domain, name):
        super().__init__(f"{domain},frame", name)


class Event(_Span):
    """A named piece of work without a domain."""

    def __init__(self, name):
        super().__init__("event", name)


class Counter:
    """A named number of a `Domain` whose changes are recorded while the profiler runs.

    Parameters
    ----------
    domain : Domain
    name : str
    value : int or float, optional
        The first value; None starts at 0 without recording it.
    """

    def __init__(self, domain, name, value=None):
        self.name = name
        self._category = str(domain)
        self._lock = threading.Lock()
        self._value = 0
        if value is not None:
            self.set_value(value)

    def set_value(self, value):
        """Sets the counter."""
        with self._lock:
            self._set(value)

    def increment(self, delta=1):
        """Adds `delta`."""
        with self._lock:
            self._set(self._value + delta)

    def decrement(self, delta=1):
        """Subtracts `delta`."""
        self.increment(-delta)

    def _set(self, value) -> None:
        self._value = value
        if recorder.active:
            now, thread = time.monotonic_ns(), threading.get_native_id()
            recorder.add(Record(self._category, self.name, now, now, thread, value=value))

    def __iadd__(self, delta):
        self.increment(delta)
        return self

    def __isub__(self, delta):
        self.decrement(delta)
        return self

    def __str__(self):
        return self.name


class Marker:
    """A named moment of a `Domain`."""

    def __init__(self, domain, name):
        self.name = name
        self._category = f"{domain},instant_marker"

    def mark(self, scope="process"):
        """Records this moment, shown across `scope`: 'global', 'process', 'thread', 'task' or 'marker'."""
        if scope not in _SCOPES:
            raise ValueError(f"[Marker.mark] scope: got {scope!r}, expected of {', '.join(_SCOPES)}")
        if recorder.active:
            now, thread = time.monotonic_ns(), threading.get_native_id()
            recorder.add(Record(self._category, self.name, now, now, thread, scope=_SCOPES[scope]))
