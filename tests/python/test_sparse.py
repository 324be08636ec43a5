"""Sparse arrays: creation, conversion, slices, assignment, files, and what is refused."""

import pickle

import numpy as np
import pytest
from common import mx

DENSE = np.array([[0, 1, 0], [2, 0, -3], [0, 0, 0]], np.float32)


def matrix(stype):
    return mx.nd.array(DENSE).tostype(stype)


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_round_trips(stype):
    a = matrix(stype)
    assert (a.stype, a.shape, a.dtype, a.size, a.ndim, len(a)) == (stype, (3, 3), np.float32, 9, 2, 3)
    assert isinstance(a, mx.nd.NDArray)
    assert isinstance(a, mx.nd.sparse.BaseSparseNDArray)
    np.testing.assert_array_equal(a.asnumpy(), DENSE)
    np.testing.assert_array_equal(a.tostype("default").asnumpy(), DENSE)
    np.testing.assert_array_equal(np.asarray(a), DENSE)
    a.check_format()
    for same in (a.copy(), a.tostype(stype), mx.nd.array(a), pickle.loads(pickle.dumps(a))):
        assert same.stype == stype
        np.testing.assert_array_equal(same.asnumpy(), DENSE)
    assert a.astype("float32", copy=False) is a
    assert a.astype("int32").dtype == np.int32
    assert a.as_in_context(mx.cpu(1)).context == mx.cpu(1)
    assert "3x3 @cpu(0)" in repr(a)


def test_parts_are_copies():
    a = matrix("csr")
    assert a.indptr.asnumpy().tolist() == [0, 1, 3, 3]
    assert a.indices.asnumpy().tolist() == [1, 0, 2]
    assert a.data.asnumpy().tolist() == [1, 2, -3]
    a.indices[:] = 1000000
    a.data[:] = 0
    np.testing.assert_array_equal(a.asnumpy(), DENSE)
    rows = matrix("row_sparse")
    assert rows.indices.asnumpy().tolist() == [0, 1]
    assert rows.indices.dtype == np.int64
    assert rows.data.shape == (2, 3)


def test_places_in_any_order_are_sorted_and_added():
    a = mx.nd.sparse.csr_matrix(([1, 2, 3, 4.0], ([1, 0, 1, 1], [2, 0, 1, 1])), shape=(2, 3))
    a.check_format()
    assert a.asnumpy().tolist() == [[2, 0, 0], [0, 7, 1]]
    empty = mx.nd.sparse.csr_matrix(([], ([], [])), shape=(2, 3))
    assert empty.asnumpy().sum() == 0


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda s: s.csr_matrix(([1.0], [7], [0, 1]), shape=(1, 3)), mx.MXNetError, "out of range: got 7"),
        (lambda s: s.csr_matrix(([1.0], [-1], [0, 1]), shape=(1, 3)), mx.MXNetError, "out of range: got -1"),
        (lambda s: s.csr_matrix(([1.0], [0], [0, 2]), shape=(1, 3)), mx.MXNetError, "indptr"),
        (lambda s: s.csr_matrix(([1, 2.0], [0, 1], [0, 2, 1, 2]), shape=(3, 3)), mx.MXNetError, "indptr"),
        (lambda s: s.csr_matrix(([1.0], [0, 1], [0, 1]), shape=(1, 3)), mx.MXNetError, "csr data"),
        (lambda s: s.csr_matrix(([1.0], ([5], [0])), shape=(1, 3)), ValueError, "row index"),
        (lambda s: s.row_sparse_array(([[1, 2]], [9]), shape=(3, 2)), mx.MXNetError, "out of range: got 9"),
        (lambda s: s.row_sparse_array(([[1, 2, 3]], [0]), shape=(3, 2)), mx.MXNetError, "row_sparse data"),
        (lambda s: s.csr_matrix((1, 2, 3, 4)), ValueError, "Unexpected length"),
        (lambda s: s.csr_matrix(np.eye(2), shape=(3, 3)), ValueError, "Shape mismatch"),
        (lambda s: s.zeros("coo", (2, 2)), ValueError, "unknown storage type"),
        (lambda s: s.zeros("csr", (2,)), mx.MXNetError, "2 dimensions"),
        (lambda s: s.array(np.eye(2)), ValueError, "expected CSRNDArray"),
        (lambda s: matrix("csr").tostype("row_sparse"), ValueError, "not supported"),
        (lambda s: mx.nd.zeros((2, 2, 2)).tostype("csr"), ValueError, "2 Dimensional"),
        (lambda s: matrix("csr")[0:3:2], ValueError, "continuous slicing"),
        (lambda s: matrix("csr")[1, 2], ValueError, "Multi-dimension"),
        (lambda s: matrix("csr")[3], IndexError, "out of bounds"),
        (lambda s: matrix("row_sparse")[1], ValueError, "int key"),
        (lambda s: matrix("csr").reshape((9,)), mx.MXNetError, "not supported for SparseNDArray"),
        (lambda s: matrix("csr").copyto(s.zeros("row_sparse", (3, 3))), TypeError, "row_sparse"),
        (lambda s: matrix("csr").copyto(s.zeros("csr", (3, 4))), mx.MXNetError, "shapes differ"),
        (lambda s: bool(matrix("csr")), ValueError, "ambiguous"),
    ],
)
def test_refused(make, error, text):
    with pytest.raises(error, match=text):
        make(mx.nd.sparse)


