"""NDArray: creation, arithmetic, shape changes, copies, files."""

import copy
import pickle

import numpy as np
import pytest
from common import mx, ours_only

nd = mx.nd
MXNetError = mx.base.MXNetError
DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")


def same(array, expected, dtype=None):
    """Equal values and, when given, dtype; NumPy's own comparison of shapes."""
    np.testing.assert_array_equal(array.asnumpy(), expected)
    if dtype is not None:
        assert np.dtype(array.dtype) == np.dtype(dtype)


# --- creation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, dtype, expected",
    [
        ([1, 2], None, "float32"),
        (np.arange(3), None, "float32"),
        (np.arange(3), "int32", "int32"),
        (np.ones(2, "float16"), None, "float32"),
        (np.ones(2, "float64"), "float64", "float64"),
        ([[1.5, 2], [3, 4]], None, "float32"),
        (5, None, "float32"),
        ([True, False], "bool", "bool"),
        ((1, 2), "uint8", "uint8"),
    ],
)
def test_array_takes_float32_unless_told(source, dtype, expected):
    made = nd.array(source, dtype=dtype)
    same(made, np.asarray(source, dtype=expected), expected)


def test_array_of_an_ndarray_keeps_its_dtype():
    same(nd.array(nd.ones((2,), dtype="int32")), [1, 1], "int32")


def test_array_copies():
    source = np.zeros(3, "float32")
    made = nd.array(source)
    source[:] = 7
    same(made, [0, 0, 0])
    made.asnumpy()[:] = 7
    same(made, [0, 0, 0])


def test_array_of_fortran_and_strided_sources():
    source = np.arange(12, dtype="float32").reshape(3, 4)
    same(nd.array(np.asfortranarray(source)), source)
    same(nd.array(source[::2, ::-1]), source[::2, ::-1])
    same(nd.array(source.astype(">f4")), source)


@pytest.mark.parametrize("dtype", DTYPES)
def test_filled_arrays(dtype):
    same(nd.zeros((2, 3), dtype=dtype), np.zeros((2, 3)), dtype)
    same(nd.ones((2, 3), dtype=dtype), np.ones((2, 3)), dtype)
    same(nd.full((2,), 1, dtype=dtype), [1, 1], dtype)
    assert nd.empty((2, 3), dtype=dtype).shape == (2, 3)


def test_other_creations():
    same(nd.zeros(3), [0, 0, 0], "float32")
    same(nd.ones((2,), mx.cpu()), [1, 1])
    same(nd.full((2,), 7), [7, 7], "float32")
    same(nd.arange(5), np.arange(5), "float32")
    same(nd.arange(1, 5, 2, dtype="int32"), [1, 3], "int32")
    same(nd.arange(2, repeat=2), [0, 0, 1, 1])
    same(nd.zeros_like(nd.ones((2,))), [0, 0])
    same(nd.ones_like(nd.zeros((2,))), [1, 1])


@pytest.mark.parametrize("bad", [[[1, 2], [3]], "text", object()])
def test_what_is_no_array(bad):
    with pytest.raises((TypeError, ValueError)):
        nd.array(bad)


def test_properties():
    array = nd.zeros((2, 3), dtype="int32")
    assert array.shape == (2, 3)
    assert array.size == 6
    assert array.ndim == 2
    assert array.dtype == np.int32
    assert array.context == mx.cpu() == array.ctx
    assert array.stype == "default"
    assert len(array) == 2
    assert array.T.shape == (3, 2)
    assert repr(nd.ones((2,))) == "\n[1. 1.]\n<NDArray 2 @cpu(0)>"


# --- arithmetic ----------------------------------------------------------------------------------

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


@pytest.mark.parametrize("sign", BINARY)
@pytest.mark.parametrize(
    "shapes", [((2, 3), (2, 3)), ((2, 3), (1, 3)), ((2, 1), (1, 3)), ((3, 2), None), (None, (3, 2))]
)
def test_binary_operators_follow_numpy(sign, shapes):
    rs = np.random.RandomState(7)
    left, right = ((rs.randint(1, 4, s) if s else 2) for s in shapes)
    left, right = ((v.astype("float32") if isinstance(v, np.ndarray) else v) for v in (left, right))
    expected = BINARY[sign](left, right).astype("float32")
    actual = BINARY[sign](*((nd.array(v) if isinstance(v, np.ndarray) else v) for v in (left, right)))
    assert actual.dtype == np.float32, "comparisons too give the operands' dtype"
    np.testing.assert_allclose(actual.asnumpy(), expected, rtol=1e-6)


