"""CSVIter: batches as recorded from MXNet 1.9.1 (`parity/record_csv.py`), bad files; what file iterators
share."""

import gzip
import json
import pathlib

import numpy as np
import pytest
import symbind as mx
from symbind.io.file_iter import SampleOrder

GOLDEN = json.loads((pathlib.Path(__file__).parent / "parity" / "goldens" / "csv.json").read_text())


@pytest.fixture
def folder(tmp_path):
    for name, text in GOLDEN["files"].items():
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


def make(folder, case):
    arguments = dict(case)
    for name in ("data_csv", "label_csv"):
        if name in arguments:
            arguments[name] = folder / arguments[name]
    return mx.io.CSVIter(**arguments)


def describe(descs):
    return [[d.name, list(d.shape), np.dtype(d.dtype).name, d.layout] for d in descs]


@pytest.mark.parametrize("number", range(len(GOLDEN["cases"])))
def test_batches_are_those_of_mxnet(folder, number):
    golden = GOLDEN["cases"][number]
    data_iter = make(folder, golden["case"])
    assert [describe(data_iter.provide_data), describe(data_iter.provide_label)] == golden["provided"]
    for epoch in golden["epochs"]:
        got = list(data_iter)
        assert len(got) == len(epoch)
        for batch, (data, label, pad, index) in zip(got, epoch):
            np.testing.assert_allclose(batch.data[0].asnumpy(), data, rtol=1e-7)
            assert batch.label[0].asnumpy().tolist() == label
            assert (batch.pad, batch.index.tolist(), batch.index.dtype) == (pad, index, np.uint64)
            assert batch.data[0].dtype == data_iter.provide_data[0].dtype
        data_iter.reset()


def test_steps(folder):
    data_iter = make(folder, {"data_csv": "data", "data_shape": 6, "batch_size": 3})
    assert isinstance(data_iter, mx.io.MXDataIter) and isinstance(data_iter, mx.io.DataIter)
    with pytest.raises(RuntimeError, match="there is no current batch"):
        data_iter.getdata()
    assert data_iter.iter_next() and data_iter.getdata()[0].asnumpy().tolist() == [0, 1, 2, 3, 4, 5]
    data_iter.reset()
    assert data_iter.next().index.tolist() == [0, 1, 2]
    assert (data_iter.getpad(), data_iter.getlabel().shape, data_iter.getindex()[2]) == (0, (3,), 2)
    data_iter.reset()
    data_iter.debug_skip_load()
    assert [data_iter.next().index[0] for _ in range(20)] == [0] * 20


def test_compressed_file(tmp_path, folder):
    with gzip.open(tmp_path / "data.csv.gz", "wb") as file:
        file.write(b"1,2\n3,4\n")
    assert make(folder, {"data_csv": "data.csv.gz", "data_shape": (2,), "batch_size": 2}).next().pad == 0


@pytest.mark.parametrize(
    "text, problem",
    [
        ("1,2,3\n4,x,6\n", "could not convert string 'x'.* row 1"),
        ("1,2,3\n4,5\n", "the number of columns changed from 3 to 2 at row 2"),
        ("1,2\n3,4\n", r"wrong length of rows: got 2 numbers, expected 3 for the shape \(3,\)"),
        ("1,2,\n", "could not convert string ''"),
        ("", "has no rows"),
        ("\n\n", "has no rows"),
    ],
)
def test_bad_files(tmp_path, text, problem):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"(?s)\[CSVIter\] .*bad\.csv'.*{problem}"):
        mx.io.CSVIter(data_csv=tmp_path / "bad.csv", data_shape=(3,), batch_size=1)


def test_misuse(folder):
    data = {"data_csv": "data", "data_shape": (6,)}
    with pytest.raises(ValueError, match="wrong batch_size: got None"):
        make(folder, data)
    with pytest.raises(ValueError, match="wrong dtype: got float64, expected one of float32, int32, int64"):
        make(folder, {**data, "batch_size": 1, "dtype": "float64"})
    with pytest.raises(ValueError, match=r"wrong data_shape: got \(0,\)"):
        make(folder, {"data_csv": "data", "data_shape": (0,), "batch_size": 1})
    with pytest.raises(ValueError, match=r"fewer labels than samples: got 7 rows in .* and 3 rows in"):
        make(folder, {**data, "batch_size": 1, "label_csv": "odd", "label_shape": (3,)})
    with pytest.warns(UserWarning, match="some labels belong to no sample"):
        make(folder, {"data_csv": "odd", "data_shape": 3, "batch_size": 1, "label_csv": "labels"})
    with pytest.warns(UserWarning, match="unknown arguments are ignored: shuffel"):
        make(folder, {**data, "batch_size": 1, "shuffel": True})
    with pytest.raises(FileNotFoundError, match="nope"):
        make(folder, {"data_csv": "nope", "data_shape": 3, "batch_size": 1})


def test_sample_order_deals_every_sample_of_each_pass_once():
    rng = np.random.default_rng(0)
    for size, batch_size in [(7, 3), (3, 7), (4, 4), (5, 1), (2, 10)]:
        order = SampleOrder(size, batch_size, True, rng.permutation)
        dealt, epochs = [], 12
        for _ in range(epochs):
            pads = []
            while (batch := order.next()) is not None:
                assert len(batch[0]) == batch_size
                dealt += batch[0].tolist()
                pads.append(batch[1])
            assert pads and not any(pads[:-1]) and 0 <= pads[-1] < batch_size
            order.reset()
        for at in range(0, len(dealt) - size + 1, size):
            assert sorted(dealt[at : at + size]) == list(range(size))


def test_mnist_iter_is_a_file_iterator():
    assert issubclass(mx.io.MNISTIter, mx.io.MXDataIter)
