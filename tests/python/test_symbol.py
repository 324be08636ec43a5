"""Symbol: composition, names, attributes, outputs, arithmetic, copies."""

import copy
import pickle

import numpy as np
import pytest
from common import mx, ours_only

MXNetError = mx.base.MXNetError


@pytest.fixture(autouse=True)
def fresh_names():
    """Automatic names start from zero in every test."""
    with mx.name.NameManager():
        yield


def var(name="a"):
    return mx.sym.Variable(name)


def mlp():
    net = mx.sym.FullyConnected(var("data"), name="fc1", num_hidden=10)
    net = mx.sym.Activation(net, name="relu1", act_type="relu")
    net = mx.sym.FullyConnected(net, name="fc2", num_hidden=4)
    return mx.sym.SoftmaxOutput(net, name="softmax")


# --- names and automatic variables ---------------------------------------------------------------


def test_arguments_come_in_topological_order():
    assert mlp().list_arguments() == [
        "data",
        "fc1_weight",
        "fc1_bias",
        "fc2_weight",
        "fc2_bias",
        "softmax_label",
    ]
    assert mlp().list_outputs() == ["softmax_output"]
    assert mlp().list_auxiliary_states() == []


def test_automatic_names_count_per_lowercase_operator():
    first, second = (mx.sym.FullyConnected(var(), num_hidden=1) for _ in range(2))
    assert (first.name, second.name) == ("fullyconnected0", "fullyconnected1")
    assert mx.sym.Activation(first, act_type="relu").name == "activation0"
    assert first.list_arguments() == ["a", "fullyconnected0_weight", "fullyconnected0_bias"]


@pytest.mark.parametrize(
    "alias, name",
    [
        ("flatten", "flatten0"),
        ("Flatten", "flatten0"),
        ("concat", "concat0"),
        ("stop_gradient", "stop_gradient0"),
        ("BlockGrad", "blockgrad0"),
        ("identity", "identity0"),
        ("add_n", "add_n0"),
        ("ElementWiseSum", "elementwisesum0"),
    ],
)
def test_an_alias_names_by_its_own_spelling(alias, name):
    assert getattr(mx.sym, alias)(var()).name == name


def test_prefix_applies_to_given_and_automatic_names_but_not_to_variables():
    with mx.name.Prefix("pre_"):
        assert mx.sym.FullyConnected(var(), num_hidden=1).name == "pre_fullyconnected0"
        assert mx.sym.FullyConnected(var(), num_hidden=1, name="fc").name == "pre_fc"
        assert (var("a") + var("b")).name == "pre__plus0"
        assert var("w").name == "w"


