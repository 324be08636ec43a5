"""Initializers: rules and values as recorded from MXNet 1.9.1, distributions, JSON, misuse."""

import json
import logging
import math
import warnings

import numpy as np
import pytest
from common import mx, ours_only
from parity import companion_cases, companion_golden

GOLDEN = companion_golden.section("initializer")
BY_SECTION = {
    "name rules": companion_cases.name_rules,
    "draws": companion_cases.draws,
    "fixed values": companion_cases.fixed_values,
    "fused parts": companion_cases.fused_parts,
    "dumps": companion_cases.dumps,
}


def fill(init, name="fc_weight", shape=(4, 6), dtype="float32", **attrs):
    arr = mx.nd.full(shape, -7, dtype=dtype)
    init(mx.init.InitDesc(name, **attrs), arr)
    return arr.asnumpy()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("section", GOLDEN)
def test_same_as_mxnet(section):
    actual, expected = BY_SECTION[section](mx), GOLDEN[section]
    assert sorted(actual) == sorted(expected)
    for name in expected:
        if expected[name] == "error":  # MXNet stumbles; here it is said what is wrong
            assert actual[name] in ("error", "ValueError"), name
        else:
            companion_golden.assert_same(actual[name], expected[name], where=name)


# Distributions


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(
    ("make", "shape", "std", "bound"),
    [
        (lambda: mx.init.Uniform(0.3), (100, 120), 0.3 / math.sqrt(3), 0.3),
        (lambda: mx.init.Normal(0.2), (100, 120), 0.2, None),
        (lambda: mx.init.Xavier(), (100, 120), math.sqrt(1 / 110), math.sqrt(3 / 110)),
        (lambda: mx.init.Xavier("gaussian", "in", 2), (50, 20, 3, 3), math.sqrt(2 / 180), None),
        (lambda: mx.init.MSRAPrelu("out", 0.0), (50, 20, 3, 3), math.sqrt(2 / 450), None),
    ],
)
def test_random_values(make, shape, std, bound, dtype):
    mx.random.seed(11)
    values = fill(make(), shape=shape, dtype=dtype).astype(np.float64)
    assert abs(values.mean()) < 4 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.05)
    if bound is None:
        assert np.mean(np.abs(values) > 2 * std) == pytest.approx(0.0455, abs=0.015)
    else:
        assert 0.98 * bound < np.abs(values).max() <= bound * 1.001


@pytest.mark.parametrize("random_type", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3, 3), (4, 4)])
def test_orthogonal(random_type, shape):
    matrix = fill(mx.init.Orthogonal(scale=2, rand_type=random_type), shape=shape).reshape(shape[0], -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


@ours_only
@pytest.mark.parametrize("name", ["Uniform", "Normal", "Xavier", "MSRAPrelu", "Orthogonal"])
def test_seed_governs(name):
    init = getattr(mx.init, name)()
    mx.random.seed(5)
    first, second = fill(init), fill(init)
    mx.random.seed(5)
    np.testing.assert_array_equal(fill(init), first)
    assert np.abs(first - second).max() > 0


@ours_only
def test_orthogonal_takes_a_vector_as_a_column():
    assert np.linalg.norm(fill(mx.init.Orthogonal(scale=3), shape=(5,))) == pytest.approx(3)


# Names, attributes, registry


def test_desc_is_a_str_with_attributes():
    desc = mx.init.InitDesc("fc_weight")
    assert desc == "fc_weight" and desc.attrs == {} and desc.global_init is None
    one = mx.init.One()
    one(desc, mx.nd.zeros((2,)))
    assert desc.global_init is one


@ours_only
def test_moving_statistics_of_variables_that_a_user_made():
    for name, value in (("moving_mean", 0), ("moving_var", 1), ("running_mean", 0), ("running_var", 1)):
        assert set(fill(mx.init.Xavier(), f"bn_{name}", (3,))) == {value}


def test_own_initializer_of_a_variable():
    variable = mx.sym.Variable("odd_name", init=mx.init.Constant(2.5))
    attrs = variable.attr_dict()["odd_name"]
    assert json.loads(attrs["__init__"]) == ["constant", {"value": 2.5}]
    assert set(fill(mx.init.Zero(), "odd_name", (3,), attrs=attrs)) == {2.5}


def test_json_round_trip():
    for init in (mx.init.Xavier("gaussian", "in", 2), mx.init.MSRAPrelu("out", 0.1), mx.init.LSTMBias(2.0)):
        again = mx.init.create(init.dumps())
        assert again == init and again is not init
    assert mx.init.Xavier() != mx.init.Uniform()
    assert mx.init.Uniform(0.1) != mx.init.Uniform(0.2)


@ours_only
def test_constants_that_are_arrays():
    assert mx.init.Constant(mx.nd.array([1, 2])) == mx.init.Constant(mx.nd.array([1, 2]))
    init = mx.init.create(mx.init.Constant([1, 2, 3]).dumps())
    np.testing.assert_array_equal(fill(init, shape=(2, 3)), [[1, 2, 3]] * 2)
    np.testing.assert_array_equal(fill(mx.init.Constant(np.arange(3)), shape=(2, 3)), [[0, 1, 2]] * 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("zeros", "Zero"), ("ONES", "One"), ("xavier", "Xavier"), ("MSRAPrelu", "MSRAPrelu")],
)
def test_create_by_name(name, expected):
    assert type(mx.init.create(name)).__name__ == expected


