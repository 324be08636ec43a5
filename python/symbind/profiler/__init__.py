"""How long operators take: ``mx.profiler``, with a table by operator and a trace for Chrome's viewer.

While the profiler runs, every step of a program and every imperative call is recorded with its times; while
it does not, it costs nothing. What was recorded stays in memory until `dump` has written it.
"""

from .control import (
    dump,
    dump_profile,
    dumps,
    pause,
    profiler_set_config,
    profiler_set_state,
    resume,
    set_config,
    set_kvstore_handle,
    set_state,
    state,
)
from .records import Counter, Domain, Event, Frame, Marker, Task

__all__ = [
    "Counter",
    "Domain",
    "Event",
    "Frame",
    "Marker",
    "Task",
    "dump",
    "dump_profile",
    "dumps",
    "pause",
    "profiler_set_config",
    "profiler_set_state",
    "resume",
    "set_config",
    "set_kvstore_handle",
    "set_state",
    "state",
]
