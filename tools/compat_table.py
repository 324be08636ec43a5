"""Writes what of MXNet 1.9.1 is there: the table in README.md and the lists in docs/compatibility.md.

    python tools/compat_table.py [--check]

Compares the names of an importable symbind with tools/mxnet_names.json (see tools/record_mxnet_names.py).
`--check` writes nothing and exits with 1 when a page is not current.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import symbind

ROOT = Path(__file__).resolve().parent.parent
NAMES = Path(__file__).with_name("mxnet_names.json")
README, PAGE = ROOT / "README.md", ROOT / "docs" / "compatibility.md"
BEGIN = "<!-- compatibility: written by tools/compat_table.py -->"
END = "<!-- end of compatibility -->"

SHORT = {
    "module": "mod",
    "symbol": "sym",
    "ndarray": "nd",
    "initializer": "init",
    "visualization": "viz",
    "image": "img",
}
SHORT |= {"kvstore": "kv", "monitor": "mon", "image": "img"}
# What a reader looks for first.
ORDER = [
    "module",
    "symbol",
    "executor",
    "ndarray",
    "io",
    "metric",
    "initializer",
    "optimizer",
    "lr_scheduler",
    "callback",
    "model",
    "kvstore",
    "monitor",
    "visualization",
    "recordio",
    "image",
    "rnn",
    "profiler",
    "context",
    "name",
    "attribute",
]


# Classes whose members the table in README.md counts; the page has all classes.
IN_README = ("module", "symbol", "ndarray", "executor")
# Names that are not here on purpose, by module or class.
NUMPY = "belongs to `mx.np`, which is no part of symbind"
INTERNAL = "is internal"
CHECKS = "checks Gluon or MXNet's own build"
LEFT_OUT = {
    "ndarray.NDArray": dict.fromkeys(
        ("attach_grad", "backward", "grad"), "belongs to autograd, which is no part of symbind"
    ),
    "symbol.Symbol": dict.fromkeys(("as_nd_ndarray", "as_np_ndarray"), NUMPY)
    | {"gradient": "is an error in MXNet, too"},
    "metric.PearsonCorrelation": dict.fromkeys(("reset_micro", "update_cov", "update_variance"), INTERNAL),
    "runtime.Features": {"instance": INTERNAL},
    "util": dict.fromkeys(
        (
            "np_array",
            "np_ufunc_legal_option",
            "reset_np",
            "set_np",
            "use_np",
            "use_np_array",
            "use_np_shape",
            "wrap_np_binary_func",
            "wrap_np_unary_func",
        ),
        NUMPY,
    )
    | {"get_cuda_compute_capability": "needs CUDA", "set_module": "is for MXNet's own source"},
    "libinfo": dict.fromkeys(("find_conf_path", "find_include_path"), "is for MXNet's own build"),
    "rtc": {"CudaKernel": "needs CUDA"},
    "rtc.CudaModule": {"get_kernel": "needs CUDA"},
    "test_utils": dict.fromkeys(
        ("check_gluon_hybridize_consistency", "has_tvm_ops", "is_aarch64_run", "is_cd_run", "is_op_runnable"),
        CHECKS,
    )
    | {
        "download_model": "downloads models for MXNet's own examples",
        "get_im2rec_path": "is a module here: `python -m symbind.tools.im2rec`",
    },
}


class Area(NamedTuple):
    """A group of names of MXNet: how a program writes it, and which of its names are here."""

    title: str
    here: list[str]
    missing: list[str]
    left_out: dict[str, str]

    @property
    def total(self) -> int:
        return len(self.here) + len(self.missing)


def compare(title: str, names: list[str], owner: Any, left_out: dict[str, str] | None = None) -> Area:
    """Sort names into those that a module or class has, those it lacks, and those left out on purpose."""
    left_out = {name: why for name, why in (left_out or {}).items() if not hasattr(owner, name)}
    here = [name for name in names if hasattr(owner, name)]
    return Area(title, here, [name for name in names if name not in here and name not in left_out], left_out)


def written(name: str) -> str:
    """How a program writes a module or a class: `mx.mod.Module`."""
    first, *rest = name.split(".")
    return ".".join(["mx", SHORT.get(first, first), *rest])


def submodule(name: str) -> Any:
    try:
        return importlib.import_module(f"symbind.{name}")
    except ModuleNotFoundError:
        return None


def areas() -> tuple[list[Area], list[Area], list[Area]]:
    """Return the areas of modules, of the members of classes, and of operators."""
    record = json.loads(NAMES.read_text(encoding="utf-8"))
    names = [*ORDER, *sorted(set(record["modules"]) - set(ORDER))]
    modules = [
        compare(written(name), record["modules"][name], submodule(name), LEFT_OUT.get(name)) for name in names
    ]
    classes = []
    for name, members in sorted(record["classes"].items()):
        module, cls = name.rsplit(".", 1)
        owner = getattr(submodule(module), cls, None)
        if owner is not None or module in IN_README:  # else the module lists the class as missing
            classes.append(compare(written(name), members, owner, LEFT_OUT.get(name)))
    operators = []
    for space, names in sorted(record["operators"].items()):
        owner = getattr(symbind.symbol, space, None) if space else symbind.symbol
        operators.append(compare(f"mx.sym.{space}".rstrip("."), names, owner))
    return modules, classes, operators


def code_list(names: list[str], most: int = 1000) -> str:
    text = ", ".join(f"`{name}`" for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def readme_table(modules: list[Area], classes: list[Area], operators: list[Area]) -> str:
    lines = ["| MXNet 1.9.1 | here | not here |", "|---|---|---|"]
    shown = {f"mx.{SHORT.get(name, name)}" for name in IN_README}
    classes = [area for area in classes if area.title.rpartition(".")[0] in shown]
    for area in [*modules[: len(ORDER)], *classes, *operators]:
        if area in classes and not area.here:
            continue  # the whole class is listed as missing from its module
        part = f"{len(area.here)} of {area.total}"
        kind = " operators" if area in operators else " members" if area in classes else ""
        lines.append(f"| `{area.title}`{kind} | {part} | {code_list(area.missing, 6)} |")
    lines += ["", "[docs/compatibility.md](docs/compatibility.md) lists every name."]
    return "\n".join(lines)


def full_page(modules: list[Area], classes: list[Area], operators: list[Area]) -> str:
    lines = [
        "# Compatibility, name by name",
        "",
        "<!-- Written by tools/compat_table.py: do not edit. -->",
        "",
        "The public names of MXNet 1.9.1, and which of them symbind has. A name that is here works as in",
        "MXNet; a name that is not here does not exist, so using it is an error at once. Gluon,",
        "`mx.autograd`, `mx.np` and `mx.npx` are not here on purpose, and not listed.",
    ]
    for heading, group in (("Modules", modules), ("Members of classes", classes), ("Operators", operators)):
        lines += ["", f"## {heading}"]
        for area in group:
            lines += ["", f"### `{area.title}`: {len(area.here)} of {area.total}", ""]
            if area.here:
                lines += [f"Here: {code_list(area.here)}."]
            if area.missing:
                lines += [""] * bool(area.here) + [f"Not here: {code_list(area.missing)}."]
            if area.left_out:
                reasons = "; ".join(
                    f"{code_list([n for n, w in area.left_out.items() if w == why])} ({why})"
                    for why in dict.fromkeys(area.left_out.values())
                )
                lines += ["", f"Left out: {reasons}."]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return what each page must say."""
    groups = areas()
    readme = README.read_text(encoding="utf-8")
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    table = readme_table(*groups)
    return {README: f"{before}{BEGIN}\n{table}\n{END}{after}", PAGE: full_page(*groups)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    stale = []
    for path, text in pages().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not options.check:
            path.write_text(text, encoding="utf-8")
    if options.check and stale:
        print(f"not current: {', '.join(stale)}. Run tools/compat_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