def test_registering_an_initializer():
    @mx.init.register
    class TestInitOfMine(mx.init.Initializer):
        def __init__(self, value=3):
            super().__init__(value=value)

        def _init_weight(self, name, arr):
            arr[:] = self._kwargs["value"]

        def _init_default(self, name, arr):
            arr[:] = 8

    init = mx.init.create("testinitofmine", value=9)
    assert init.dumps() == '["testinitofmine", {"value": 9}]'
    assert set(fill(init, shape=(2,))) == {9}
    assert set(fill(init, "unknown", (2,))) == {8}
    assert set(fill(mx.init.Zero(), "x", (2,), attrs={"__init__": init.dumps()})) == {9}


def test_plain_str_is_deprecated():
    with pytest.warns(DeprecationWarning, match="InitDesc"):
        mx.init.One()("fc_weight", mx.nd.zeros((2,)))


def test_verbosity(caplog):
    init = mx.init.Constant(3.0)
    assert init.set_verbosity(True) is init
    with caplog.at_level(logging.INFO):
        fill(init, shape=(4,))
        init.set_verbosity(True, lambda arr: f"shape {arr.shape}")
        fill(init, "fc_bias", (2,))
        fill(init, "odd", (2,), attrs={"__init__": "ones"})
        init.set_verbosity(False)
        fill(init)
    assert [record.getMessage() for record in caplog.records] == [
        "Initialized fc_weight as weight: 3.0",
        "Initialized fc_bias as bias: shape (2,)",
        "Initialized odd as ones: shape (2,)",
    ]


# Load, Mixed, FusedRNN


def test_load(tmp_path):
    path = str(tmp_path / "net.params")
    mx.nd.save(path, {"arg:fc_weight": mx.nd.array([[1, 2]]), "aux:mean": mx.nd.array([3])})
    init = mx.init.Load(path, default_init=mx.init.One())
    np.testing.assert_array_equal(fill(init, "fc_weight", (1, 2)), [[1, 2]])
    np.testing.assert_array_equal(fill(init, "mean", (1,)), [3])
    np.testing.assert_array_equal(fill(init, "other_weight", (2,)), [1, 1])


def test_load_tells_where_values_come_from(caplog):
    init = mx.init.Load({"fc_weight": mx.nd.ones((2,))}, mx.init.Zero(), verbose=True)
    with caplog.at_level(logging.INFO):
        fill(init, "fc_weight", (2,))
        fill(init, "fc_bias", (2,))
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["Initialized fc_weight by loading", "Initialized fc_bias by default"]


