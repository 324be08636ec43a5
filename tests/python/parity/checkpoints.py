"""A small checkpoint with everything in it, for the crossover of files between MXNet and symbind."""

from __future__ import annotations

import pathlib

import numpy as np

DATA_SHAPE = (4, 1, 6, 6)
CLASSES = 3
EPOCH = 3
OPTIMIZERS = {"sgd": {"learning_rate": 0.1, "momentum": 0.9}, "adam": {"learning_rate": 0.01}}
#: Without a store the states are keyed by number; a store object updates by itself and keys them by name.
KVSTORES = {"plain": lambda mx: None, "store": lambda mx: mx.kv.create("local")}
DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")


def symbol(mx):
    """Convolution, BatchNorm and a dense layer, with attributes of every kind."""
    with mx.name.NameManager():  # automatic names start at zero each time
        return _symbol(mx)


def _symbol(mx):
    data = mx.sym.Variable("data")
    with mx.AttrScope(ctx_group="body"):
        net = mx.sym.Convolution(
            data,
            kernel=(3, 3),
            num_filter=2,
            pad=(1, 1),
            no_bias=True,
            name="conv",
            attr={"__mood__": "calm"},
        )
        net = mx.sym.BatchNorm(net, fix_gamma=False, name="bn")
        net = mx.sym.Activation(net, act_type="relu", name="act")
        net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool")
    weight = mx.sym.Variable("fc_weight", lr_mult=0.5, wd_mult=0.0, init=mx.init.Xavier())
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), weight=weight, num_hidden=CLASSES, name="fc")
    return mx.sym.SoftmaxOutput(net * 1.5 + 0.25, name="softmax")


def _seeded(shape: tuple, seed: int) -> np.ndarray:
    return np.random.RandomState(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def start(mx) -> tuple[dict, dict]:
    """Seeded parameters and auxiliary states as NDArrays."""
    net = symbol(mx)
    shapes, _, aux_shapes = net.infer_shape(data=DATA_SHAPE)
    names = [(n, s) for n, s in zip(net.list_arguments(), shapes) if n not in ("data", "softmax_label")]
    arguments = {n: mx.nd.array(_seeded(s, 7 + i)) for i, (n, s) in enumerate(names)}
    auxiliary = {
        n: mx.nd.array(_seeded(s, 50 + i) + 1)
        for i, (n, s) in enumerate(zip(net.list_auxiliary_states(), aux_shapes))
    }
    return arguments, auxiliary


def data_batch(mx, number: int):
    """A seeded DataBatch."""
    rs = np.random.RandomState(300 + number)
    data = rs.random_sample(DATA_SHAPE).astype(np.float32)
    return mx.io.DataBatch(
        data=[mx.nd.array(data)], label=[mx.nd.array(rs.randint(0, CLASSES, DATA_SHAPE[0]))]
    )


def module(mx, optimizer: str, kvstore, arguments: dict, auxiliary: dict):
    """A bound Module with an optimizer."""
    made = mx.mod.Module(symbol(mx), context=mx.cpu())
    made.bind(data_shapes=[("data", DATA_SHAPE)], label_shapes=[("softmax_label", DATA_SHAPE[:1])])
    made.init_params(arg_params=arguments, aux_params=auxiliary)
    made.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=OPTIMIZERS[optimizer])
    return made


def run_steps(mx, made, first: int, count: int) -> None:
    """Train on ``count`` seeded batches."""
    for number in range(first, first + count):
        made.forward_backward(data_batch(mx, number))
        made.update()


def weights(made) -> dict[str, np.ndarray]:
    """All parameters and auxiliary states of a Module, named as in a checkpoint."""
    arguments, auxiliary = made.get_params()
    return {
        **{f"arg:{n}": a.asnumpy() for n, a in arguments.items()},
        **{f"aux:{n}": a.asnumpy() for n, a in auxiliary.items()},
    }


