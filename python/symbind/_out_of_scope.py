"""Parts of MXNet that are no part of symbind, and what a program can do instead."""

from __future__ import annotations

_GLUON = (
    "symbind has no Gluon: write the network with mx.sym and train it with mx.mod.Module; for new imperative "
    "networks use PyTorch. A network that HybridBlock.export() wrote loads with mx.model.load_checkpoint"
)
_AUTOGRAD = (
    "symbind has no autograd: gradients come from a bound symbol (executor.backward(), mx.mod.Module). For "
    "new imperative code use PyTorch"
)
_NUMPY = "symbind has no mx.np: use NumPy itself, or mx.nd, whose arrays NumPy functions accept"

#: Remedies by name below `mxnet`.
REMEDIES = {
    "gluon": _GLUON,
    "autograd": _AUTOGRAD,
    "contrib.autograd": _AUTOGRAD,
    "np": _NUMPY,
    "npx": _NUMPY,
    "numpy": _NUMPY,
    "numpy_extension": _NUMPY,
    "contrib.io": _GLUON,
    "th": "symbind has no operators of Lua Torch: use mx.sym, or write a mx.operator.CustomOp",
    "torch": "symbind has no operators of Lua Torch: use mx.sym, or write a mx.operator.CustomOp",
    "tvmop": "symbind has no operators of TVM: use mx.sym, or write a mx.operator.CustomOp",
    "library": "symbind loads no operator libraries of MXNet: write the operator as a mx.operator.CustomOp",
}


def remedy(name: str) -> str | None:
    """Return what to do instead of using `name`, such as ``'gluon.nn'``; None if there is nothing to say."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in REMEDIES:
            return REMEDIES[".".join(parts[:length])]
    return None


def attribute_error(module: str, name: str) -> AttributeError:
    """Return the error for an attribute that a module does not have, with the remedy where there is one."""
    advice = remedy(f"{module}.{name}".partition(".")[2])
    text = f"module {module!r} has no attribute {name!r}"
    return AttributeError(f"[{module}.{name}] {advice}" if advice else text)