@pytest.mark.parametrize(
    "make, arguments",
    [
        (lambda a, b: mx.sym.FullyConnected(a, num_hidden=3, name="f"), ["a", "f_weight", "f_bias"]),
        (lambda a, b: mx.sym.FullyConnected(a, b, num_hidden=3, name="f"), ["a", "b", "f_bias"]),
        (lambda a, b: mx.sym.FullyConnected(a, b, num_hidden=3, no_bias=True, name="f"), ["a", "b"]),
        (lambda a, b: mx.sym.FullyConnected(data=a, bias=b, num_hidden=3, name="f"), ["a", "f_weight", "b"]),
        (lambda a, b: mx.sym.FullyConnected(weight=b, num_hidden=3, name="f"), ["f_data", "b", "f_bias"]),
        (lambda a, b: mx.sym.FullyConnected(num_hidden=3, name="f"), ["f_data", "f_weight", "f_bias"]),
        (lambda a, b: mx.sym.LeakyReLU(a, act_type="prelu", name="p"), ["a", "p_gamma"]),
        (lambda a, b: mx.sym.LeakyReLU(a, act_type="elu", name="p"), ["a"]),
        (lambda a, b: mx.sym.SoftmaxOutput(a, name="s"), ["a", "s_label"]),
        (lambda a, b: mx.sym.LinearRegressionOutput(a, name="s"), ["a", "s_label"]),
        (lambda a, b: mx.sym.Embedding(a, input_dim=2, output_dim=3, name="e"), ["a", "e_weight"]),
        (lambda a, b: mx.sym.elemwise_add(a, name="e"), ["a", "e_rhs"]),
        (lambda a, b: mx.sym.softmax(a, name="e"), ["a"]),
        (lambda a, b: mx.sym.softmax(a, use_length=True, name="e"), ["a", "e_length"]),
        (
            lambda a, b: mx.sym.Convolution(a, kernel=(3, 3), num_filter=2, name="c"),
            ["a", "c_weight", "c_bias"],
        ),
        (
            lambda a, b: mx.sym.Convolution(a, kernel=(3, 3), num_filter=2, no_bias=True, name="c"),
            ["a", "c_weight"],
        ),
        (
            lambda a, b: mx.sym.Convolution(a, kernel=(3, 3), num_filter=2, no_bias="1", name="c"),
            ["a", "c_weight"],
        ),
        (lambda a, b: mx.sym.Concat(a, b, name="c"), ["a", "b"]),
    ],
)
def test_missing_inputs_become_variables(make, arguments):
    assert make(var("a"), var("b")).list_arguments() == arguments


def test_auxiliary_states_are_separate():
    bn = mx.sym.BatchNorm(var("x"), name="bn")
    assert bn.list_arguments() == ["x", "bn_gamma", "bn_beta"]
    assert bn.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert bn.list_inputs() == ["x", "bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var"]
    assert bn.attr_dict() == {
        "bn_moving_mean": {"__init__": '["zero", {}]'},
        "bn_moving_var": {"__init__": '["one", {}]'},
    }


@pytest.mark.parametrize(
    "make, outputs",
    [
        (lambda x: mx.sym.BatchNorm(x, name="bn"), ["bn_output"]),
        (lambda x: mx.sym.BatchNorm(x, name="bn", output_mean_var=True), ["bn_output", "bn_mean", "bn_var"]),
        (lambda x: mx.sym.SliceChannel(x, num_outputs=3, name="s"), ["s_output0", "s_output1", "s_output2"]),
        (lambda x: mx.sym.SliceChannel(x, num_outputs=1, name="s"), ["s_output0"]),
        (lambda x: mx.sym.Dropout(x, name="d"), ["d_output"]),
        (lambda x: x, ["x"]),
    ],
)
def test_output_names(make, outputs):
    symbol = make(var("x"))
    assert symbol.list_outputs() == outputs
    assert len(symbol) == len(outputs)


# --- composition ---------------------------------------------------------------------------------


def test_a_symbol_is_called_to_fill_its_variables():
    first = mlp().get_internals()["relu1_output"]
    second = mx.sym.FullyConnected(var("hole"), name="top", num_hidden=3)
    joined = second(hole=first, name="joined")
    assert joined.name == "joined"
    assert joined.list_arguments() == ["data", "fc1_weight", "fc1_bias", "top_weight", "top_bias"]
    assert second.list_arguments() == ["hole", "top_weight", "top_bias"], (
        "composition must not change the original"
    )


def test_composition_refuses_what_it_cannot_place():
    net = mx.sym.FullyConnected(var("hole"), name="top", num_hidden=3)
    with pytest.raises(MXNetError, match="nowhere"):
        net(nowhere=var("x"))
    with pytest.raises(TypeError):
        net(var("x"), hole=var("y"))
    with pytest.raises(TypeError):
        net(hole=3)


