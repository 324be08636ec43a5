"""Custom operators: `mx.operator`, `mx.sym.Custom`, `mx.nd.Custom`."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import bind, refuses, uniform


class Scale(mx.operator.CustomOp):
    """out = factor * data + bias; counts its calls in a state."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] * self.factor + in_data[1])
        if is_train:
            aux[0][:] = aux[0] + 1

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * self.factor)
        self.assign(in_grad[1], req[1], out_grad[0])


@mx.operator.register("test_scale")
class ScaleProp(mx.operator.CustomOpProp):
    def __init__(self, factor="1", **others):
        super().__init__(need_top_grad=True)
        self.factor, self.others = float(factor), others

    def list_arguments(self):
        return ["data", "bias"]

    def list_outputs(self):
        return ["scaled"]

    def list_auxiliary_states(self):
        return ["calls"]

    def infer_shape(self, in_shape):
        return [in_shape[0], in_shape[0]], [in_shape[0]], [[1]]

    def infer_type(self, in_type):
        return [in_type[0]] * 2, [in_type[0]], [in_type[0]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Scale(self.factor)


class SoftmaxLoss(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = np.exp(x - x.max(1, keepdims=True))
        self.assign(out_data[0], req[0], mx.nd.array(y / y.sum(1, keepdims=True)))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        label = in_data[1].asnumpy().astype(int)
        y = out_data[0].asnumpy().copy()
        y[np.arange(len(label)), label] -= 1
        self.assign(in_grad[0], req[0], mx.nd.array(y))


@mx.operator.register("test_softmax_loss")
class SoftmaxLossProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]], []

    def create_operator(self, ctx, shapes, dtypes):
        return SoftmaxLoss()


def scaled(**attrs):
    return mx.sym.Custom(mx.sym.Variable("x"), op_type="test_scale", name="c", **attrs)


def test_names_attributes_and_files():
    net = scaled(factor=3, note="text")
    assert net.list_arguments() == ["x", "c_bias"]
    assert net.list_auxiliary_states() == ["c_calls"]
    assert net.list_outputs() == ["c_scaled"]
    assert net.attr_dict()["c"] == {"op_type": "test_scale", "factor": "3", "note": "text"}
    again = mx.sym.load_json(net.tojson())
    assert again.tojson() == net.tojson()
    args, outs, aux = again.infer_shape(x=(2, 3))
    assert (args, outs, aux) == ([(2, 3), (2, 3)], [(2, 3)], [(1,)])
    assert mx.sym.Custom(mx.sym.Variable("x"), op_type="test_scale").name.startswith("custom")


def test_forward_backward_and_states():
    net = scaled(factor=3)
    x, bias = uniform(2, 3), uniform(2, 3, seed=5)
    executor = net.simple_bind(mx.cpu(), x=(2, 3), grad_req={"x": "add", "c_bias": "write"})
    executor.arg_dict["x"][:], executor.arg_dict["c_bias"][:] = x, bias
    executor.aux_dict["c_calls"][:] = 0
    executor.grad_dict["x"][:] = 1
    heads = uniform(2, 3, seed=6).astype("float32")
    for call in (1, 2):
        out = executor.forward(is_train=True)[0]
        assert_close(out, (3 * x + bias).astype("float32"))
        executor.backward(mx.nd.array(heads))
        assert executor.aux_dict["c_calls"].asscalar() == call
        assert_close(executor.grad_dict["x"], 1 + 3 * heads * call)
        assert_close(executor.grad_dict["c_bias"], heads)
    executor.forward(is_train=False)
    assert executor.aux_dict["c_calls"].asscalar() == 2


def test_imperative():
    x, bias, calls = mx.nd.ones((2, 2)), mx.nd.ones((2, 2)), mx.nd.zeros(1)
    out = mx.nd.Custom(x, bias, calls, op_type="test_scale", factor=4)
    assert (out.asnumpy() == 5).all()
    if IS_MXNET:  # names of arrays are attributes there
        return
    target = mx.nd.zeros((2, 2))
    mx.nd.Custom(x, bias=bias, calls=calls, op_type="test_scale", factor=2, out=target)
    assert (target.asnumpy() == 3).all()


def test_a_loss_needs_no_gradient_of_its_output():
    x, label = uniform(4, 3), np.array([0, 2, 1, 1])
    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_softmax_loss", name="loss")
    assert net.list_arguments() == ["x", "loss_label"]
    executor = bind(net, {"x": x, "loss_label": label}, wrt=["x"])
    out = executor.forward(is_train=True)[0].asnumpy()
    executor.backward()
    expected = out.copy()
    expected[np.arange(4), label] -= 1
    assert_close(executor.grad_dict["x"], expected)


