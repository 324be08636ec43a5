"""Programs on the Module API that give arrays: run under MXNet to record, under symbind to compare.

Each case is a function of the package that returns a dict of arrays.
"""

from __future__ import annotations

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def values_for(mx, symbol, seed=3, **shapes):
    """Fixed values for the parameters of a symbol, the same for one seed whatever the order of arguments."""
    rng = np.random.RandomState(seed)
    arg_shapes, _, aux_shapes = symbol.infer_shape(**shapes)
    params = {}
    for name, shape in sorted(zip(symbol.list_arguments(), arg_shapes)):
        if name not in shapes:
            params[name] = mx.nd.array(rng.uniform(-0.5, 0.5, shape).astype("float32"))
    aux = {
        name: mx.nd.array(rng.uniform(0.5, 1.5, shape).astype("float32"))
        for name, shape in sorted(zip(symbol.list_auxiliary_states(), aux_shapes))
    }
    return params, aux


def params_of(module, prefix="param_"):
    args, aux = module.get_params()
    return {prefix + name: value.asnumpy() for params in (args, aux) for name, value in params.items()}


def mlp(mx, classes=3, data="data", label="softmax_label", prefix=""):
    net = mx.sym.FullyConnected(mx.sym.Variable(data), num_hidden=5, name=prefix + "fc1")
    net = mx.sym.Activation(net, act_type="tanh", name=prefix + "act1")
    net = mx.sym.FullyConnected(net, num_hidden=classes, name=prefix + "fc2")
    return mx.sym.SoftmaxOutput(net, mx.sym.Variable(label), name=prefix + "softmax")


def batch(mx, size, seed, features=6, classes=3, **kwargs):
    rng = np.random.RandomState(seed)
    data = rng.randn(size, features).astype("float32")
    label = rng.randint(0, classes, size).astype("float32")
    return mx.io.DataBatch([mx.nd.array(data)], [mx.nd.array(label)], **kwargs)


# ---------------------------------------------------------------------------------------------------- buckets

VOCABULARY = 11


def language_model(mx):
    """A sym_gen of a tiny language model: an embedding, a sum over earlier words, a classifier."""

    def sym_gen(length):
        data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
        net = mx.sym.Embedding(data, input_dim=VOCABULARY, output_dim=4, name="embed")
        net = mx.sym.FullyConnected(
            mx.sym.Reshape(net, shape=(-1, 4)), num_hidden=VOCABULARY, name="classifier"
        )
        net = mx.sym.SoftmaxOutput(
            net, mx.sym.Reshape(label, shape=(-1,)), name="softmax", use_ignore=True, ignore_label=0
        )
        return net, ("data",), ("softmax_label",)

    return sym_gen


def words(mx, length, seed, size=4):
    rng = np.random.RandomState(seed)
    text = rng.randint(0, VOCABULARY, (size, length + 1)).astype("float32")
    return mx.io.DataBatch(
        [mx.nd.array(text[:, :-1])],
        [mx.nd.array(text[:, 1:])],
        pad=0,
        bucket_key=length,
        provide_data=[("data", (size, length))],
        provide_label=[("softmax_label", (size, length))],
    )


def train_buckets(mx, contexts=1, optimizer="sgd", steps=9, **optimizer_params):
    sym_gen = language_model(mx)
    module = mx.mod.BucketingModule(
        sym_gen, default_bucket_key=10, context=[mx.cpu(i) for i in range(contexts)]
    )
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    params, aux = values_for(mx, sym_gen(10)[0], data=(4, 10), softmax_label=(4, 10))
    module.init_params(arg_params=params, aux_params=aux)
    module.init_optimizer(optimizer=optimizer, optimizer_params=optimizer_params)
    results = {}
    metric = mx.metric.Perplexity(ignore_label=0)
    for step in range(steps):
        data_batch = words(mx, (10, 5, 7, 5)[step % 4], step)
        module.prepare(data_batch)
        module.forward_backward(data_batch)
        module.update()
        module.update_metric(metric, data_batch.label)
        results[f"out_{step}"] = module.get_outputs()[0].asnumpy()
    results["perplexity"] = np.array(metric.get()[1])
    return {**results, **params_of(module)}


@case
def bucketing_sgd(mx):
    return train_buckets(mx, learning_rate=0.5, momentum=0.9)


