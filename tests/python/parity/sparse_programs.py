"""Programs with sparse arrays; storage types, indices and values are compared with those of MXNet."""

from __future__ import annotations

import base64
import os
import tempfile

import numpy as np


def _describe(array):
    """Storage type, dtype, shape and values of an array; lists of them for several."""
    if isinstance(array, (list, tuple)):
        return [_describe(a) for a in array]
    values = np.round(array.asnumpy().astype(np.float64), 4)
    return [array.stype, np.dtype(array.dtype).name, list(array.shape), (values + 0.0).tolist()]


def _matrices(mx):
    """A csr, a row_sparse and a dense matrix."""
    csr = mx.nd.array([[0, 1, 0], [2, 0, -3], [0, 0, 0]]).tostype("csr")
    rows = mx.nd.array([[0, 0.5, 0], [0, 0, 0], [2, 0, -0.25]]).tostype("row_sparse")
    dense = mx.nd.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    return {"c": csr, "r": rows, "d": dense}


# fmt: off
_UNARY = (
    "abs", "sign", "sqrt", "square", "relu", "sin", "tan", "arcsin", "arctan", "sinh", "tanh",
    "arcsinh", "rint", "ceil", "floor", "trunc", "fix", "expm1", "log1p", "degrees", "radians",
    "negative", "cbrt", "round", "zeros_like", "ones_like", "sigmoid", "softsign", "exp", "cos",
    "BlockGrad", "make_loss", "identity", "logical_not", "sum", "mean", "norm", "max", "transpose",
)
_SCALAR = (
    "_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar", "_maximum_scalar",
    "_equal_scalar", "_greater_scalar",
)
_BINARY = (
    "elemwise_add", "elemwise_sub", "elemwise_mul", "broadcast_add", "broadcast_sub", "_maximum",
    "_hypot", "_greater",
)
# fmt: on


def operators(mx):
    """Functions of one and two sparse arrays."""
    results = {}
    m = _matrices(mx)
    for name in _UNARY:
        for key in "cr":
            if key == "c" and name in ("arcsin",):
                continue  # out of range
            results[f"{name} {key}"] = _describe(getattr(mx.nd, name)(mx.nd.abs(m[key])))
    for name in _SCALAR:
        for scalar in (0.0, 2.0):
            if name == "_div_scalar" and not scalar:
                continue
            for key in "cr":
                function = getattr(mx.nd._internal, name)
                results[f"{name} {scalar} {key}"] = _describe(function(m[key], scalar=scalar))
    for name in _BINARY:
        for a in "crd":
            for b in "crd":
                function = getattr(mx.nd, name, None) or getattr(mx.nd._internal, name)
                results[f"{name} {a}{b}"] = _describe(function(m[a], m[b]))
    for keys in ("cc", "rr", "rrr", "rd", "dr", "dc", "rc"):
        results[f"add_n {keys}"] = _describe(mx.nd.add_n(*(m[k] for k in keys)))
    for name, function in {
        "clip": lambda a: mx.nd.clip(a, -1, 1),
        "add": lambda a: a + a,
        "mul number": lambda a: a * 3,
        "mul dense": lambda a: a * m["d"],
        "reversed": lambda a: m["d"] - a,
        "compare": lambda a: a > 1,
        "astype": lambda a: a.astype("float64"),
        "to dense": lambda a: a.tostype("default"),
        "sums": lambda a: mx.nd.sum(a, axis=0),
    }.items():
        for key in "cr":
            results[f"{name} {key}"] = _describe(function(m[key]))
    return results


