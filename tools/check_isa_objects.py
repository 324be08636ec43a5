"""Checks that code compiled for one instruction set stays in its own namespace.

    python tools/check_isa_objects.py build/<folder>/cpp

An inline function of the C++ library compiled with AVX-512 flags is a weak symbol: the linker may choose that
copy for the whole program, which then dies on other processors. So no object of cpp/backend/cpu/kernels/ may
define a symbol that others could pick up. Needs `nm`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def strangers(path: Path, isa: str) -> list[str]:
    """Return the global symbols that `path` defines outside of `symbind::<isa>`."""
    command = ["nm", "--demangle", "--defined-only", "--extern-only", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = []
    for line in lines:
        _, kind, name = line.split(" ", 2)
        own = f"symbind::{isa}::" in name.split("(")[0]
        data_only = name.startswith("DW.ref.")  # a pointer to the exception personality: no code in it
        if not own and not data_only:
            found.append(f"{path.name}: {kind} {name}")
    return found


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found, objects = [], 0
    for isa in ("baseline", "avx2", "avx512"):
        for path in sorted(Path(sys.argv[1]).glob(f"CMakeFiles/symbind_kernels_{isa}.dir/**/*.o")):
            objects += 1
            found += strangers(path, isa)
    if objects == 0:
        sys.exit(f"no kernel objects below {sys.argv[1]}")
    print(f"{objects} kernel objects, {len(found)} symbols out of place")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
