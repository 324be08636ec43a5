"""NDArray reads and writes by index, against NumPy, and which reads are views."""

import numpy as np
import pytest
from common import IS_MXNET, mx, ours_only

nd = mx.nd
SHAPE = (4, 3, 2)


def pair(shape=SHAPE):
    values = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    return nd.array(values), values.copy()


BASIC = [
    0,
    3,
    -1,
    slice(None),
    slice(1, 3),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(3, 0, -2),
    slice(-2, None),
    (1, 2),
    (1, 2, 0),
    (-1, -1, -1),
    (slice(None), 1),
    (slice(1, 3), slice(0, 2)),
    (0, slice(None), 1),
    (slice(None), slice(None), slice(None, None, -1)),
    (slice(None, None, 2), 0, slice(0, 1)),
    Ellipsis,
    (Ellipsis, 0),
    (0, Ellipsis),
    (1, Ellipsis, 1),
    None,
    (None, 1),
    (slice(None), None),
    (Ellipsis, None),
    (slice(1, None), 1, slice(None, 1)),
]
ADVANCED = [
    [0, 2],
    [3, -1, 0],
    ([0, 1], [2, 0]),
    (slice(None), [0, 2]),
    ([1, 2], slice(None), 0),
    (0, [1, 2]),
    ([0, 1], 1),
    (slice(1, 3), [2, 0], 1),
    ([[0, 1], [2, 3]],),
    (slice(None), slice(None), [1, 0, 1]),
    (Ellipsis, [0, 1]),
]


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=str)
def test_reads(key):
    array, values = pair()
    expected = values[key]
    actual = array[key]
    assert actual.shape == (expected.shape or (1,))
    np.testing.assert_array_equal(actual.asnumpy().reshape(expected.shape), expected)


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=str)
@pytest.mark.parametrize("kind", ["number", "ndarray", "numpy", "broadcast"])
def test_writes(key, kind):
    if IS_MXNET and key == [3, -1, 0]:
        pytest.skip("MXNet writes out of bounds for a negative index in a list, and aborts")
    if IS_MXNET and kind == "numpy" and key in ((slice(None), None), (Ellipsis, None)):
        pytest.skip("MXNet cannot write a NumPy array through a new axis")
    array, values = pair()
    shape = values[key].shape
    fill = np.arange(100, 100 + int(np.prod(shape, dtype=int)), dtype="float32").reshape(shape)
    if kind == "number":
        array[key] = 7.5
        values[key] = 7.5
    elif kind == "ndarray":
        array[key] = nd.array(fill if shape else fill.reshape(1))
        values[key] = fill
    elif kind == "numpy":
        array[key] = fill if shape else fill.reshape(1)
        values[key] = fill
    else:
        if not shape:
            pytest.skip("one element broadcasts to nothing else")
        array[key] = nd.array(fill[..., :1] if shape else fill)
        values[key] = fill[..., :1]
    np.testing.assert_array_equal(array.asnumpy(), values)


@pytest.mark.parametrize(
    "index",
    [nd.array([2, 0]), nd.array([2, 0], dtype="int32"), np.array([2, 0]), [2, 0]],
    ids=["float", "int32", "numpy", "list"],
)
def test_index_arrays_of_every_kind(index):
    array, values = pair()
    np.testing.assert_array_equal(array[index].asnumpy(), values[[2, 0]])
    array[index] = 1
    values[[2, 0]] = 1
    np.testing.assert_array_equal(array.asnumpy(), values)


def test_integer_types():
    array, values = pair()
    for one in (np.int32(1), np.int64(1)):
        np.testing.assert_array_equal(array[one].asnumpy(), values[1])


@pytest.mark.parametrize("key", [4, -5, (0, 3), (0, 0, 2), (0, 0, 0, 0)])
def test_out_of_bounds(key):
    array, _ = pair()
    with pytest.raises(IndexError):
        array[key]
    with pytest.raises(IndexError):
        array[key] = 1


@pytest.mark.parametrize("key", [1.5, "x", (0, "x")])
def test_keys_that_are_no_index(key):
    array, _ = pair()
    with pytest.raises((ValueError, TypeError, IndexError)):
        array[key]
    with pytest.raises((ValueError, TypeError, IndexError)):
        array[key] = 1


def test_values_that_do_not_fit():
    array, _ = pair()
    for bad in (np.ones((5, 3, 2)), np.ones(4)):
        with pytest.raises((ValueError, mx.base.MXNetError)):
            array[:] = bad
    with pytest.raises((TypeError, ValueError)):
        array[:] = "text"


# --- views ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [0, 2, -1, slice(1, 3), slice(0, 1), slice(None)], ids=str)
def test_rows_share_memory(key):
    array, values = pair()
    view = array[key]
    view[:] = -1
    values[key] = -1
    np.testing.assert_array_equal(array.asnumpy(), values)
    array[:] = 5
    assert (view.asnumpy() == 5).all()


def test_views_of_views():
    array, values = pair()
    array[1:][0][2:][:] = -1
    values[1, 2:] = -1
    np.testing.assert_array_equal(array.asnumpy(), values)


def test_in_place_arithmetic_through_a_view():
    array, values = pair()
    array[1:3] += 10
    array[0] *= 2
    values[1:3] += 10
    values[0] *= 2
    np.testing.assert_array_equal(array.asnumpy(), values)


@pytest.mark.parametrize("key", [[1, 2], (slice(None), slice(None), 0), slice(None, None, 2)], ids=str)
def test_other_reads_are_copies(key):
    array, values = pair()
    array[key][:] = -1
    np.testing.assert_array_equal(array.asnumpy(), values)


def test_a_view_keeps_its_memory_alive():
    view = pair()[0][2]
    other = [nd.zeros(SHAPE) for _ in range(20)]
    np.testing.assert_array_equal(view.asnumpy(), np.arange(12, 18, dtype="float32").reshape(3, 2))
    del other


def test_whole_writes_keep_the_dtype():
    array = nd.zeros((2, 2), dtype="int32")
    array[:] = 1.7
    np.testing.assert_array_equal(array.asnumpy(), [[1, 1], [1, 1]])
    array[:] = np.array([[2.9, 3.9], [4, 5]])
    np.testing.assert_array_equal(array.asnumpy(), [[2, 3], [4, 5]])
    assert array.dtype == np.int32


def test_iteration():
    array, values = pair()
    for row, expected in zip(array, values):
        np.testing.assert_array_equal(row.asnumpy(), expected)


@ours_only
def test_boolean_numpy_masks_select():
    array, values = pair()
    mask = np.array([True, False, True, False])
    np.testing.assert_array_equal(array[mask].asnumpy(), values[mask])
