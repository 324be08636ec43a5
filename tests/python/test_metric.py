"""Metrics: values as recorded from MXNet 1.9.1, making them, what they accept, misuse."""

import json
import math

import numpy as np
import pytest
from common import mx, ours_only
from parity import companion_cases, companion_golden

CASES = companion_cases.metric_cases()

NAMES = {
    "acc": "Accuracy",
    "accuracy": "Accuracy",
    "ACC": "Accuracy",
    "ce": "CrossEntropy",
    "crossentropy": "CrossEntropy",
    "nll_loss": "NegativeLogLikelihood",
    "f1": "F1",
    "mcc": "MCC",
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "pearsonr": "PearsonCorrelation",
    "pcc": "PCC",
    "loss": "Loss",
    "torch": "Torch",
    "caffe": "Caffe",
    "composite": "CompositeEvalMetric",
}


@pytest.mark.parametrize("name", CASES)
def test_same_as_mxnet(name):
    actual = companion_cases.run_metric(mx, *CASES[name])
    companion_golden.assert_same(actual, companion_golden.section("metric")[name])


def test_every_recorded_case_is_replayed():
    assert sorted(CASES) == sorted(companion_golden.section("metric"))


# Making


@pytest.mark.parametrize("name", NAMES)
def test_create_by_name(name):
    assert type(mx.metric.create(name)).__name__ == NAMES[name]


def test_create_passes_arguments():
    assert mx.metric.create("acc", axis=2).axis == 2
    assert mx.metric.create("perplexity", -1).ignore_label == -1
    assert mx.metric.create("top_k_accuracy", top_k=3).name == "top_k_accuracy_3"


def test_create_returns_an_instance_as_it_is():
    metric = mx.metric.Accuracy()
    assert mx.metric.create(metric) is metric


def test_create_from_list_function_and_nested_metrics():
    def half(label, pred):
        return 0.5

    metric = mx.metric.create(["acc", half, mx.metric.create(["mse", lambda label, pred: 1.0])])
    assert metric.get()[0] == ["accuracy", "half", "mse", "custom(<lambda>)"]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("acc", {"axis": 0, "name": "right"}),
        ("perplexity", {"ignore_label": 3, "output_names": ["softmax_output"]}),
        ("ce", {"eps": 1e-3, "label_names": ["softmax_label"]}),
        ("pearsonr", {}),
        ("pcc", {}),
        ("loss", {}),
    ],
)
def test_config_makes_an_equal_metric(name, args):
    config = mx.metric.create(name, **args).get_config()
    for spec in (dict(config), json.dumps(config)):
        again = mx.metric.create(spec)
        assert again.get_config() == config
    for key, value in args.items():
        assert config[key] == value
    assert config["metric"] == type(again).__name__


def test_composite_config_makes_an_equal_metric():
    config = mx.metric.create(["acc", "ce", mx.metric.create(["mcc", "mse"])]).get_config()
    again = mx.metric.create(json.loads(json.dumps(config)))
    assert again.get()[0] == ["accuracy", "cross-entropy", "mcc", "mse"]
    assert again.get_config() == config


@ours_only
@pytest.mark.parametrize("name", ["f1", "mcc", "pearsonr"])
def test_config_keeps_the_kind_of_average(name):
    metric = mx.metric.create(mx.metric.create(name, average="micro").get_config())
    assert metric.average == "micro"


@ours_only
def test_config_of_top_k_does_not_grow_the_name():
    metric = mx.metric.create("top_k_acc", top_k=3)
    again = mx.metric.create(metric.get_config())
    assert again.name == metric.name == "top_k_accuracy_3"


def test_registering_a_metric():
    @mx.metric.alias("test_metric_alias")
    @mx.metric.register
    class TestMetricOfMine(mx.metric.EvalMetric):
        def __init__(self, name="mine", **kwargs):
            super().__init__(name, **kwargs)

        def update(self, labels, preds):
            self.sum_metric += 5
            self.num_inst += 2

    for name in ("testmetricofmine", "test_metric_alias"):
        metric = mx.metric.create(name)
        metric.update(None, None)
        assert metric.get() == ("mine", 2.5)
        assert metric.get_global() == ("mine", 2.5)  # without global values of its own: the local one
        metric.reset_local()
        assert math.isnan(metric.get()[1])

    def register_another():
        class TestMetricOfMine(mx.metric.EvalMetric):
            pass

        mx.metric.register(TestMetricOfMine)

    with pytest.warns(UserWarning, match="testmetricofmine"):
        register_another()