@case
def bucketing_adam_two_contexts(mx):
    return train_buckets(mx, contexts=2, optimizer="adam", learning_rate=0.05)


@case
def bucketing_states(mx):
    def sym_gen(length):
        total = mx.sym.sum(mx.sym.Variable("data"), axis=1, keepdims=True)
        net = mx.sym.FullyConnected(total, num_hidden=3, name="fc") + mx.sym.Variable("state", shape=(0, 3))
        return (
            mx.sym.Group([mx.sym.SoftmaxOutput(net, name="softmax"), mx.sym.BlockGrad(net)]),
            ["data"],
            ["softmax_label"],
        )

    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=6, state_names=["state"])
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    module.init_params(mx.init.Constant(0.1))
    results = {}
    for step, (length, state) in enumerate([(6, 3.0), (4, None), (4, 5.0), (6, None)]):
        if state is not None:
            module.set_states(value=state)
        data_batch = batch(
            mx,
            4,
            step,
            features=length,
            bucket_key=length,
            provide_data=[("data", (4, length))],
            provide_label=[("softmax_label", (4,))],
        )
        module.forward(data_batch)
        results[f"out_{step}"] = module.get_outputs()[1].asnumpy()
    return results


# ----------------------------------------------------------------------------------------------------- chains


def data_iter(mx, count=12, size=4):
    rng = np.random.RandomState(1)
    data = rng.randn(count, 6).astype("float32")
    return mx.io.NDArrayIter(data, (np.arange(count) % 3).astype("float32"), batch_size=size)


def fit_chain(mx, chain, params, **kwargs):
    metrics = []
    kwargs.setdefault("optimizer_params", {"learning_rate": 0.3, "momentum": 0.5})
    chain.fit(
        data_iter(mx),
        num_epoch=3,
        arg_params=params,
        aux_params={},
        batch_end_callback=lambda p: metrics.append(p.eval_metric.get()[1]),
        **kwargs,
    )
    results = params_of(chain)
    results["metrics"] = np.array(metrics)
    results["prediction"] = chain.predict(data_iter(mx)).asnumpy()
    results["score"] = np.array([value for _, value in chain.score(data_iter(mx), ["acc", "ce"])])
    return results


def chained_params(mx):
    rng = np.random.RandomState(4)
    shapes = {"fc1_weight": (5, 6), "fc1_bias": (5,), "fc2_weight": (3, 5), "fc2_bias": (3,)}
    return {n: mx.nd.array(rng.uniform(-0.5, 0.5, s).astype("float32")) for n, s in shapes.items()}


def first_half(mx, data=None):
    data = mx.sym.Variable("data") if data is None else data
    net = mx.sym.FullyConnected(data, num_hidden=5, name="fc1")
    return mx.sym.Activation(net, act_type="tanh", name="act1")


