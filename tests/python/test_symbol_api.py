"""Every public name of MXNet 1.9.1's Symbol and Executor exists and works."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import uniform


def words(text):
    return text.split()


#: ``[n for n in dir(mx.sym.Symbol) if not n.startswith("_")]`` of MXNet 1.9.1, and the same of an executor.
SYMBOL_NAMES = words(
    """
    abs arccos arccosh arcsin arcsinh arctan arctanh argmax argmax_channel argmin argsort as_in_context
    as_nd_ndarray as_np_ndarray asnumpy asscalar astype attr attr_dict backward bind broadcast_axes
    broadcast_like broadcast_to cbrt ceil clip copy cos cosh debug_str degrees depth_to_space detach
    diag eval exp expand_dims expm1 fix flatten flip floor get_backend_symbol get_children get_internals
    gradient handle infer_shape infer_shape_partial infer_type infer_type_partial list_arguments
    list_attr list_auxiliary_states list_inputs list_outputs log log10 log1p log2 log_softmax max mean
    min name nanprod nansum norm one_hot ones_like optimize_for pad pick prod radians rcbrt reciprocal
    relu repeat reshape reshape_like rint round rsqrt save shape_array sigmoid sign simple_bind sin sinh
    size_array slice slice_axis slice_like softmax softmin sort space_to_depth split split_v2 sqrt
    square squeeze sum swapaxes take tan tanh tile tojson topk transpose trunc wait_to_read zeros_like
    """
)
EXECUTOR_NAMES = words(
    """
    arg_arrays arg_dict aux_arrays aux_dict backward copy_params_from debug_str forward
    get_optimized_symbol grad_arrays grad_dict handle output_dict outputs reshape set_monitor_callback
    """
)

#: What needs `mx.np`, which symbind has not.
ABSENT = {"as_np_ndarray"}

#: Methods that are operators without further arguments.
PLAIN_OPERATORS = words(
    """
    abs arccos arccosh arcsin arcsinh arctan arctanh argmax_channel cbrt ceil cos cosh degrees exp expm1
    fix flatten floor log log10 log1p log2 log_softmax max mean min nanprod nansum norm ones_like prod
    radians rcbrt reciprocal relu rint round rsqrt shape_array sigmoid sign sin sinh size_array softmax
    softmin sort sqrt square sum tan tanh topk transpose trunc zeros_like argsort argmax argmin
    """
)

# Methods that are operators: their arguments; OTHER stands for a second array.
OTHER = object()
FLUENT = {
    **{name: {} for name in PLAIN_OPERATORS},
    "astype": {"dtype": "int32"},
    "broadcast_axes": {"axis": 1, "size": 3},
    "broadcast_like": {"rhs": OTHER},
    "broadcast_to": {"shape": (4, 3, 4, 4)},
    "clip": {"a_min": 0.2, "a_max": 0.5},
    "depth_to_space": {"block_size": 2},
    "diag": {"k": 1},
    "expand_dims": {"axis": 1},
    "flip": {"axis": 3},
    "one_hot": {"depth": 3},
    "pad": {"mode": "constant", "pad_width": (0, 0, 0, 0, 1, 1, 2, 0), "constant_value": 3},
    "pick": {"index": OTHER, "axis": 1},
    "repeat": {"repeats": 2, "axis": 0},
    "reshape": {"shape": (-1, 2)},
    "reshape_like": {"rhs": OTHER},
    "slice": {"begin": (0, 0, 1), "end": (None, None, 3)},
    "slice_axis": {"axis": 2, "begin": 1, "end": 3},
    "slice_like": {"shape_like": OTHER, "axes": (2, 3)},
    "space_to_depth": {"block_size": 2},
    "split": {"num_outputs": 2, "axis": 2},
    "split_v2": {"indices_or_sections": (1, 3), "axis": 2},
    "squeeze": {"axis": 1},
    "swapaxes": {"dim1": 0, "dim2": 3},
    "take": {"indices": OTHER},
    "tile": {"reps": (2, 1)},
}
#: Shapes of the array and of the other one, where they are not (4, 4, 4, 4).
SHAPES = {
    "broadcast_axes": [(4, 1, 4, 4)],
    "broadcast_like": [(4, 1, 4, 4), (4, 2, 4, 4)],
    "broadcast_to": [(4, 1, 4, 4)],
    "diag": [(4, 4)],
    "pick": [(4, 4), (4,)],
    "reshape_like": [(4, 6), (3, 8)],
    "slice_like": [(4, 4, 4, 4), (2, 2, 2, 2)],
    "squeeze": [(4, 1, 3)],
    "take": [(4, 3), (2, 2)],
}


def test_every_name_of_a_symbol_is_there():
    net = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=2)
    missing = [n for n in SYMBOL_NAMES if not hasattr(net, n)]
    assert set(missing) == (set() if IS_MXNET else ABSENT)


def test_every_name_of_an_executor_is_there():
    executor = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=2).simple_bind(mx.cpu(), x=(1, 2))
    assert [n for n in EXECUTOR_NAMES if not hasattr(executor, n)] == []


def test_the_tables_of_this_file_are_complete():
    tested_elsewhere = set(PLAIN) | NEED_VALUES
    assert set(SYMBOL_NAMES) - ABSENT == set(FLUENT) | tested_elsewhere


@pytest.mark.parametrize("name", FLUENT)
def test_fluent_methods_compute_what_operators_on_arrays_do(name):
    shapes = SHAPES.get(name, [(4, 4, 4, 4), (4, 4, 4, 4)])
    x = uniform(*shapes[0], low=0.05, high=0.95).astype("float32")
    low = 1.0 if name == "arccosh" else 0.0
    arrays = {"x": mx.nd.array(x + low)}
    if any(v is OTHER for v in FLUENT[name].values()):
        arrays["other"] = mx.nd.array(np.arange(np.prod(shapes[1])).reshape(shapes[1]) % 3)
    # The other array is given by position: the methods of arrays call it by other names.
    given = [n for n, v in FLUENT[name].items() if v is OTHER]
    attrs = {k: v for k, v in FLUENT[name].items() if k not in given}
    symbol = getattr(mx.sym.Variable("x"), name)(*[mx.sym.Variable("other")] * len(given), **attrs)
    assert len(symbol) == (3 if name == "split_v2" else 2 if name == "split" else 1)
    expected = getattr(arrays["x"], name)(*[arrays.get("other")] * len(given), **attrs)
    expected = expected if isinstance(expected, list) else [expected]
    for one, other in zip(symbol.eval(mx.cpu(), **arrays), expected):
        assert one.dtype == other.dtype
        assert_close(one, other.asnumpy())
    positional = getattr(mx.sym.Variable("x"), name)(
        *[mx.sym.Variable("other")] * len(given), *attrs.values()
    )
    assert_close(positional.eval(mx.cpu(), **arrays)[0], expected[0].asnumpy())


#: Methods that need values; a symbol has none.
NEED_VALUES = {"as_in_context", "asnumpy", "asscalar", "backward", "copy", "detach", "wait_to_read"}


@pytest.mark.parametrize("name", sorted(NEED_VALUES))
def test_methods_that_need_values_say_so(name):
    with pytest.raises(
        mx.base.NotImplementedForSymbol, match=rf"Function {name} .*only available in NDArray"
    ):
        getattr(mx.sym.Variable("x"), name)()


@pytest.mark.parametrize("operator", ["iadd", "isub", "imul", "itruediv"])
def test_operators_in_place_need_values(operator):
    with pytest.raises(mx.base.NotImplementedForSymbol, match=operator):
        getattr(mx.sym.Variable("x"), f"__{operator}__")(2)


def net():
    return mx.sym.BatchNorm(mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=2, name="fc"), name="bn")


def check_attributes(tmp_path):
    symbol = net()
    symbol._set_attr(__mine__="1")
    assert symbol.attr("__mine__") == symbol.list_attr()["__mine__"] == "1"
    assert symbol.attr_dict()["bn"]["__mine__"] == "1"


def check_lists(tmp_path):
    symbol = net()
    assert symbol.list_arguments() == ["x", "fc_weight", "fc_bias", "bn_gamma", "bn_beta"]
    assert symbol.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert symbol.list_inputs() == symbol.list_arguments() + symbol.list_auxiliary_states()
    assert (symbol.name, symbol.list_outputs()) == ("bn", ["bn_output"])
    assert symbol.get_internals()["fc_output"].get_children().list_outputs() == ["x", "fc_weight", "fc_bias"]
    assert symbol.handle is not None


def check_inference(tmp_path):
    symbol = net()
    assert symbol.infer_shape(x=(4, 3))[1] == symbol.infer_shape_partial(x=(4, 3))[1] == [(4, 2)]
    assert symbol.infer_type(x="float64")[1] == symbol.infer_type_partial(x="float64")[1] == [np.float64]


def check_files(tmp_path):
    symbol = net()
    symbol.save(str(tmp_path / "net.json"))
    assert (tmp_path / "net.json").read_text().rstrip("\n") == symbol.tojson().rstrip("\n")
    assert "Name=fc" in symbol.debug_str()


def check_binding(tmp_path):
    symbol = mx.sym.Variable("x") * 3
    assert symbol.eval(mx.cpu(), x=mx.nd.ones(2))[0].asnumpy().tolist() == [3, 3]
    bound = symbol.bind(mx.cpu(), {"x": mx.nd.ones(2)}, {"x": mx.nd.zeros(2)})
    made = symbol.simple_bind(mx.cpu(), x=(2,))
    made.arg_dict["x"][:] = 1
    for executor in (bound, made):
        assert executor.forward(is_train=True)[0].asnumpy().tolist() == [3, 3]
        executor.backward(mx.nd.ones(2))
        assert executor.grad_dict["x"].asnumpy().tolist() == [3, 3]
        assert executor.get_optimized_symbol().list_arguments() == ["x"]


def check_gradient(tmp_path):
    with pytest.raises(mx.base.MXNetError):  # what MXNet never made
        net().gradient(["x"])


def check_backends(tmp_path):
    symbol = net()
    assert symbol.as_nd_ndarray().tojson() == symbol.tojson()
    for other in (symbol.get_backend_symbol("MKLDNN"), symbol.optimize_for("MKLDNN")):
        assert other.list_arguments() == symbol.list_arguments()
    with pytest.raises(mx.base.MXNetError):
        symbol.get_backend_symbol("no such")


PLAIN = {
    **dict.fromkeys(["attr", "attr_dict", "list_attr"], check_attributes),
    **dict.fromkeys(
        words(
            """
            list_arguments list_auxiliary_states list_inputs list_outputs name get_internals get_children
            handle
            """
        ),
        check_lists,
    ),
    **dict.fromkeys(words("infer_shape infer_shape_partial infer_type infer_type_partial"), check_inference),
    **dict.fromkeys(["save", "tojson", "debug_str"], check_files),
    **dict.fromkeys(["bind", "simple_bind", "eval"], check_binding),
    "gradient": check_gradient,
    **dict.fromkeys(["as_nd_ndarray", "get_backend_symbol", "optimize_for"], check_backends),
}


@pytest.mark.parametrize("check", dict.fromkeys(PLAIN.values()))
def test_other_methods(check, tmp_path):
    check(tmp_path)


def test_every_form_of_grad_req():
    symbol = mx.sym.Variable("a") * mx.sym.Variable("b")
    a, b = mx.nd.array([2]), mx.nd.array([5])
    for req, expected in (
        ("write", [5, 2]),
        ("add", [6, 3]),
        ("null", None),
        (["write", "add"], [5, 3]),
        (["null", "write"], [1, 2]),
        ({"a": "add", "b": "null"}, [6, 1]),
        ({"b": "write"}, [1, 2]),
    ):
        grads = {"a": mx.nd.ones(1), "b": mx.nd.ones(1)}
        executor = symbol.bind(mx.cpu(), {"a": a, "b": b}, grads, req)
        executor.forward(is_train=True)
        if expected is not None:
            executor.backward(mx.nd.ones(1))
            assert [grads["a"].asscalar(), grads["b"].asscalar()] == expected, req
    for req in () if IS_MXNET else ("sometimes", ["write"], 3):
        with pytest.raises(Exception, match="req"):
            symbol.bind(mx.cpu(), {"a": a, "b": b}, {"a": a, "b": b}, req)


def test_gradients_may_be_given_for_some_arguments():
    symbol = mx.sym.Variable("a") * mx.sym.Variable("b")
    grad = mx.nd.zeros(1)
    executor = symbol.bind(mx.cpu(), {"a": mx.nd.array([2]), "b": mx.nd.array([5])}, {"b": grad})
    assert executor.grad_dict["a"] is None
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones(1))
    assert grad.asscalar() == 2


def test_a_variable_with_everything():
    x = mx.sym.Variable(
        "x",
        shape=(2, 0),
        lr_mult=2,
        wd_mult=3,
        dtype="float16",
        init=mx.init.One(),
        stype="default",
        attr={"mine": "yes"},
        __custom__="1",
    )
    attrs = x.attr_dict()["x"]
    assert attrs["__shape__"] == "(2, 0)" and attrs["__dtype__"] == "2" and attrs["__storage_type__"] == "0"
    assert attrs["lr_mult"] == "2" and attrs["wd_mult"] == "3" and attrs["__init__"] == '["one", {}]'
    assert attrs["__custom__"] == "1" and attrs["mine"] == "yes"
    with pytest.raises(ValueError, match="__"):
        mx.sym.Variable("x", custom="1")


def test_copies_of_a_group():
    group = mx.sym.Group([net(), mx.sym.Variable("y")])
    for twin in (copy.copy(group), copy.deepcopy(group)):
        assert twin.list_outputs() == ["bn_output", "y"]
        assert twin.tojson() == group.tojson()


@ours_only
def test_a_failed_inference_says_where_and_what_is_known():
    x = mx.sym.Variable("x")
    first = mx.sym.FullyConnected(x, num_hidden=4, name="first")
    second = mx.sym.elemwise_add(first, mx.sym.Variable("side"), name="second")
    with pytest.raises(mx.MXNetError) as error:
        second.infer_shape(x=(2, 3), side=(2, 5))
    text = str(error.value)
    for word in ("second", "elemwise_add", "side", "(2,5)", "first", "(2,4)"):
        assert word in text, text
    with pytest.raises(mx.MXNetError) as error:
        mx.sym.FullyConnected(x, num_hidden=4, name="fc").simple_bind(mx.cpu(), fc_bias=(4,))
    for word in ("fc", "FullyConnected", "x", "weight"):
        assert word in str(error.value)
