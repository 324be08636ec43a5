"""Cases of optimizer updates and of Module training, and the code that runs one under symbind or MXNet."""

from __future__ import annotations

import numpy as np

STEPS = 10

# Names decide which parameters decay: weights and gammas do, biases and betas do not.
PARAMS = {0: ("fc_weight", (4, 3)), 1: ("fc_bias", (4,)), 2: ("bn_gamma", (4,)), 3: ("odd", (19,))}

_COMMON = {"learning_rate": 0.05, "wd": 0.02, "rescale_grad": 0.5}
_CLIPPED = {**_COMMON, "clip_gradient": 0.3}

OPTIMIZER_CASES = {}


def _add(label, name, dtype="float32", **kwargs):
    OPTIMIZER_CASES[label] = (name, dtype, kwargs)


for _name in ("sgd", "nag"):
    _add(f"{_name}", _name, **_COMMON)
    _add(f"{_name}_clip", _name, **_CLIPPED)
    _add(f"{_name}_mom", _name, momentum=0.9, **_COMMON)
    _add(f"{_name}_mom_clip", _name, momentum=0.9, **_CLIPPED)
    _add(f"{_name}_mom_nodecay", _name, momentum=0.5, learning_rate=0.1)
    _add(f"{_name}_mom_mp", _name, dtype="float16", momentum=0.9, multi_precision=True, **_COMMON)
    _add(f"{_name}_mp", _name, dtype="float16", multi_precision=True, **_COMMON)
    _add(f"{_name}_mom_f64", _name, dtype="float64", momentum=0.9, **_COMMON)
_add("sgd_defaults", "sgd")
_add("nag_defaults", "nag")
_add("ccsgd", "ccsgd", momentum=0.9, **_COMMON)
_add("adam_defaults", "adam")
_add("adam", "adam", **_COMMON)
_add("adam_clip", "adam", **_CLIPPED)
_add("adam_betas", "adam", beta1=0.5, beta2=0.9, epsilon=1e-3, **_COMMON)
_add("adam_mp", "adam", dtype="float16", multi_precision=True, **_COMMON)
_add("adam_begin", "adam", begin_num_update=7, **_COMMON)
_add("rmsprop_defaults", "rmsprop")
_add("rmsprop", "rmsprop", **_COMMON)
_add("rmsprop_clip", "rmsprop", gamma1=0.8, clip_weights=0.7, **_CLIPPED)
_add("rmsprop_centered", "rmsprop", centered=True, gamma1=0.9, gamma2=0.8, **_COMMON)
_add("rmsprop_centered_clip", "rmsprop", centered=True, clip_weights=0.7, **_CLIPPED)
_add("adagrad_defaults", "adagrad")
_add("adagrad", "adagrad", **_COMMON)
_add("adagrad_clip", "adagrad", eps=1e-3, **_CLIPPED)
for _name in ("adadelta", "adamax", "nadam", "ftrl", "ftml", "signum", "dcasgd", "lars", "lamb", "lbsgd"):
    _add(f"{_name}_defaults", _name)
    _add(f"{_name}", _name, **_COMMON)
    _add(f"{_name}_clip", _name, **_CLIPPED)
    _add(f"{_name}_mp", _name, dtype="float16", multi_precision=True, **_COMMON)
    _add(f"{_name}_schedule", _name, schedule=(5, 0.5), **_COMMON)
_add("adadelta_numbers", "adadelta", rho=0.5, epsilon=1e-3, **_COMMON)
_add("adamax_betas", "adamax", beta1=0.5, beta2=0.9, **_COMMON)
_add("nadam_numbers", "nadam", beta1=0.5, beta2=0.9, epsilon=1e-3, schedule_decay=0.1, **_COMMON)
_add("nadam_begin", "nadam", begin_num_update=7, **_COMMON)
_add("ftrl_numbers", "ftrl", lamda1=0.2, beta=0.3, **_COMMON)
_add("ftml_numbers", "ftml", beta1=0.5, beta2=0.9, epsilon=1e-3, **_COMMON)
_add("signum_wd_lh", "signum", momentum=0.5, wd_lh=0.1, **_COMMON)
_add("signum_plain", "signum", momentum=0.0, **_CLIPPED)
_add("dcasgd_lamda", "dcasgd", lamda=0.4, **_COMMON)
_add("lars_numbers", "lars", momentum=0.9, eta=0.1, eps=1e-3, **_CLIPPED)
_add("lars_mom_schedule", "lars", momentum=0.9, eta=0.1, schedule=(3, 0.5), **_COMMON)
_add("lars_mom_uncorrected", "lars", momentum=0.9, momentum_correction=False, schedule=(3, 0.5), **_COMMON)
_add("lars_mom_mp", "lars", dtype="float16", momentum=0.9, eta=0.1, multi_precision=True, **_COMMON)
_add("lamb_numbers", "lamb", beta1=0.5, beta2=0.9, epsilon=1e-3, **_COMMON)
_add("lamb_bounds", "lamb", lower_bound=2.0, upper_bound=3.0, **_COMMON)
_add("lamb_uncorrected", "lamb", bias_correction=False, **_COMMON)
for _strategy in ("linear", "power2", "sqrt", "lars", "none"):
    _add(
        f"lbsgd_{_strategy}",
        "lbsgd",
        momentum=0.9,
        warmup_strategy=_strategy,
        batch_scale=3,
        warmup_epochs=2,
        updates_per_epoch=4,
        **_CLIPPED,
    )
