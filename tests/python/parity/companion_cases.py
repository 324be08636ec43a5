"""What metrics, initializers, learning rate schedules and callbacks do in given situations, as JSON.

Every function takes the package, `mxnet` or `symbind`, and returns {situation: result}.
`record_companions.py` writes the results of MXNet 1.9.1 to a file; the tests compare those of symbind with
them.
"""

from __future__ import annotations

import contextlib
import logging
import types

import numpy as np

# Metrics


def _batches(seed, label_shape, pred_shape, classes=3, count=3, outputs=1, real=False):
    """Seeded batches of labels and predictions; integer labels unless `real`."""
    rs = np.random.RandomState(seed)
    result = []
    for _ in range(count):
        labels, preds = [], []
        for _ in range(outputs):
            label = rs.random_sample(label_shape) if real else rs.randint(0, classes, label_shape)
            labels.append(label.astype(np.float32))
            preds.append(rs.random_sample(pred_shape).astype(np.float32))
        result.append((labels, preds))
    return result


def _fixed(label, pred):
    return [([np.array(label, np.float32)], [np.array(pred, np.float32)])]


def _absolute(label, pred):
    return float(np.abs(label - pred.ravel()[: label.size].reshape(label.shape)).sum())


def _sum_and_count(label, pred):
    return float(pred.sum()), int(label.size)


