"""Symbol files: what MXNet wrote, what we write, public models, and what malformed files do."""

from __future__ import annotations

import json
import os
import pathlib
import re

import pytest
from common import IS_MXNET, mx, ours_only
from parity import file_cases

GOLDENS = pathlib.Path(__file__).parent / "parity" / "goldens" / "files"
MODELS = pathlib.Path(
    os.environ.get("SYMBIND_MODELS_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared" / "models")
)
MODEL_DIGESTS = {
    k: v for k, v in json.loads((GOLDENS / "models.json").read_text()).items() if k.endswith(".json")
}


def variable(name, **keys):
    return {"op": "null", "name": name, "inputs": [], **keys}


def graph(nodes, version=10901, heads=None, **keys):
    result = {
        "nodes": nodes,
        "arg_nodes": [i for i, n in enumerate(nodes) if n.get("op") == "null"],
        "heads": heads or [[len(nodes) - 1, 0]],
        **keys,
    }
    if version is not None:
        result["attrs"] = {"mxnet_version": ["int", version]}
    return json.dumps(result, ensure_ascii=False)


def dense(inputs=((0, 0), (1, 0), (2, 0)), name="fc", **keys):
    return {"op": "FullyConnected", "name": name, "inputs": [list(e) for e in inputs], **keys}


def attrs_of(symbol):
    """{node: attributes} of the nodes that have any, as they are written."""
    return {n["name"]: n["attrs"] for n in json.loads(symbol.tojson())["nodes"] if "attrs" in n}


X_W_B = [variable("x"), variable("w"), variable("b")]


# -- what MXNet wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", file_cases.SYMBOL_NAMES)
def test_writes_the_bytes_that_mxnet_writes(name):
    expected = (GOLDENS / f"{name}-symbol.json").read_text(encoding="utf-8")
    assert file_cases.symbol(mx, name).tojson() == expected


@pytest.mark.parametrize("name", file_cases.SYMBOL_NAMES)
def test_a_file_of_mxnet_comes_back_as_it_was(name, tmp_path):
    path = GOLDENS / f"{name}-symbol.json"
    symbol = mx.sym.load(str(path))
    built = file_cases.symbol(mx, name)
    assert symbol.list_arguments() == built.list_arguments()
    assert symbol.list_auxiliary_states() == built.list_auxiliary_states()
    assert symbol.list_outputs() == built.list_outputs()
    assert symbol.attr_dict() == built.attr_dict()
    symbol.save(str(tmp_path / "copy.json"))
    assert (tmp_path / "copy.json").read_bytes() == path.read_bytes()


@pytest.mark.skipif(
    not MODELS.is_dir(), reason="needs a folder of public model files: set SYMBIND_MODELS_DIR"
)
@pytest.mark.filterwarnings("ignore:.*newer than")
@pytest.mark.parametrize("name", MODEL_DIGESTS)
def test_public_models_load_as_in_mxnet(name):
    """The graph that MXNet 1.9.1 makes of the file, or a clear word on the operator that is missing."""
    try:
        symbol = mx.sym.load(str(MODELS / name))
    except mx.base.MXNetError as error:
        if IS_MXNET:
            assert MODEL_DIGESTS[name] == "refused"
            return
        missing = re.search(
            r"node \d+ '(.*)': operator '(\w+)' of node '(.*)' is not registered$", str(error)
        )
        if missing is None:
            assert MODEL_DIGESTS[name] == "refused", str(error)
            return
        assert missing[1] == missing[3]
        assert missing[2] not in mx._core.list_ops()
        assert f'"{missing[2]}"' in (MODELS / name).read_text()
        return
    assert file_cases.symbol_digest(symbol.tojson()) == MODEL_DIGESTS[name]


# -- versions --------------------------------------------------------------------------------------


def test_attributes_of_any_release_are_read():
    for keys in (
        {"param": {"num_hidden": "3"}, "attr": {"__a__": "b"}},
        {"attr": {"num_hidden": "3", "__a__": "b"}},
        {"attrs": {"num_hidden": "3", "__a__": "b"}},
    ):
        symbol = mx.sym.load_json(graph([*X_W_B, dense(**keys)], 904))
        assert attrs_of(symbol) == {"fc": {"num_hidden": "3", "__a__": "b"}}


@pytest.mark.parametrize("version", [None, 904, 10000, 10900])
def test_bare_hidden_keys_become_hidden_or_those_of_an_input(version):
    attrs = {
        "num_hidden": "1",
        "lr_mult": "2",
        "weight_lr_mult": "3",
        "ctx_group": "g",
        "bias_mirror_stage": "4",
    }
    symbol = mx.sym.load_json(graph([*X_W_B, dense(attr=attrs)], version))
    assert attrs_of(symbol) == {
        "w": {"__lr_mult__": "3"},
        "b": {"__mirror_stage__": "4"},
        "fc": {"num_hidden": "1", "__lr_mult__": "2", "__ctx_group__": "g"},
    }


def test_inputs_that_files_before_0_9_leave_out():
    symbol = mx.sym.load_json(
        graph(
            [
                variable("x"),
                {"op": "SoftmaxOutput", "name": "so", "inputs": [[0, 0]], "param": {"grad_scale": "2"}},
            ],
            None,
        )
    )
    assert symbol.list_arguments() == ["x", "so_label"]
    assert attrs_of(symbol) == {"so_label": {"grad_scale": "2"}, "so": {"grad_scale": "2"}}


def test_variables_keep_the_noise_of_their_operator():
    noise = {"kernel": "(3, 3)", "fix_gamma": "not even a bool", "__init__": "<object at 0x7f>"}
    symbol = mx.sym.load_json(graph([variable("w", attr=noise)], 1201))
    assert attrs_of(symbol) == {"w": noise}


