"""One case: check that all engines compute the same network, then alternate timed blocks between them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Callable

import machine
from cases import Case
from workers import EngineSpec, Unsupported, Worker, WorkerError


@dataclass
class Settings:
    """threads: of every engine; rounds: timed blocks per engine; block_s: aimed length of a block;
    warmup_s: before the first block; timeout_s: for any one answer of a worker."""

    threads: int = 2
    rounds: int = 15
    block_s: float = 0.3
    warmup_s: float = 1.0
    timeout_s: float = 600.0


class Mismatch(Exception):
    """Engines do not agree on losses or outputs, so their times must not be compared."""


Log = Callable[[str], None]


def run_case(case: Case, specs: Sequence[EngineSpec], settings: Settings, log: Log) -> dict[str, Any]:
    """Record of one case: {"case", "check", "disturbance", "engines": {label: {...}}}.

    An engine that cannot run the case or fails in it is recorded with status "unsupported" or "failed".
    Raises Mismatch where two engines disagree.
    """
    entries: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        workers = _prepare(case, specs, settings, entries, stack, log)
        check = _compare(case, {label: entries[label].pop("check") for label in workers})
        log(f"  {check['text']}")
        blocks = _each(workers, entries, lambda worker: _warm_up(worker, case, settings), log)
        disturbance = machine.Disturbance([worker.pid for worker in workers.values()])
        _alternate(workers, entries, blocks, settings, log)
        disturbed = disturbance.end()
        ends = _each(workers, entries, lambda worker: worker.ask("memory"), log)
        for label in workers:
            entries[label].setdefault("metrics", {}).update(ends[label].get("metrics", {}))
            entries[label].update(status="ok", peak_rss_mb=round(ends[label]["peak_rss_mb"], 1))
            entries[label].update(summary(entries[label]["samples_ms"]))
    return {"case": case.to_json(), "check": check, "disturbance": disturbed, "engines": entries}


def _prepare(
    case: Case,
    specs: Sequence[EngineSpec],
    settings: Settings,
    entries: dict[str, Any],
    stack: ExitStack,
    log: Log,
) -> dict[str, Worker]:
    """A fresh worker for each engine (so that its peak memory is this case's alone), prepared and checked."""
    workers = {}
    for spec in specs:
        worker = stack.enter_context(Worker(spec, settings.threads, settings.timeout_s))
        entry = entries[spec.label] = {}
        try:
            entry.update(worker.ask("hello", threads=settings.threads))
            entry.update(worker.ask("prepare", case=case.to_json()))
            entry["check"] = worker.ask("check", steps=case.check_steps)
            workers[spec.label] = worker
        except Unsupported as why:
            entry.update(status="unsupported", reason=str(why))
            worker.close()
        except WorkerError as error:
            entry.update(status="failed", reason=str(error))
            log(f"  {spec.label} failed: {error}")
            worker.close()
    return workers


def _each(
    workers: dict[str, Worker], entries: dict[str, Any], action: Callable[[Worker], Any], log: Log
) -> dict[str, Any]:
    """Results of `action` by label; a worker that fails in it leaves `workers`."""
    results = {}
    for label in list(workers):
        try:
            results[label] = action(workers[label])
        except WorkerError as error:
            workers.pop(label).close()
            entries[label].update(status="failed", reason=str(error))
            log(f"  {label} failed: {error}")
    return results


def _warm_up(worker: Worker, case: Case, settings: Settings) -> dict[str, int]:
    """Run for `warmup_s`; return the steps of a timed block and of the untimed start of each block."""
    if case.kind == "fit":  # takes seconds, and the start of a fit is part of what it costs
        return {"warm": 0, "steps": 1}
    steps, spent = 1, 0.0
    while True:
        seconds = worker.ask("block", warm=0, steps=steps)["seconds"]
        spent += seconds
        if spent >= settings.warmup_s:
            break
        steps = max(1, min(2 * steps, int(settings.block_s / max(seconds / steps, 1e-9))))
    timed = max(1, round(settings.block_s * steps / max(seconds, 1e-9)))
    # Caches hold the previous engine's data when a block starts: a tenth of a block brings our own back.
    return {"warm": max(1, timed // 10), "steps": timed}


def _alternate(
    workers: dict[str, Worker],
    entries: dict[str, Any],
    blocks: dict[str, dict[str, int]],
    settings: Settings,
    log: Log,
) -> None:
    """One block of each engine a round, the order turned around every other round."""
    for label in workers:
        entries[label].update(steps_per_block=blocks[label]["steps"], samples_ms=[])
    for turn in range(settings.rounds):
        order = list(workers) if turn % 2 == 0 else list(workers)[::-1]
        for label in order:
            result = _each(
                {label: workers[label]}, entries, lambda w: w.ask("block", **blocks[w.spec.label]), log
            )
            if label not in result:
                del workers[label]
                continue
            entries[label]["samples_ms"].append(result[label]["seconds"] * 1e3 / blocks[label]["steps"])


# ---- agreement -----------------------------------------------------------------------------------


def _compare(case: Case, checks: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Compare every engine with MXNet, or the first where it is absent; raise Mismatch over tolerance."""
    labels = sorted(checks, key=lambda label: label != "mxnet")
    if not labels:
        return {"text": "check: no engine ran this case", "reference": None, "deviations": {}}
    reference = checks[labels[0]]
    losses = reference["losses"]
    if losses and max(losses) - min(losses) < 10 * case.tolerance * max(losses):
        raise Mismatch(
            f"[check] {case.name}: losses {losses} hardly move, so they cannot show a wrong update"
        )
    deviations = {label: deviation(reference, checks[label]) for label in labels[1:]}
    wrong = {label: value for label, value in deviations.items() if not value <= case.tolerance}
    if wrong:
        detail = "; ".join(f"{label} differs by {value:.3g}" for label, value in wrong.items())
        shown = {label: [round(loss, 5) for loss in checks[label]["losses"]] for label in (labels[0], *wrong)}
        raise Mismatch(
            f"[check] {case.name}: engines computed different networks, no times reported: got {detail} "
            f"from {labels[0]}, expected at most {case.tolerance:g}; losses {shown}"
        )
    what = f"{len(losses)} losses and outputs" if losses else "outputs"
    worst = max(deviations.values(), default=0.0)
    text = (
        f"check: {what} of {len(labels)} engines agree within {worst:.2g}"
        if deviations
        else "check: one engine only"
    )
    return {"text": text, "reference": labels[0], "deviations": deviations, "losses": losses}


def deviation(reference: dict[str, list[float]], other: dict[str, list[float]]) -> float:
    """Largest difference of losses or outputs, relative to the reference's largest; inf if shapes differ."""
    worst = 0.0
    for key in ("losses", "outputs"):
        expected, got = reference[key], other[key]
        if len(expected) != len(got):
            return float("inf")
        if not expected:
            continue
        scale = max(map(abs, expected)) or 1.0
        worst = max(worst, *(_distance(a, b) / scale for a, b in zip(expected, got)))
    return worst


def _distance(a: float, b: float) -> float:
    difference = abs(a - b)
    return difference if difference == difference else float("inf")  # NaN compares false with everything


# ---- statistics ----------------------------------------------------------------------------------


def summary(samples: list[float]) -> dict[str, float]:
    """Median, best, quartiles and their distance (the spread) of times per step in milliseconds."""
    if len(samples) > 1:
        q1, _, q3 = statistics.quantiles(samples, n=4, method="inclusive")
    else:
        q1 = q3 = samples[0]
    return {
        "median_ms": statistics.median(samples),
        "best_ms": min(samples),
        "q1_ms": q1,
        "q3_ms": q3,
        "iqr_ms": q3 - q1,
    }


def ratios(record: dict[str, Any], subject: str) -> dict[str, dict[str, float]]:
    """How many times faster than each other engine the subject is.

    median: ratio of the medians; low, high: quartiles of the ratios within each round.
    """
    entries = {label: entry for label, entry in record["engines"].items() if entry["status"] == "ok"}
    if subject not in entries:
        return {}
    ours, out = entries[subject], {}
    for label, entry in entries.items():
        if label == subject:
            continue
        rounds = summary([theirs / mine for theirs, mine in zip(entry["samples_ms"], ours["samples_ms"])])
        out[label] = {
            "median": entry["median_ms"] / ours["median_ms"],
            "low": rounds["q1_ms"],
            "high": rounds["q3_ms"],
        }
        if entry.get("peak_rss_mb") and ours.get("peak_rss_mb"):
            out[label]["memory"] = ours["peak_rss_mb"] / entry["peak_rss_mb"]
    return out