def products(mx):
    """dot with every combination of storage types and transposes."""
    results = {}
    m = _matrices(mx)
    for a in "crd":
        for b in "crd":
            for left in (False, True):
                for right in (False, True):
                    for wanted in (None, "row_sparse", "default"):
                        if a == b == "d" and wanted == "row_sparse":
                            continue
                        if a == "c" and b == "r" and left and wanted == "default":
                            continue  # which MXNet refuses
                        made = mx.nd.dot(
                            m[a], m[b], transpose_a=left, transpose_b=right, forward_stype=wanted
                        )
                        results[f"{a}{b} {left} {right} {wanted}"] = _describe(made)
    row, column = mx.nd.array([[1, 2, 3]]), mx.nd.array([[1], [2], [3]])
    results["broadcast"] = _describe([mx.nd.broadcast_mul(m["c"], row), mx.nd.broadcast_div(m["c"], column)])
    for axis in (0, 1):
        for keep in (False, True):
            made = mx.nd._internal._square_sum(m["r"], axis=axis, keepdims=keep)
            results[f"square_sum {axis} {keep}"] = _describe(made)
    return results


def parts(mx):
    """Rows, slices and concatenation; creation from parts."""
    m = _matrices(mx)
    nd = mx.nd
    kept = nd.sparse.retain(m["r"], nd.array([2, 1]))
    results = {
        "row": _describe(m["c"][1]),
        "rows": _describe(m["c"][1:]),
        "slice": _describe(nd.slice(m["c"], begin=(0, 1), end=(2, 3))),
        "slice with step": _describe(nd.slice(m["c"], begin=(0,), end=(2,), step=(1,))),
        "concat": _describe([nd.concat(m["c"], m["c"], dim=0), nd.concat(m["c"], m["c"], dim=1)]),
        "retain": [_describe(kept), kept.indices.asnumpy().tolist()],
        "embedding": _describe(nd.Embedding(nd.array([0, 2]), m["r"], input_dim=3, output_dim=3)),
        "csr": _describe(nd.sparse.csr_matrix(([1.0, 2, 3], [0, 2, 1], [0, 2, 3]), shape=(2, 3))),
        "csr without shape": _describe(nd.sparse.csr_matrix(([1.0, 2, 3], [0, 2, 1], [0, 2, 3]))),
        "csr of shape": _describe(nd.sparse.csr_matrix((2, 3))),
        "csr of numpy": _describe(nd.sparse.csr_matrix(np.eye(2))),
        "csr of list": _describe(nd.sparse.csr_matrix([[1, 0], [0, 2]])),
        "rows of parts": _describe(nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 3]), shape=(5, 2))),
        "rows without shape": _describe(nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 3]))),
        "rows of shape": _describe(nd.sparse.row_sparse_array((2, 3))),
        "zeros": _describe([nd.sparse.zeros("csr", (2, 2)), nd.zeros((2, 2), stype="row_sparse")]),
    }
    rows = m["r"].copy()
    rows[:] = 2
    results["filled"] = [_describe(rows), rows.indices.asnumpy().tolist()]
    return results


def files(mx):
    """The bytes of a file of arrays."""
    m = _matrices(mx)
    arrays = dict(m, empty=mx.nd.sparse.zeros("row_sparse", (2, 3)))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "arrays.params")
        mx.nd.save(path, arrays)
        with open(path, "rb") as file:
            return {"bytes": base64.b64encode(file.read()).decode()}


def _bound_storage(mx, symbol, **shapes):
    executor = symbol.simple_bind(mx.cpu(), **shapes)
    grads = {k: None if v is None else v.stype for k, v in executor.grad_dict.items()}
    return [{k: v.stype for k, v in executor.arg_dict.items()}, grads, [o.stype for o in executor.outputs]]


