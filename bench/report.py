"""Table and plot of a JSON record.

python bench/report.py bench/results/NAME.json      # writes NAME.md and NAME.png beside it
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DISTURBED = 0.1
"""Cores used by other processes from which on a case's times are marked as disturbed."""

COLORS = {"symbind": "#d1495b"}
PEERS = ["#30638e", "#5b8e7d", "#8cb369", "#bc9d4f", "#7d7abc", "#999999", "#4f6d7a", "#c08497"]


# ---- table ---------------------------------------------------------------------------------------


def markdown(record: dict[str, Any]) -> str:
    lines = [_machine_line(record), ""]
    engines = list(record["engines"])
    lines += _table(["ms a step: median (best; IQR)", *engines], _time_rows(record, engines))
    lines += ["", *_ratio_lines(record)]
    lines += ["", *_table(["peak memory, MB", *engines], _memory_rows(record, engines))]
    chains = [name for name, result in record["cases"].items() if result["case"]["network"] == "chain"]
    if chains:
        lines += [
            "",
            *_table(["chain: µs a node a step; bind s", *engines], _chain_rows(record, chains, engines)),
        ]
    fits = [name for name, result in record["cases"].items() if result["case"]["kind"] == "fit"]
    if fits:
        lines += ["", *_table(["fit: samples a second", *engines], _fit_rows(record, fits, engines))]
    notes = _notes(record)
    return "\n".join(lines + ([""] + notes if notes else [])) + "\n"


def _machine_line(record: dict[str, Any]) -> str:
    machine, settings = record["machine"], record["settings"]
    versions = []
    for label, entry in record["engines"].items():
        named = entry.get("versions") or {}
        version = next((value for key, value in named.items() if key not in ("python", "numpy")), "?")
        versions.append(f"{label} {version}")
    return (
        f"{machine['cpu']} ({machine['cpu_model']}), {machine['cores']} cores, "
        f"{settings['threads']} threads each; {record['date']}, revision {record['revision']}; "
        f"{', '.join(versions)}; {settings['rounds']} alternating blocks of {settings['block_s']} s; "
        f"load average {record['load_before']} before, {record.get('load_after', '?')} after."
    )


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(row) + " |" for row in [header, rule, *rows]]


def _cells(record: dict[str, Any], name: str, engines: list[str], cell: Any) -> list[str]:
    out = []
    for label in engines:
        entry = record["cases"][name]["engines"].get(label, {"status": "refused"})
        out.append(
            cell(entry)
            if entry["status"] == "ok"
            else {"unsupported": "-"}.get(entry["status"], entry["status"])
        )
    return [name, *out]


def _time_rows(record: dict[str, Any], engines: list[str]) -> list[list[str]]:
    def cell(entry: dict[str, Any]) -> str:
        return f"{_ms(entry['median_ms'])} ({_ms(entry['best_ms'])}; {_ms(entry['iqr_ms'])})"

    return [_cells(record, name, engines, cell) for name in record["cases"]]


def _memory_rows(record: dict[str, Any], engines: list[str]) -> list[list[str]]:
    def cell(entry: dict[str, Any]) -> str:
        return f"{entry['peak_rss_mb']:.0f} (import {entry['import_rss_mb']:.0f})"

    return [_cells(record, name, engines, cell) for name in record["cases"]]


def _chain_rows(record: dict[str, Any], chains: list[str], engines: list[str]) -> list[list[str]]:
    rows = []
    for name in chains:
        nodes = record["cases"][name]["case"]["options"]["nodes"]

        def cell(entry: dict[str, Any], nodes: int = nodes) -> str:
            bind = entry.get("metrics", {}).get("bind_s")
            return f"{entry['median_ms'] * 1e3 / nodes:.3f}; {'-' if bind is None else format(bind, '.3f')}"

        rows.append(_cells(record, name, engines, cell))
    return rows


def _fit_rows(record: dict[str, Any], fits: list[str], engines: list[str]) -> list[list[str]]:
    def cell(entry: dict[str, Any]) -> str:
        return f"{entry['metrics']['samples'] / entry['median_ms'] * 1e3:.0f}"

    return [_cells(record, name, engines, cell) for name in fits]