@ours_only
def test_newer_versions_warn():
    with pytest.warns(UserWarning, match=r"written by MXNet 2\.0\.0, newer than the 1\.9\.1"):
        mx.sym.load_json(graph([variable("x")], 20000))


def test_duplicate_names_load_and_infer_but_do_not_bind():
    nodes = [variable("x"), variable("x"), {"op": "elemwise_add", "name": "x", "inputs": [[0, 0], [1, 0]]}]
    symbol = mx.sym.load_json(graph(nodes))
    assert symbol.list_arguments() == ["x", "x"]
    assert symbol.infer_shape(x=(2, 3))[1] == [(2, 3)]
    if not IS_MXNET:
        with pytest.raises(mx.MXNetError, match="'x'"):
            symbol.simple_bind(mx.cpu(), x=(2, 3))


def test_a_chain_of_200000_nodes():
    relu = [
        {"op": "Activation", "name": f"n{i}", "attrs": {"act_type": "relu"}, "inputs": [[i, 0, 0]]}
        for i in range(200000)
    ]
    text = graph([variable("x"), *relu])
    symbol = mx.sym.load_json(text)
    assert symbol.list_arguments() == ["x"]
    assert symbol.list_outputs() == ["n199999_output"]
    assert mx.sym.load_json(symbol.tojson()).list_outputs() == ["n199999_output"]


# -- malformed files -------------------------------------------------------------------------------


RELU = {"op": "Activation", "attrs": {"act_type": "relu"}}
ATTRS = {"num_hidden": "1"}
BAD_GRAPHS = {
    "empty": ("", r"empty file, expected a symbol graph in JSON"),
    "text": ("hello", r"byte 0: got 'h', expected '\{'"),
    "truncated": (graph(X_W_B)[:40], r"byte \d+: the text ends inside"),
    "output out of range": (
        graph([variable("x"), {**RELU, "name": "r", "inputs": [[0, 5]]}]),
        r"node 1 'r': an input is output 5 of node 'x', which has 1",
    ),
    "head out of range": (
        graph([variable("x")], heads=[[0, 7]]),
        r"head 0 is output 7 of node 'x', which has 1",
    ),
    "node out of range": (
        graph([variable("x"), {**RELU, "name": "r", "inputs": [[9, 0]]}]),
        r"input node out of range: got 9 of 2 nodes",
    ),
    "cycle": (
        graph([{**RELU, "name": "a", "inputs": [[1, 0]]}, {**RELU, "name": "b", "inputs": [[0, 0]]}]),
        r"the graph has a cycle, a node needs its own output: 'a' -> 'b' -> 'a'",
    ),
    "too many inputs": (
        graph([*X_W_B, dense([(0, 0)] * 4, attrs=ATTRS)]),
        r"operator 'FullyConnected' of node 'fc' has 4 inputs, expected 3",
    ),
    "too few inputs": (
        graph([*X_W_B, dense([(0, 0)], attrs=ATTRS)]),
        r"operator 'FullyConnected' of node 'fc' has 1 input, expected 3",
    ),
    "unknown operator": (
        graph([{"op": "QConvolution", "name": "q", "inputs": []}]),
        r"node 0 'q': operator 'QConvolution' of node 'q' is not registered",
    ),
    "unknown attribute": (
        graph([*X_W_B, dense(attrs={**ATTRS, "zz": "1"})]),
        r"node 3 'fc': .*unknown attribute 'zz' \(value '1'\)",
    ),
    "missing attribute": (graph([*X_W_B, dense()]), r"node 3 'fc': .*'num_hidden' is missing"),
    "bad attribute": (
        graph([*X_W_B, dense(attrs={"num_hidden": "nan"})]),
        r"attribute 'num_hidden': got 'nan'",
    ),
    "number as attribute": (
        graph([*X_W_B, dense(attrs={"num_hidden": 1})]),
        r"got '1', expected '\"' \(a string\)",
    ),
    "unknown key": (graph([variable("x", colour="red")]), r"node 0 'x' has the unknown key 'colour'"),
    "deep": ('{"attrs": {"a": ' + "[" * 100000, r"nested too deeply: expected at most 64 levels"),
    "claims inputs": (
        graph(
            [
                variable("x"),
                {"op": "Concat", "name": "c", "param": {"num_args": "2000000000"}, "inputs": [[0, 0]]},
            ],
            None,
        ),
        r"has 1 input, expected 2000000000",
    ),
}


@ours_only
@pytest.mark.parametrize("what", BAD_GRAPHS)
def test_bad_graphs_are_refused_with_a_place(what, tmp_path):
    text, message = BAD_GRAPHS[what]
    with pytest.raises(mx.MXNetError, match=message):
        mx.sym.load_json(text)
    path = tmp_path / "bad-symbol.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(mx.MXNetError, match=message) as error:
        mx.sym.load(str(path))
    assert str(path) in str(error.value)


@ours_only
def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "latin-symbol.json"
    path.write_bytes(graph([variable("gr\u00fcn")]).encode("latin-1"))
    with pytest.raises(mx.MXNetError, match=r"byte \d+: not UTF-8"):
        mx.sym.load(str(path))


@ours_only
def test_saving_to_a_full_disk_is_an_error():
    with pytest.raises(OSError, match="No space left on device"):
        mx.sym.Variable("x").save("/dev/full")


@ours_only
def test_the_name_of_a_missing_file_is_in_the_error(tmp_path):
    with pytest.raises(mx.MXNetError, match=r"gone\.json"):
        mx.sym.load(str(tmp_path / "gone.json"))
