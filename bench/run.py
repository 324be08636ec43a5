"""Measure engines against each other on the benchmark cases; writes one JSON record, a table and a plot.

    python bench/run.py --cases core --engines symbind,mxnet,torch_eager --out bench/results/NAME.json

See bench/README.md. Only the standard library is needed (and matplotlib for the plot).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import cases
import envs
import machine
import measure
import report
from workers import EngineSpec

SCHEMA = 1


def main(argv: list[str]) -> int:
    options = _parse(argv)
    try:
        selected = cases.select(_split(options.cases))
        specs = _specs(options)
    except (ValueError, envs.EnvError) as error:
        print(error, file=sys.stderr)
        return 2
    settings = measure.Settings(
        options.threads, options.rounds, options.block, options.warmup, options.timeout
    )
    subject = options.subject or specs[0].label
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "date": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "command": ["bench/run.py", *argv],
        "revision": machine.revision(envs.ROOT),
        "machine": machine.describe(),
        "settings": vars(settings),
        "subject": subject,
        "engines": {s.label: {"engine": s.engine, "env": s.env} for s in specs},
        "load_before": machine.load(),
        "cases": {},
    }
    failures = _run_all(selected, specs, settings, record, options.out)
    record["load_after"] = machine.load()
    text = report.markdown(record)
    print("\n" + text)
    if options.out:
        _write(options.out, record)
        options.out.with_suffix(".md").write_text(text, encoding="utf-8")
        if report.plot(record, options.out.with_suffix(".png")) is None:
            print("No plot: matplotlib is not installed in this Python.", file=sys.stderr)
    return 1 if failures else 0


def _run_all(
    selected: list[cases.Case],
    specs: list[EngineSpec],
    settings: measure.Settings,
    record: dict[str, Any],
    out: Any,
) -> int:
    """Fill record["cases"], written after each case so that a long run that is cut short is not lost."""
    failures = 0
    for case in selected:
        _log(case.name)
        try:
            result = measure.run_case(case, specs, settings, _log)
        except measure.Mismatch as error:
            _log(f"  {error}")
            record["cases"][case.name] = {"case": case.to_json(), "refused": str(error), "engines": {}}
            failures += 1
            continue
        failures += sum(entry["status"] == "failed" for entry in result["engines"].values())
        result["ratios"] = measure.ratios(result, record["subject"])
        for label, entry in result["engines"].items():
            if "versions" in entry:
                record["engines"][label]["versions"] = entry.pop("versions")
            if entry["status"] == "ok":
                _log(f"  {label:20} {entry['median_ms']:10.4f} ms (best {entry['best_ms']:.4f}, "
                     f"IQR {entry['iqr_ms']:.4f}), {entry['peak_rss_mb']:.0f} MB")  # fmt: skip
        others = result["disturbance"]["other_cores"]
        if others > report.DISTURBED:
            _log(f"  disturbed: other processes used {others:.2f} cores meanwhile")
        record["cases"][case.name] = result
        if out:
            _write(out, record)
    return failures


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


# ---- command line --------------------------------------------------------------------------------


def _split(values: list[str]) -> list[str]:
    return [name for value in values for name in value.split(",") if name]


def _assignments(values: list[str], option: str) -> dict[str, str]:
    out = {}
    for value in values:
        label, equals, rest = value.partition("=")
        if not equals:
            raise ValueError(f"[run] {option}: got {value!r}, expected LABEL=VALUE")
        out[label] = rest
    return out


def _specs(options: argparse.Namespace) -> list[EngineSpec]:
    """Engines asked for as NAME or LABEL:NAME, each with its interpreter."""
    pythons = _assignments(options.python_for, "--python-for")
    bases = _assignments(options.base_python, "--base-python")
    paths = _assignments(options.path_for, "--path-for")
    variables: dict[str, dict[str, str]] = {}
    for value in options.env_for:
        for label, setting in _assignments([value], "--env-for").items():
            variables.setdefault(label, {}).update(_assignments([setting], "--env-for LABEL="))
    out = []
    for item in _split(options.engines):
        label, _, engine = item.rpartition(":")
        label = label or engine
        if engine not in envs.ENGINES:
            raise ValueError(
                f"[run] unknown engine: got {engine!r}, expected one of {', '.join(envs.ENGINES)}"
            )
        given = pythons.get(label) or pythons.get(engine)
        python = given or envs.ensure(engine, options.cache, bases.get(engine))
        path = paths.get(label, "")
        out.append(
            EngineSpec(
                label, engine, python, str(Path(path).resolve()) if path else "", variables.get(label, {})
            )
        )
    labels = [spec.label for spec in out]
    for label in {*paths, *variables}:
        if label not in labels:
            raise ValueError(
                f"[run] --path-for or --env-for: got {label!r}, expected one of {', '.join(labels)}"
            )
    if len(set(labels)) < len(labels) or not labels:
        raise ValueError(f"[run] --engines: got {labels}, expected different labels (LABEL:ENGINE gives one)")
    if options.subject and options.subject not in labels:
        raise ValueError(f"[run] --subject: got {options.subject!r}, expected one of {', '.join(labels)}")
    return out


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add(
        "--cases",
        nargs="+",
        default=["core"],
        help="cases or groups: " + ", ".join([*cases.GROUPS, *cases.CASES]),
    )
    add("--engines", nargs="+", required=True, help="ENGINE or LABEL:ENGINE, of " + ", ".join(envs.ENGINES))
    add("--out", type=Path, help="JSON file of the record; the table and the plot go beside it")
    add("--subject", help="engine that ratios are about (default: the first)")
    add("--threads", type=int, default=2, help="threads of every engine (default 2)")
    add("--rounds", type=int, default=15, help="timed blocks of each engine (default 15)")
    add("--block", type=float, default=0.3, help="seconds of a timed block (default 0.3)")
    add("--warmup", type=float, default=1.0, help="seconds before the first block (default 1)")
    add(
        "--timeout",
        type=float,
        default=600.0,
        help="seconds to wait for any one answer of a worker (default 600)",
    )
    add(
        "--quick",
        action="store_true",
        help="5 rounds of 0.1 s after 0.2 s of warm-up: to try things, not to report",
    )
    add(
        "--python-for",
        action="append",
        default=[],
        metavar="LABEL=PATH",
        help="use this interpreter as it is",
    )
    add(
        "--base-python",
        action="append",
        default=[],
        metavar="ENGINE=PATH",
        help="make the environment from this one",
    )
    add(
        "--path-for",
        action="append",
        default=[],
        metavar="LABEL=DIR",
        help="folder to import the package from",
    )
    add(
        "--env-for",
        action="append",
        default=[],
        metavar="LABEL=KEY=VALUE",
        help="environment variable of one engine",
    )
    add("--cache", type=Path, default=envs.default_cache(), help="folder of the engines' environments")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.block, options.warmup = 5, 0.1, 0.2
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
