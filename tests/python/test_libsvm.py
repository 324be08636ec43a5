"""LibSVMIter and csr sources of NDArrayIter."""

import numpy as np
import pytest
from common import mx

TEXT = "1.0 0:0.5 2:1.2\n-2.0\n-3.0 0:0.6 1:2.4 2:1.2\n4 2:-1.2\n5 1:1\n"
ROWS = np.array([[0.5, 0, 1.2], [0, 0, 0], [0.6, 2.4, 1.2], [0, 0, -1.2], [0, 1, 0]], np.float32)
LABELS = [1, -2, -3, 4, 5]


def write(path, text):
    path.write_text(text)
    return str(path)


def epoch(iterator):
    return [(b.pad, b.index.tolist(), b.data[0], b.label[0]) for b in iterator]


def test_batches_and_epochs(tmp_path):
    data = mx.io.LibSVMIter(write(tmp_path / "a", TEXT), (3,), batch_size=2)
    assert data.provide_data == [("data", (2, 3))]
    assert data.provide_label == [("softmax_label", (2,))]
    first = epoch(data)
    assert [(pad, index) for pad, index, *_ in first] == [(0, [0, 1]), (0, [2, 3]), (1, [4, 0])]
    for _, index, values, label in first:
        assert values.stype == "csr"
        np.testing.assert_array_equal(values.asnumpy(), ROWS[index])
        assert label.asnumpy().tolist() == [LABELS[i] for i in index]
    data.reset()  # the sample that filled the last batch was served
    assert [index for _, index, *_ in epoch(data)] == [[1, 2], [3, 4]]
    data.reset()
    assert [index for _, index, *_ in epoch(data)] == [[0, 1], [2, 3], [4, 0]]


def test_without_rounding_epochs_begin_at_the_first_sample(tmp_path):
    data = mx.io.LibSVMIter(write(tmp_path / "a", TEXT), 3, batch_size=2, round_batch=False)
    for _ in range(2):
        assert [index for _, index, *_ in epoch(data)] == [[0, 1], [2, 3], [4, 0]]
        data.reset()


def test_a_batch_may_be_larger_than_the_file(tmp_path):
    data = mx.io.LibSVMIter(write(tmp_path / "a", TEXT), (3,), batch_size=7)
    ((pad, index, values, _),) = epoch(data)
    assert (pad, index) == (2, [0, 1, 2, 3, 4, 0, 1])
    np.testing.assert_array_equal(values.asnumpy(), ROWS[index])


@pytest.mark.parametrize("parts", [1, 2, 3, 9])
def test_parts_are_all_of_the_file(tmp_path, parts):
    path, labels = write(tmp_path / "a", TEXT), []
    for part in range(parts):
        try:
            data = mx.io.LibSVMIter(path, (3,), num_parts=parts, part_index=part)
        except ValueError as error:
            assert "no samples" in str(error)
            continue
        labels += [label.asnumpy()[0] for *_, label in epoch(data)]
    assert labels == LABELS


def test_sparse_labels_names_dtype_and_comments(tmp_path):
    labels = write(tmp_path / "l", "0 0:7\r\n# nothing\n0 1:1 # one\n\n0 0:2 1:3\n0\n0 0:1")
    data = mx.io.LibSVMIter(
        write(tmp_path / "a", TEXT),
        (3,),
        label_libsvm=labels,
        label_shape=(2,),
        batch_size=5,
        dtype="float64",
        data_name="x",
        label_name="y",
        prefetch_buffer=4,
    )
    assert data.provide_data == [("x", (5, 3))]
    assert data.provide_label == [("y", (5, 2))]
    ((_, _, values, label),) = epoch(data)
    assert values.dtype == np.float64
    assert (label.stype, label.asnumpy().tolist()) == ("csr", [[7, 0], [0, 1], [2, 3], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0:1\n2 3:1\n", "line 2: index out of range: got 3, expected 0 to 2"),
        ("1 0:1\n2 -1:1\n", "line 2: index out of range: got -1"),
        ("1 0:1\n2 0.5:1\n", "line 2: index out of range: got 0.5"),
        ("1 0:1\n\n2 a:1\n", "line 3: got '2 a:1'"),
        ("1 2 0:1\n", "line 1: got '1 2 0:1'"),
        ("1 0:1:2\n", "line 1"),
        ("", "no samples"),
        ("# only\n", "no samples"),
    ],
)
def test_bad_files_are_named_with_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        mx.io.LibSVMIter(write(tmp_path / "bad", text), (3,))


def test_bad_arguments(tmp_path):
    path = write(tmp_path / "a", TEXT)
    with pytest.raises(ValueError, match="label_shape"):
        mx.io.LibSVMIter(path, (3,), label_shape=(2,))
    with pytest.raises(ValueError, match="batch_size"):
        mx.io.LibSVMIter(path, (3,), batch_size=0)
    with pytest.raises(ValueError, match="part_index"):
        mx.io.LibSVMIter(path, (3,), num_parts=2, part_index=2)
    with pytest.raises(ValueError, match="do not belong together"):
        mx.io.LibSVMIter(path, (3,), label_libsvm=write(tmp_path / "l", "0 0:1\n"), label_shape=(1,))
    with pytest.raises(OSError):
        mx.io.LibSVMIter(str(tmp_path / "none"), (3,))


@pytest.mark.parametrize("handle", ["pad", "discard", "roll_over"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_ndarray_iter_cuts_csr_sources(handle, shuffle):
    mx.random.seed(3)
    csr = mx.nd.sparse.csr_matrix(ROWS)
    data = mx.io.NDArrayIter(csr, np.arange(5), 2, shuffle, handle)
    for _ in range(2):
        for batch in data:
            assert batch.data[0].stype == "csr"
            rows = batch.label[0].asnumpy().astype(int)
            np.testing.assert_array_equal(batch.data[0].asnumpy(), ROWS[rows])
        data.reset()
    assert data.provide_data == [("data", (2, 3))]
    with pytest.raises(ValueError, match="csr matrix"):
        mx.io.NDArrayIter(csr, layout="CN")