def test_training_in_a_module():
    rs = np.random.RandomState(0)
    x = rs.normal(size=(200, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("float32")
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2)
    net = mx.sym.Custom(net, mx.sym.Variable("softmax_label"), op_type="test_softmax_loss", name="loss")
    module = mx.mod.Module(net)
    data = mx.io.NDArrayIter(x, y, batch_size=20)
    module.fit(data, num_epoch=5, optimizer_params={"learning_rate": 0.1})
    assert module.score(data, "acc")[0][1] > 0.9


def test_each_bound_symbol_has_an_operator_of_its_own():
    made = []

    class Remember(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.seen = in_data[0].asnumpy().copy()
            self.assign(out_data[0], req[0], in_data[0])

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], mx.nd.array(self.seen))

    @mx.operator.register("test_remember")
    class Prop(mx.operator.CustomOpProp):
        def create_operator(self, ctx, shapes, dtypes):
            made.append(Remember())
            return made[-1]

    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_remember")
    executors = [bind(net, {"x": np.full((2,), k)}, wrt=["x"]) for k in (1.0, 2.0)]
    for e in executors:
        e.forward(is_train=True)
    for k, e in enumerate(executors, 1):
        e.backward(mx.nd.ones(2))
        assert (e.grad_dict["x"].asnumpy() == k).all()
    assert len(made) == 2


@ours_only
def test_float64_and_several_outputs():
    class Both(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0] * 2)
            self.assign(out_data[1], req[1], in_data[0] * 3)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 2 + out_grad[1] * 3)

    @mx.operator.register("test_both")
    class Prop(mx.operator.CustomOpProp):
        def list_outputs(self):
            return ["twice", "thrice"]

        def create_operator(self, ctx, shapes, dtypes):
            assert [np.dtype("float64")] == [np.dtype(mx.base._DTYPE_MX_TO_NP[t]) for t in dtypes]
            return Both()

    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_both", name="b")
    assert net.list_outputs() == ["b_twice", "b_thrice"]
    executor = bind(mx.sym.Group([net[0] * 1, net[1]]), {"x": uniform(3)}, "float64", ["x"])
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones(3, dtype="float64"), mx.nd.ones(3, dtype="float64")])
    assert_close(executor.grad_dict["x"], np.full(3, 5.0))
    only = bind(net[1], {"x": uniform(3)}, "float64", ["x"])  # nobody reads the other output
    only.forward(is_train=True)
    only.backward(mx.nd.ones(3, dtype="float64"))
    assert_close(only.grad_dict["x"], np.full(3, 3.0))


@ours_only
def test_assign():
    op, array = mx.operator.CustomOp(), mx.nd.ones(2)
    for req, expected in (("null", 1), ("add", 4), ("write", 3), ("inplace", 3)):
        op.assign(array, req, 3)
        assert (array.asnumpy() == expected).all()
    with pytest.raises(ValueError, match=r"\[CustomOp.assign\] req: got 'often'"):
        op.assign(array, "often", 1)


@ours_only
@pytest.mark.parametrize(
    "method", ["forward", "backward", "create_operator", "infer_shape", "infer_type", "__init__"]
)
def test_exceptions_carry_their_traceback(method):
    def boom(*args, **kwargs):
        raise ValueError("the reason")

    op = type("Op", (Scale,), {method: boom} if method in ("forward", "backward") else {})
    members = {"create_operator": lambda self, ctx, shapes, dtypes: op(1.0)}
    if method not in ("forward", "backward"):
        members[method] = boom
    mx.operator.register("test_failing")(type("Prop", (ScaleProp,), members))

    def run():
        net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_failing", name="c")
        executor = net.simple_bind(mx.cpu(), x=(2,))
        executor.forward(is_train=True)
        executor.backward(mx.nd.ones(2))

    refuses(run, f"[Custom] test_failing.{method} failed", "Traceback", "boom", "ValueError: the reason")


