"""Writes the README's section about speed from the records of the benchmark.

python tools/performance_section.py        after bench/run.py has written bench/results/*.json
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
RECORDS = ("core", "resnet", "lstm", "bucketing")
BEGIN, END = "<!-- performance: written by tools/performance_section.py -->", "<!-- end of performance -->"
INTRO = """\
How many times as fast as each peer symbind is: ratios of medians over alternating blocks in one sitting, on
two cores of an AMD EPYC with AVX-512, two threads each, float32; in brackets the quartiles of the rounds.
Training steps are whole ones: forward, backward and the update by SGD with momentum. `_infer` is one sample
(`_b8`: eight) from Python, NumPy in and NumPy out; `chain` is 16,000 `tanh` nodes.
"""


def tables(text: str, title: str) -> list[str]:
    """The Markdown tables whose first header begins with `title`."""
    blocks = [b for b in text.split("\n\n") if b.startswith("|")]
    return [b.strip() for b in blocks if b.startswith(f"| {title}")]


def section() -> str:
    parts = [INTRO]
    found = [name for name in RECORDS if (RESULTS / f"{name}.md").exists()]
    for title in ("symbind is", "peak memory"):
        for name in found:
            parts += [table + "\n" for table in tables((RESULTS / f"{name}.md").read_text(), title)]
    links = ", ".join(
        f"[{name}](bench/results/{name}.md) ([record](bench/results/{name}.json))" for name in found
    )
    parts.append(f"All tables, with the times themselves: {links}. The same as a picture:\n")
    parts += [f"![Milliseconds a step of each engine: {name}](bench/results/{name}.png)\n" for name in found]
    return "\n".join(parts)


def main() -> int:
    readme = ROOT / "README.md"
    text = readme.read_text()
    new = re.sub(
        re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: f"{BEGIN}\n{section()}{END}", text, flags=re.S
    )
    if BEGIN not in text:
        sys.exit(f"README.md has no line {BEGIN}")
    readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