def test_integers_stay_integers():
    same(nd.array([1, 2], dtype="int32") + 1.5, [2, 3], "int32")
    same(nd.array([1, 2], dtype="int32") / 2, [0, 1], "int32")
    same(nd.array([5, -5]) % 3, [2, 1])
    same(-nd.array([1, 2], dtype="int8"), [-1, -2], "int8")
    same(abs(nd.array([-1, 2])), [1, 2])


def test_different_dtypes_do_not_mix():
    with pytest.raises(MXNetError):
        nd.array([1, 2], dtype="int32") + nd.array([1, 2])


def test_operands_that_do_not_fit():
    with pytest.raises(MXNetError):
        nd.array([1, 2]) + nd.array([1, 2, 3])
    for bad in ("x", None):
        with pytest.raises(TypeError):
            nd.array([1, 2]) + bad
        with pytest.raises(TypeError):
            _ = nd.array([1, 2]) > bad


@pytest.mark.parametrize(
    "sign, expected", [("+=", [4, 6]), ("-=", [-2, -2]), ("*=", [3, 8]), ("/=", [1 / 3, 0.5]), ("%=", [1, 2])]
)
def test_in_place_operators_keep_the_array(sign, expected):
    array = view = nd.array([1, 2])
    namespace = {"array": array, "other": nd.array([3, 4])}
    exec(f"array {sign} other", namespace)
    assert namespace["array"] is view
    np.testing.assert_allclose(view.asnumpy(), expected, rtol=1e-6)


def test_in_place_with_numbers():
    array = nd.array([1, 2])
    array += 1
    array *= 2
    array -= 0.5
    same(array, [3.5, 5.5])
    array[:] += 1
    same(array, [4.5, 6.5])


def test_functions_of_arrays_and_numbers():
    a = nd.array([1, 3])
    same(nd.maximum(a, 2), [2, 3])
    same(nd.maximum(2, a), [2, 3])
    same(nd.minimum(a, nd.array([2, 2])), [1, 2])
    assert nd.maximum(1, 2) == 2
    same(nd.add(a, 1), [2, 4])
    same(nd.subtract(1, a), [0, -2])
    same(nd.multiply(a, a), [1, 9])
    same(nd.divide(a, 2), [0.5, 1.5])
    same(nd.true_divide(a, 2), [0.5, 1.5])
    same(nd.modulo(a, 2), [1, 1])
    same(nd.power(2, a), [2, 8])
    same(nd.equal(a, 1), [1, 0])
    same(nd.not_equal(a, 1), [0, 1])
    same(nd.greater(a, 1), [0, 1])
    same(nd.lesser_equal(a, nd.array([1, 1])), [1, 0])


def test_truth_and_scalars():
    assert bool(nd.array([1])) is True
    assert bool(nd.array([0])) is False
    with pytest.raises(ValueError):
        bool(nd.array([1, 2]))
    assert nd.array([1.5]).asscalar() == 1.5
    with pytest.raises(ValueError):
        nd.array([1, 2]).asscalar()
    assert isinstance(hash(nd.ones((1,))), int)


def test_out_argument_receives_the_result():
    target = nd.zeros((2,))
    result = nd.elemwise_add(nd.array([1, 2]), nd.array([3, 4]), out=target)
    same(target, [4, 6])
    assert result is target
    first, second = nd.zeros((2, 1)), nd.zeros((2, 1))
    nd.SliceChannel(nd.array([[1, 2], [3, 4]]), num_outputs=2, out=[first, second])
    same(first, [[1], [3]])
    same(second, [[2], [4]])


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, target, options, expected",
    [
        ((2, 3), ((3, 2),), {}, (3, 2)),
        ((2, 3), (3, 2), {}, (3, 2)),
        ((2, 3), (-1,), {}, (6,)),
        ((2, 3), ((0, -1, 1),), {}, (2, 3, 1)),
        ((2, 3, 4), ((-3, 0),), {}, (6, 4)),
        ((2, 3, 4), ((-2,),), {}, (2, 3, 4)),
        ((2, 3), ((-4, 1, 2, 3),), {}, (1, 2, 3)),
        ((2, 3, 4), ((-1, 0),), {"reverse": True}, (6, 4)),
        ((2, 3), (), {"shape": (6,)}, (6,)),
        ((2, 3), ([3, 2],), {}, (3, 2)),
    ],
)
def test_reshape(shape, target, options, expected):
    array = nd.arange(int(np.prod(shape))).reshape(shape)
    made = array.reshape(*target, **options)
    assert made.shape == expected
    same(made, array.asnumpy().reshape(expected))