@ours_only
def test_an_interrupt_passes_through():
    class Stop(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            raise KeyboardInterrupt

    prop = type("Prop", (mx.operator.CustomOpProp,), {"create_operator": lambda *a: Stop()})
    mx.operator.register("test_stop")(prop)
    with pytest.raises(KeyboardInterrupt):
        mx.nd.Custom(mx.nd.ones(2), op_type="test_stop")


@ours_only
def test_nothing_is_kept_alive():
    alive = []

    class Op(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0])

    def create(self, ctx, shapes, dtypes):
        op = Op()
        alive.append(weakref.ref(op))
        return op

    mx.operator.register("test_kept")(type("Prop", (mx.operator.CustomOpProp,), {"create_operator": create}))
    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_kept")
    executor = net.simple_bind(mx.cpu(), x=(2,))
    executor.forward(is_train=True)
    executor.forward(is_train=False)
    mx.nd.Custom(mx.nd.ones(2), op_type="test_kept")
    assert len(alive) == 2
    del executor
    gc.collect()
    assert all(ref() is None for ref in alive)


@ours_only
def test_threads_and_calls_inside_of_calls():
    class Op(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            inner = mx.nd.Custom(in_data[0], in_data[0], mx.nd.zeros(1), op_type="test_scale", factor=2)
            self.assign(out_data[0], req[0], mx.nd.dot(inner, inner))

    mx.operator.register("test_nested")(
        type("Prop", (mx.operator.CustomOpProp,), {"create_operator": lambda *a: Op()})
    )
    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_nested") + 1
    expected = np.full((4, 4), 37.0, "float32")
    wrong = []

    def work():
        executor = bind(net, {"x": np.ones((4, 4))})
        for _ in range(20):
            if not (executor.forward(is_train=False)[0].asnumpy() == expected).all():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    assert not wrong


@ours_only
def test_errors():
    x = mx.sym.Variable("x")
    refuses(
        lambda: mx.sym.Custom(x, op_type="nothing", name="n"), "Error in operator n", "'nothing'", "register"
    )
    with pytest.raises(TypeError, match="subclass of CustomOpProp"):
        mx.operator.register("test_wrong")(int)
    with pytest.raises(TypeError, match="inputs must be symbols"):
        mx.sym.Custom(3, op_type="test_scale")
    with pytest.raises(TypeError, match="no input 'other'"):
        mx.nd.Custom(mx.nd.ones(1), other=mx.nd.ones(1), op_type="test_scale")
    refuses(
        lambda: mx.sym.Custom(x, other=x, op_type="test_scale", name="n"),
        "no input 'other'",
        "data, bias, calls",
    )
    short = type("Prop", (ScaleProp,), {"infer_shape": lambda self, s: (s[:1], [s[0]], [[1]])})
    mx.operator.register("test_short")(short)
    net = mx.sym.Custom(x, op_type="test_short", name="n")
    refuses(
        lambda: net.infer_shape(x=(2,), n_bias=(2,)), "infer_shape returned 1 + 1 + 1", "expected 2 + 1 + 1"
    )


def test_lists_of_operators():
    names = mx.operator.get_all_registered_operators()
    assert {"Custom", "FullyConnected", "elemwise_add", "_plus"} <= set(names)
    found = mx.operator.get_operator_arguments("Concat")
    assert (found.narg, found.names) == (3, ["data", "num_args", "dim"])
    assert found.types[0] == "NDArray-or-Symbol[]" and found.types[2] == "int, optional, default='1'"
    assert mx.operator.get_operator_arguments("Activation").types[1].endswith("}, required")


def test_prediction_and_training_share_what_an_operator_remembers():
    class Centre(mx.operator.CustomOp):
        mean = 0.0

        def forward(self, is_train, req, in_data, out_data, aux):
            if is_train:
                self.mean = float(in_data[0].asnumpy().mean())
            self.assign(out_data[0], req[0], in_data[0] - self.mean)

    create = {"create_operator": lambda self, ctx, shapes, dtypes: Centre()}
    mx.operator.register("test_centre")(type("Prop", (mx.operator.CustomOpProp,), create))
    net = mx.sym.Custom(mx.sym.Variable("x"), op_type="test_centre")
    executor, other = (bind(net, {"x": np.array([1.0, 3.0])}) for _ in range(2))
    executor.forward(is_train=False)
    executor.forward(is_train=True)
    assert_close(executor.forward(is_train=False)[0], np.array([-1, 1], "float32"))
    assert_close(other.forward(is_train=False)[0], np.array([1, 3], "float32"))


def test_several_operators_with_states_in_a_module(tmp_path):
    rs = np.random.RandomState(0)
    x = rs.normal(size=(60, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("float32")
    net = mx.sym.Variable("data")
    for layer in range(2):
        net = mx.sym.FullyConnected(net, num_hidden=2, name=f"fc{layer}")
        calls = mx.sym.Variable(f"calls{layer}", init=mx.init.Zero())
        net = mx.sym.Custom(data=net, calls=calls, op_type="test_scale", factor=1.5, name=f"scale{layer}")
    net = mx.sym.Custom(net, mx.sym.Variable("softmax_label"), op_type="test_softmax_loss", name="loss")
    net.save(str(tmp_path / "net-symbol.json"))
    module = mx.mod.Module(mx.sym.load(str(tmp_path / "net-symbol.json")))
    data = mx.io.NDArrayIter(x, y, batch_size=20)
    module.fit(
        data,
        num_epoch=4,
        initializer=mx.init.Xavier(),
        optimizer_params={"learning_rate": 0.05},
    )
    assert module.score(data, "acc")[0][1] > 0.8
    states = module.get_params()[1]
    assert {n: v.asscalar() for n, v in states.items()} == {"calls0": 12, "calls1": 12}
    module.save_checkpoint(str(tmp_path / "net"), 4)
    again = mx.mod.Module.load(str(tmp_path / "net"), 4)
    again.bind(data.provide_data, data.provide_label, for_training=False)
    assert_close(again.predict(data), module.predict(data))


class NumpySoftmax(mx.operator.NumpyOp):
    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]]

    def forward(self, in_data, out_data):
        x, y = in_data[0], out_data[0]
        y[:] = np.exp(x - x.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)

    def backward(self, out_grad, in_data, out_data, in_grad):
        assert out_grad == []
        in_grad[0][:] = out_data[0]
        in_grad[0][np.arange(len(in_data[1])), in_data[1].astype(int)] -= 1


@ours_only  # MXNet 1.9.1 crashes where it infers their shapes
@pytest.mark.filterwarnings("ignore:.*please use CustomOp")
class TestOlderOperators:
    def test_numpy_op(self):
        net = NumpySoftmax(need_top_grad=False)(mx.sym.Variable("x"), name="loss")
        assert (net.list_arguments(), net.list_outputs()) == (["x", "loss_label"], ["loss_output"])
        x, label = uniform(4, 3), np.array([0, 2, 1, 1])
        executor = bind(net, {"x": x, "loss_label": label}, wrt=["x"])
        out = executor.forward(is_train=True)[0].asnumpy()
        executor.backward()
        expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        assert_close(out, expected.astype("float32"))
        assert_close(executor.grad_dict["x"], (expected - np.eye(3)[label]).astype("float32"))

    def test_ndarray_op(self):
        class Cube(mx.operator.NDArrayOp):
            def forward(self, in_data, out_data):
                out_data[0][:] = in_data[0] ** 3

            def backward(self, out_grad, in_data, out_data, in_grad):
                in_grad[0][:] = 3 * in_data[0] ** 2 * out_grad[0]

        op = Cube()
        assert op.declare_backward_dependency([0], [1], [2]) == [0, 1, 2]
        net = op(op(mx.sym.Variable("x")))
        assert net.name.startswith("_ndarray")
        executor = bind(net, {"x": np.array([0.5, 2.0])}, wrt=["x"])
        assert_close(executor.forward(is_train=True)[0], np.array([0.5**9, 2**9], "float32"))
        executor.backward(mx.nd.array([1, 2]))
        assert_close(executor.grad_dict["x"], np.array([9 * 0.5**8, 18 * 2.0**8], "float32"))

    def test_without_methods_of_its_own(self):
        net = mx.operator.NumpyOp()(data=mx.sym.Variable("x"), name="n")
        executor = bind(net, {"x": uniform(3)}, wrt=["x"])
        assert_close(executor.forward(is_train=True)[0], uniform(3).astype("float32"))
        executor.backward(mx.nd.ones(3) * 5)
        assert_close(executor.grad_dict["x"], np.ones(3, "float32"))

    def test_a_symbol_keeps_its_operator_and_a_file_does_not(self):
        text = mx.operator.NDArrayOp()(mx.sym.Variable("x"), name="n").tojson()
        gc.collect()
        refuses(lambda: mx.sym.load_json(text), "node 1 'n'", "cannot be loaded", "mx.operator.register")
        net = mx.operator.NDArrayOp()(mx.sym.Variable("x"), name="n")
        gc.collect()
        assert mx.sym.load_json(net.tojson()).list_arguments() == ["x"]

    def test_errors(self):
        with pytest.raises(TypeError, match="derive from NumpyOp or NDArrayOp"):
            mx.operator.PythonOp()(mx.sym.Variable("x"))
        refuses(lambda: mx.operator.NumpyOp()(mx.sym.Variable("x"), size=3), "takes no attributes: got size")
        with pytest.warns(UserWarning, match="please use CustomOp"):
            mx.operator.NumpyOp()
