"""Starting and stopping the profiler, and getting at what it recorded."""

from __future__ import annotations

import warnings

from ..base import MXNetError
from .recorder import CONFIG, KINDS, Statistics, recorder
from .report import as_json, as_table

_SORT_KEYS = ("total", "avg", "min", "max", "count")


def _check_process(function: str, profile_process: str) -> None:
    if profile_process not in ("worker", "server"):
        raise ValueError(
            f"[profiler.{function}] profile_process: got {profile_process!r}, expected 'worker' or 'server'"
        )
    if profile_process == "server":
        raise MXNetError(
            f"[profiler.{function}] there is no server process to profile: got profile_process='server', "
            "expected 'worker'"
        )


def set_config(**kwargs):
    """Sets what to record and where to write it. Names that are not given go back to their defaults.

    Parameters
    ----------
    filename : str
        File that `dump` writes, default ``'profile.json'``.
    profile_all, profile_symbolic, profile_imperative : bool
        Operators of programs, of imperative calls, or both. Default: all False, which records both.
    profile_memory, profile_api : bool
        Accepted; the engine has no such records.
    continuous_dump : bool
        Also write the file every `dump_period` seconds (default 1.0) while the profiler runs. Default False.
    aggregate_stats : bool
        Accepted; statistics for `dumps` are always kept.
    profile_process : str
        ``'worker'`` (default).

    Raises TypeError for an unknown name and ValueError for a `dump_period` that is not positive.
    """
    _check_process("set_config", kwargs.pop("profile_process", "worker"))
    unknown = sorted(set(kwargs) - set(CONFIG))
    if unknown:
        raise TypeError(
            f"[profiler.set_config] unknown argument: got {unknown[0]!r}, expected of {', '.join(CONFIG)}"
        )
    period = kwargs.get("dump_period", 1.0)
    if not period > 0:
        raise ValueError(f"[profiler.set_config] dump_period: got {period!r}, expected a positive number")
    with recorder.lock:
        recorder.collect()
        recorder.config = {**CONFIG, **kwargs}
        recorder.apply()


def set_state(state="stop", profile_process="worker"):
    """Starts (``'run'``) or stops (``'stop'``, the default) recording."""
    _check_process("set_state", profile_process)
    if state not in ("run", "stop"):
        raise ValueError(f"[profiler.set_state] got {state!r}, expected 'run' or 'stop'")
    with recorder.lock:
        recorder.state, recorder.paused = state, False
        recorder.has_run = recorder.has_run or state == "run"
        recorder.apply()


def state():
    """``'run'`` or ``'stop'``, as `set_state` left it."""
    return recorder.state


def pause(profile_process="worker"):
    """Stops recording until `resume`."""
    _check_process("pause", profile_process)
    _set_paused(True)


def resume(profile_process="worker"):
    """Goes on recording after `pause`."""
    _check_process("resume", profile_process)
    _set_paused(False)


def _set_paused(paused: bool) -> None:
    with recorder.lock:
        recorder.paused = paused
        recorder.apply()


def dump(finished=True, profile_process="worker"):
    """Writes what was recorded as JSON for chrome://tracing or Perfetto.

    Parameters
    ----------
    finished : bool
        Default True: the next file starts anew. False keeps what was recorded, and the next `dump` writes it
        again with what came later.
    profile_process : str
        ``'worker'`` (default).

    Raises MXNetError if the profiler has never run, OSError if the file cannot be written.
    """
    _check_process("dump", profile_process)
    if not recorder.has_run:
        raise MXNetError("[profiler.dump] the profiler has not run: call profiler.set_state('run') first")
    recorder.write(finished)


def dumps(reset=False, format="table", sort_by="total", ascending=False):
    """Statistics by operator: how often, and the total, shortest, longest and average time in milliseconds.

    Parameters
    ----------
    reset : bool
        Default False. Whether statistics start anew afterwards.
    format : str
        ``'table'`` (default) or ``'json'``.
    sort_by : str
        ``'total'`` (default), ``'avg'``, ``'min'``, ``'max'`` or ``'count'``.
    ascending : bool
        Default False.

    Raises ValueError for another `format` or `sort_by`.
    """
    if format not in ("table", "json"):
        raise ValueError(f"[profiler.dumps] format: got {format!r}, expected 'table' or 'json'")
    if sort_by not in _SORT_KEYS:
        raise ValueError(f"[profiler.dumps] sort_by: got {sort_by!r}, expected of {', '.join(_SORT_KEYS)}")

    def rows(table: dict[str, Statistics]) -> list[tuple[str, Statistics]]:
        return sorted(table.items(), key=lambda row: getattr(row[1], sort_by), reverse=not ascending)

    with recorder.lock:
        recorder.collect()
        parts = {
            part: {category: rows(table) for category, table in sorted(tables.items())}
            for part, tables in (("Time", recorder.statistics), ("Counter", recorder.counters))
        }
        text = as_json(parts) if format == "json" else as_table(parts)
        if reset:
            recorder.statistics, recorder.counters = {}, {}
    return text


# ---- names of old programs


def profiler_set_config(mode="symbolic", filename="profile.json"):
    """Old form of `set_config`; `mode` is 'symbolic', 'imperative', 'api', 'memory' or 'all'."""
    warnings.warn("[profiler_set_config] use profiler.set_config", DeprecationWarning, stacklevel=2)
    if f"profile_{mode}" not in KINDS:
        modes = ", ".join(kind[len("profile_") :] for kind in KINDS)
        raise ValueError(f"[profiler_set_config] mode: got {mode!r}, expected of {modes}")
    set_config(filename=filename, **{f"profile_{mode}": True})


def profiler_set_state(state="stop"):
    """Old form of `set_state`."""
    warnings.warn("[profiler_set_state] use profiler.set_state", DeprecationWarning, stacklevel=2)
    set_state(state)


def dump_profile():
    """Old form of `dump`."""
    warnings.warn("[dump_profile] use profiler.dump", DeprecationWarning, stacklevel=2)
    dump()


def set_kvstore_handle(handle):
    """Accepted and without effect: it names the store whose servers to profile, and there are none."""