@ours_only
def test_create_misuse():
    with pytest.raises(
        ValueError, match=r"\[metric.create\] nonsense is not registered: expected one of acc, "
    ):
        mx.metric.create("nonsense")
    with pytest.raises(TypeError, match="metric must be of string type: got int"):
        mx.metric.create(3)
    with pytest.raises(TypeError, match="already an instance"):
        mx.metric.create(mx.metric.Accuracy(), axis=2)
    with pytest.raises(ValueError, match="broken JSON"):
        mx.metric.create('["acc", {')
    with pytest.raises(ValueError, match=r'expected \["name"'):
        mx.metric.create('["acc"]')
    with pytest.raises(ValueError, match="missing key 'metric'"):
        mx.metric.create({"name": "acc"})
    with pytest.raises(TypeError, match="Can only register subclass of EvalMetric"):
        mx.metric.register(int)
    with pytest.raises(TypeError, match="feval must be callable"):
        mx.metric.CustomMetric("acc")
    with pytest.raises(ValueError, match="no more than 1"):
        mx.metric.TopKAccuracy(top_k=1)
    with pytest.raises(ValueError, match=r"\[F1\] unknown average"):
        mx.metric.F1(average="mean")


def test_custom_metric_has_no_config():
    with pytest.raises(NotImplementedError, match="CustomMetric cannot be serialized"):
        mx.metric.np(lambda label, pred: 0.0).get_config()


# What they accept


@ours_only
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: (value,)])
@pytest.mark.parametrize("convert", [np.asarray, lambda value: mx.nd.array(value), list])
def test_arrays_alone_or_in_lists(wrap, convert):
    if convert is list and wrap([0]) == [0]:
        pytest.skip("a bare list is a list of arrays")
    label, pred = np.array([0.0, 1.0]), np.array([[0.9, 0.1], [0.8, 0.2]])
    for name, expected in (("acc", 0.5), ("ce", -math.log(0.9 * 0.2) / 2), ("f1", 0.0)):
        metric = mx.metric.create(name)
        metric.update(wrap(convert(label)), wrap(convert(pred)))
        assert metric.get()[1] == pytest.approx(expected, rel=1e-6)


@ours_only
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "uint8", "int8"])
def test_label_dtypes(dtype):
    label = np.array([0, 1, 2, 1]).astype(dtype)
    pred = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    for name, expected in (("acc", 0.75), ("pcc", None), ("ce", None), ("mae", None)):
        metric = mx.metric.create(name)
        metric.update([label], [pred])
        assert math.isfinite(metric.get()[1])
        if expected is not None:
            assert metric.get()[1] == expected


@ours_only
def test_errors_of_integers_and_half_precision_do_not_overflow():
    label = np.array([0, 1, 2, 3], np.uint8)
    for name, expected in (("mae", 2.0), ("mse", 5.0), ("rmse", math.sqrt(5.0))):
        metric = mx.metric.create(name)
        metric.update([label], [label[::-1]])
        assert metric.get()[1] == pytest.approx(expected)
    metric = mx.metric.MSE()
    metric.update([np.zeros(3, np.float16)], [np.full(3, 300, np.float16)])
    assert metric.get()[1] == pytest.approx(90000.0)


@ours_only
def test_micro_pearson_has_global_values():
    rs = np.random.RandomState(0)
    batches = [(rs.random_sample(7), rs.random_sample(7)) for _ in range(5)]
    metric = mx.metric.PearsonCorrelation(average="micro")
    for label, pred in batches[:2]:
        metric.update(label, pred)
    metric.reset_local()
    for label, pred in batches[2:]:
        metric.update(label, pred)

    def correlation(part):
        return np.corrcoef(*(np.concatenate(values) for values in zip(*part)))[0, 1]

    assert metric.get()[1] == pytest.approx(correlation(batches[2:]), rel=1e-12)
    assert metric.get_global()[1] == pytest.approx(correlation(batches), rel=1e-12)
    metric.reset()
    assert math.isnan(metric.get_global()[1])


@ours_only
def test_top_k_against_sorting():
    rs = np.random.RandomState(1)
    for levels in (2, 5, 1000):  # few levels make many ties
        pred = rs.randint(0, levels, (200, 12)).astype(np.float32)
        label = rs.randint(-1, 13, 200)
        for k in (2, 5, 12, 20):
            order = np.argsort(-pred, axis=1, kind="stable")[:, :k]
            metric = mx.metric.TopKAccuracy(top_k=k)
            metric.update([label], [pred])
            assert metric.sum_metric == (order == label[:, None]).sum()
            assert metric.num_inst == 200


@ours_only
@pytest.mark.parametrize("classes", [2, 7, 60])
def test_pcc_matrix_counts_predictions_by_label(classes):
    rs = np.random.RandomState(3)
    label, pred = rs.randint(0, classes, (2, 300))
    metric = mx.metric.PCC()
    metric.update([label], [np.eye(classes)[pred]])
    expected = np.array(
        [[np.sum((pred == i) & (label == j)) for j in range(classes)] for i in range(classes)]
    )
    np.testing.assert_array_equal(metric.lcm, expected)
    np.testing.assert_array_equal(metric.gcm, expected)


