"""``import mxnet`` means symbind: for programs that were written for MXNet and shall run as they are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import libinfo
from ._out_of_scope import attribute_error, remedy

__all__ = ["install_as_mxnet"]

# Modules that are packages, or elsewhere, in symbind.
_MOVED = {
    "io.io": "io",
    "image.image": "image",
    "image.detection": "image",
    "kvstore.base": "kvstore",
    "kvstore.kvstore_server": "kvstore",
    "kvstore_server": "kvstore",
    "contrib.ndarray": "ndarray.contrib",
    "contrib.symbol": "symbol.contrib",
}


class _AliasLoader(Loader):
    """Gives the importer a module of symbind under its name of MXNet."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The importer has put its spec onto the module, which already has one of its own.
        module.__spec__ = self._spec
        if not hasattr(module, "__path__") and "__getattr__" not in vars(module):
            _fall_back_to_package(module)


def _fall_back_to_package(module: ModuleType) -> None:
    """Lets a module have all names of its package: MXNet's files are cut at other places."""
    package = importlib.import_module(module.__name__.rpartition(".")[0])

    def __getattr__(name: str) -> Any:
        if package.__name__ != "symbind" and not name.startswith("__"):
            value = getattr(package, name, None)
            if value is not None:
                return value
        raise attribute_error(module.__name__, name)

    module.__getattr__ = __getattr__  # type: ignore[method-assign]


class _TopLoader(Loader):
    """Makes the module `mxnet`: everything that symbind has, and the version of MXNet it stands in for."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        symbind = importlib.import_module("symbind")
        module = ModuleType("mxnet", symbind.__doc__)
        for name, value in vars(symbind).items():
            if not (name.startswith("__") and name.endswith("__")):
                setattr(module, name, value)
        vars(module).update(
            __version__=libinfo.__version__,
            __file__=symbind.__file__,
            __path__=symbind.__path__,
            __getattr__=lambda name: getattr(symbind, name),
            __dir__=lambda: dir(symbind),
        )
        return module

    def exec_module(self, module: ModuleType) -> None:
        for name, target in _MOVED.items():
            parent, _, attribute = name.rpartition(".")
            if parent and _exists(f"symbind.{parent}") and _exists(f"symbind.{target}"):
                package = importlib.import_module(f"symbind.{parent}")
                if not hasattr(package, attribute):
                    setattr(package, attribute, importlib.import_module(f"symbind.{target}"))


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class _MXNetFinder(MetaPathFinder):
    """Finds `mxnet` and everything below it in symbind."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, _, name = fullname.partition(".")
        if top != "mxnet":
            return None
        if not name:
            spec = ModuleSpec(fullname, _TopLoader(), is_package=True)
            spec.submodule_search_locations = list(importlib.import_module("symbind").__path__)
            return spec
        advice = remedy(name)
        if advice:
            raise ImportError(f"[import {fullname}] {advice}", name=fullname)
        module = f"symbind.{_MOVED.get(name, name)}"
        if not _exists(module):
            raise ModuleNotFoundError(
                f"[import {fullname}] symbind has no module of this name: see docs/compatibility.md for "
                "what is there",
                name=fullname,
            )
        return ModuleSpec(fullname, _AliasLoader(module))


_finder = _MXNetFinder()


def install_as_mxnet() -> None:
    """Make ``import mxnet``, and imports of its modules, mean symbind from now on in this process.

    Modules are the same objects under both names: ``mxnet.nd is symbind.nd``. `mxnet.__version__` is the
    release of MXNet that symbind stands in for. Calling it again changes nothing.

    Raises RuntimeError if MXNet itself has been imported before.
    """
    if _finder in sys.meta_path:
        return
    if "mxnet" in sys.modules:
        raise RuntimeError(
            "[install_as_mxnet] MXNet itself is already imported: call install_as_mxnet() before the first "
            "'import mxnet'"
        )
    sys.meta_path.insert(0, _finder)