def metric_cases():
    """{name: (make(mx), batches)}."""
    cases = {}

    def add(name, make, *args, **kwargs):
        batches = args[0] if args and isinstance(args[0], list) else _batches(*args, **kwargs)
        cases[name] = (make, batches)

    def simple(metric, *args, **kwargs):
        return lambda mx: mx.metric.create(metric, *args, **kwargs)

    add("acc", simple("acc"), 1, 8, (8, 3))
    add("acc column", simple("acc"), 2, (8, 1), (8, 3))
    add("acc class numbers", simple("acc"), _fixed([1.7, 0.2, 2], [1.2, 0.9, 1]))
    add("acc one column", simple("acc"), 3, 8, (8, 1), classes=2)
    add("acc image", simple("acc"), 4, (2, 5), (2, 3, 5))
    add("acc last axis", simple("acc", axis=-1), 5, (2, 5), (2, 5, 3))
    add("acc axis 2", simple("acc", axis=2), 6, (2, 5), (2, 5, 3))
    add("acc two outputs", simple("acc"), 7, 6, (6, 4), classes=4, outputs=2)
    add("acc ties", simple("acc"), _fixed([0, 1, 0], [[1, 1], [1, 1], [0, 0]]))
    for k in (2, 3, 5):
        add(f"top {k}", simple("top_k_accuracy", top_k=k), 10 + k, 20, (20, 6), classes=6)
    add("top 2 column", simple("top_k_acc", top_k=2), 16, (20, 1), (20, 6), classes=6)
    add("top 2 two outputs", simple("top_k_acc", top_k=2), 17, 9, (9, 6), classes=6, outputs=2)
    for metric in ("f1", "mcc"):
        for average in ("macro", "micro"):
            make = simple(metric, average=average)
            add(f"{metric} {average}", make, 20, 16, (16, 2), classes=2)
            add(f"{metric} {average} two outputs", make, 21, 5, (5, 2), classes=2, outputs=2)
            add(f"{metric} {average} nothing positive", make, _fixed([0, 0, 0], [[1, 0]] * 3))
            add(f"{metric} {average} nothing predicted", make, _fixed([0, 1, 1], [[1, 0]] * 3))
            add(f"{metric} {average} all right", make, _fixed([0, 1], [[1, 0], [0, 1]]))
            add(f"{metric} {average} third class", make, 22, 9, (9, 3), classes=2)
            add(f"{metric} {average} image", make, 23, (2, 3), (2, 2, 3), classes=2)
            add(f"{metric} {average} one column", make, 24, 6, (6, 1), classes=2)
    add("pcc", simple("pcc"), 30, 12, (12, 4), classes=4)
    add("pcc binary", simple("pcc"), 31, 12, (12, 2), classes=2)
    add("pcc class numbers", simple("pcc"), _fixed([0, 1, 2, 2, 1], [0, 2, 2, 1, 1]))
    add("pcc label beyond", simple("pcc"), _fixed([0, 6, 2], [[1, 2], [2, 1], [0, 1]]))
    add("pcc constant", simple("pcc"), _fixed([0, 0, 0], [[1, 0]] * 3))
    add("pcc two outputs", simple("pcc"), 32, 7, (7, 3), outputs=2)
    for ignore in (None, 0, -1):
        make = simple("perplexity", ignore_label=ignore)
        add(f"perplexity {ignore}", make, 40, 8, (8, 3))
        add(f"perplexity {ignore} sequence", make, 41, (2, 4), (8, 3))
        add(f"perplexity {ignore} two outputs", make, 42, 4, (4, 3), outputs=2)
    add("perplexity zero probability", simple("perplexity", None), _fixed([0, 1], [[0, 1], [1, 0]]))
    add("perplexity out of range", simple("perplexity", None), _fixed([-1, 5], [[0.6, 0.4], [0.7, 0.3]]))
    add("perplexity all ignored", simple("perplexity", 1), _fixed([1, 1], [[0.6, 0.4], [0.7, 0.3]]))
    for metric in ("ce", "nll_loss"):
        add(metric, simple(metric), 50, 8, (8, 3))
        add(f"{metric} sequence", simple(metric), 51, (2, 4), (8, 3))
        add(f"{metric} two outputs", simple(metric), 52, 8, (8, 3), outputs=2)
        add(f"{metric} zero", simple(metric), _fixed([0, 1], [[0, 1], [1, 0]]))
        add(f"{metric} eps", simple(metric, eps=1e-3), _fixed([0, 1], [[0, 1], [1, 0]]))
        add(f"{metric} negative label", simple(metric), _fixed([0, -1], [[0.6, 0.4], [0.7, 0.3]]))
        add(f"{metric} fraction", simple(metric), _fixed([0.7, 1.2], [[0.6, 0.4], [0.7, 0.3]]))
        add(f"{metric} map", simple(metric), 53, 4, (4, 3, 2))
    for metric in ("mae", "mse", "rmse"):
        add(metric, simple(metric), 60, 8, 8, real=True)
        add(f"{metric} column prediction", simple(metric), 61, 8, (8, 1), real=True)
        add(f"{metric} column label", simple(metric), 62, (8, 1), 8, real=True)
        add(f"{metric} matrix", simple(metric), 63, (4, 3), (4, 3), real=True)
        add(f"{metric} broadcast", simple(metric), 64, 4, (4, 3), real=True)
        add(f"{metric} image", simple(metric), 65, (2, 3, 4), (2, 3, 4), real=True)
        add(f"{metric} two outputs", simple(metric), 66, (4, 3), (4, 3), outputs=2, real=True)
    add("pearsonr", simple("pearsonr"), 70, 10, 10, real=True)
    add("pearsonr matrix", simple("pearsonr"), 71, (5, 2), (5, 2), real=True)
    add("pearsonr two outputs", simple("pearsonr"), 72, (5, 2), (5, 2), outputs=2, real=True)
    add("pearsonr constant", simple("pearsonr"), _fixed([1, 1, 1], [1, 2, 3]))
    for metric in ("loss", "torch", "caffe"):
        add(metric, simple(metric), 80, 4, (4, 3), outputs=2)
    add("custom", lambda mx: mx.metric.CustomMetric(_absolute), 90, 6, (6, 2))
    add("custom sum and count", lambda mx: mx.metric.np(_sum_and_count), 91, 6, (6, 2))
    add("custom lambda", lambda mx: mx.metric.create(lambda label, pred: 2), 92, 6, (6, 2))
    add(
        "composite",
        lambda mx: mx.metric.create(["acc", "ce", mx.metric.F1(average="micro")]),
        93,
        8,
        (8, 2),
        2,
    )
    add(
        "composite inside",
        lambda mx: mx.metric.CompositeEvalMetric([mx.metric.create(["acc", "ce"]), "pcc"], name="all"),
        94, 8, (8, 3),
    )  # fmt: skip
    return cases


def _state(metric):
    counts = [getattr(metric, name, None) for name in ("num_inst", "global_num_inst")]
    return [metric.get(), metric.get_global(), *counts]


