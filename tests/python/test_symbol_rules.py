"""What symbol files of MXNet 0.7 to 2.0-dev contain, rule by rule, and what must come of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from test_symbol_json import attrs_of, dense, graph, variable


def op(name, inputs, op="Activation", key="attrs", **attrs):
    return {
        "op": op,
        "name": name,
        "inputs": inputs,
        key: attrs or {"act_type": "relu"},
    }


def loaded(nodes, version=10900, **keys):
    return mx.sym.load_json(graph(nodes, version, **keys))


# 1. the keys of a node


def test_keys_of_every_release():
    node = op("r", [[0, 0]], key="param") | {
        "attr": {"__mine__": "1"},
        "backward_source_id": -1,
        "control_deps": [],
    }
    symbol = loaded([variable("x", backward_source_id=-1, param={}), node], None)
    assert attrs_of(symbol) == {"r": {"act_type": "relu", "__mine__": "1"}}


def test_a_node_may_hold_whole_graphs():
    inner = json.loads(graph([variable("x"), op("r", [[0, 0, 0]])]))
    inner.pop("attrs")
    text = graph([variable("x"), op("r", [[0, 0, 0]]) | {"subgraphs": [inner]}])
    again = json.loads(mx.sym.load_json(text).tojson())
    assert [n["name"] for n in again["nodes"][1]["subgraphs"][0]["nodes"]] == ["x", "r"]


# 2. two or three numbers


@pytest.mark.parametrize("entry", [[0, 0], [0, 0, 0], [0, 0, 1]])
def test_entries_of_two_or_three_numbers(entry):
    symbol = loaded([variable("x"), op("r", [entry])], heads=[[1, *entry[1:]]])
    assert symbol.list_outputs() == ["r_output"]
    assert symbol.infer_shape(x=(2, 3))[1] == [(2, 3)]


# 3. files without a version are 0.8


def test_files_without_a_version_get_the_states_they_leave_out():
    nodes = [
        variable("x"),
        variable("g"),
        variable("b"),
        op("bn", [[0, 0], [1, 0], [2, 0]], "BatchNorm", "param", eps="0.1"),
    ]
    symbol = loaded(nodes, None)
    assert symbol.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    attrs = symbol.attr_dict()
    assert attrs["bn_moving_mean"] == {"eps": "0.1", "__init__": '["zero", {}]'}
    assert attrs["bn_moving_var"] == {"eps": "0.1", "__init__": '["one", {}]'}
    assert symbol.infer_shape(x=(4, 3, 2, 2))[2] == [(3,), (3,)]


@pytest.mark.parametrize("version", [901, 903])
def test_files_before_0_9_4_get_initializers_of_states(version):
    states = [variable("m"), variable("v")]
    nodes = [*(variable(n) for n in "xgb"), *states, op("bn", [[i, 0] for i in range(5)], "BatchNorm")]
    nodes[-1]["attrs"] = {}
    assert attrs_of(loaded(nodes, version)) == {
        "m": {"__init__": '["zero", {}]'},
        "v": {"__init__": '["one", {}]'},
    }
    assert attrs_of(loaded(nodes, 904)) == {}


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_axis_minus_one_meant_none_before_0_9_5(name):
    nodes = [variable("x"), op("a", [[0, 0]], name, axis="-1")]
    assert loaded(nodes, 904).infer_shape(x=(2, 3))[1] == [(1,)]
    assert loaded(nodes, 905).infer_shape(x=(2, 3))[1] == [(2,)]


# 4. hidden keys


def test_hidden_keys_stay_out_of_parameters():
    hidden = {f"__{k}__": "1" for k in ("lr_mult", "profiler_scope", "mirror_stage", "layout", "anything")}
    kept = {"__dtype__": "0", "__storage_type__": "0", "__shape__": "(2, 3)"}
    symbol = loaded([variable("x", attrs={**hidden, **kept}), op("r", [[0, 0]], act_type="relu", **hidden)])
    assert attrs_of(symbol) == {"x": {**hidden, **kept}, "r": {"act_type": "relu", **hidden}}
    assert symbol.infer_shape()[1] == [(2, 3)]


def test_a_multiplier_of_an_input():
    nodes = [
        variable("x"),
        variable("w"),
        variable("b"),
        dense(attr={"num_hidden": "2", "weight_lr_mult": "1.2"}),
    ]
    symbol = loaded(nodes, 904)
    assert symbol.attr_dict()["w"] == {"__lr_mult__": "1.2", "lr_mult": "1.2"}
    optimizer = mx.optimizer.SGD(sym=symbol, param_idx2name={0: "w", 1: "b"}, learning_rate=1.0)
    assert optimizer._get_lr(0) == 1.2 and optimizer._get_lr(1) == 1


# 5. attributes of operators on variables: test_symbol_json.test_variables_keep_the_noise_of_their_operator
# 6. spellings of values


SPELLINGS = [
    ("Pooling", {"kernel": "(2,2)", "stride": "(2, 2)", "pool_type": "max"}, (1, 2, 4, 4), (1, 2, 2, 2)),
    ("Pooling", {"kernel": "(2L, 2L)", "stride": "(2L,2L)"}, (1, 2, 4, 4), (1, 2, 2, 2)),
    ("Pooling", {"kernel": "[2, 2]", "stride": "[2,2]"}, (1, 2, 4, 4), (1, 2, 2, 2)),
    ("Pooling", {"kernel": "()", "global_pool": "true"}, (1, 2, 4, 4), (1, 2, 1, 1)),
    ("Pooling", {"kernel": "(1, 1)", "global_pool": "1"}, (1, 2, 4, 4), (1, 2, 1, 1)),
    ("Pooling", {"kernel": "(1, 1)", "global_pool": "False"}, (1, 2, 4, 4), (1, 2, 4, 4)),
    ("Pooling", {"kernel": "(1, 1)", "global_pool": "0"}, (1, 2, 4, 4), (1, 2, 4, 4)),
    ("sum", {"axis": "1", "keepdims": "True"}, (2, 3), (2, 1)),
    ("sum", {"axis": "(1,)", "keepdims": "False"}, (2, 3), (2,)),
    ("sum", {"axis": "()"}, (2, 3), (1,)),
    ("sum", {"axis": "None"}, (2, 3), (1,)),
    ("tile", {"reps": "2"}, (2, 3), (2, 6)),
    ("_contrib_AdaptiveAvgPooling2D", {"output_size": "1"}, (1, 2, 4, 4), (1, 2, 1, 1)),
    ("_contrib_AdaptiveAvgPooling2D", {"output_size": "(2, 1)"}, (1, 2, 4, 4), (1, 2, 2, 1)),
    ("slice", {"begin": "(None, 1)", "end": "(None, None)"}, (2, 3), (2, 2)),
    ("slice", {"begin": "(1L, None)", "end": "(2L, None)", "step": "()"}, (2, 3), (1, 3)),
    ("slice_axis", {"axis": "1", "begin": "1", "end": "None"}, (2, 3), (2, 2)),
    ("SliceChannel", {"num_outputs": "3", "squeeze_axis": "1"}, (2, 3), (2,)),
    ("_contrib_MultiBoxPrior", {"sizes": "[0.2, 0.272]", "ratios": "[1.0, 2.0]"}, (1, 2, 1, 1), (1, 3, 4)),
    ("_contrib_MultiBoxPrior", {"sizes": "(0.1,0.141421)", "clip": "False"}, (1, 2, 1, 1), (1, 2, 4)),
    ("clip", {"a_min": "-1e+18", "a_max": "1e-4"}, (2, 3), (2, 3)),
    ("Reshape", {"shape": "(0L, -1L)"}, (2, 3, 4), (2, 12)),
    ("Reshape", {"target_shape": "(0, 4)", "keep_highest": "True"}, (2, 4), (2, 4)),
    ("SoftmaxOutput", {"normalization": "null", "use_ignore": "true"}, (2, 3), (2, 3)),
]


@pytest.mark.parametrize(("name", "attrs", "given", "expected"), SPELLINGS)
def test_spellings_of_values(name, attrs, given, expected):
    inputs = [variable("x")] + ([variable("label")] if name == "SoftmaxOutput" else [])
    node = {
        "op": name,
        "name": "n",
        "inputs": [[i, 0, 0] for i in range(len(inputs))],
        "attrs": attrs,
    }
    symbol = loaded([*inputs, node])
    assert symbol.infer_shape(x=given)[1][0] == expected
    assert attrs_of(symbol)["n"] == attrs  # written back as they were


@pytest.mark.parametrize("shape", ["(1L, 1L, 128L)", "(1,1,128)", "[1, 1, 128]"])
def test_spellings_of_a_shape(shape):
    assert loaded([variable("x", attr={"__shape__": shape})], 904).infer_shape()[1] == [(1, 1, 128)]


# 7. initializers that cannot be read


@pytest.mark.parametrize(
    "text", ["zeros", "<mxnet.initializer.Xavier object at 0x7f3>", "Constant_mean_1397"]
)
def test_an_unreadable_initializer_matters_where_it_is_used(text):
    nodes = [variable("x"), variable("w", attrs={"__init__": text}), variable("b"), dense()]
    nodes[-1]["attrs"] = {"num_hidden": "2"}
    symbol = loaded(nodes)
    weights = {"w": mx.nd.ones((2, 3)), "b": mx.nd.zeros(2)}
    module = mx.mod.Module(symbol, data_names=["x"], label_names=None)
    module.bind([("x", (1, 3))], for_training=False)
    module.init_params(arg_params=weights)  # nothing is left to initialize
    module = mx.mod.Module(symbol, data_names=["x"], label_names=None)
    module.bind([("x", (1, 3))], for_training=False)
    if not IS_MXNET and text != "zeros":
        with pytest.raises(Exception, match="w"):
            module.init_params()


# 8. shapes with unknown dimensions


@pytest.mark.parametrize(("hint", "expected"), [("(0,)", None), ("(3, 0)", [(3, 2)]), ("(0, 0)", [(3, 2)])])
def test_zero_in_a_shape_is_unknown(hint, expected):
    nodes = [
        variable("x"),
        variable("y", attrs={"__shape__": hint}),
        op("n", [[0, 0], [1, 0]], "elemwise_add"),
    ]
    nodes[-1]["attrs"] = {}
    symbol = loaded(nodes)
    if expected is None:
        with pytest.raises(Exception, match="n"):
            symbol.infer_shape(x=(3, 2))
    else:
        assert symbol.infer_shape(x=(3, 2))[1] == expected


# 9. duplicate names


def test_operators_of_one_name():
    nodes = [variable("x"), op("r", [[0, 0]]), op("r", [[1, 0]], act_type="sigmoid")]
    symbol = loaded(nodes)
    assert symbol.get_internals().list_outputs() == ["x", "r_output", "r_output"]
    with pytest.raises(ValueError, match="multiple outputs"):
        symbol.get_internals()["r_output"]
    executor = symbol.simple_bind(mx.cpu(), x=(2,))
    executor.arg_dict["x"][:] = mx.nd.array([-1, 2])
    expected = 1 / (1 + np.exp(-np.array([0, 2.0])))
    assert_close(executor.forward()[0], expected.astype("float32"))


# 10. newer releases: test_symbol_json.test_newer_versions_warn
# 11. heads, and outputs other than the first


def test_many_heads_and_outputs():
    split = op("s", [[0, 0, 0]], "SliceChannel", num_outputs="200", squeeze_axis="True")
    nodes = [variable("x"), split, op("r", [[1, 199, 0]])]
    symbol = loaded(nodes, heads=[[2, 0, 0], *([1, i, 0] for i in range(129)), [0, 0, 0]])
    assert len(symbol) == 131
    assert symbol.list_outputs()[1] == "s_output0" and symbol.list_outputs()[-1] == "x"
    executor = symbol.simple_bind(mx.cpu(), x=(1, 200))
    executor.arg_dict["x"][:] = mx.nd.arange(200).reshape((1, 200))
    outputs = executor.forward()
    assert outputs[0].asscalar() == 199 and outputs[100].asscalar() == 99 and outputs[-1].shape == (1, 200)


# 12. size and names


def test_names_with_any_character():
    symbol = loaded([variable("data/0"), op("layer 1/relu:0", [[0, 0]])])
    assert symbol.list_arguments() == ["data/0"]
    assert symbol.get_internals()["layer 1/relu:0_output"].name == "layer 1/relu:0"
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()


# 13. a file in the form of 0.9 that does not say its version


def test_a_file_of_0_9_without_a_version_is_treated_as_0_8():
    nodes = [
        *(variable(n) for n in "xgb"),
        op("bn", [[i, 0, 0] for i in range(3)], "BatchNorm", "attr", eps="0.1"),
    ]
    symbol = loaded(nodes, None, node_row_ptr=[0, 1, 2, 3, 6])
    assert symbol.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]


# 14. operators that MXNet 1.9.1 has not


@pytest.mark.parametrize("name", ["QConvolution", "WarpCTC", "MoonOutput", "ChannelwiseConvolution"])
def test_a_missing_operator_is_named_with_its_node(name):
    with pytest.raises(mx.base.MXNetError) as error:
        loaded([variable("x"), op("layer7", [[0, 0]], name)])
    assert name in str(error.value) and "layer7" in str(error.value)


@ours_only
def test_a_custom_operator_nobody_registered_is_named_with_its_node():
    with pytest.raises(mx.MXNetError, match=r"node 1 'layer7'.*'focal' is not registered"):
        loaded([variable("x"), op("layer7", [[0, 0]], "Custom", op_type="focal")])


def test_an_attribute_that_an_operator_has_not():
    nodes = [
        *(variable(n) for n in "xgbmv"),
        op("bn", [[i, 0] for i in range(5)], "BatchNorm", no_such="1"),
    ]
    with pytest.raises(mx.base.MXNetError) as error:
        loaded(nodes)
    assert "no_such" in str(error.value) and "bn" in str(error.value)


# Values that no operator can take, and other bad input


BAD_VALUES = [
    ("Pooling", {"kernel": "(2, 2)", "stride": "(0, 1)", "pool_type": "max"}, "stride"),
    ("Pooling", {"kernel": "(0, 2)", "pool_type": "max"}, "kernel"),
    ("Convolution", {"kernel": "(0, 1)", "num_filter": "2", "no_bias": "True"}, "kernel"),
    ("Convolution", {"kernel": "(1, 1)", "num_filter": "2", "stride": "(0, 0)", "no_bias": "True"}, "stride"),
    (
        "Convolution",
        {"kernel": "(1, 1)", "num_filter": "4", "num_group": "3", "no_bias": "True"},
        "num_group",
    ),
    ("Convolution", {"kernel": "(1, 1)", "num_filter": "0", "no_bias": "True"}, "num_filter"),
    ("Concat", {"num_args": "1", "dim": "7"}, "dim"),
    ("sum", {"axis": "9"}, "axis"),
    ("softmax", {"axis": "-9"}, "axis"),
    ("SwapAxis", {"dim1": "0", "dim2": "9"}, "n"),
    ("expand_dims", {"axis": "nan"}, "axis"),
    ("Dropout", {"p": "2"}, "p"),
    ("slice_axis", {"axis": "5", "begin": "0", "end": "1"}, "axis"),
    ("transpose", {"axes": "(0, 0, 1, 2)"}, "axes"),
    ("SliceChannel", {"num_outputs": "5", "axis": "1"}, "num_outputs"),
    ("Reshape", {"shape": "(7, -1)"}, "n"),
]


@ours_only
@pytest.mark.parametrize(("name", "attrs", "word"), BAD_VALUES)
def test_values_that_make_no_sense_are_refused(name, attrs, word):
    inputs = [variable("x")] + ([variable("w")] if name == "Convolution" else [])
    node = {"op": name, "name": "the_node", "inputs": [[i, 0] for i in range(len(inputs))], "attrs": attrs}

    def run():
        loaded([*inputs, node]).simple_bind(mx.cpu(), x=(1, 2, 4, 4)).forward(is_train=True)

    with pytest.raises(mx.MXNetError) as error:
        run()
    assert "the_node" in str(error.value) and word in str(error.value)


@ours_only
def test_what_follows_the_graph_is_reported():
    with pytest.warns(UserWarning, match=r"\d+ bytes after the end of the graph"):
        mx.sym.load_json(graph([variable("x")]) + "more")


@ours_only
def test_a_character_zero_in_a_name_is_kept_or_refused():
    text = graph([variable("a\0b")])
    try:
        assert mx.sym.load_json(text).list_arguments() == ["a\0b"]
    except mx.MXNetError as error:
        assert "byte" in str(error)


@ours_only
def test_a_character_zero_in_a_path_is_refused():
    with pytest.raises((ValueError, mx.MXNetError), match=r"NUL|null"):
        mx.sym.load("a\0b-symbol.json")
    with pytest.raises(ValueError, match=r"NUL|null"):
        mx.sym.Variable("x").save("a\0b-symbol.json")


@ours_only
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x-symbol.json"
    mx.sym.Variable("old").save(str(path))
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError("no power")))
    with pytest.raises(OSError, match="no power"):
        mx.sym.Variable("new").save(str(path))
    assert mx.sym.load(str(path)).name == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x-symbol.json"]