def test_mixed_takes_the_first_that_matches():
    init = mx.init.Mixed(["fc1_", ".*"], [mx.init.Constant(5), mx.init.One()])
    assert set(fill(init, "fc1_weight", (2,))) == {5}
    assert set(fill(init, "my_fc1_weight", (2,))) == {1}


@ours_only
def test_fused_rnn_keeps_the_dtype_and_uses_its_own_initializer():
    size = 4 * 3 * (5 + 3 + 2)
    init = mx.init.FusedRNN("uniform", 3, 1, "lstm", forget_bias=2.0)
    values = fill(init, "rnn_weight", (size,), dtype="float64")
    assert len(np.unique(values[: 4 * 3 * 8])) == 4 * 3 * 8
    biases = values[4 * 3 * 8 :].reshape(2, 4, 3)
    assert (biases[:, 1] == 2).all() and (np.delete(biases, 1, axis=1) == 0).all()


@ours_only
def test_quantized_weights_are_small_integers():
    mx.random.seed(1)
    values = fill(mx.init.Xavier(), "fc_weight_quantize", (20, 30))
    assert values.min() >= -127 and values.max() <= 127 and len(np.unique(values)) > 100
    np.testing.assert_array_equal(values, np.round(values))


# Misuse


@ours_only
def test_misuse():
    init, zeros = mx.init, mx.nd.zeros
    for error, text, call in [
        (ValueError, "Unknown initialization pattern for odd", lambda: fill(init.Xavier(), "odd")),
        (ValueError, "vector fc_weight. It requires at least 2D", lambda: fill(init.Xavier(), shape=(3,))),
        (ValueError, r"\[Xavier\] Unknown random type: got 'cauchy'", lambda: init.Xavier("cauchy")),
        (
            ValueError,
            r"\[Xavier\] Incorrect factor type: got 'mean'",
            lambda: init.Xavier(factor_type="mean"),
        ),
        (ValueError, r"\[Orthogonal\] Unknown random type", lambda: init.Orthogonal(rand_type="cauchy")),
        (ValueError, r"\[Bilinear\] wrong shape of fc_weight", lambda: fill(init.Bilinear(), shape=(2, 3))),
        (
            ValueError,
            r"\[Constant\] value of shape \(2,\)",
            lambda: fill(init.Constant([1, 2]), shape=(2, 3)),
        ),
        (ValueError, "nonsense is not registered", lambda: init.create("nonsense")),
        (TypeError, "initializer must be of string type", lambda: init.create(None)),
        (TypeError, "Can only register subclass of Initializer", lambda: init.register(int)),
        (ValueError, "did not match any pattern", lambda: fill(init.Mixed(["a"], [init.One()]))),
        (ValueError, "2 patterns and 1 init", lambda: init.Mixed(["a", "b"], [init.One()])),
        (TypeError, r"\[Load\] parameters must have names", lambda: init.Load([zeros((1,))])),
        (ValueError, "Cannot Initialize fc_weight", lambda: fill(init.Load({}))),
        (
            ValueError,
            r"target \(4, 6\) vs loaded \(2,\)",
            lambda: fill(init.Load({"fc_weight": zeros((2,))})),
        ),
        (ValueError, r"\[FusedRNN\] unknown mode: got 'elman'", lambda: init.FusedRNN(None, 3, 1, "elman")),
        (
            ValueError,
            "Invalid parameters size: got 101",
            lambda: fill(init.FusedRNN("ones", 3, 1, "lstm"), shape=(101,)),
        ),
        (
            ValueError,
            "no initializer for the parts",
            lambda: init.FusedRNN(None, 3, 1, "lstm")._init_weight("p", zeros((120,))),
        ),
        (NotImplementedError, "Must override", lambda: fill(init.Initializer())),
    ]:
        with pytest.raises(error, match=text):
            call()


@ours_only
def test_misuse_with_a_plain_str():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match="name must be string: got int"):
            mx.init.Zero()(3, mx.nd.zeros((2,)))
        with pytest.raises(TypeError, match="arr must be NDArray: got int"):
            mx.init.Zero()("fc_weight", 3)
