"""Writes tools/mxnet_names.json, the public names that tools/compat_table.py compares with.

    python tools/record_mxnet_names.py        (under MXNet 1.9.1)

Modules give the classes and functions they define, classes their public members, operators every name that
`mx.sym` offers; the internal operators behind Gluon's NumPy interface are left out.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import inspect
import json
from pathlib import Path

import mxnet as mx

MODULES = [
    "attribute",
    "base",
    "callback",
    "context",
    "contrib.tensorboard",
    "contrib.text.embedding",
    "contrib.text.utils",
    "contrib.text.vocab",
    "engine",
    "executor",
    "executor_manager",
    "image",
    "initializer",
    "io",
    "kvstore",
    "libinfo",
    "log",
    "lr_scheduler",
    "metric",
    "misc",
    "model",
    "module",
    "monitor",
    "name",
    "ndarray",
    "ndarray.sparse",
    "operator",
    "optimizer",
    "profiler",
    "random",
    "recordio",
    "registry",
    "rnn",
    "rtc",
    "runtime",
    "symbol",
    "test_utils",
    "util",
    "visualization",
]
OPERATOR_SPACES = ("contrib", "linalg", "random", "image", "sparse")
# What those namespaces import for themselves, and what indexing is made of.
HELPERS = {
    "check_call",
    "get_indexing_dispatch_code",
    "get_oshape_of_gather_nd_op",
    "indexing_key_expand_implicit_axes",
}


def is_public(name: str, value: object) -> bool:
    return not name.startswith("_") and (inspect.isclass(value) or inspect.isroutine(value))


def defined_in(module: object) -> list[str]:
    """Public classes and functions that come from the module itself or its parts."""
    home = module.__name__.rsplit(".", 1)[0] if module.__name__.count(".") > 1 else module.__name__
    names = getattr(module, "__all__", None) or vars(module)
    return sorted(
        name
        for name in set(names)
        if is_public(name, getattr(module, name, None))
        and name not in HELPERS
        and str(getattr(getattr(module, name), "__module__", "")).startswith(home)
    )


def members(cls: type) -> list[str]:
    """Public members of a class, without those of Python's own types."""
    builtin = {n for base in cls.__mro__ if base.__module__ == "builtins" for n in vars(base)}
    return sorted(n for n in dir(cls) if not n.startswith("_") and n not in builtin)


def operators(module: object) -> list[str]:
    """Operators among the functions of a namespace: those generated from the registry."""
    return sorted(n for n in vars(module) if is_public(n, getattr(module, n)) and n in registered())


@functools.lru_cache(maxsize=1)
def registered() -> frozenset[str]:
    """Names of all operators of the engine."""
    size, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    mx.base.check_call(mx.base._LIB.MXListAllOpNames(ctypes.byref(size), ctypes.byref(names)))
    return frozenset(names[i].decode() for i in range(size.value))


def main() -> None:
    # `linspace`, `zeros` and the like are functions of both; a registered name counts as an operator.
    record: dict[str, object] = {"mxnet": mx.__version__}
    modules = {name: importlib.import_module(f"mxnet.{name}") for name in MODULES}
    record["modules"] = {
        name: [n for n in defined_in(module) if n not in registered()] for name, module in modules.items()
    }
    record["classes"] = {
        f"{name}.{cls}": members(getattr(module, cls))
        for name, module in modules.items()
        for cls in record["modules"][name]
        if inspect.isclass(getattr(module, cls)) and members(getattr(module, cls))
    }
    record["operators"] = {"": operators(mx.symbol.op)}
    for space in OPERATOR_SPACES:
        functions = [
            n for n, f in vars(getattr(mx.symbol, space)).items() if is_public(n, f) and inspect.isroutine(f)
        ]
        record["operators"][space] = sorted(
            n for n in functions if n not in HELPERS and not n.startswith("backward_")
        )
    # Most of `sparse` is the dense operators again.
    record["operators"]["sparse"] = sorted(set(record["operators"]["sparse"]) - set(record["operators"][""]))
    path = Path(__file__).with_name("mxnet_names.json")
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