def second_half(mx, data="data"):
    net = mx.sym.FullyConnected(mx.sym.Variable(data), num_hidden=3, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


@case
def chain_by_names(mx):
    chain = mx.mod.SequentialModule()
    chain.add(mx.mod.Module(first_half(mx), label_names=None))
    chain.add(mx.mod.Module(second_half(mx, "act1_output"), data_names=["act1_output"]), take_labels=True)
    return fit_chain(mx, chain, chained_params(mx))


@case
def chain_auto_wired_two_contexts(mx):
    contexts = [mx.cpu(0), mx.cpu(1)]
    chain = mx.mod.SequentialModule()
    chain.add(mx.mod.Module(first_half(mx), label_names=None, context=contexts))
    chain.add(mx.mod.Module(second_half(mx), context=contexts), take_labels=True, auto_wiring=True)
    return fit_chain(mx, chain, chained_params(mx))


def softmax_gradient(mx):
    def gradient(scores, labels):
        values = np.exp(scores.asnumpy() - scores.asnumpy().max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
        return values - np.eye(3, dtype="float32")[labels.asnumpy().astype(int)]

    return gradient


@case
def chain_ending_in_python(mx):
    class Doubled(mx.mod.PythonModule):
        def __init__(self):
            super().__init__(["data"], [], ["doubled_output"])

        def _compute_output_shapes(self):
            return [("doubled_output", self._data_shapes[0][1])]

        def forward(self, data_batch, is_train=None):
            self.outputs = [data_batch.data[0] * 2]

        def get_outputs(self, merge_multi_context=True):
            return self.outputs

        def backward(self, out_grads=None):
            self.gradients = [out_grads[0] * 2]

        def get_input_grads(self, merge_multi_context=True):
            return self.gradients

    chain = mx.mod.SequentialModule()
    chain.add(mx.mod.Module(first_half(mx), label_names=None))
    scores = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc2")
    chain.add(mx.mod.Module(scores, label_names=None), auto_wiring=True)
    chain.add(Doubled(), auto_wiring=True)
    chain.add(mx.mod.PythonLossModule(grad_func=softmax_gradient(mx)), take_labels=True, auto_wiring=True)
    results = fit_chain(mx, chain, chained_params(mx))
    results.pop("score")  # of scores, which are no probabilities
    return results


# ----------------------------------------------------------------------------------------------------- Module


def step_results(module, prefix, grads=True):
    results = {f"{prefix}out": module.get_outputs()[0].asnumpy()}
    if grads:
        group = module._exec_group
        for name, arrays in zip([n for n in group.arg_names if n in group.param_names], group.grad_arrays):
            if arrays[0] is not None:
                results[f"{prefix}grad_{name}"] = sum(a.asnumpy() for a in arrays)
    return results


def bound_mlp(mx, contexts=1, size=4, bind=None, **kwargs):
    net = mlp(mx)
    module = mx.mod.Module(net, context=[mx.cpu(i) for i in range(contexts)], **kwargs)
    module.bind([("data", (size, 6))], [("softmax_label", (size,))], **(bind or {}))
    params, aux = values_for(mx, net, data=(size, 6), softmax_label=(size,))
    module.init_params(arg_params=params, aux_params=aux)
    return module


@case
def grad_req_add(mx):
    module = bound_mlp(mx, bind={"grad_req": "add", "inputs_need_grad": True})
    for seed in range(3):
        module.forward_backward(batch(mx, 4, seed))
    return {**step_results(module, ""), "data_grad": module.get_input_grads()[0].asnumpy()}


@case
def grad_req_by_name(mx):
    requirements = {"fc1_weight": "add", "fc2_bias": "null"}
    module = bound_mlp(mx, bind={"grad_req": requirements})
    for seed in range(3):
        module.forward_backward(batch(mx, 4, seed))
    return step_results(module, "")


@case
def grad_req_by_order(mx):
    order = ["null", "add", "write", "null", "add", "null"]
    module = bound_mlp(mx, bind={"grad_req": order})
    for seed in range(3):
        module.forward_backward(batch(mx, 4, seed))
    return step_results(module, "")


@case
def out_grads_two_contexts(mx):
    data = mx.sym.Variable("data")
    net = mx.sym.Group([first_half(mx, data), data * 3])
    module = mx.mod.Module(net, label_names=None, context=[mx.cpu(0), mx.cpu(1)])
    module.bind([("data", (4, 6))], inputs_need_grad=True)
    params, _ = values_for(mx, net, data=(4, 6))
    module.init_params(arg_params=params, aux_params={})
    data_batch = batch(mx, 4, 0)
    module.forward(data_batch, is_train=True)
    rng = np.random.RandomState(9)
    module.backward([mx.nd.array(rng.randn(4, 5)), mx.nd.array(rng.randn(4, 6))])
    return {**step_results(module, ""), "data_grad": module.get_input_grads()[0].asnumpy()}


@case
def other_batch_sizes_while_training(mx):
    module = bound_mlp(mx, contexts=2)
    module.init_optimizer(optimizer_params={"learning_rate": 0.2, "momentum": 0.9})
    results = {}
    for step, size in enumerate([4, 2, 6, 4, 3]):
        data_batch = batch(mx, size, step)
        module.forward_backward(data_batch)
        module.update()
        results.update(step_results(module, f"{step}_"))
    return {**results, **params_of(module)}


@case
def reshape_between_steps(mx):
    net = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=2, kernel=(3, 3), pad=(1, 1), name="conv")
    net = mx.sym.Pooling(net, global_pool=True, kernel=(1, 1), pool_type="avg", name="pool")
    net = mx.sym.SoftmaxOutput(mx.sym.Flatten(net), name="softmax")
    module = mx.mod.Module(net)
    module.bind([("data", (2, 3, 8, 8))], [("softmax_label", (2,))])
    params, _ = values_for(mx, net, data=(2, 3, 8, 8), softmax_label=(2,))
    module.init_params(arg_params=params, aux_params={})
    module.init_optimizer(optimizer_params={"learning_rate": 0.1})
    results = {}
    for step, side in enumerate([8, 5, 12, 8]):
        if side != 8:
            module.reshape([("data", (2, 3, side, side))], [("softmax_label", (2,))])
        rng = np.random.RandomState(step)
        data = mx.nd.array(rng.randn(2, 3, side, side).astype("float32"))
        module.forward_backward(mx.io.DataBatch([data], [mx.nd.array([0, 1])]))
        module.update()
        results[f"out_{step}"] = module.get_outputs()[0].asnumpy()
    return {**results, **params_of(module)}


@case
def layout_with_batch_second(mx):
    data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
    net = mx.sym.FullyConnected(mx.sym.Reshape(data, shape=(-1, 4)), num_hidden=3, name="fc")
    net = mx.sym.SoftmaxOutput(net, mx.sym.Reshape(label, shape=(-1,)), name="softmax")
    module = mx.mod.Module(net, context=[mx.cpu(0), mx.cpu(1)])
    module.bind(
        [mx.io.DataDesc("data", (5, 4, 4), layout="TNC")],
        [mx.io.DataDesc("softmax_label", (5, 4), layout="TN")],
        inputs_need_grad=True,
    )
    params, _ = values_for(mx, net, data=(5, 4, 4), softmax_label=(5, 4))
    module.init_params(arg_params=params, aux_params={})
    rng = np.random.RandomState(2)
    data_batch = mx.io.DataBatch(
        [mx.nd.array(rng.randn(5, 4, 4))], [mx.nd.array(rng.randint(0, 3, (5, 4)).astype("float32"))]
    )
    module.forward_backward(data_batch)
    results = step_results(module, "")
    results["data_grad"] = module.get_input_grads()[0].asnumpy()
    for i, part in enumerate(module.get_outputs(False)[0]):
        results[f"out_context_{i}"] = part.asnumpy()
    for i, part in enumerate(module.get_input_grads(False)[0]):
        results[f"data_grad_context_{i}"] = part.asnumpy()
    return results


@case
def shared_module_trains_both(mx):
    first = bound_mlp(mx)
    first.init_optimizer(optimizer_params={"learning_rate": 0.2, "momentum": 0.9})
    second = mx.mod.Module(mlp(mx))
    second.bind([("data", (2, 6))], [("softmax_label", (2,))], shared_module=first)
    results = {}
    for step in range(4):
        module, size = ((first, 4), (second, 2))[step % 2]
        if module is second and not second.optimizer_initialized:
            second.borrow_optimizer(first)
        module.forward_backward(batch(mx, size, step))
        module.update()
        results[f"out_{step}"] = module.get_outputs()[0].asnumpy()
    # Which of the two knows of the other's updates differs; the values in use do not.
    results.update(
        {f"param_{n}": a[0].asnumpy() for n, a in zip(sorted(first._param_names), _sorted_params(first))}
    )
    return results


def _sorted_params(module):
    group = module._exec_group
    names = [n for n in group.arg_names if n in group.param_names]
    return [array for _, array in sorted(zip(names, group.param_arrays), key=lambda pair: pair[0])]


@case
def placed_in_groups(mx):
    with mx.AttrScope(ctx_group="first"):
        net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
        net = mx.sym.Activation(net, act_type="tanh", name="act1")
    with mx.AttrScope(ctx_group="second"):
        net = mx.sym.FullyConnected(net, num_hidden=3, name="fc2")
        net = mx.sym.SoftmaxOutput(net, name="softmax")
    module = mx.mod.Module(
        net,
        context=[mx.cpu(0), mx.cpu(1)],
        group2ctxs={"first": [mx.cpu(0), mx.cpu(1)], "second": [mx.cpu(2), mx.cpu(3)]},
    )
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    params, _ = values_for(mx, net, data=(4, 6), softmax_label=(4,))
    module.init_params(arg_params=params, aux_params={})
    module.init_optimizer(optimizer_params={"learning_rate": 0.2})
    for seed in range(3):
        module.forward_backward(batch(mx, 4, seed))
        module.update()
    return {**step_results(module, ""), **params_of(module)}


@case
def several_outputs_predicted(mx):
    hidden = first_half(mx)
    net = mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2")
    net = mx.sym.Group([mx.sym.SoftmaxOutput(net, name="softmax"), mx.sym.BlockGrad(hidden)])
    module = mx.mod.Module(net)
    module.bind([("data", (4, 6))], for_training=False)
    params, _ = values_for(mx, net, data=(4, 6))
    params.pop("softmax_label", None)
    module.init_params(arg_params=params, aux_params={}, allow_missing=True)
    iterator = data_iter(mx, count=10)
    merged = module.predict(iterator)
    parts = module.predict(iterator, merge_batches=False, num_batch=2)
    return {
        "probabilities": merged[0].asnumpy(),
        "hidden": merged[1].asnumpy(),
        "last_part": parts[-1][1].asnumpy(),
        "count": np.array(len(parts)),
    }


@case
def compressed_gradients(mx):
    net = mlp(mx)
    module = mx.mod.Module(
        net, context=[mx.cpu(0), mx.cpu(1)], compression_params={"type": "2bit", "threshold": 0.05}
    )
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    params, _ = values_for(mx, net, data=(4, 6), softmax_label=(4,))
    module.init_params(arg_params=params, aux_params={})
    module.init_optimizer(kvstore="device", optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    results = {}
    for step in range(6):
        module.forward_backward(batch(mx, 4, step))
        module.update()
        results[f"out_{step}"] = module.get_outputs()[0].asnumpy()
    return {**results, **params_of(module)}


@case
def normalization_over_contexts(mx):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
    net = mx.sym.BatchNorm(net, name="bn", fix_gamma=False, momentum=0.5, eps=1e-3)
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, name="fc2"), name="softmax")
    module = mx.mod.Module(net, context=[mx.cpu(0), mx.cpu(1)], work_load_list=[2, 1])
    params, aux = values_for(mx, net, data=(6, 6), softmax_label=(6,))
    rng = np.random.RandomState(7)
    data, label = rng.randn(18, 6).astype("float32"), (np.arange(18) % 3).astype("float32")
    module.fit(
        mx.io.NDArrayIter(data, label, batch_size=6),
        num_epoch=2,
        arg_params=params,
        aux_params=aux,
        optimizer_params={"learning_rate": 0.2},
    )
    results = params_of(module)
    results["prediction"] = module.predict(mx.io.NDArrayIter(data, batch_size=6)).asnumpy()
    return results