def run_metric(mx, make, batches):
    """State of a metric after each of: making it, every batch, a local reset, the batches again, a reset."""
    metric = make(mx)
    states = [_state(metric)]

    def update(batch):
        labels, preds = ([mx.nd.array(value) for value in values] for values in batch)
        metric.update(labels, preds)
        states.append(_state(metric))

    for batch in batches:
        update(batch)
    metric.reset_local()
    states.append(_state(metric))
    for batch in batches:
        update(batch)
    metric.reset()
    states.append(_state(metric))
    return states


def metric_results(mx):
    return {name: run_metric(mx, *case) for name, case in metric_cases().items()}


# Initializers

_SHAPES = {"matrix": (4, 6), "vector": (6,), "kernels": (2, 1, 4, 4)}

#: Names whose rule depends on their end alone, and names that have a rule only where they are a plain str.
# fmt: off
_NAMES = (
    "fc_weight", "fc_bias", "bn_gamma", "bn_beta", "x_min", "x_max", "weight", "xgamma", "embed_weight_min",
    "lstm_i2h_f_bias", "conv_bias_quantize", "w", "fc_weight_0", "BIAS", "FooWeight", "state",
    "lstm_parameters", "data", "softmax_label", "upsampling_weight", "stn_loc_weight", "upsampling_bias",
    "stn_loc_bias", "stn_loc_bias_bias", "x_stn_loc_weight",
)
# fmt: on
_STR_NAMES = ("bn_moving_mean", "bn_moving_var", "bn_moving_inv_var", "bn_moving_avg", "upsampling0_x")


def _attempt(function, *args):
    """The result of a call, or the type of its exception where that is MXNet's way of saying no."""
    try:
        return function(*args)
    except (ValueError, AssertionError, IndexError) as err:
        return "error" if isinstance(err, (AssertionError, IndexError)) else type(err).__name__


def _filled(mx, init, desc, shape):
    arr = mx.nd.array(np.full(shape, -7.0, np.float32))
    init(desc, arr)
    return arr.asnumpy().ravel().tolist()


def name_rules(mx):
    """What each name makes of an array, with 42 for what the initializer itself is about."""
    init = mx.init.Constant(42)
    results = {}
    for name in _NAMES:
        for kind, shape in _SHAPES.items():
            desc = mx.init.InitDesc(name)
            results[f"desc {name} {kind}"] = _attempt(_filled, mx, init, desc, shape)
    for name in _NAMES + _STR_NAMES:
        if name.endswith("quantize"):
            continue
        for kind, shape in _SHAPES.items():
            results[f"str {name} {kind}"] = _attempt(_filled, mx, init, name, shape)
    return results


@contextlib.contextmanager
def _recorded_draws(mx):
    """Replace the package's distributions by a record of what is asked of them."""
    draws = []
    originals = mx.random.uniform, mx.random.normal

    def recorder(kind):
        def draw(first, second, *_shape, out):
            draws.append([kind, float(first), float(second), list(out.shape)])

        return draw

    mx.random.uniform, mx.random.normal = recorder("uniform"), recorder("normal")
    try:
        yield draws
    finally:
        mx.random.uniform, mx.random.normal = originals


def draws(mx):
    """Distribution and scale of the random initializers."""
    makers = {
        "uniform": lambda: mx.init.Uniform(),
        "uniform 0.3": lambda: mx.init.Uniform(0.3),
        "normal": lambda: mx.init.Normal(),
        "normal 2": lambda: mx.init.Normal(2),
        "xavier": lambda: mx.init.Xavier(),
    }
    for random_type in ("uniform", "gaussian"):
        for factor in ("avg", "in", "out"):
            makers[f"xavier {random_type} {factor}"] = lambda random_type=random_type, factor=factor: (
                mx.init.Xavier(rnd_type=random_type, factor_type=factor, magnitude=2.34)
            )
            makers[f"msra {factor}"] = lambda factor=factor: mx.init.MSRAPrelu(factor_type=factor, slope=0.1)
    results = {}
    for name, make in makers.items():
        for shape in ((3,), (4, 6), (8, 1000), (5, 6, 3), (4, 6, 5, 3), (2, 3, 4, 5, 6)):
            with _recorded_draws(mx) as recorded:
                outcome = _attempt(make(), mx.init.InitDesc("fc_weight"), mx.nd.zeros(shape))
                results[f"{name} {shape}"] = outcome or recorded
    return results


def _as_weight(mx, init, shape):
    return _filled(mx, init, mx.init.InitDesc("w", {"__init__": init.dumps()}), shape)


