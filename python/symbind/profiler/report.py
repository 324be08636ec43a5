"""The statistics of `mx.profiler.dumps` as text."""

from __future__ import annotations

import json
from typing import Any

from .recorder import Statistics

Parts = dict[str, dict[str, list[tuple[str, Statistics]]]]


def as_json(parts: Parts) -> str:
    def numbers(line: Statistics) -> dict[str, float]:
        return {"Count": line.count, "Total": line.total, "Min": line.min, "Max": line.max, "Avg": line.avg}

    content: dict[str, Any] = {
        part: {category: {name: numbers(line) for name, line in rows} for category, rows in tables.items()}
        for part, tables in parts.items()
    }
    return json.dumps({**content, "Unit": {"Time": "ms"}}, indent=4)


def as_table(parts: Parts) -> str:
    lines = ["", "Profile Statistics:"]
    for part, unit in (("Time", "Time (ms)"), ("Counter", "Value")):
        for category, rows in parts[part].items():
            titles = [unit, f"Min {unit}", f"Max {unit}", f"Avg {unit}"]
            width = max([24, *(len(name) for name, _ in rows)]) + 1
            lines += ["", category, "================="]
            lines.append(f"{'Name':<{width}}{'Total Count':>16}" + "".join(f"{t:>17}" for t in titles))
            lines.append(f"{'----':<{width}}{'-' * 11:>16}" + "".join(f"{'-' * len(t):>17}" for t in titles))
            for name, line in rows:
                numbers = (line.total, line.min, line.max, line.avg)
                lines.append(f"{name:<{width}}{line.count:>16}" + "".join(f"{n:>17.4f}" for n in numbers))
    return "\n".join(lines) + "\n"