@ours_only
def test_nan_predictions_score_nothing_in_top_k():
    metric = mx.metric.TopKAccuracy(top_k=2)
    metric.update([np.zeros(4)], [np.full((4, 5), np.nan)])
    assert metric.get()[1] == 0.0


@ours_only
def test_perplexity_along_another_axis():
    rs = np.random.RandomState(2)
    pred = rs.dirichlet(np.ones(3), (4, 5))
    label = rs.randint(0, 3, (4, 5))
    last, middle = mx.metric.Perplexity(None), mx.metric.Perplexity(None, axis=1)
    last.update([label], [pred])
    middle.update([label], [pred.transpose(0, 2, 1)])
    expected = math.exp(-np.mean(np.log(np.take_along_axis(pred, label[..., None], 2))))
    assert last.get()[1] == pytest.approx(expected)
    assert middle.get()[1] == pytest.approx(expected)


def test_custom_metric_with_extra_outputs():
    seen = []

    def count(label, pred):
        seen.append((label.tolist(), pred.tolist()))
        return 1.0

    metric = mx.metric.CustomMetric(count, allow_extra_outputs=True)
    metric.update([mx.nd.array([1, 2])], [mx.nd.array([3, 4]), mx.nd.array([5])])
    assert seen == [([1, 2], [3, 4])]
    with pytest.raises(ValueError, match="Shape of labels 1 does not match shape of predictions 2"):
        mx.metric.CustomMetric(count).update([mx.nd.array([1])], [mx.nd.array([3])] * 2)


@ours_only
def test_custom_metric_from_an_object_without_a_name():
    class Half:
        def __call__(self, label, pred):
            return 0.5

    assert mx.metric.create(Half()).name == "Half"


# By name


class Recorder(mx.metric.EvalMetric):
    def update(self, labels, preds):
        self.seen = (labels, preds)


@pytest.mark.parametrize(
    ("outputs", "labels", "expected"),
    [
        (None, None, (["a", "b"], ["x", "y"])),
        (["o2"], None, (["a", "b"], ["y"])),
        (None, ["l2", "l1"], (["b", "a"], ["x", "y"])),
        ([], [], ([], [])),
    ],
)
def test_update_dict_selects(outputs, labels, expected):
    metric = Recorder("r", output_names=outputs, label_names=labels)
    metric.update_dict({"l1": "a", "l2": "b"}, {"o1": "x", "o2": "y"})
    assert metric.seen == expected


def test_update_dict_with_a_missing_name():
    metric = Recorder("r", output_names=["o3"])
    with pytest.raises(KeyError, match="o3"):
        metric.update_dict({"l1": "a"}, {"o1": "x"})


def test_composite_update_dict_filters():
    inside = [Recorder("a"), Recorder("b", output_names=["o2"])]
    metric = mx.metric.CompositeEvalMetric(inside, output_names=["o2", "o9"], label_names=["l1"])
    metric.update_dict({"l1": "a", "l2": "b"}, {"o1": "x", "o2": "y"})
    assert [child.seen for child in inside] == [(["a"], ["y"])] * 2


def test_composite_access():
    metric = mx.metric.CompositeEvalMetric(["acc"])
    metric.add("mse")
    assert type(metric.get_metric(1)).__name__ == "MSE"
    assert mx.metric.CompositeEvalMetric().get() == ([], [])
    assert str(metric) == "EvalMetric: {'accuracy': nan, 'mse': nan}"


@ours_only
def test_composite_index_out_of_range():
    with pytest.raises(ValueError, match="Metric index 5 is out of range 0 and 1"):
        mx.metric.CompositeEvalMetric(["acc"]).get_metric(5)


# Misuse


@pytest.mark.parametrize("name", ["acc", "f1", "mcc", "pcc", "mae", "ce", "pearsonr", "top_k_acc"])
def test_different_numbers_of_labels_and_predictions(name):
    metric = mx.metric.create(name, **({"top_k": 2} if name == "top_k_acc" else {}))
    ones = mx.nd.ones((4, 2))
    with pytest.raises(ValueError, match="Shape of labels 1 does not match shape of predictions 2"):
        metric.update([mx.nd.ones((4,))], [ones, ones])