def test_unknown_inputs_and_attributes_are_named():
    with pytest.raises(MXNetError, match="bogus"):
        mx.sym.FullyConnected(bogus=var(), num_hidden=3)
    with pytest.raises(MXNetError, match="foo"):
        mx.sym.FullyConnected(var(), num_hidden=3, foo=1)
    with pytest.raises(MXNetError, match="num_hidden"):
        mx.sym.FullyConnected(var())
    with pytest.raises(MXNetError, match=r"num_hidden.*(int.*x|x.*int)"):
        mx.sym.FullyConnected(var(), num_hidden="x")
    with pytest.raises(MXNetError, match=r"nope.*sigmoid"):
        mx.sym.Activation(var(), act_type="nope")
    with pytest.raises(MXNetError, match=r"\bp\b"):
        mx.sym.Dropout(var(), p=2)
    with pytest.raises(AttributeError, match="no_such_operator"):
        mx.sym.no_such_operator(var())


def test_inputs_must_be_symbols():
    with pytest.raises((AssertionError, TypeError), match="data"):
        mx.sym.FullyConnected(3, num_hidden=3)
    with pytest.raises(TypeError):
        mx.sym.Variable(3)


def test_a_group_of_outputs_is_no_single_input():
    split = mx.sym.SliceChannel(var(), num_outputs=2, name="s")
    with pytest.raises(MXNetError):
        mx.sym.Activation(split, act_type="relu")
    assert mx.sym.Activation(split[1], act_type="relu").list_arguments() == ["a"]


# --- indexing, groups, internals -----------------------------------------------------------------


def test_outputs_by_index_and_name():
    split = mx.sym.SliceChannel(var(), num_outputs=3, name="s")
    assert split[1].list_outputs() == ["s_output1"]
    assert split["s_output2"].list_outputs() == ["s_output2"]
    assert [s.list_outputs() for s in split] == [["s_output0"], ["s_output1"], ["s_output2"]]
    assert split[0].name == "s"
    with pytest.raises(IndexError):
        split[3]
    with pytest.raises(ValueError, match="nowhere"):
        split["nowhere"]


@ours_only
def test_negative_index_counts_from_the_end():
    split = mx.sym.SliceChannel(var(), num_outputs=3, name="s")
    assert split[-1].list_outputs() == ["s_output2"]


def test_group():
    a, b = var("a"), var("b")
    product = a * b
    group = mx.sym.Group([product, mx.sym.FullyConnected(a, num_hidden=2, name="fc")])
    assert group.list_outputs() == ["_mul0_output", "fc_output"]
    assert group.list_arguments() == ["a", "b", "fc_weight", "fc_bias"]
    assert group.name is None
    assert len(group) == 2
    assert [s.name for s in group] == ["_mul0", "fc"]
    assert repr(group) == "<Symbol group [_mul0, fc]>"
    for bad in ([], [1]):
        with pytest.raises(TypeError):
            mx.sym.Group(bad)


def test_internals_and_children():
    net = mlp()
    internals = net.get_internals()
    assert internals.list_outputs() == [
        "data",
        "fc1_weight",
        "fc1_bias",
        "fc1_output",
        "relu1_output",
        "fc2_weight",
        "fc2_bias",
        "fc2_output",
        "softmax_label",
        "softmax_output",
    ]
    assert internals["fc1_output"].list_arguments() == ["data", "fc1_weight", "fc1_bias"]
    assert internals[4].name == "relu1"
    assert internals["fc1_bias"].list_outputs() == ["fc1_bias"]
    assert net.get_children().list_outputs() == ["fc2_output", "softmax_label"]
    assert var().get_children() is None


def test_internals_show_auxiliary_states_and_hide_hidden_outputs():
    bn = mx.sym.BatchNorm(var("x"), name="bn")
    assert bn.get_internals().list_outputs() == [
        "x",
        "bn_gamma",
        "bn_beta",
        "bn_moving_mean",
        "bn_moving_var",
        "bn_output",
    ]


def test_repr_and_debug_str():
    assert repr(mlp()) == "<Symbol softmax>"
    text = mlp().debug_str()
    for part in (
        "Symbol Outputs:",
        "output[0]=softmax(0)",
        "Variable:data",
        "Op:FullyConnected, Name=fc1",
        "arg[0]=data(0)",
        "num_hidden=10",
    ):
        assert part in text