def typed_arrays() -> dict[str, np.ndarray]:
    """One array of every dtype, and the shapes that go wrong first."""
    arrays = {f"arg:{d}": (np.arange(6).reshape(2, 3) % (2 if d == "bool" else 7)).astype(d) for d in DTYPES}
    arrays["aux:one"] = np.array([1.5], np.float32)
    arrays["arg:five_d"] = np.arange(12, dtype=np.float32).reshape(1, 2, 1, 3, 2)
    arrays["plain name/with:signs é"] = np.array([-1, 2], np.int32)
    return arrays


def predict(mx, net, arguments: dict, auxiliary: dict) -> np.ndarray:
    """The outputs of a loaded checkpoint on the first seeded batch."""
    batch = data_batch(mx, 0)
    arrays = {**arguments, "data": batch.data[0], "softmax_label": mx.nd.zeros(DATA_SHAPE[:1])}
    return net.bind(mx.cpu(), arrays, aux_states=auxiliary).forward(is_train=False)[0].asnumpy()


def write_all(mx, folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Write every file with one engine; return what the other must find."""
    facts = {}
    arguments, auxiliary = start(mx)
    mx.model.save_checkpoint(str(folder / "checkpoint"), EPOCH, symbol(mx), arguments, auxiliary)
    facts["predict"] = predict(mx, symbol(mx), arguments, auxiliary)
    arrays = {n: mx.nd.array(a, dtype=a.dtype) for n, a in typed_arrays().items()}
    mx.nd.save(str(folder / "typed_dict.params"), arrays)
    mx.nd.save(str(folder / "typed_list.params"), list(arrays.values()))
    for optimizer in OPTIMIZERS:
        for label, kvstore in KVSTORES.items():
            made = module(mx, optimizer, kvstore(mx), arguments, auxiliary)
            run_steps(mx, made, 0, 3)
            prefix = f"trained_{optimizer}_{label}"
            made.save_checkpoint(str(folder / prefix), 0, save_optimizer_states=True)
            facts.update(resume(mx, folder, optimizer, label))
    return facts


def resume(mx, folder: pathlib.Path, optimizer: str, label: str) -> dict[str, np.ndarray]:
    """Load a trained Module with its states, run two more steps, and return the weights."""
    prefix = f"trained_{optimizer}_{label}"
    made = mx.mod.Module.load(str(folder / prefix), 0, load_optimizer_states=True, context=mx.cpu())
    made.bind(data_shapes=[("data", DATA_SHAPE)], label_shapes=[("softmax_label", DATA_SHAPE[:1])])
    made.init_optimizer(
        kvstore=KVSTORES[label](mx), optimizer=optimizer, optimizer_params=OPTIMIZERS[optimizer]
    )
    run_steps(mx, made, 3, 2)
    return {f"{prefix}|{n}": a for n, a in weights(made).items()}


def check_all(mx, folder: pathlib.Path, facts: dict[str, np.ndarray], close) -> None:
    """Everything that ``write_all`` promised holds when ``mx`` reads it; ``close(a, b, what)`` compares."""
    net, arguments, auxiliary = mx.model.load_checkpoint(str(folder / "checkpoint"), EPOCH)
    expected_arguments, expected_auxiliary = start(mx)
    assert net.list_arguments() == symbol(mx).list_arguments()
    assert net.list_auxiliary_states() == symbol(mx).list_auxiliary_states()
    assert net.attr_dict() == symbol(mx).attr_dict()
    for loaded, expected in ((arguments, expected_arguments), (auxiliary, expected_auxiliary)):
        assert loaded.keys() == expected.keys()
        for name, array in expected.items():
            assert np.array_equal(loaded[name].asnumpy(), array.asnumpy()), name
    close(predict(mx, net, arguments, auxiliary), facts["predict"], "predictions")

    loaded = mx.nd.load(str(folder / "typed_dict.params"))
    listed = mx.nd.load(str(folder / "typed_list.params"))
    assert isinstance(listed, list)
    assert set(loaded) == set(typed_arrays())
    for array, (name, expected) in zip(listed, typed_arrays().items()):
        for one in (array, loaded[name]):
            assert np.dtype(one.dtype) == expected.dtype, name
            assert np.array_equal(one.asnumpy(), expected), name
    for optimizer in OPTIMIZERS:
        for label in KVSTORES:
            for key, array in resume(mx, folder, optimizer, label).items():
                close(array, facts[key], key)