@ours_only
@pytest.mark.parametrize(
    ("name", "label", "pred", "error", "text"),
    [
        ("acc", (4,), (3, 2), ValueError, "Shape of labels 4 does not match shape of predictions 3"),
        ("acc", (4,), (1,), ValueError, r"\[Accuracy\] no axis 1"),
        ("f1", (6,), (6,), ValueError, r"\[F1\] no axis 1"),
        ("f1", (6, 2), (6, 2), ValueError, r"\[F1\] labels do not fit"),
        ("mcc", (2, 3), (6, 2), ValueError, "Shape of labels 2 does not match shape of predictions 6"),
        ("pcc", (6,), (5, 2), ValueError, "Shape of labels 6 does not match shape of predictions 5"),
        ("ce", (3,), (4, 2), ValueError, r"\[CrossEntropy\] shape mismatch"),
        ("ce", (4,), (4,), ValueError, r"\[CrossEntropy\] shape mismatch"),
        ("mae", (3, 4), (4, 3), ValueError, r"\[MAE\] labels do not fit"),
        ("rmse", (4,), (3,), ValueError, r"\[RMSE\] labels do not fit"),
        ("pearsonr", (4,), (4, 1), ValueError, r"Shape of labels \(4,\) does not match"),
    ],
)
def test_shapes_that_do_not_fit(name, label, pred, error, text):
    metric = mx.metric.create(name)
    with pytest.raises(error, match=text):
        metric.update([np.zeros(label)], [np.zeros(pred)])
    assert metric.num_inst == 0 and math.isnan(metric.get()[1])


@ours_only
def test_other_misuse():
    with pytest.raises(ValueError, match=r"\[TopKAccuracy\] predictions must have the shape"):
        mx.metric.TopKAccuracy(top_k=2).update([np.zeros(4)], [np.zeros(4)])
    with pytest.raises(ValueError, match=r"\[Perplexity\] shape mismatch"):
        mx.metric.Perplexity(None).update([np.zeros(3)], [np.zeros((4, 3))])
    with pytest.raises(
        IndexError, match=r"\[CrossEntropy\] label out of range: got labels from 0 to 5 for 2"
    ):
        mx.metric.CrossEntropy().update([np.array([0, 5])], [np.ones((2, 2))])
    with pytest.raises(ValueError, match="binary classification"):
        mx.metric.F1().update([np.array([0, 1, 2])], [np.ones((3, 2))])
    with pytest.raises(TypeError, match="expected an NDArray or a NumPy array: got NoneType"):
        mx.metric.Accuracy().update([None], [np.ones((3, 2))])
    with pytest.raises(ValueError, match=r"\[PCC\] class out of range: got one below -2 for 2 classes"):
        mx.metric.PCC().update([np.array([0, -3])], [np.eye(2)])
    with pytest.raises(NotImplementedError):
        mx.metric.EvalMetric("bare").update([], [])


def test_check_label_shapes():
    check = mx.metric.check_label_shapes
    assert check([1, 2], [3, 4]) == ([1, 2], [3, 4])
    with pytest.raises(
        ValueError, match=r"Shape of labels \(2, 3\) does not match shape of predictions \(2, 4\)"
    ):
        check(np.zeros((2, 3)), np.zeros((2, 4)), shape=True)
    labels, preds = check(mx.nd.ones((2,)), mx.nd.ones((2, 3)), wrap=True)
    assert len(labels) == len(preds) == 1 and preds[0].shape == (2, 3)


def test_empty_update_changes_nothing():
    for name in ("acc", "mse", "ce", "loss"):
        metric = mx.metric.create(name)
        metric.update([], [])
        assert math.isnan(metric.get()[1])


class Lists(mx.metric.EvalMetric):
    """A metric as they were written before there was `reset_local`."""

    def __init__(self):
        super().__init__("lists")

    def reset(self):
        self.sum_metric, self.num_inst = [0.0, 0.0], [0, 0]

    def update(self, labels, preds):
        for i, (label, pred) in enumerate(zip(labels, preds)):
            self.sum_metric[i] += float((label == pred).sum())
            self.num_inst[i] += label.size

    def get(self):
        return ["a", "b"], [s / n if n else -1 for s, n in zip(self.sum_metric, self.num_inst)]


@ours_only
def test_reset_local_of_metrics_that_keep_lists():
    metric = Lists()
    metric.update([np.ones(2), np.ones(3)], [np.ones(2), np.zeros(3)])
    assert metric.get_name_value() == metric.get_global_name_value() == [("a", 1), ("b", 0)]
    metric.reset_local()  # as Speedometer does
    assert metric.get()[1] == [-1, -1]
    metric.update([np.ones(1)], [np.ones(1)])
    assert metric.get()[1] == [1, -1]

    class CallsBack(Lists):
        def reset(self):
            self.reset_local()
            super().reset()

    assert CallsBack().get()[1] == [-1, -1]


def test_global_values_of_a_metric_with_its_own_pairs():
    class Pairs(mx.metric.EvalMetric):
        def update(self, labels, preds):
            pass

        def get(self):
            return zip(("a", 1), ("b", 2))

        def get_name_value(self):
            return [("a", 1), ("b", 2)]

    assert Pairs("x").get_global_name_value() == [("a", 1), ("b", 2)]