def _ratio_lines(record: dict[str, Any]) -> list[str]:
    subject = record["subject"]
    peers = [label for label in record["engines"] if label != subject]
    rows = []
    for name, result in record["cases"].items():
        found = result.get("ratios") or {}
        if not found:
            continue
        best = min(found.values(), key=lambda ratio: ratio["median"])
        cells = [
            f"{r['median']:.2f} ({r['low']:.2f}-{r['high']:.2f})" if r else "-" for r in map(found.get, peers)
        ]
        rows.append([name, f"**{best['median']:.2f}**", *cells])
    if not rows:
        return []
    title = f"{subject} is ... times as fast as (quartiles of the rounds)"
    return _table([title, "the best peer", *peers], rows)


def _notes(record: dict[str, Any]) -> list[str]:
    out: list[str] = []
    grouped: dict[Any, list[str]] = {}
    for name, result in record["cases"].items():
        if "refused" in result:
            out.append(f"- {name}: {result['refused']}")
            continue
        others = result["disturbance"]["other_cores"]
        if others > DISTURBED:
            out.append(f"- {name}: disturbed, other processes used {others:.2f} cores meanwhile")
        for label, entry in result["engines"].items():
            if entry["status"] != "ok":
                grouped.setdefault((label, entry["status"], entry["reason"]), []).append(name)
    return out + [
        f"- {label}: {status}: {why} ({', '.join(names)})" for (label, status, why), names in grouped.items()
    ]


def _ms(value: float) -> str:
    """Three significant digits, never in exponent notation."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.1 else 4}f}"


# ---- plot ----------------------------------------------------------------------------------------


def plot(record: dict[str, Any], path: Path) -> Path | None:
    """One panel a case: median time of each engine, with a line from its best to its third quartile.

    Returns None where matplotlib is not installed or no case has a result.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return None
    results = {
        n: r for n, r in record["cases"].items() if any(e["status"] == "ok" for e in r["engines"].values())
    }
    if not results:
        return None
    columns = min(3, len(results))
    rows = -(-len(results) // columns)
    height = 0.8 + 0.28 * len(record["engines"])
    figure, axes = pyplot.subplots(rows, columns, figsize=(4.4 * columns, height * rows + 0.4), squeeze=False)
    for axis, (name, result) in zip(axes.flat, results.items()):
        _panel(axis, name, result, list(record["engines"]), record["subject"])
    for axis in axes.flat[len(results) :]:
        axis.set_visible(False)
    machine = record["machine"]
    title = (
        f"{machine['cpu']}, {record['settings']['threads']} threads: milliseconds a step, shorter is better"
    )
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def _panel(axis: Any, name: str, result: dict[str, Any], engines: list[str], subject: str) -> None:
    shown = [label for label in engines if result["engines"].get(label, {}).get("status") == "ok"]
    entries = [result["engines"][label] for label in shown]
    medians = [entry["median_ms"] for entry in entries]
    colors = [
        COLORS["symbind"] if label == subject else PEERS[engines.index(label) % len(PEERS)] for label in shown
    ]
    positions = range(len(shown))
    below = [entry["median_ms"] - entry["best_ms"] for entry in entries]
    above = [entry["q3_ms"] - entry["median_ms"] for entry in entries]
    axis.barh(positions, medians, color=colors, xerr=[below, above], error_kw={"lw": 1, "ecolor": "#333333"})
    for position, median in zip(positions, medians):
        axis.text(median, position, f" {_ms(median)}", va="bottom", ha="left", fontsize=7)
    axis.set_yticks(list(positions), shown, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.2 * max(entry["q3_ms"] for entry in entries))
    axis.tick_params(axis="x", labelsize=7)
    axis.set_title(name, fontsize=9)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def main(argv: list[str]) -> int:
    if not argv:
        print(__doc__, file=sys.stderr)
        return 2
    for name in argv:
        path = Path(name)
        record = json.loads(path.read_text(encoding="utf-8"))
        text = markdown(record)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        print(text)
        if plot(record, path.with_suffix(".png")) is None:
            print("No plot: matplotlib is not installed in this Python.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