# --- attributes ----------------------------------------------------------------------------------


def test_variable_attributes():
    v = mx.sym.Variable(
        "x", shape=(1, 2), lr_mult=2, wd_mult=0, dtype="float16", init=mx.init.One(), __mine__="m"
    )
    expected = {
        "__shape__": "(1, 2)",
        "__lr_mult__": "2",
        "__wd_mult__": "0",
        "__dtype__": "2",
        "__init__": '["one", {}]',
        "__mine__": "m",
    }
    assert {k: v.attr(k) for k in expected} == expected
    assert v.list_attr()["__shape__"] == "(1, 2)"
    assert v.attr("absent") is None
    assert mx.sym.Variable("x", attr={"mood": "calm"}).attr("mood") == "calm"
    assert mx.sym.Variable("x", init='["zero", {}]').attr("__init__") == '["zero", {}]'
    assert mx.sym.var("x").name == "x"
    with pytest.raises(ValueError, match="bad"):
        mx.sym.Variable("x", bad=1)
    with pytest.raises(ValueError, match="string"):
        mx.sym.Variable("x", attr={"a": 1})


def test_operator_parameters_are_attributes():
    net = mx.sym.Convolution(var(), kernel=(3, 3), num_filter=2, no_bias=True, name="c")
    assert net.attr("kernel") == "(3, 3)"
    assert net.attr("num_filter") == "2"
    assert net.attr("no_bias") == "True"
    assert net.attr("name") == "c"
    assert net.attr("stride") is None, "defaults are not written"
    assert mx.sym.Convolution(var(), kernel="(3,3)", num_filter=2).attr("kernel") == "(3,3)", (
        "text is kept as given"
    )


def test_operator_attributes_reach_its_own_variables():
    net = mx.sym.FullyConnected(var("data"), num_hidden=2, name="q", __mine__="m")
    attributes = net.attr_dict()
    for node in ("q", "q_weight", "q_bias"):
        assert attributes[node]["__mine__"] == "m"
        assert attributes[node]["num_hidden"] == "2"
    assert "data" not in attributes


def test_multipliers_given_to_an_operator():
    net = mx.sym.FullyConnected(var("data"), num_hidden=2, name="q", lr_mult=2)
    assert net.attr_dict()["q_weight"]["__lr_mult__"] == "2"
    assert net.attr_dict()["q_weight"]["lr_mult"] == "2"


def test_attr_scope():
    with mx.AttrScope(ctx_group="dev1", __mine__="outer"):
        z = var("z")
        with mx.AttrScope(__mine__="inner"):
            fc = mx.sym.FullyConnected(z, num_hidden=2, name="q")
    outside = mx.sym.FullyConnected(z, num_hidden=2, name="r")
    assert z.attr("__mine__") == "outer"
    assert z.attr("__ctx_group__") == "dev1"
    assert z.attr("ctx_group") == "dev1"
    assert fc.attr("__mine__") == "inner"
    assert fc.attr("__ctx_group__") == "dev1"
    assert fc.attr_dict()["q_weight"]["__mine__"] == "inner"
    assert outside.attr("__mine__") is None
    with pytest.raises(ValueError):
        mx.AttrScope(x=1)


def test_set_attr():
    x = var("x")
    x._set_attr(first="1", second="2")
    assert x.list_attr() == {"first": "1", "second": "2"}
    with pytest.raises(ValueError):
        x._set_attr(first=1)


# --- arithmetic ----------------------------------------------------------------------------------