def storage(mx):
    """Storage types of arguments, gradients and outputs of bound symbols."""
    variable, results = mx.sym.Variable, {}
    for x in ("csr", "row_sparse", "default"):
        for w in ("default", "row_sparse"):
            for transposed in (False, True):
                symbol = mx.sym.dot(variable("x", stype=x), variable("w", stype=w), transpose_a=transposed)
                shapes = {"x": (3, 4), "w": (3, 2) if transposed else (4, 2)}
                results[f"dot {x} {w} {transposed}"] = _bound_storage(mx, symbol, **shapes)
    w = variable("w", stype="row_sparse")
    table = {"input_dim": 5, "output_dim": 2}
    data = variable("d")
    for name, symbol, shapes in (
        ("embedding", mx.sym.Embedding(data, sparse_grad=True, name="e", **table), {"d": (3,)}),
        ("embedding rows", mx.sym.Embedding(data, w, sparse_grad=True, **table), {"d": (3,)}),
        ("embedding dense", mx.sym.Embedding(data, w, **table), {"d": (3,)}),
        ("sparse embedding", mx.sym.contrib.SparseEmbedding(data, w, **table), {"d": (3,)}),
        ("square", mx.sym.square(w), {"w": (3, 2)}),
        ("square sum", mx.sym._internal._square_sum(w, axis=1, keepdims=True), {"w": (3, 2)}),
        ("cast", mx.sym.cast_storage(variable("v"), stype="row_sparse"), {"v": (3, 2)}),
        ("cast back", mx.sym.cast_storage(w, stype="default"), {"w": (3, 2)}),
        ("sum", mx.sym.sum(variable("v", stype="csr"), axis=1), {"v": (3, 2)}),
        ("add", w + variable("v", stype="row_sparse"), {"w": (3, 4), "v": (3, 4)}),
        ("product", w * variable("v", stype="row_sparse"), {"w": (3, 4), "v": (3, 4)}),
        (
            "dense layer",
            mx.sym.FullyConnected(variable("x", stype="csr"), num_hidden=2, name="fc"),
            {"x": (3, 4)},
        ),
    ):
        results[name] = _bound_storage(mx, symbol, **shapes)
    return results


def _train(mx, stype, optimizer, options, use_store):
    """Weights after two epochs of a linear model on csr data."""
    rng = np.random.RandomState(0)
    x = rng.rand(40, 12).astype(np.float32)
    x[rng.rand(40, 12) < 0.8] = 0
    y = (x.sum(1) > 0.5).astype(np.float32)
    start = (rng.randn(12, 2) * 0.1).astype(np.float32)
    weight = mx.sym.Variable("weight", shape=(12, 2), stype=stype)
    score = mx.sym.broadcast_add(
        mx.sym.sparse.dot(mx.sym.Variable("data", stype="csr"), weight), mx.sym.Variable("bias", shape=(2,))
    )
    module = mx.mod.Module(mx.sym.SoftmaxOutput(score, name="softmax"))
    module.bind([("data", (8, 12))], [("softmax_label", (8,))])
    weight_value = mx.nd.array(start)
    if stype == "row_sparse":
        weight_value = weight_value.tostype(stype)
    module.init_params(arg_params={"weight": weight_value, "bias": mx.nd.zeros((2,))})
    store = mx.kv.create("local") if use_store else None
    module.init_optimizer(store, optimizer, {"learning_rate": 0.1, **options})
    data = mx.nd.sparse.csr_matrix(x)
    wanted = None
    if use_store and stype == "row_sparse":
        wanted = lambda batch: {"weight": batch.data[0].indices}  # noqa: E731
    for _ in range(2):
        for i in range(0, 40, 8):
            batch = mx.io.DataBatch([data[i : i + 8]], [mx.nd.array(y[i : i + 8])])
            module.prepare(batch, sparse_row_id_fn=wanted)
            module.forward_backward(batch)
            module.update()
    return _describe(module.get_params()[0]["weight"])


OPTIMIZERS = {
    "sgd": ("sgd", {"wd": 0.01}),
    "momentum": ("sgd", {"momentum": 0.9, "wd": 0.01}),
    "not lazy": ("sgd", {"momentum": 0.9, "wd": 0.01, "lazy_update": False}),
    "adam": ("adam", {"wd": 0.01}),
    "adagrad": ("adagrad", {}),
    "ftrl": ("ftrl", {"wd": 0.01}),
    "rmsprop": ("rmsprop", {}),
    "nag": ("nag", {"momentum": 0.9}),
}


def training(mx):
    """Weights after several steps, by optimizer."""
    return {
        f"{name} {stype} {store}": _train(mx, stype, *OPTIMIZERS[name], store)
        for name in OPTIMIZERS
        for stype in ("row_sparse", "default")
        for store in (False, True)
    }


SECTIONS = {
    "operators": operators,
    "products": products,
    "parts": parts,
    "files": files,
    "storage": storage,
    "training": training,
}