def fixed_values(mx):
    """Values of the initializers without chance."""
    results = {
        "zero": _as_weight(mx, mx.init.Zero(), (2, 3)),
        "one": _as_weight(mx, mx.init.One(), (2, 3)),
        "constant": _as_weight(mx, mx.init.Constant(2.5), (2, 3)),
        "constant array": _as_weight(mx, mx.init.Constant(mx.nd.array([1, 2, 3])), (2, 3)),
        "lstm bias": _as_weight(mx, mx.init.LSTMBias(2.0), (8,)),
        "lstm bias uneven": _as_weight(mx, mx.init.LSTMBias(), (10,)),
        "lstm bias by name": _filled(mx, mx.init.LSTMBias(), mx.init.InitDesc("lstm_bias"), (8,)),
        "own init": _filled(mx, mx.init.Uniform(), mx.init.InitDesc("a", {"__init__": "ones"}), (2,)),
        "own init wins": _filled(mx, mx.init.One(), mx.init.InitDesc("a_bias", {"__init__": "ones"}), (2,)),
        "empty own init": _filled(mx, mx.init.One(), mx.init.InitDesc("a_bias", {"__init__": ""}), (2,)),
        "own init as dict": _filled(
            mx,
            mx.init.One(),
            mx.init.InitDesc("a", {"__init__": '{"initializer": "Constant", "value": 4}'}),
            (2,),
        ),
        "mixed": _filled(
            mx,
            mx.init.Mixed(["bias", "fc_.*", ".*"], [mx.init.Zero(), mx.init.Constant(5), mx.init.One()]),
            mx.init.InitDesc("fc_weight"),
            (2,),
        ),
        "load": _filled(mx, mx.init.Load({"arg:fc_weight": mx.nd.array([1, 2])}), "fc_weight", (2,)),
    }
    for shape in ((2, 1, 4, 4), (1, 1, 3, 3), (1, 1, 3, 5), (1, 2, 5, 2)):
        results[f"bilinear {shape}"] = _as_weight(mx, mx.init.Bilinear(), shape)
    return results


def fused_parts(mx):
    """Name, shape and place of the parts of a fused network's parameter vector."""
    results = {}
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
    hidden, layers, inputs = 3, 2, 5

    class Counting(mx.init.Initializer):
        """Fills the n-th array it gets with n."""

        def __init__(self):
            super().__init__()
            self.names = []

        def __call__(self, desc, arr):
            self.names.append([str(desc), list(arr.shape)])
            arr[:] = len(self.names)

    for mode, count in gates.items():
        for directions in (1, 2):
            columns = [inputs + hidden + 2, directions * hidden + hidden + 2]
            vector = mx.nd.zeros((directions * count * hidden * sum(columns),))
            init = mx.init.FusedRNN(None, hidden, layers, mode, directions == 2, forget_bias=-1.0)
            counting = Counting()
            init._init_weight(mx.init.InitDesc("parameters", global_init=counting), vector)
            results[f"{mode} {directions}"] = [counting.names, vector.asnumpy().astype(int).tolist()]
    return results


def dumps(mx):
    """JSON forms."""
    made = [
        mx.init.Zero(),
        mx.init.One(),
        mx.init.Constant(3),
        mx.init.Constant(mx.nd.array([1, 2])),
        mx.init.Uniform(),
        mx.init.Normal(0.1),
        mx.init.Orthogonal(),
        mx.init.Xavier(),
        mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2),
        mx.init.MSRAPrelu(),
        mx.init.Bilinear(),
        mx.init.LSTMBias(),
        mx.init.FusedRNN(mx.init.Xavier(), 10, 2, "lstm"),
        mx.init.FusedRNN(None, 10, 2, "gru", True),
    ]
    return {f"{number} {type(init).__name__}": init.dumps() for number, init in enumerate(made)}


def initializer_results(mx):
    return {
        "name rules": name_rules(mx),
        "draws": draws(mx),
        "fixed values": fixed_values(mx),
        "fused parts": fused_parts(mx),
        "dumps": dumps(mx),
    }


# Learning rate schedules