OPERATORS = [
    (lambda a, b: a + b, "elemwise_add", "_plus0", None),
    (lambda a, b: a - b, "elemwise_sub", "_minus0", None),
    (lambda a, b: a * b, "elemwise_mul", "_mul0", None),
    (lambda a, b: a / b, "elemwise_div", "_div0", None),
    (lambda a, b: a % b, "_mod", "_mod0", None),
    (lambda a, b: a**b, "_power", "_power0", None),
    (lambda a, b: a == b, "_equal", "_equal0", None),
    (lambda a, b: a != b, "_not_equal", "_not_equal0", None),
    (lambda a, b: a > b, "_greater", "_greater0", None),
    (lambda a, b: a >= b, "_greater_equal", "_greater_equal0", None),
    (lambda a, b: a < b, "_lesser", "_lesser0", None),
    (lambda a, b: a <= b, "_lesser_equal", "_lesser_equal0", None),
    (lambda a, b: a + 1, "_plus_scalar", "_plusscalar0", "1"),
    (lambda a, b: 1.5 + a, "_plus_scalar", "_plusscalar0", "1.5"),
    (lambda a, b: a - 1, "_minus_scalar", "_minusscalar0", "1"),
    (lambda a, b: 1 - a, "_rminus_scalar", "_rminusscalar0", "1"),
    (lambda a, b: a * 2, "_mul_scalar", "_mulscalar0", "2"),
    (lambda a, b: 2 * a, "_mul_scalar", "_mulscalar0", "2"),
    (lambda a, b: a / 2, "_div_scalar", "_divscalar0", "2"),
    (lambda a, b: 2 / a, "_rdiv_scalar", "_rdivscalar0", "2"),
    (lambda a, b: a % 2, "_mod_scalar", "_modscalar0", "2"),
    (lambda a, b: 2 % a, "_rmod_scalar", "_rmodscalar0", "2"),
    (lambda a, b: a**2, "_power_scalar", "_powerscalar0", "2"),
    (lambda a, b: 2**a, "_rpower_scalar", "_rpower_scalar0", "2"),
    (lambda a, b: -a, "_mul_scalar", "_mulscalar0", "-1.0"),
    (lambda a, b: abs(a), "abs", "abs0", None),
    (lambda a, b: a == 2, "_equal_scalar", "_equal_scalar0", "2"),
    (lambda a, b: a != 2, "_not_equal_scalar", "_not_equal_scalar0", "2"),
    (lambda a, b: a > 2, "_greater_scalar", "_greater_scalar0", "2"),
    (lambda a, b: a >= 2, "_greater_equal_scalar", "_greater_equal_scalar0", "2"),
    (lambda a, b: a < 2, "_lesser_scalar", "_lesser_scalar0", "2"),
    (lambda a, b: a <= 2, "_lesser_equal_scalar", "_lesser_equal_scalar0", "2"),
    (lambda a, b: a < 2, "_lesser_scalar", "_lesser_scalar0", "2"),
    (lambda a, b: mx.sym.maximum(a, b), "_maximum", "_maximum0", None),
    (lambda a, b: mx.sym.maximum(2, a), "_maximum_scalar", "_maximumscalar0", "2"),
    (lambda a, b: mx.sym.minimum(a, 2), "_minimum_scalar", "_minimumscalar0", "2"),
    (lambda a, b: mx.sym.pow(2, a), "_rpower_scalar", "_rpowerscalar0", "2"),
    (lambda a, b: mx.sym.pow(a, b), "_power", "_power0", None),
    (lambda a, b: mx.sym.hypot(a, 3), "_hypot_scalar", "_hypotscalar0", "3"),
]


@pytest.mark.parametrize("make, op, name, scalar", OPERATORS, ids=lambda p: p if isinstance(p, str) else "")
def test_python_operators(make, op, name, scalar):
    symbol = make(var("a"), var("b"))
    assert symbol.name == name
    assert f'"op": "{op}"' in symbol.tojson()
    assert symbol.attr("scalar") == scalar
    assert symbol.list_arguments() == (["a", "b"] if scalar is None and op != "abs" else ["a"])