def test_reshape_errors():
    for target in ((4, 2), (-1, -1), (5,), (-1, 4)):
        with pytest.raises((MXNetError, ValueError)):
            nd.ones((2, 3)).reshape(target)
    with pytest.raises((AssertionError, TypeError, ValueError)):
        nd.ones((2, 3)).reshape()


def test_reshape_shares_memory():
    array = nd.zeros((2, 3))
    array.reshape((6,))[4] = 1
    same(array, [[0, 0, 0], [0, 1, 0]])


def test_shape_methods():
    array = nd.arange(6).reshape((2, 3))
    same(array.transpose(), array.asnumpy().T)
    assert array.expand_dims(0).shape == (1, 2, 3)
    assert array.flatten().shape == (2, 3)
    assert nd.ones((1, 3)).broadcast_to((2, 3)).shape == (2, 3)
    assert nd.concat(nd.ones((1, 2)), nd.ones((1, 2)), dim=0).shape == (2, 2)
    assert nd.concatenate([nd.ones((1, 2)), nd.ones((2, 2))]).shape == (3, 2)
    assert nd.concatenate([nd.ones((1, 2)), nd.ones((1, 3))], axis=1).shape == (1, 5)
    assert [s.shape for s in nd.split(nd.ones((2, 4)), num_outputs=2, axis=1)] == [(2, 2), (2, 2)]
    same(array.sum(), [15])
    same(array.sum(axis=0), [3, 5, 7])
    same(array.max(axis=1, keepdims=True), [[2], [5]])
    same(nd.dot(array, array.T), array.asnumpy() @ array.asnumpy().T)


# --- copies and conversions ----------------------------------------------------------------------


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_astype(source, target):
    values = np.array([0, 1, 1, 0] if "bool" in (source, target) else [0, 1, 2, 100])
    same(nd.array(values, dtype=source).astype(target), values.astype(source).astype(target), target)


def test_astype_copies_unless_told():
    array = nd.ones((2,))
    assert array.astype("float32") is not array
    assert array.astype("float32", copy=False) is array
    assert array.astype(np.float16).dtype == np.float16


def test_copies_are_independent():
    array = nd.array([1, 2])
    for twin in (array.copy(), array.copyto(mx.cpu()), copy.deepcopy(array), copy.copy(array).copy()):
        same(twin, [1, 2])
        twin[:] = 0
        same(array, [1, 2])


def test_copyto_writes_into_its_target():
    target = nd.zeros((2,))
    assert nd.ones((2,)).copyto(target) is target
    same(target, [1, 1])
    whole = nd.zeros((2,), dtype="int32")
    nd.array([1.7, 2.2]).copyto(whole)
    same(whole, [1, 2], "int32")
    with pytest.raises((MXNetError, ValueError)):
        nd.ones((2,)).copyto(nd.zeros((3,)))
    with pytest.raises(TypeError):
        nd.ones((2,)).copyto(3)


def test_contexts():
    array = nd.ones((2,))
    assert array.as_in_context(mx.cpu()) is array
    assert nd.ones((2,), ctx=mx.cpu(0)).context.device_type == "cpu"
    array.wait_to_read()
    nd.waitall()


def test_numpy_conversions():
    array = nd.array([[1, 2], [3, 4]])
    assert array.asnumpy().flags.c_contiguous
    np.testing.assert_array_equal(np.asarray(array.asnumpy()), [[1, 2], [3, 4]])
    assert [row.asnumpy().tolist() for row in array] == [[1, 2], [3, 4]]


def test_pickle():
    for dtype in DTYPES:
        array = nd.array([0, 1], dtype=dtype)
        twin = pickle.loads(pickle.dumps(array))
        same(twin, [0, 1], dtype)


# --- files ---------------------------------------------------------------------------------------


def test_save_and_load_a_dict(tmp_path):
    path = str(tmp_path / "arrays")
    saved = {
        "arg:w": nd.arange(6).reshape((2, 3)),
        "aux:m": nd.ones((3,), dtype="float64"),
        "naïve": nd.zeros((1,), dtype="int8"),
    }
    nd.save(path, saved)
    loaded = nd.load(path)
    assert set(loaded) == set(saved)
    for name, array in saved.items():
        same(loaded[name], array.asnumpy(), array.dtype)


