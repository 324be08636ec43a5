"""Automatic names and attribute scopes."""

import threading

import pytest
from common import mx, ours_only


def test_name_manager_counts_per_hint():
    manager = mx.name.NameManager()
    assert [manager.get(None, "a") for _ in range(3)] == ["a0", "a1", "a2"]
    assert manager.get("given", "a") == "given"
    assert manager.get("", "b") == "b0"
    assert manager.get(None, "a") == "a3"


def test_prefix():
    prefix = mx.name.Prefix("net_")
    assert [prefix.get(None, "a"), prefix.get("x", "a"), prefix.get(None, "a")] == [
        "net_a0",
        "net_x",
        "net_a1",
    ]


def test_scopes_name_symbols():
    data = mx.sym.Variable("data")
    with mx.name.Prefix("net_") as prefix:
        assert mx.name.NameManager.current is prefix
        layer = mx.sym.FullyConnected(data, num_hidden=2)
        assert layer.list_arguments() == ["data", "net_fullyconnected0_weight", "net_fullyconnected0_bias"]
        assert (data + data).name == "net__plus0"
        assert mx.sym.Variable("q").name == "q"
        with mx.name.NameManager():
            assert mx.sym.FullyConnected(data, num_hidden=2).name == "fullyconnected0"
        assert mx.sym.FullyConnected(data, num_hidden=2, name="fc").name == "net_fc"
    with mx.name.NameManager():
        assert mx.sym.FullyConnected(data, num_hidden=2).name == "fullyconnected0"


def test_user_defined_manager():
    class Shouting(mx.name.NameManager):
        def get(self, name, hint):
            return super().get(name, hint).upper()

    with Shouting():
        assert mx.sym.exp(mx.sym.Variable("x")).name == "EXP0"


def test_names_are_per_thread():
    names = []

    def run():
        names.append(mx.name.NameManager.current.get(None, "only here"))

    with mx.name.Prefix("p_"):
        for _ in range(2):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
    assert names == ["only here0"] * 2


@ours_only
def test_name_manager_misuse():
    with pytest.raises(TypeError, match="got str, expected NameManager"):
        mx.name.NameManager.current = "x"


def test_attr_scope_merges():
    with mx.AttrScope(__x__="1", __group__="a") as outer:
        assert outer.get(None) == {"__x__": "1", "__group__": "a"}
        assert outer.get({"__x__": "5"}) == {"__x__": "5", "__group__": "a"}
        with mx.AttrScope(__y__="2", __group__="b"):
            merged = {"__x__": "1", "__y__": "2", "__group__": "b"}
            assert mx.AttrScope.current.get({}) == merged
            assert mx.sym.Variable("v", attr={"k": "z"}).list_attr() == {**merged, "k": "z"}
            layer = mx.sym.FullyConnected(mx.sym.Variable("v"), num_hidden=2, name="fc", attr={"__x__": "9"})
            assert layer.list_attr() == {**merged, "__x__": "9", "num_hidden": "2"}
            assert layer.attr_dict()["fc_weight"]["__group__"] == "b"
        assert mx.AttrScope.current is outer
    assert mx.AttrScope.current.get(None) == {}
    assert mx.sym.Variable("v").list_attr() == {}


def test_ctx_group():
    with mx.AttrScope(ctx_group="stage1"):
        data = mx.sym.Variable("data")
    assert data.attr("ctx_group") == "stage1"


def test_attr_values_are_strings():
    with pytest.raises(ValueError, match=r"need to be string|must be strings: got 1"):
        mx.AttrScope(x=1)


@ours_only
def test_attr_scope_can_be_entered_again():
    scope = mx.AttrScope(__q__="1")
    with mx.AttrScope(__z__="1"), scope:
        assert scope.get(None) == {"__z__": "1", "__q__": "1"}
    with scope, scope:
        assert scope.get(None) == {"__q__": "1"}
    assert scope.get(None) == {"__q__": "1"}


def test_attributes_are_per_thread():
    seen = []
    with mx.AttrScope(__x__="1"):
        thread = threading.Thread(target=lambda: seen.append(mx.AttrScope.current.get(None)))
        thread.start()
        thread.join()
    assert seen == [{}]


@ours_only
def test_attr_scope_misuse():
    with pytest.raises(TypeError, match="got dict, expected AttrScope"):
        mx.AttrScope.current = {}
