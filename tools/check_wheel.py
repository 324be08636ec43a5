"""Checks what a wheel must be like: small, NumPy its only requirement, oneDNN in it once (or not at all).

    python tools/check_wheel.py dist/symbind-*.whl [--without-onednn]

Prints what it found; exits with 1 and the reasons when something is wrong.
"""

from __future__ import annotations

import argparse
import email
import re
import sys
import zipfile
from pathlib import Path

MAX_BYTES = 20_000_000


def problems_of(path: Path, onednn: bool) -> list[str]:
    """Return what is wrong with the wheel at `path`; `onednn` says whether it must carry libdnnl."""
    problems = []
    size = path.stat().st_size
    with zipfile.ZipFile(path) as wheel:
        files = wheel.namelist()
        metadata_name = next(name for name in files if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(metadata_name))
    requirements = metadata.get_all("Requires-Dist") or []
    always = [r for r in requirements if "extra ==" not in r]
    libraries = [name for name in files if ".so" in Path(name).name]
    print(f"{path.name}: {size / 1e6:.1f} MB, {len(files)} files, requires {always}, libraries {libraries}")

    if size >= MAX_BYTES:
        problems.append(f"{size} bytes, expected under {MAX_BYTES}")
    if [re.split(r"[^A-Za-z0-9_.-]", r)[0].lower() for r in always] != ["numpy"]:
        problems.append(f"requires {always} at run time, expected numpy alone")
    expected = 1 if onednn else 0
    found = [name for name in libraries if "dnnl" in name]
    if len(found) != expected or any(Path(name).name != "libdnnl.so.3" for name in found):
        problems.append(f"carries {found}, expected libdnnl.so.3 {'once' if onednn else 'nowhere'}")
    extensions = [name for name in libraries if Path(name).name.startswith("_core.")]
    if len(extensions) != 1 or len(libraries) != expected + 1:
        problems.append(f"libraries {libraries}, expected one extension and oneDNN")
    for wanted in ("symbind/_core.pyi", "symbind/py.typed"):
        if wanted not in files:
            problems.append(f"{wanted} is missing")
    strangers = [n for n in files if not n.startswith("symbind/") and ".dist-info/" not in n]
    if strangers:
        problems.append(f"installs files outside of the package: {strangers}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--without-onednn", action="store_true", help="built with SYMBIND_ONEDNN=OFF")
    options = parser.parse_args()
    problems = problems_of(options.wheel, not options.without_onednn)
    for problem in problems:
        print(f"{options.wheel.name}: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