def test_operators_refuse_other_types():
    for bad in ("x", None, np.ones(2)):
        with pytest.raises(TypeError):
            var() + bad
    with pytest.raises(mx.base.NotImplementedForSymbol):
        bool(var())
    with pytest.raises(mx.base.NotImplementedForSymbol):
        a = var()
        a += 1
    for method in ("asnumpy", "wait_to_read", "asscalar", "as_in_context", "detach", "backward"):
        with pytest.raises(mx.base.NotImplementedForSymbol, match=method):
            getattr(var(), method)()


def test_python_minimum_of_two_numbers_stays_a_number():
    assert mx.sym.minimum(1, 2) == 1
    assert mx.sym.maximum(1, 2) == 2


@pytest.mark.parametrize(
    "method, arguments, op",
    [
        ("reshape", {"shape": (2, 3)}, "Reshape"),
        ("sum", {"axis": 1}, "sum"),
        ("astype", {"dtype": "int32"}, "Cast"),
        ("flatten", {}, "Flatten"),
        ("transpose", {"axes": (1, 0)}, "transpose"),
        ("mean", {}, "mean"),
        ("max", {}, "max"),
        ("min", {}, "min"),
        ("expand_dims", {"axis": 0}, "expand_dims"),
        ("clip", {"a_min": 0, "a_max": 1}, "clip"),
        ("exp", {}, "exp"),
        ("log", {}, "log"),
        ("sqrt", {}, "sqrt"),
        ("square", {}, "square"),
        ("abs", {}, "abs"),
        ("sigmoid", {}, "sigmoid"),
        ("tanh", {}, "tanh"),
        ("relu", {}, "relu"),
        ("softmax", {}, "softmax"),
        ("log_softmax", {}, "log_softmax"),
    ],
)
def test_fluent_methods(method, arguments, op):
    symbol = getattr(var(), method)(**arguments)
    assert f'"op": "{op}"' in symbol.tojson()
    assert symbol.list_arguments() == ["a"]


# --- copies and pickles --------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_are_equal_and_independent(duplicate):
    net = mlp()
    twin = duplicate(net)
    assert twin.tojson() == net.tojson()
    assert twin.name == "softmax"
    assert twin is not net


def test_deep_copy_has_its_own_attributes():
    x = var("x")
    twin = copy.deepcopy(x)
    twin._set_attr(mine="1")
    assert x.attr("mine") is None


# --- creation operators and eval -----------------------------------------------------------------


def test_symbols_without_inputs():
    assert mx.sym.zeros((2, 3)).list_arguments() == []
    assert mx.sym.zeros((2,), name="zz").name == "zz"
    np.testing.assert_array_equal(mx.sym.full((2,), 3).eval()[0].asnumpy(), [3, 3])
    np.testing.assert_array_equal(mx.sym.arange(3).eval()[0].asnumpy(), [0, 1, 2])
    ones = mx.sym.ones((2,), dtype="int32").eval()[0]
    assert ones.dtype == np.int32


def test_eval():
    out = (var("a") + var("b")).eval(ctx=mx.cpu(), a=mx.nd.ones((2,)), b=mx.nd.ones((2,)))
    np.testing.assert_array_equal(out[0].asnumpy(), [2, 2])
    with pytest.raises(ValueError, match="b"):
        (var("a") + var("b")).eval(a=mx.nd.ones((2,)))


def test_backends_are_chosen_when_a_symbol_is_bound():
    net = mx.sym.Activation(mx.sym.Variable("x") * 2, act_type="relu", name="act")
    for other in (net.get_backend_symbol("MKLDNN"), net.optimize_for("MKLDNN")):
        assert other is not net and other.list_outputs() == net.list_outputs()
        out = other.eval(ctx=mx.cpu(), x=mx.nd.array([-1, 3]))[0]
        assert out.asnumpy().tolist() == [0, 6]
    with pytest.raises(mx.MXNetError):
        net.get_backend_symbol("nosuch")