def test_save_and_load_a_list(tmp_path):
    path = str(tmp_path / "arrays")
    saved = [nd.array([0, 1], dtype=dtype) for dtype in DTYPES]
    nd.save(path, saved)
    loaded = nd.load(path)
    assert isinstance(loaded, list)
    for array, original in zip(loaded, saved):
        same(array, original.asnumpy(), original.dtype)


def test_save_and_load_one_array(tmp_path):
    path = str(tmp_path / "arrays")
    nd.save(path, nd.ones((2, 2)))
    (loaded,) = nd.load(path)
    same(loaded, np.ones((2, 2)))


def test_file_errors(tmp_path):
    with pytest.raises((MXNetError, OSError), match="absent"):
        nd.load(str(tmp_path / "absent"))
    with pytest.raises(TypeError):
        nd.load(3)
    with pytest.raises((TypeError, ValueError)):
        nd.save(str(tmp_path / "x"), [1])
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x01\x02\x03")
    with pytest.raises(MXNetError):
        nd.load(str(garbage))


@ours_only
def test_a_truncated_file_is_named_with_its_entry(tmp_path):
    path = tmp_path / "short"
    nd.save(str(path), {"weight": nd.ones((4, 4))})
    whole = path.read_bytes()
    for cut in (4, 8, 20, 30, 60, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(MXNetError, match="short"):
            nd.load(str(path))


# --- imperative operators ------------------------------------------------------------------------


def test_operators_validate_their_arguments():
    with pytest.raises(MXNetError, match="foo"):
        nd.Activation(nd.ones((2,)), act_type="relu", foo=1)
    with pytest.raises(MXNetError, match="act_type"):
        nd.Activation(nd.ones((2,)))
    with pytest.raises(MXNetError, match="nope"):
        nd.Activation(nd.ones((2,)), act_type="nope")
    with pytest.raises(AttributeError, match="no_such_operator"):
        nd.no_such_operator(nd.ones((2,)))
    with pytest.raises((AssertionError, TypeError)):
        nd.Activation(3, act_type="relu")


def test_random_numbers_repeat_with_the_seed():
    draws = []
    for _ in range(2):
        mx.random.seed(11)
        draws.append(
            (nd.random.uniform(0, 1, shape=(5,)).asnumpy(), nd.random.normal(0, 1, shape=(5,)).asnumpy())
        )
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    np.testing.assert_array_equal(draws[0][1], draws[1][1])
    assert not np.array_equal(draws[0][0], nd.random.uniform(0, 1, shape=(5,)).asnumpy())


def test_random_moments():
    mx.random.seed(3)
    uniform = nd.random.uniform(-2, 4, shape=(40000,)).asnumpy()
    assert uniform.min() >= -2
    assert uniform.max() < 4
    assert abs(uniform.mean() - 1) < 0.03
    assert abs(uniform.std() - 6 / np.sqrt(12)) < 0.03
    normal = nd.random.normal(1, 2, shape=(40000,)).asnumpy()
    assert abs(normal.mean() - 1) < 0.05
    assert abs(normal.std() - 2) < 0.05
    assert abs(np.mean(((normal - 1) / 2) ** 4) - 3) < 0.2
    assert nd.random.normal(shape=(2,), dtype="float64").dtype == np.float64


@ours_only
def test_dlpack_capsules_share_memory():
    a = mx.nd.array([[1, 2], [3, 4]])
    for capsule in (a.to_dlpack_for_write(), mx.nd.to_dlpack_for_write(a), mx.nd.to_dlpack_for_read(a), a):
        b = mx.nd.from_dlpack(capsule)
        b += 1
        assert (b.asnumpy() == a.asnumpy()).all()
    assert a.asnumpy().tolist() == [[5, 6], [7, 8]]
    x = np.arange(6.0).reshape(2, 3)
    mx.nd.from_dlpack(x)[0] = 9
    assert x[0].tolist() == [9, 9, 9]
    assert mx.nd.from_dlpack(x.T).asnumpy().tolist() == x.T.tolist()


@ours_only
@pytest.mark.parametrize("name", ["attach_grad", "backward", "grad"])
def test_autograd_of_arrays_names_the_remedy(name):
    with pytest.raises(AttributeError, match=rf"\[NDArray.{name}\] symbind has no autograd: bind a symbol"):
        getattr(mx.nd.ones((1,)), name)
