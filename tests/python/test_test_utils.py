"""The helpers that tests are written with: they pass what is right and fail what is wrong."""

import os
import subprocess
import sys

import numpy as np
import pytest
import symbind as mx

tu = mx.test_utils


def test_tolerance_table():
    assert tu.default_rtols()[np.dtype("float32")] == 1e-4 and tu.default_atols()[np.dtype("float16")] == 1e-1
    assert tu.get_rtol() == 1e-5 and tu.get_atol() == 1e-20
    assert tu.get_rtol(None, "float16") == 1e-2 and tu.get_rtol(1e-3) == 1e-3
    assert tu.get_rtol({"float32": 0.5}, np.float32) == 0.5
    assert tu.get_tols(np.float32(1), np.float16(2), None, None) == (1e-2, 1e-1)
    assert tu.get_tols(mx.nd.ones(1), np.ones(1), None, 1e-9) == (1e-4, 1e-9)
    assert tu.get_etol() == 0 and tu.get_etol(0.1) == 0.1
    assert set(tu.default_numeric_eps()) == {np.dtype(t) for t in ("float16", "float32", "float64")}


X = np.array([1.0, 2.0, 3.0])
NAN = np.array([1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    "a, b, kwargs, equal",
    [
        (X, X, {}, True),
        (X, X + 1e-6, {}, True),
        (X, X + 1e-3, {}, False),
        (X, X + 1e-3, {"rtol": 0, "atol": 1.1e-3}, True),
        (X, X + 1e-3, {"rtol": 1e-2}, True),
        (X.astype("float32"), X + 1e-3, {}, True),
        (X.astype("int32"), X.astype("int32") + 1, {}, False),
        (X.astype("uint8"), X.astype("uint8") + 1, {"atol": 1}, True),
        (X, [1, 2, 3], {}, True),
        (X[:1], 1.0, {}, True),
        (X, X[None], {}, True),
        (X, NAN, {}, False),
        (NAN, NAN, {}, False),
        (NAN, NAN, {"equal_nan": True}, True),
        (X, NAN, {"equal_nan": True}, False),
        (np.array([np.inf]), np.array([np.inf]), {}, True),
        (np.array([np.inf]), np.array([-np.inf]), {}, False),
        (np.array([1.0]), np.array([np.inf]), {}, False),
        (np.zeros((0, 2)), np.zeros((0, 2)), {}, True),
    ],
)
def test_almost_equal(a, b, kwargs, equal):
    assert tu.almost_equal(a, b, **kwargs) is equal
    if equal:
        tu.assert_almost_equal(a, b, **kwargs)
    else:
        with pytest.raises(AssertionError, match="Items are not equal"):
            tu.assert_almost_equal(a, b, **kwargs)


def test_assert_almost_equal_message():
    actual = np.arange(30.0).reshape(5, 6)
    expected = actual.copy()
    expected[2, 5] += 1
    expected[0, 1] += 5
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(mx.nd.array(actual), mx.nd.array(expected), names=("mine", "theirs"))
    text = str(caught.value)
    assert "2 of 30 elements (6.67 %) differ by more than rtol=0.0001, atol=0.001" in text
    assert text.index("at (0, 1): mine=1, theirs=6") < text.index("at (2, 5): mine=17, theirs=18")
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(actual, expected, mismatches=(1, 1))
    assert "(0, 1)" in str(caught.value) and "(2, 5)" not in str(caught.value)
    with pytest.raises(AssertionError, match=r"shapes differ: a has \(3,\), b has \(2,\)"):
        tu.assert_almost_equal(X, X[:2])
    with pytest.raises(AssertionError, match=r"shapes differ: a has \(3,\), b has \(1, 3\)"):
        tu.assert_almost_equal(X, X[None], use_broadcast=False)


def test_other_comparisons():
    tu.assert_almost_equal_ignore_nan(NAN, X)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_ignore_nan(NAN, X + 1)
    tu.assert_almost_equal_with_err(X, np.array([1.0, 2.0, 4.0]), etol=0.34)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_with_err(X, np.array([1.0, 2.0, 4.0]), etol=0.33)
    assert tu.same(X, X.copy()) and not tu.same(X, X + 1e-12) and not tu.same(NAN, NAN)
    assert tu.same(mx.nd.ones(2), np.ones(2)) and not tu.same(np.ones(2), np.ones((1, 2)))
    tu.assert_allclose(mx.nd.array(X), X)
    assert tu.find_max_violation(X, X + np.array([0, 1, 0]), rtol=0, atol=0.5) == ((1,), 2.0)
    assert tu.find_max_violation(X[:0], X[:0]) == (None, 0.0)


def test_assert_exception():
    tu.assert_exception(int, ValueError, "x")
    with pytest.raises(AssertionError, match="int did not raise ValueError"):
        tu.assert_exception(int, ValueError, "1")
    with pytest.raises(TypeError):
        tu.assert_exception(int, ValueError, None)


def test_same_array():
    a = mx.nd.ones((2, 2))
    assert tu.same_array(a, a) and tu.same_array(a, a[:])
    assert not tu.same_array(a, a.copy()) and not tu.same_array(a, a[0:1])


def test_random_shapes_and_arrays():
    np.random.seed(0)
    shapes = [tu.rand_shape_nd(4, 3) for _ in range(50)]
    assert {d for s in shapes for d in s} == {1, 2, 3} and {len(s) for s in shapes} == {4}
    assert 0 in {d for _ in range(50) for d in tu.rand_shape_2d(3, 3, allow_zero_size=True)}
    assert tu.rand_shape_3d(1, 1, 1) == (1, 1, 1) and tu.rand_shape_nd(0) == ()
    x, y = tu.rand_coord_2d(1, 4, 7, 9)
    assert 1 <= x < 4 and 7 <= y < 9
    array = tu.rand_ndarray((300, 4), dtype="float64")
    assert (
        array.dtype == np.float64 and abs(array.asnumpy().mean()) < 0.15 and 0.8 < array.asnumpy().std() < 1.2
    )
    assert tu.rand_ndarray((3, 4)).dtype == np.float32
    with pytest.raises(ValueError, match="unknown storage type: got 'foo'"):
        tu.rand_ndarray((3, 4), "foo")
    assert tu.random_arrays((2, 3)).shape == (2, 3) and tu.random_arrays((2, 3)).dtype == np.float32
    assert [a.shape for a in tu.random_arrays((2,), (3,))] == [(2,), (3,)] and tu.random_arrays(
        ()
    ).shape == ()
    (uniform,) = tu.random_uniform_arrays((100,), low=2, high=3)
    assert uniform.min() >= 2 and uniform.max() < 3
    sample = tu.random_sample(range(100), 10)
    assert len(set(sample)) == 10 and sample == sorted(sample)


def test_array_helpers():
    x = np.arange(24.0).reshape(2, 3, 4)
    for axis, keepdims in ((None, True), (None, False), (-1, True), ((0, 2), False), ([0, -1], True)):
        numpy_axis = tuple(axis) if isinstance(axis, list) else axis
        expected = x.sum(axis=numpy_axis, keepdims=keepdims)
        np.testing.assert_array_equal(tu.np_reduce(x, axis, keepdims, np.sum), expected)
    np.testing.assert_array_equal(tu.assign_each(x, lambda v: 2 * v), 2 * x)
    np.testing.assert_array_equal(tu.assign_each(x, None), x)
    np.testing.assert_array_equal(tu.assign_each2(x, x, lambda v, w: v * w), x * x)


def test_dummy_iter():
    dummy = tu.DummyIter(mx.io.NDArrayIter(np.arange(10.0), None, 4))
    assert dummy.batch_size == 4 and dummy.provide_data[0].shape == (4,)
    assert dummy.next() is dummy.next() and dummy.next().data[0].asnumpy().tolist() == [0, 1, 2, 3]


def test_environment():
    os.environ.pop("SYMBIND_TEST_A", None)
    with tu.environment("SYMBIND_TEST_A", 1):
        assert os.environ["SYMBIND_TEST_A"] == "1"
        with tu.environment({"SYMBIND_TEST_A": None, "SYMBIND_TEST_B": "2"}):
            assert "SYMBIND_TEST_A" not in os.environ and os.environ["SYMBIND_TEST_B"] == "2"
        assert os.environ["SYMBIND_TEST_A"] == "1" and "SYMBIND_TEST_B" not in os.environ
    assert "SYMBIND_TEST_A" not in os.environ
    with tu.environment("SYMBIND_TEST_A", None):
        assert tu.set_env_var("SYMBIND_TEST_A", "1") == "" and tu.set_env_var("SYMBIND_TEST_A", "2") == "1"
    with (
        pytest.raises(TypeError, match="expected a name and a value, or a dict: got 3"),
        tu.environment(1, 2, 3),
    ):
        pass


def test_discard_stderr():
    code = (
        "import os, sys, symbind as mx\n"
        "with mx.test_utils.discard_stderr():\n"
        "    print('python', file=sys.stderr); os.write(2, b'native')\n"
        "print('after', file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stderr.strip() == "after"


def test_retry():
    calls = []

    @tu.retry(3)
    def flaky(succeed_at):
        calls.append(1)
        assert len(calls) == succeed_at

    flaky(3)
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(AssertionError):
        flaky(4)
    with pytest.raises(ValueError, match="got 0, expected at least 1"):
        tu.retry(0)


def test_contexts():
    assert tu.default_context() == mx.cpu() and list(tu.list_gpus()) == []
    tu.set_default_context(mx.cpu(1))
    assert tu.default_context() == mx.cpu(1)
    tu.set_default_context(mx.cpu())
    assert tu.default_dtype() is np.float32


def test_statistics():
    rng = np.random.RandomState(0)
    assert tu.mean_check(lambda n: rng.normal(3, 2, n), 3, 2, 10000)
    assert not tu.mean_check(lambda n: rng.normal(3.2, 2, n), 3, 2, 10000)
    assert tu.var_check(lambda n: rng.normal(3, 2, n), 2, 10000)
    assert not tu.var_check(lambda n: rng.normal(3, 2.2, n), 2, 10000)


# Checks of symbols

D, W = mx.sym.Variable("d"), mx.sym.Variable("w")
ONES = np.ones((2, 3))


def test_simple_forward():
    np.testing.assert_array_equal(tu.simple_forward(mx.sym.exp(D), d=np.zeros(2)), [1, 1])
    both = tu.simple_forward(mx.sym.Group([D + 1, D * 3]), d=ONES)
    assert [o.tolist() for o in both] == [(ONES + 1).tolist(), (ONES * 3).tolist()]


def test_check_symbolic_forward():
    (output,) = tu.check_symbolic_forward(D * 2, [ONES], [ONES * 2])
    assert output.asnumpy().tolist() == (ONES * 2).tolist()
    relu = mx.sym.Activation(D, act_type="relu", name="relu")
    tu.check_symbolic_forward(relu, {"d": -ONES}, {"relu_output": ONES * 0}, dtype=np.float64)
    with pytest.raises(AssertionError, match="FORWARD_relu_output=1, EXPECTED_relu_output=2"):
        tu.check_symbolic_forward(relu, [ONES], [ONES * 2])
    with pytest.raises(AssertionError, match="shapes differ"):
        tu.check_symbolic_forward(relu, [ONES], [ONES[:1]])
    with pytest.raises(ValueError, match=r"wrong names of arguments: got \['x'\], expected \['d'\]"):
        tu.check_symbolic_forward(relu, {"x": ONES}, [ONES])
    with pytest.raises(ValueError, match="wrong number of arguments: got 2, expected 1"):
        tu.check_symbolic_forward(relu, [ONES, ONES], [ONES])


def test_check_symbolic_forward_with_states():
    net = mx.sym.BatchNorm(D, name="bn", eps=1e-5, fix_gamma=False)
    location = {"d": ONES, "bn_gamma": np.full(3, 2.0), "bn_beta": np.ones(3)}
    tu.check_symbolic_forward(net, location, [ONES * 1], aux_states=[np.ones(3), np.ones(3)])
    states = {"bn_moving_mean": np.zeros(3), "bn_moving_var": np.full(3, 4.0)}
    tu.check_symbolic_forward(net, location, [ONES * 2], aux_states=states)


def test_check_symbolic_backward():
    grads = tu.check_symbolic_backward(D * W, [ONES * 2, ONES * 3], [ONES], [ONES * 3, ONES * 2])
    assert sorted(grads) == ["d", "w"] and grads["d"].asnumpy().tolist() == (ONES * 3).tolist()
    tu.check_symbolic_backward(D * W, [ONES * 2, ONES * 3], ONES, {"w": ONES * 2}, grad_req={"w": "add"})
    tu.check_symbolic_backward(D * W, [ONES * 2, ONES * 3], ONES, [ONES * 3, ONES], grad_req=["add", "null"])
    loss = mx.sym.MakeLoss(D * 2)
    tu.check_symbolic_backward(loss, [ONES], None, [ONES * 2])
    with pytest.raises(AssertionError, match="BACKWARD_d=2, EXPECTED_d=3"):
        tu.check_symbolic_backward(D * 2, [ONES], [ONES], [ONES * 3])
    with pytest.raises(AssertionError):
        tu.check_symbolic_backward(D * 2, [ONES], [ONES], [ONES * 3], grad_req="add")
    with pytest.raises(ValueError, match=r"expected gradients of unknown arguments \['x'\]"):
        tu.check_symbolic_backward(D * 2, [ONES], [ONES], {"x": ONES})
    with pytest.raises(ValueError, match=r"grad_req for unknown arguments \['x'\]"):
        tu.check_symbolic_backward(D * 2, [ONES], [ONES], [ONES], grad_req={"x": "write"})


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_check_numeric_gradient(dtype):
    rng = np.random.RandomState(0)
    d, w = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    net = mx.sym.FullyConnected(mx.sym.tanh(D), W, no_bias=True, num_hidden=4)
    tu.check_numeric_gradient(net, [d, w], dtype=dtype)
    tu.check_numeric_gradient(net, {"d": d, "w": w}, grad_nodes=["w"], dtype=dtype)
    tu.check_numeric_gradient(net, [d, w], grad_nodes={"d": "add", "w": "null"}, dtype=dtype)
    tu.check_numeric_gradient(mx.sym.Group([D * W, D + W]), [d, d + 1], dtype=dtype)
    wrong = D + mx.sym.BlockGrad(0.01 * D)
    with pytest.raises(AssertionError, match=r"BACKWARD_d=.*NUMERICAL_d="):
        tu.check_numeric_gradient(wrong, [d], dtype=dtype)


def test_check_numeric_gradient_restores_states():
    rng = np.random.RandomState(0)
    net = mx.sym.BatchNorm(D, name="bn", fix_gamma=False)
    location = [rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)]
    tu.check_numeric_gradient(net, location, aux_states=[np.zeros(3), np.ones(3)])
    tu.check_numeric_gradient(net, location)


def test_numeric_grad():
    executor = (D * D).bind(mx.cpu(), args={"d": mx.nd.array([1.0, 2.0], dtype="float64")})
    found = tu.numeric_grad(executor, {"d": np.array([3.0, -1.0])})
    assert found["d"].dtype == np.float32
    np.testing.assert_allclose(found["d"], [6, -2], rtol=1e-6)


def test_check_consistency():
    net = mx.sym.FullyConnected(D, num_hidden=3, name="fc")
    specs = [{"ctx": mx.cpu(), "d": (2, 4), "type_dict": {"d": dtype}} for dtype in (np.float32, np.float64)]
    truth = tu.check_consistency(net, specs)
    assert list(truth) == ["fc_output", "d", "fc_weight", "fc_bias"] and truth["d"].dtype == np.float64
    assert list(tu.check_consistency(net, specs, grad_req="null", use_uniform=True)) == ["fc_output"]
    with pytest.raises(AssertionError, match="fc_output of entry 0"):
        tu.check_consistency(net, specs, ground_truth={k: v + 1 for k, v in truth.items()})
    with pytest.raises(AssertionError, match="of entry"):
        tu.check_consistency([net, mx.sym.FullyConnected(D, num_hidden=3, name="fc") + 1], specs)
    with pytest.raises(ValueError, match="nothing to compare: got 1 entries"):
        tu.check_consistency(net, specs[:1])


def test_check_speed():
    net = mx.sym.FullyConnected(D, num_hidden=3, name="fc")
    assert 0 < tu.check_speed(net, d=(2, 4), N=2) < 10
    location = {"d": ONES, "fc_weight": np.ones((3, 3)), "fc_bias": np.ones(3)}
    assert 0 < tu.check_speed(net, location, N=2, typ="forward") < 10
    with pytest.raises(ValueError, match="wrong typ: got 'back'"):
        tu.check_speed(net, d=(2, 4), typ="back")


def test_same_symbol_structure():
    assert tu.same_symbol_structure(D + 1, W + 2)
    assert not tu.same_symbol_structure(D + 1, D * 1)
    assert not tu.same_symbol_structure(mx.sym.elemwise_add(D, D), mx.sym.elemwise_add(D, W))