@case
def numbers_of_other_types_in_batches(mx):
    module = bound_mlp(mx)
    results = {}
    for i, dtype in enumerate(("float64", "int32", "uint8", "float16")):
        data = (np.arange(24).reshape(4, 6) % 5).astype(dtype)
        label = np.array([0, 2, 1, 1], dtype=dtype)
        batch_of_type = mx.io.DataBatch([mx.nd.array(data, dtype=dtype)], [mx.nd.array(label, dtype=dtype)])
        module.forward_backward(batch_of_type)
        results.update(step_results(module, f"{i}_"))
    return results


@case
def one_of_two_inputs_has_a_gradient(mx):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(a * b, num_hidden=3, name="fc"), name="softmax")
    module = mx.mod.Module(net, data_names=["a", "b"])
    module.bind(
        [("a", (4, 6)), ("b", (4, 6))],
        [("softmax_label", (4,))],
        inputs_need_grad=True,
        grad_req={"b": "null", "fc_weight": "write"},
    )
    params, _ = values_for(mx, net, a=(4, 6), b=(4, 6), softmax_label=(4,))
    module.init_params(arg_params=params, aux_params={})
    rng = np.random.RandomState(1)
    inputs = [mx.nd.array(rng.randn(4, 6).astype("float32")) for _ in range(2)]
    module.forward_backward(mx.io.DataBatch(inputs, [mx.nd.array([0, 1, 2, 0])]))
    results = step_results(module, "")
    results["a_grad"] = module._exec_group.execs[0].grad_dict["a"].asnumpy()
    assert module._exec_group.execs[0].grad_dict.get("b") is None
    return results