def schedule_results(mx):
    module = mx.lr_scheduler
    warm = {"warmup_steps": 5, "warmup_begin_lr": 0.2}
    makers = {
        "factor": lambda: module.FactorScheduler(3, 0.5, base_lr=1.0),
        "factor stop": lambda: module.FactorScheduler(3, 0.5, stop_factor_lr=0.2, base_lr=1.0),
        "factor warm": lambda: module.FactorScheduler(3, 0.5, base_lr=1.0, **warm),
        "factor constant warm": lambda: module.FactorScheduler(
            3, 0.5, base_lr=1.0, warmup_mode="constant", **warm
        ),
        "factor default": lambda: module.FactorScheduler(2),
        "multi": lambda: module.MultiFactorScheduler([3, 7, 20], 0.1, base_lr=1.0),
        "multi warm": lambda: module.MultiFactorScheduler([3, 7, 20], 0.1, base_lr=1.0, **warm),
        "poly": lambda: module.PolyScheduler(20, base_lr=1.0),
        "poly 3": lambda: module.PolyScheduler(20, base_lr=1.0, pwr=3, final_lr=0.1, **warm),
        "cosine": lambda: module.CosineScheduler(20, base_lr=1.0),
        "cosine warm": lambda: module.CosineScheduler(20, base_lr=1.0, final_lr=0.1, **warm),
    }
    results = {}
    for name, make in makers.items():
        for order, updates in (("step by step", range(25)), ("jumps", [1, 6, 6, 9, 19])):
            schedule = make()
            results[f"{name} {order}"] = [schedule(n) for n in updates] + [schedule.base_lr]
        schedule = make()
        schedule.base_lr = 8.0  # as an optimizer does that has a learning rate of its own
        results[f"{name} changed"] = [schedule(n) for n in range(25)]
    return results


# Callbacks


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _logged():
    """The messages that the root logger gets."""
    handler, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextlib.contextmanager
def _clock(mx):
    """Let a quarter of a second pass between any two looks at the clock."""
    now = [0.0]

    def look():
        now[0] += 0.25
        return now[0]

    original = mx.callback.time
    mx.callback.time = types.SimpleNamespace(time=look, perf_counter=look)
    try:
        yield
    finally:
        mx.callback.time = original


def _param(epoch, batch, metric):
    return types.SimpleNamespace(epoch=epoch, nbatch=batch, eval_metric=metric, locals=None)


def _training(mx, callback, batches, metric):
    """Lines and metric values of two epochs in which each batch has more right answers."""
    with _clock(mx), _logged() as lines:
        values = []
        for epoch in range(2):
            metric.reset()
            for batch in range(batches):
                label = np.zeros(4, np.float32)
                pred = np.repeat([[1.0, 0.0], [0.0, 1.0]], [batch % 5, 4 - batch % 5], axis=0)
                metric.update([mx.nd.array(label)], [mx.nd.array(pred.astype(np.float32))])
                callback(_param(epoch, batch, metric))
                values.append([metric.get()[1], metric.get_global()[1]])
    return [list(lines), values]


def callback_results(mx):
    module = mx.callback
    results = {}
    for metrics in ("acc", ["acc", "loss"]):
        for auto_reset in (False, True):
            for name, callback in (
                ("speedometer", module.Speedometer(10, 2, auto_reset)),
                ("log_train_metric", module.log_train_metric(3, auto_reset)),
            ):
                metric = mx.metric.create(metrics)
                results[f"{name} {metrics} {auto_reset}"] = _training(mx, callback, 7, metric)
    with _clock(mx), _logged() as lines:
        callback = module.Speedometer(10, 2)
        for batch in (0, 1, 2, 3, 4, 1, 2, 4):
            callback(_param(0, batch, None))
        module.log_train_metric(1)(_param(0, 0, None))
        for batch in (0, 1, 5, 10, 12):
            module.ProgressBar(10, 20)(_param(0, batch, None))
        module.ProgressBar(3)(_param(0, 1, None))
        module.LogValidationMetricsCallback()(_param(3, 9, mx.metric.create(["acc", "mse"])))
        module.LogValidationMetricsCallback()(_param(3, 9, None))
    results["lines"] = list(lines)
    saved = []
    module_like = types.SimpleNamespace(save_checkpoint=lambda *args: saved.append(list(args)))
    for period in (1, 2, 0, -1, 2.5):
        callback = module.module_checkpoint(module_like, f"every {period}", period, period == 2)
        for epoch in range(5):
            callback(epoch, "symbol", "args", "aux")
    module.module_checkpoint(module_like, "short")(0)
    results["module_checkpoint"] = saved
    return results
