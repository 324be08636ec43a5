"""Symbols and arrays whose files are compared, byte for byte, with those that MXNet 1.9.1 wrote."""

from __future__ import annotations

import hashlib
import re

import numpy as np


def _mlp(mx, data):
    net = mx.sym.FullyConnected(data, num_hidden=128, name="fc1")
    net = mx.sym.Activation(net, act_type="relu", name="relu1")
    net = mx.sym.FullyConnected(net, num_hidden=10, no_bias=True, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def _conv(mx, data):
    net = mx.sym.Convolution(
        data, kernel=(3, 3), num_filter=8, pad=(1, 1), name="conv", attr={"__lr_mult__": "2"}
    )
    net = mx.sym.BatchNorm(net, fix_gamma=False, eps=2e-5, name="bn")
    net = mx.sym.LeakyReLU(net, act_type="prelu", name="act")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="avg", name="pool")
    return mx.sym.Flatten(net, name="flat")


def _branches(mx, data):
    parts = mx.sym.SliceChannel(data, num_outputs=12, axis=1, name="parts")
    joined = mx.sym.Concat(*[parts[i] for i in range(11, -1, -1)], dim=1, name="joined")
    return mx.sym.Group([joined, parts[3], data])


def _shared(mx, data):
    mean, var = mx.sym.Variable("mean"), mx.sym.Variable("var", init="zz")
    net = mx.sym.BatchNorm(data, moving_mean=mean, moving_var=var, name="bn1")
    return mx.sym.BatchNorm(net, moving_mean=mean, moving_var=var, name="bn2")


def _scoped(mx, data):
    with mx.AttrScope(ctx_group="stage1", __mood__="fine"):
        weight = mx.sym.Variable('w\u00e9ight "1"\\', shape=(4, 0), lr_mult=0.5, wd_mult=2, dtype="float16")
        return mx.sym.FullyConnected(data, weight=weight, num_hidden=4, name="tab\tline\n\x01")


# Every name is given, so that no counter matters.
_SYMBOLS = {
    "mlp": _mlp,
    "conv": _conv,
    "branches": _branches,
    "shared": _shared,
    "scoped": _scoped,
    "variable": lambda mx, data: data,
}
SYMBOL_NAMES = tuple(_SYMBOLS)


def symbol(mx, name):
    """One of the graphs, built with either package."""
    return _SYMBOLS[name](mx, mx.sym.Variable("data"))


def arrays():
    """{file name: list or dict of NumPy arrays}; what they hold is written as MXNet writes it."""
    numbers = np.arange(6).reshape(2, 3)
    by_type = {
        f"arg:{t}": (numbers % 2 if t == "bool" else numbers).astype(t)
        for t in ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")
    }
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], "float32")
    return {
        "types.params": by_type,
        "list.params": [special, np.zeros((1, 2, 1, 3), "float32")],
        "names.params": {"arg:\u00e9t\u00e9": special, "aux: ": special[:1], "plain/name": special[1:2]},
        "nothing.params": [],
    }


def sparse_arrays():
    """{file name: (storage type, dense array)}."""
    matrix = np.array([[1, 0, 2], [0, 0, 0], [0, 3, 0], [0, 0, 0]], "float32")
    return {
        "csr.params": ("csr", matrix),
        "row_sparse.params": ("row_sparse", matrix),
        "csr_zeros.params": ("csr", 0 * matrix),
        "row_sparse_zeros.params": ("row_sparse", 0 * matrix),
    }


def arrays_digest(loaded):
    """One hash of the names, shapes, dtypes and bytes of what ``nd.load`` returned."""
    digest = hashlib.sha256()
    items = loaded.items() if isinstance(loaded, dict) else enumerate(loaded)
    for name, array in items:
        value = array.asnumpy()
        digest.update(f"{name} {value.shape} {value.dtype}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def symbol_digest(json_text):
    """A hash of a symbol file without what depends on its history or the build of MXNet.

    Version numbers of entries: MXNet keeps those that it read, while here they are counted anew.
    node_row_ptr: max Pooling has a second output where MXNet was built with MKL-DNN.
    """
    text = re.sub(r"(\[\d+, \d+), \d+\]", r"\1]", json_text)
    text = re.sub(r'"node_row_ptr": \[[\d\s,]*\]', "", text)
    return hashlib.sha256(text.encode()).hexdigest()