_add("lbsgd_begin", "lbsgd", batch_scale=2, begin_epoch=1, updates_per_epoch=7, **_COMMON)
_add("lbsgd_mom_mp", "lbsgd", dtype="float16", momentum=0.9, batch_scale=2, multi_precision=True, **_COMMON)


def _flat(state):
    if state is None:
        return []
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in _flat(part)]
    return [state.asnumpy()]


def run_optimizer_case(mx, label):
    """Weights after each step, stacked, and states after the last: ``{'w<index>': ..., 's<index>_<n>':
    ...}``.
    """
    name, dtype, kwargs = OPTIMIZER_CASES[label]
    rng = np.random.RandomState(7)
    kwargs = dict(kwargs)
    if "schedule" in kwargs:
        step, factor = kwargs.pop("schedule")
        kwargs["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(step=step, factor=factor)
    optimizer = mx.optimizer.create(name, param_idx2name={i: n for i, (n, _) in PARAMS.items()}, **kwargs)
    updater = mx.optimizer.get_updater(optimizer)
    weights = {
        i: mx.nd.array(rng.randn(*shape).astype(dtype), dtype=dtype) for i, (_, shape) in PARAMS.items()
    }
    history = {i: [] for i in PARAMS}
    for step in range(STEPS):
        grads = {
            i: mx.nd.array(rng.randn(*shape).astype(dtype), dtype=dtype) for i, (_, shape) in PARAMS.items()
        }
        if step % 2:  # one by one, then all at once
            for i in PARAMS:
                updater(i, grads[i], weights[i])
        else:
            updater(list(PARAMS), list(grads.values()), list(weights.values()))
        for i, weight in weights.items():
            history[i].append(weight.asnumpy())
    results = {f"w{i}": np.stack(values) for i, values in history.items()}
    for i in PARAMS:
        results.update({f"s{i}_{n}": array for n, array in enumerate(_flat(updater.states[i]))})
    return results


# ----------------------------------------------------------------------------------------- training by Module

MODULE_CASES = {
    "sgd_mom": {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3}},
    "adam": {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.01, "wd": 1e-3}},
    "sgd_mom_2ctx": {
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3},
        "contexts": 2,
    },
    "adam_2ctx_device": {
        "optimizer": "adam",
        "optimizer_params": {"learning_rate": 0.01, "wd": 1e-3},
        "contexts": 2,
        "kvstore": None,
    },
    "sgd_schedule": {
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.2, "momentum": 0.9},
        "schedule": (3, 0.5),
    },
    "sgd_fixed": {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.1}, "fixed": ["fc1_weight"]},
    "sgd_uneven": {
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
        "contexts": 2,
        "work_load_list": [1, 3],
    },
}

BATCH = 8
MODULE_STEPS = 20


def mlp(mx):
    """A two-layer perceptron over 6 inputs and 5 classes."""
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=7, name="fc1")
    net = mx.sym.Activation(net, act_type="tanh", name="act1")
    net = mx.sym.FullyConnected(net, num_hidden=5, name="fc2", wd_mult=0.5)
    return mx.sym.SoftmaxOutput(net, name="softmax")


def mlp_params(mx):
    """Fixed values for the parameters of `mlp`."""
    rng = np.random.RandomState(3)
    shapes = {"fc1_weight": (7, 6), "fc1_bias": (7,), "fc2_weight": (5, 7), "fc2_bias": (5,)}
    return {
        name: mx.nd.array(rng.uniform(-0.5, 0.5, shape).astype("float32")) for name, shape in shapes.items()
    }


def run_module_case(mx, label):
    """Outputs of the first and last step, first gradients, final parameters and a summary of the states'
    keys.
    """
    case = dict(MODULE_CASES[label])
    contexts, schedule = case.pop("contexts", 1), case.pop("schedule", None)
    fixed, work_load_list = case.pop("fixed", None), case.pop("work_load_list", None)
    params = dict(case["optimizer_params"])
    if schedule:
        params["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(step=schedule[0], factor=schedule[1])
    module = mx.mod.Module(
        mlp(mx),
        context=[mx.cpu(i) for i in range(contexts)],
        fixed_param_names=fixed,
        work_load_list=work_load_list,
    )
    module.bind([("data", (BATCH, 6))], [("softmax_label", (BATCH,))], inputs_need_grad=True)
    module.init_params(arg_params=mlp_params(mx), aux_params={})
    module.init_optimizer(
        optimizer=case["optimizer"], optimizer_params=params, kvstore=case.get("kvstore", "local")
    )
    rng = np.random.RandomState(5)
    results = {}
    for step in range(MODULE_STEPS):
        data = mx.nd.array(rng.randn(BATCH, 6).astype("float32"))
        label_values = mx.nd.array(rng.randint(0, 5, BATCH).astype("float32"))
        module.forward_backward(mx.io.DataBatch([data], [label_values]))
        if step in (0, MODULE_STEPS - 1):
            results[f"out_{step}"] = module.get_outputs()[0].asnumpy()
            results[f"data_grad_{step}"] = module.get_input_grads()[0].asnumpy()
            grads = module._exec_group.grad_arrays
            for i, on_devices in enumerate(grads):
                if on_devices[0] is not None:
                    results[f"grad{i}_{step}"] = sum(g.asnumpy() for g in on_devices)
        module.update()
    args, _ = module.get_params()
    results.update({f"param_{name}": value.asnumpy() for name, value in args.items()})
    return results