def test_check_format_finds_columns_out_of_order():
    a = mx.nd.sparse.csr_matrix(([1.0, 2.0], [2, 0], [0, 2]), shape=(1, 3))
    a.check_format(full_check=False)
    with pytest.raises(mx.MXNetError, match="ascending order"):
        a.check_format()
    assert (a + a).asnumpy().tolist() == [[4, 0, 2]]


def test_slices_of_rows():
    a = matrix("csr")
    for key in (1, -1, slice(0, 2), slice(1, None), slice(-2, None), slice(2, 1)):
        part = a[key]
        assert part.stype == "csr"
        np.testing.assert_array_equal(part.asnumpy(), DENSE[key].reshape(-1, 3))
    assert a[:] is a


def test_assignment():
    a = matrix("csr")
    a[:] = DENSE.T
    np.testing.assert_array_equal(a.asnumpy(), DENSE.T)
    a[:] = mx.nd.array(DENSE)
    np.testing.assert_array_equal(a.asnumpy(), DENSE)
    with pytest.raises(ValueError, match="Assigning numeric types"):
        a[:] = 2
    with pytest.raises(TypeError, match="only supports"):
        a[0] = DENSE
    rows = matrix("row_sparse")
    rows[:] = 0
    assert rows.indices.asnumpy().tolist() == [0, 1, 2]
    dense = mx.nd.zeros((3, 3))
    dense[:] = a
    np.testing.assert_array_equal(dense.asnumpy(), DENSE)
    a.copyto(dense)
    dense += a
    np.testing.assert_array_equal(dense.asnumpy(), 2 * DENSE)


def test_in_place_arithmetic_keeps_the_array():
    a = matrix("row_sparse")
    b = a
    a += a
    a *= 3
    assert a is b
    np.testing.assert_array_equal(a.asnumpy(), 6 * DENSE)
    assert a.indices.asnumpy().tolist() == [0, 1]


def test_sums_join_what_is_stored():
    a = mx.nd.sparse.row_sparse_array(([[1, 2]], [3]), shape=(5, 2))
    b = mx.nd.sparse.row_sparse_array(([[3, 4], [5, 6]], [0, 3]), shape=(5, 2))
    total = mx.nd.add_n(a, b, a)
    assert total.indices.asnumpy().tolist() == [0, 3]
    assert total.data.asnumpy().tolist() == [[3, 4], [7, 10]]


def test_a_large_count_of_elements_goes_through_in_pieces():
    rng = np.random.RandomState(1)
    x = rng.rand(300, 40).astype(np.float32) * (rng.rand(300, 40) < 0.4)
    for stype in ("csr", "row_sparse"):
        a = mx.nd.array(x).tostype(stype)
        np.testing.assert_allclose(mx.nd.sqrt(a).asnumpy(), np.sqrt(x), rtol=1e-6)
        np.testing.assert_allclose((a - a * 3).asnumpy(), -2 * x, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64", "uint8"])
def test_files_keep_sparse_arrays(tmp_path, dtype):
    values = np.abs(DENSE).astype(dtype)
    path = str(tmp_path / "a.params")
    arrays = {s: mx.nd.array(values, dtype=dtype).tostype(s) for s in ("csr", "row_sparse", "default")}
    mx.nd.save(path, arrays)
    for stype, a in mx.nd.load(path).items():
        assert (a.stype, a.dtype) == (stype, np.dtype(dtype))
        np.testing.assert_array_equal(a.asnumpy(), values)


def test_huge_shapes_cost_what_is_stored():
    a = mx.nd.sparse.row_sparse_array(([[1.0, 2.0]], [10**11]), shape=(10**12, 2))
    b = (a * 2 + a).retain(mx.nd.array([10**11, 5], dtype="int64"))
    assert b.data.asnumpy().tolist() == [[3, 6], [0, 0]]


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_random_sparse_arrays(stype):
    tu = mx.test_utils
    a, parts = tu.rand_sparse_ndarray((50, 8), stype, density=0.3)
    a.check_format()
    stored = a.data.size / 400
    assert 0.1 < stored < 0.5
    assert len(parts) == (3 if stype == "csr" else 2)
    assert tu.rand_ndarray((5, 4), stype, density=0.0).asnumpy().sum() == 0
    ones = tu.create_sparse_array((5, 4), stype, data_init=1.0, density=1.0, dtype="float64")
    assert ones.asnumpy().tolist() == np.ones((5, 4)).tolist()
    shuffled = tu.rand_ndarray((5, 40), "csr", density=1.0, shuffle_csr_indices=True)
    with pytest.raises(mx.MXNetError, match="ascending"):
        shuffled.check_format()
    with pytest.raises(ValueError, match="unknown storage type"):
        tu.rand_ndarray((2, 2), "coo")
