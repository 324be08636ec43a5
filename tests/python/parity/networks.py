"""The networks, seeded weights and seeded batches of the network parity tests, for either engine."""

from __future__ import annotations

import zlib

import numpy as np

#: What a stored array keeps at most: a sample of its elements, beside projections of all of them.
SAMPLE = 1200
PROJECTIONS = 4

DATA_SHAPES = {"mlp": (16, 784), "lenet": (4, 1, 28, 28), "lenet_bn": (4, 1, 28, 28)}
CLASSES = 10


def build(mx, name: str):
    """The Symbol of ``mlp``, ``lenet`` or ``lenet_bn``."""
    data = mx.sym.Variable("data")
    if name == "mlp":
        net = data
        for i, width in enumerate((128, 64)):
            net = mx.sym.FullyConnected(net, num_hidden=width, name=f"fc{i + 1}")
            net = mx.sym.Activation(net, act_type="relu", name=f"relu{i + 1}")
        net = mx.sym.FullyConnected(net, num_hidden=CLASSES, name="fc3")
        return mx.sym.SoftmaxOutput(net, name="softmax")
    net = data
    for i, filters in enumerate((8, 16)):
        # A bias before BatchNorm has no gradient but rounding noise, which Adam would blow up.
        net = mx.sym.Convolution(
            net, kernel=(5, 5), num_filter=filters, no_bias=name == "lenet_bn", name=f"conv{i + 1}"
        )
        if name == "lenet_bn":
            net = mx.sym.BatchNorm(net, fix_gamma=False, eps=1e-5, momentum=0.9, name=f"bn{i + 1}")
        net = mx.sym.Activation(net, act_type="tanh" if name == "lenet" else "relu", name=f"act{i + 1}")
        net = mx.sym.Pooling(
            net, kernel=(2, 2), stride=(2, 2), pool_type="max" if i == 0 else "avg", name=f"pool{i + 1}"
        )
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=64, name="fc1")
    net = mx.sym.Activation(net, act_type="tanh", name="act3")
    if name == "lenet_bn":
        net = mx.sym.Dropout(net, p=0.0, name="drop")
    net = mx.sym.FullyConnected(net, num_hidden=CLASSES, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def _uniform_sum(rs: np.random.RandomState, shape: tuple, scale: float) -> np.ndarray:
    size = int(np.prod(shape))
    return ((rs.random_sample((4, size)).sum(0) - 2.0) * 1.7320508 * scale).reshape(shape).astype(np.float32)


def parameters(mx, name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Seeded arguments (without data and label) and auxiliary states of a network."""
    symbol = build(mx, name)
    shapes, _, aux_shapes = symbol.infer_shape(data=DATA_SHAPES[name])
    arguments = {}
    for argument, shape in zip(symbol.list_arguments(), shapes):
        if argument in ("data", "softmax_label"):
            continue
        rs = np.random.RandomState(zlib.crc32(f"{name} {argument}".encode()))
        if argument.endswith("gamma"):
            arguments[argument] = rs.uniform(0.5, 1.5, shape).astype(np.float32)
        else:
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 100
            arguments[argument] = _uniform_sum(rs, shape, (1.0 / fan_in) ** 0.5)
    auxiliary = {
        n: np.zeros(s, np.float32) if n.endswith("mean") else np.ones(s, np.float32)
        for n, s in zip(symbol.list_auxiliary_states(), aux_shapes)
    }
    return arguments, auxiliary


def batch(name: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """A seeded batch of data and labels."""
    rs = np.random.RandomState(1000 + number)
    shape = DATA_SHAPES[name]
    return rs.random_sample(shape).astype(np.float32), rs.randint(0, CLASSES, shape[0]).astype(np.float32)


def one_step(mx, name: str) -> dict[str, np.ndarray]:
    """Outputs in both modes, and the gradients of one training step for every argument but the label."""
    symbol = build(mx, name)
    data, label = batch(name, 0)
    arguments, auxiliary = parameters(mx, name)
    arguments.update(data=data, softmax_label=label)
    arrays = {n: mx.nd.array(a) for n, a in arguments.items()}
    gradients = {n: mx.nd.zeros(a.shape) for n, a in arguments.items() if n != "softmax_label"}
    executor = symbol.bind(
        mx.cpu(),
        arrays,
        args_grad=gradients,
        grad_req=dict.fromkeys(gradients, "write"),
        aux_states={n: mx.nd.array(a) for n, a in auxiliary.items()},
    )
    result = {"predict": executor.forward(is_train=False)[0].asnumpy()}
    result["train"] = executor.forward(is_train=True)[0].asnumpy()
    executor.backward()
    result.update({f"grad:{n}": g.asnumpy() for n, g in gradients.items()})
    result.update({f"aux:{n}": a.asnumpy() for n, a in executor.aux_dict.items()})
    return result


OPTIMIZERS = {
    "sgd": ("sgd", {"learning_rate": 0.05, "momentum": 0.9, "wd": 1e-4}),
    "adam": ("adam", {"learning_rate": 1e-3, "wd": 1e-4}),
}


def train(mx, name: str, optimizer: str, steps: int = 20):
    """A Module after ``steps`` updates on seeded batches."""
    data_shape = DATA_SHAPES[name]
    module = mx.mod.Module(
        build(mx, name), data_names=["data"], label_names=["softmax_label"], context=mx.cpu()
    )
    module.bind(data_shapes=[("data", data_shape)], label_shapes=[("softmax_label", data_shape[:1])])
    arguments, auxiliary = parameters(mx, name)
    module.init_params(
        arg_params={n: mx.nd.array(a) for n, a in arguments.items()},
        aux_params={n: mx.nd.array(a) for n, a in auxiliary.items()},
    )
    kind, settings = OPTIMIZERS[optimizer]
    module.init_optimizer(kvstore=None, optimizer=kind, optimizer_params=settings)
    for step in range(steps):
        data, label = batch(name, step)
        module.forward_backward(mx.io.DataBatch(data=[mx.nd.array(data)], label=[mx.nd.array(label)]))
        module.update()
    return module


def trained(mx, name: str, optimizer: str) -> dict[str, np.ndarray]:
    """Parameters and auxiliary states after the updates."""
    arguments, auxiliary = train(mx, name, optimizer).get_params()
    result = {f"arg:{n}": a.asnumpy() for n, a in arguments.items()}
    result.update({f"aux:{n}": a.asnumpy() for n, a in auxiliary.items()})
    return result


def digest(key: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """What is stored of an array: everything if small, else a seeded sample and seeded sign projections."""
    flat = array.ravel()
    stored = {"scale": np.array(np.abs(flat).max(), np.float32)}
    rs = np.random.RandomState(zlib.crc32(key.encode()))
    if flat.size <= SAMPLE:
        stored["sample"] = flat
        return stored
    stored["sample"] = flat[rs.randint(0, flat.size, SAMPLE)]
    signs = rs.randint(0, 2, (PROJECTIONS, flat.size)) * 2.0 - 1.0
    stored["projection"] = signs @ flat.astype(np.float64)
    return stored


def assert_digests_agree(
    key: str, array: np.ndarray, stored: dict[str, np.ndarray], tolerance: float
) -> None:
    """max|a - b| <= tolerance * max|b| on the sample; the projections as far as random errors may add up."""
    actual = digest(key, array)
    scale = max(float(stored["scale"]), 1e-30)
    assert actual.keys() == stored.keys(), key
    error = float(np.abs(actual["sample"].astype(np.float64) - stored["sample"]).max()) / scale
    assert error <= tolerance, f"{key}: relative error {error:.2e}, allowed {tolerance:.0e}"
    if "projection" in stored:
        error = float(np.abs(actual["projection"] - stored["projection"]).max()) / scale
        allowed = tolerance * array.size**0.5
        assert error <= allowed, f"{key}: error of a projection {error:.2e}, allowed {allowed:.2e}"
