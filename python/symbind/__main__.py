"""``python -m symbind``: the command line of the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, by default the one in `sys.argv`. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m symbind", description="Runs programs of MXNet's Module API."
    )
    parser.add_argument("--version", action="store_true", help="print the version of symbind")
    commands = parser.add_subparsers(dest="command", metavar="command")
    run = commands.add_parser(
        "run",
        help="run a program that says 'import mxnet', unchanged",
        description="Runs a program with 'import mxnet' meaning symbind, with the names that NumPy has "
        "dropped since, and with mx.gpu(i) as the CPU where there is no GPU (SYMBIND_GPU_FALLBACK).",
    )
    run.add_argument("-m", dest="module", action="store_true", help="PROGRAM is the name of a module")
    run.add_argument("program", help="a Python file")
    run.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the program")
    options = parser.parse_args(argv)
    if options.version:
        import symbind

        print(symbind.__version__)
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    from .run import run_module, run_script

    try:
        (run_module if options.module else run_script)(options.program, options.args)
    except FileNotFoundError as err:
        if not str(err).startswith("[symbind run]"):
            raise
        print(err, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
