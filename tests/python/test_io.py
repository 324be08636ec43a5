"""Data iterators: behaviour as recorded from MXNet 1.9.1 (`parity/record_io.py`), misuse, bad files."""

import gzip
import json
import pathlib
import pickle
import struct
import threading

import numpy as np
import pytest
import symbind as mx
from symbind.io.idx import read_idx

GOLDEN = json.loads((pathlib.Path(__file__).parent / "parity" / "goldens" / "io.json").read_text())


def numbers(size):
    return np.arange(size, dtype=np.float32)


def samples(batch):
    return [int(v) for v in batch.data[0].asnumpy().ravel()]


def run_epoch(data_iter):
    return [[samples(batch), batch.pad] for batch in data_iter]


def describe(descs):
    return [[d.name, list(d.shape), np.dtype(d.dtype).name, d.layout] for d in descs]


# DataDesc, DataBatch, DataIter


def test_data_desc_is_a_name_and_a_shape():
    desc = mx.io.DataDesc("data", (2, 3))
    name, shape = desc
    assert (name, shape) == ("data", (2, 3)) == desc
    assert len(desc) == 2 and hash(desc) == hash(("data", (2, 3)))
    assert desc.dtype is np.float32 and desc.layout == "NCHW"
    assert repr(desc) == "DataDesc[data,(2, 3),<class 'numpy.float32'>,NCHW]"
    assert desc == mx.io.DataDesc("data", (2, 3), np.int8, "NT")


def test_data_desc_keeps_dtype_and_layout():
    desc = mx.io.DataDesc("data", (2, 3), "int32", "TN")
    for copy in (pickle.loads(pickle.dumps(desc)), desc._replace(shape=(5, 3))):
        assert (copy.name, copy.dtype, copy.layout) == ("data", "int32", "TN")
    assert desc._replace(shape=(5, 3)).shape == (5, 3)


@pytest.mark.parametrize(
    "layout, axis", [("NCHW", 0), ("TNC", 1), ("CN", 1), (None, 0), ("", -1), ("XYZ", -1)]
)
def test_batch_axis(layout, axis):
    assert mx.io.DataDesc.get_batch_axis(layout) == axis


def test_data_desc_get_list():
    shapes = [("a", (1, 2)), ("b", (3,))]
    typed = mx.io.DataDesc.get_list(shapes, [("a", np.int32), ("b", "float16")])
    assert typed == shapes and [d.dtype for d in typed] == [np.int32, "float16"]
    assert [d.dtype for d in mx.io.DataDesc.get_list(shapes, None)] == [np.float32] * 2
    with pytest.raises(ValueError, match=r"no dtype for \['b'\]"):
        mx.io.DataDesc.get_list(shapes, [("a", np.int32)])


def test_data_batch():
    batch = mx.io.DataBatch([mx.nd.ones((2, 3))], [mx.nd.ones((2,))], pad=1)
    assert str(batch) == "DataBatch: data shapes: [(2, 3)] label shapes: [(2,)]"
    assert (batch.pad, batch.index, batch.bucket_key, batch.provide_data) == (1, None, None, None)
    assert str(mx.io.DataBatch([mx.nd.ones(2)])) == "DataBatch: data shapes: [(2,)] label shapes: None"
    with pytest.raises(TypeError, match="data must be a list of NDArray: got NDArray"):
        mx.io.DataBatch(mx.nd.ones((2, 3)))
    with pytest.raises(TypeError, match="label must be a list of NDArray: got int"):
        mx.io.DataBatch([mx.nd.ones(1)], 3)


class CountingIter(mx.io.DataIter):
    """The smallest iterator that a user writes: batches of one number, `count` of them."""

    def __init__(self, count, fail_at=None):
        super().__init__(1)
        self.provide_data = [("count", (1,))]
        self.provide_label = []
        self.count, self.fail_at, self.at = count, fail_at, -1

    def reset(self):
        self.at = -1

    def iter_next(self):
        self.at += 1
        if self.at == self.fail_at:
            raise OSError("the disk is gone")
        return self.at < self.count

    def getdata(self):
        return [mx.nd.array([self.at])]

    def getlabel(self):
        return []

    def getpad(self):
        return 0


def test_user_defined_iterator():
    data_iter = CountingIter(3)
    assert run_epoch(data_iter) == [[[0], 0], [[1], 0], [[2], 0]]
    data_iter.reset()
    assert samples(next(data_iter)) == [0]
    with pytest.raises(StopIteration):
        mx.io.DataIter(3).next()


# NDArrayIter: recorded behaviour


def test_ndarray_iter_epochs():
    assert len(GOLDEN["epochs"]) > 100
    for size, batch_size, handle, epochs in GOLDEN["epochs"]:
        for source in (numbers(size), mx.nd.array(numbers(size))):
            data_iter = mx.io.NDArrayIter(source, numbers(size) + 100, batch_size, last_batch_handle=handle)
            got = []
            for _ in epochs:
                got.append([])
                for batch in data_iter:
                    got[-1].append([samples(batch), batch.pad])
                    np.testing.assert_array_equal(batch.label[0].asnumpy(), batch.data[0].asnumpy() + 100)
                    assert batch.index is None and batch.data[0].shape == (batch_size,)
                data_iter.reset()
            assert got == epochs, (size, batch_size, handle)


def test_ndarray_iter_cursor():
    for size, batch_size, handle, steps in GOLDEN["cursor"]:
        data_iter = mx.io.NDArrayIter(numbers(size), None, batch_size, last_batch_handle=handle)
        got = [[data_iter.cursor]]
        for _ in range(2):
            while data_iter.iter_next():
                got.append([data_iter.cursor, data_iter.getpad()])
            data_iter.reset()
            got.append([data_iter.cursor])
        assert got == steps, (size, batch_size, handle)


def test_ndarray_iter_early_reset():
    for size, batch_size, handle, epoch in GOLDEN["early_reset"]:
        data_iter = mx.io.NDArrayIter(numbers(size), None, batch_size, last_batch_handle=handle)
        data_iter.next()
        data_iter.reset()
        assert run_epoch(data_iter) == epoch, (size, batch_size, handle)


INPUTS = {
    "array": lambda x: {"data": x},
    "one in a list": lambda x: {"data": [x]},
    "list": lambda x: {"data": [x, x[:, :, 0]], "label": [x[:, 0, 0], x]},
    "dict": lambda x: {"data": {"b": x, "a": x[:, 0, 0]}, "label": {"l": x[:, 0, 0]}},
    "names": lambda x: {"data": [x, x], "label": x[:, 0, 0], "data_name": "image", "label_name": "class"},
    "layout": lambda x: {"data": x, "label": x, "layout": "TNC"},
    "float64": lambda x: {"data": x.astype("float64"), "label": x[:, 0, 0].astype("int64")},
    "nested list": lambda x: {"data": [x.tolist()]},
    "empty label": lambda x: {"data": x, "label": []},
}


@pytest.mark.parametrize("name", sorted(GOLDEN["inputs"]))
def test_ndarray_iter_inputs(name):
    x = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    expected = GOLDEN["inputs"][name]
    data_iter = mx.io.NDArrayIter(batch_size=2, **INPUTS[name](x))
    batch = data_iter.next()
    assert describe(data_iter.provide_data) == expected["provide_data"]
    assert describe(data_iter.provide_label) == expected["provide_label"]
    if name != "layout":  # where MXNet counts along axis 0 whatever the layout
        assert data_iter.num_data == expected["num_data"]
    assert [a.asnumpy().tolist() for a in batch.data] == expected["data"]
    assert [a.asnumpy().tolist() for a in batch.label] == expected["label"]
    assert [a.dtype for a in batch.data] == [d.dtype for d in data_iter.provide_data]


# NDArrayIter: what cannot be recorded


def test_rolled_over_batch_larger_than_the_data():
    data_iter = mx.io.NDArrayIter(numbers(2), None, 5, last_batch_handle="roll_over")
    assert run_epoch(data_iter) == []
    data_iter.reset()
    assert run_epoch(data_iter) == [[[0, 1, 0, 1, 0], 2]]


def test_ndarrays_keep_their_dtype():
    data_iter = mx.io.NDArrayIter(mx.nd.array([1, 2, 3], dtype="int32"), numbers(3), 2)
    assert [d.dtype for d in data_iter.provide_data + data_iter.provide_label] == [np.int32, np.float32]
    assert [batch.data[0].dtype for batch in data_iter] == [np.int32, np.int32]


def test_tuples_are_lists():
    data_iter = mx.io.NDArrayIter((numbers(4), numbers(4)), (numbers(4),), 2)
    assert [d.name for d in data_iter.provide_data + data_iter.provide_label] == [
        "_0_data",
        "_1_data",
        "softmax_label",
    ]


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_have_their_own_memory(shuffle):
    source = numbers(6)
    data_iter = mx.io.NDArrayIter(source, None, 4, shuffle=shuffle)
    expected = run_epoch(data_iter)
    data_iter.cursor = -4
    for batch in data_iter:
        batch.data[0][:] = -1
    source[:] = -2
    data_iter.cursor = -4
    assert run_epoch(data_iter) == expected


@pytest.mark.parametrize("handle", ["pad", "discard", "roll_over"])
def test_shuffle(handle):
    mx.random.seed(3)
    data_iter = mx.io.NDArrayIter(numbers(50), numbers(50) + 100, 8, shuffle=True, last_batch_handle=handle)
    orders = []
    for _ in range(3):
        order = []
        for batch in data_iter:
            np.testing.assert_array_equal(batch.label[0].asnumpy(), batch.data[0].asnumpy() + 100)
            order += samples(batch)
        orders.append(order)
        data_iter.reset()
    assert [len(o) for o in orders] == {"pad": [56] * 3, "discard": [48] * 3, "roll_over": [48, 48, 48]}[
        handle
    ]
    assert orders[0] != orders[1] != orders[2]
    if handle == "pad":
        assert all(sorted(o[:50]) == list(range(50)) and o[50:] == o[:6] for o in orders)
    elif handle == "discard":
        assert all(len(set(o)) == 48 for o in orders)
    else:  # what was left of the first epoch opens the second
        assert set(orders[0]) | set(orders[1][:2]) == set(range(50))


def test_shuffle_is_seeded():
    def first_epoch(seed):
        mx.random.seed(seed)
        return run_epoch(mx.io.NDArrayIter(numbers(50), None, 8, shuffle=True))

    assert first_epoch(1) == first_epoch(1) != first_epoch(2)


def test_whole_arrays_come_in_the_epochs_order():
    data_iter = mx.io.NDArrayIter(numbers(10), numbers(10) + 100, 5, shuffle=True)
    for _ in range(2):
        order = [n for batch in data_iter for n in samples(batch)]
        assert data_iter.idx.tolist() == order
        assert data_iter.data[0][1].asnumpy().tolist() == order
        assert data_iter.label[0][1].asnumpy().tolist() == [n + 100 for n in order]
        assert [len(a) for a in data_iter.data_list] == [10, 10] and data_iter.num_source == 2
        data_iter.reset()


def test_hard_reset_forgets_rolled_over_samples():
    data_iter = mx.io.NDArrayIter(numbers(5), None, 2, last_batch_handle="roll_over")
    assert run_epoch(data_iter) == [[[0, 1], 0], [[2, 3], 0]]
    data_iter.hard_reset()
    assert samples(data_iter.next()) == [0, 1]


class FakeDataset:
    """Slices as h5py.Dataset does: index lists have to increase, and nothing is an ndarray."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, 0

    def __len__(self):
        return len(self._array)

    def __getitem__(self, key):
        self.reads += 1
        if isinstance(key, tuple):
            (key,) = key
        if not isinstance(key, slice) and np.any(np.diff(key) <= 0):
            raise TypeError("Indexing elements must be in increasing order")
        return self._array[key]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("handle", ["pad", "discard", "roll_over"])
def test_datasets_on_disk_are_read_in_batches(handle, shuffle, tmp_path):
    array = np.arange(22, dtype=np.uint8).reshape(11, 2)
    stored = np.memmap(tmp_path / "array", dtype=np.uint8, mode="w+", shape=array.shape)
    stored[:] = array
    epochs = []
    for source in (array, FakeDataset(array), stored):
        mx.random.seed(0)
        data_iter = mx.io.NDArrayIter(source, None, 4, shuffle=shuffle, last_batch_handle=handle)
        assert data_iter.provide_data[0].dtype == np.float32
        epochs.append([])
        for _ in range(2):
            epochs[-1] += run_epoch(data_iter)
            data_iter.reset()
        if isinstance(source, FakeDataset):
            assert source.reads <= len(epochs[-1])
    assert epochs[0] == epochs[1] == epochs[2]


@pytest.mark.parametrize(
    "args, error, message",
    [
        ({"data": None}, ValueError, "no data given"),
        ({"data": []}, ValueError, "no data given"),
        ({"data": {}}, ValueError, "no data given"),
        ({"data": "abc"}, TypeError, "cannot use 'data': got str"),
        ({"data": [numbers(3), "x"]}, TypeError, "cannot use '_1_data': got str"),
        (
            {"data": {"a": [[1, 2], [3]]}},
            TypeError,
            "cannot use 'a': got list that does not convert to float32",
        ),
        ({"data": np.array(["x"])}, TypeError, "cannot use 'data': got ndarray that does not convert"),
        ({"data": 3.0}, ValueError, r"'data' has no batch axis 0: got shape \(\)"),
        ({"data": numbers(3), "layout": "CN"}, ValueError, r"no batch axis 1: got shape \(3,\)"),
        ({"data": numbers(3), "layout": "CHW"}, ValueError, "layout without a batch axis 'N': got 'CHW'"),
        (
            {"data": numbers(3), "label": numbers(4)},
            ValueError,
            "different lengths .* got {'data': 3, 'softmax_label': 4}",
        ),
        ({"data": numbers(3), "batch_size": 0}, ValueError, "wrong batch_size: got 0, expected at least 1"),
        (
            {"data": numbers(3), "batch_size": 2.0},
            TypeError,
            "wrong batch_size: got 2.0, expected an integer",
        ),
        (
            {"data": numbers(3), "last_batch_handle": "keep"},
            ValueError,
            "wrong last_batch_handle: got 'keep'",
        ),
    ],
)
def test_ndarray_iter_misuse(args, error, message):
    with pytest.raises(error, match=message):
        mx.io.NDArrayIter(**args)


def test_no_current_batch():
    data_iter = mx.io.NDArrayIter(numbers(3), None, 2)
    with pytest.raises(RuntimeError, match=r"no current batch: call next\(\)"):
        data_iter.getdata()
    run_epoch(data_iter)
    with pytest.raises(RuntimeError, match=r"the epoch is over: call reset\(\)"):
        data_iter.getlabel()
    with pytest.raises(StopIteration):
        data_iter.next()


# ResizeIter, PrefetchingIter


@pytest.mark.parametrize("case", GOLDEN["resize"], ids=lambda c: f"{c['size']}-{c['reset_internal']}")
def test_resize_iter(case):
    inner = mx.io.NDArrayIter(numbers(10), None, 4)
    data_iter = mx.io.ResizeIter(inner, case["size"], reset_internal=case["reset_internal"])
    assert data_iter.provide_data == inner.provide_data and data_iter.batch_size == 4
    for epoch in case["epochs"]:
        assert run_epoch(data_iter) == epoch
        data_iter.reset()


def test_resize_iter_of_nothing():
    data_iter = mx.io.ResizeIter(CountingIter(0), 2)
    with pytest.raises(RuntimeError, match="no current batch"):
        data_iter.getdata()
    assert run_epoch(data_iter) == []


def test_prefetching_iter():
    data_iter = mx.io.PrefetchingIter(mx.io.NDArrayIter(numbers(10), numbers(10), 4))
    expected = [[[0, 1, 2, 3], 0], [[4, 5, 6, 7], 0], [[8, 9, 0, 1], 2]]
    assert run_epoch(data_iter) == expected
    assert run_epoch(data_iter) == []
    for _ in range(2):
        data_iter.reset()
        data_iter.next()
    data_iter.reset()
    assert run_epoch(data_iter) == expected
    assert data_iter.getpad() == 2 and len(data_iter.getlabel()) == 1 and data_iter.getindex() is None


def test_prefetching_iter_joins_and_renames():
    def inner():
        return [
            mx.io.NDArrayIter(numbers(10), numbers(10), 4),
            mx.io.NDArrayIter({"q": numbers(10)}, None, 4),
        ]

    plain = mx.io.PrefetchingIter(inner())
    assert describe(plain.provide_data) == [[name, [4], "float32", "NCHW"] for name in ("data", "q")]
    data_iter = mx.io.PrefetchingIter(
        inner(), rename_data=[{"data": "d"}, {"q": "e"}], rename_label=[{"softmax_label": "l"}, {}]
    )
    assert [d.name for d in data_iter.provide_data + data_iter.provide_label] == ["d", "e", "l"]
    batch = data_iter.next()
    assert (len(batch.data), len(batch.label), batch.pad, data_iter.batch_size) == (2, 1, 0, 4)
    assert [d.name for d in batch.provide_data + batch.provide_label] == ["d", "e", "l"]


def test_prefetching_iter_reads_ahead():
    read = threading.Semaphore(0)

    class Signalling(CountingIter):
        def getdata(self):
            read.release()
            return super().getdata()

    data_iter = mx.io.PrefetchingIter(Signalling(3))
    assert read.acquire(timeout=10)  # the first batch, before anybody asked
    data_iter.next()
    assert read.acquire(timeout=10)  # the second, while the first is used


def test_prefetching_iter_raises_what_its_threads_raise():
    data_iter = mx.io.PrefetchingIter(CountingIter(5, fail_at=2))
    assert samples(data_iter.next()) == [0]
    assert samples(data_iter.next()) == [1]
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            data_iter.next()
    data_iter.reset()
    assert samples(data_iter.next()) == [0]


def test_prefetching_iter_misuse():
    with pytest.raises(ValueError, match="no iterators given"):
        mx.io.PrefetchingIter([])
    with pytest.raises(ValueError, match="wrong length of rename_data: got 2"):
        mx.io.PrefetchingIter([CountingIter(1)], rename_data=[{}, {}])
    with pytest.raises(ValueError, match="no new name for 'count' of iterator 0"):
        mx.io.PrefetchingIter([CountingIter(1)], rename_data=[{"x": "y"}])
    uneven = mx.io.PrefetchingIter([CountingIter(1), CountingIter(2)])
    uneven.next()
    with pytest.raises(ValueError, match=r"some iterators ended before others: got \[True, False\]"):
        uneven.next()


# MNISTIter and idx files


def write_idx(folder, size=23, rows=3, cols=4):
    """The files of `parity/record_io.py`: pixel k of all has the value k % 251, label i is i % 10."""
    images, labels = folder / "images", folder / "labels"
    pixels = (np.arange(size * rows * cols) % 251).astype(np.uint8)
    images.write_bytes(struct.pack(">IIII", 2051, size, rows, cols) + pixels.tobytes())
    labels.write_bytes(struct.pack(">II", 2049, size) + (np.arange(size) % 10).astype(np.uint8).tobytes())
    return {"image": str(images), "label": str(labels)}


@pytest.mark.parametrize("case", GOLDEN["mnist"], ids=lambda c: str(sorted(c["args"].items())))
def test_mnist_iter(case, tmp_path):
    data_iter = mx.io.MNISTIter(shuffle=False, silent=True, **write_idx(tmp_path), **case["args"])
    assert [describe(data_iter.provide_data), describe(data_iter.provide_label)] == case["provided"]
    for _ in range(2):
        batches = [
            [b.data[0].asnumpy().ravel().tolist(), b.label[0].asnumpy().tolist(), b.pad] for b in data_iter
        ]
        assert batches == case["batches"]
        data_iter.reset()


def test_mnist_iter_shuffles_once(tmp_path):
    files = write_idx(tmp_path, rows=1, cols=1)

    def epoch(data_iter):
        data_iter.reset()
        return [round(v * 256) for b in data_iter for v in b.data[0].asnumpy().ravel()]

    data_iter = mx.io.MNISTIter(batch_size=23, **files)
    assert sorted(epoch(data_iter)) == list(range(23)) != epoch(data_iter)
    assert epoch(data_iter) == epoch(data_iter) == epoch(mx.io.MNISTIter(batch_size=23, seed=0, **files))
    assert epoch(data_iter) != epoch(mx.io.MNISTIter(batch_size=23, seed=1, **files))
    data_iter.reset()
    batch = data_iter.next()
    assert batch.index.tolist() == [round(v * 256) for v in batch.data[0].asnumpy().ravel()]
    assert [int(v) for v in batch.label[0].asnumpy()] == [int(i) % 10 for i in batch.index]


def test_mnist_iter_reads_gzip_and_pathlib(tmp_path):
    files = write_idx(tmp_path)
    for path in files.values():
        pathlib.Path(path + ".gz").write_bytes(gzip.compress(pathlib.Path(path).read_bytes()))
    plain = mx.io.MNISTIter(batch_size=5, dtype="float64", **files).next()
    packed = mx.io.MNISTIter(
        batch_size=5, dtype="float64", image=tmp_path / "images.gz", label=tmp_path / "labels.gz"
    ).next()
    assert plain.data[0].dtype == np.float64 and plain.label[0].dtype == np.float32
    np.testing.assert_array_equal(plain.data[0].asnumpy(), packed.data[0].asnumpy())
    np.testing.assert_array_equal(plain.label[0].asnumpy(), packed.label[0].asnumpy())


def test_mnist_iter_misuse(tmp_path):
    files = write_idx(tmp_path)
    with pytest.raises(ValueError, match="wrong batch_size: got 24, expected 1 to the number of samples, 23"):
        mx.io.MNISTIter(batch_size=24, **files)
    with pytest.raises(ValueError, match="wrong part_index: got 3, expected 0 to num_parts - 1 = 2"):
        mx.io.MNISTIter(batch_size=1, num_parts=3, part_index=3, **files)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mx.io.MNISTIter(image=str(tmp_path / "nowhere"), label=files["label"])
    with pytest.warns(UserWarning, match="unknown arguments are ignored: colour"):
        mx.io.MNISTIter(batch_size=1, colour=True, prefetch_buffer=1, **files)
    with pytest.raises(RuntimeError, match="no current batch"):
        mx.io.MNISTIter(batch_size=1, **files).getdata()
    (tmp_path / "few").write_bytes(struct.pack(">II", 2049, 1) + b"\0")
    with pytest.raises(ValueError, match=r"do not belong together: got 23 images in .*images.* and 1 labels"):
        mx.io.MNISTIter(batch_size=1, image=files["image"], label=tmp_path / "few")


def idx_bytes(*dims, magic=2051, data=b""):
    return struct.pack(f">{1 + len(dims)}I", magic, *dims) + data


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty file"),
        (b"\0\0", "wrong magic number at byte 0: got 0, expected 2051"),
        (idx_bytes(1, magic=2049, data=b"\0"), "wrong magic number at byte 0: got 2049, expected 2051"),
        (idx_bytes(1, 2, 3, data=b"x" * 6)[:10], "header ends at byte 10, expected 16 bytes"),
        (
            idx_bytes(2, 2, 2, data=b"x" * 7),
            r"sizes \(2, 2, 2\) at byte 4 need 8 bytes from byte 16 on, .* at most 7",
        ),
        (idx_bytes(2**32 - 1, 2**32 - 1, 2**32 - 1), "the file can hold at most 0"),
        (idx_bytes(4194305, 4194305, 2**31), "the file can hold at most 0"),
        (gzip.compress(idx_bytes(2, 2, 2, data=b"x" * 7), mtime=0), "data ends at byte 23, expected 8 bytes"),
        (gzip.compress(idx_bytes(2**31, 2**31, 2**31), mtime=0), "the file can hold at most"),
        (gzip.compress(idx_bytes(2, 20, 2, data=bytes(range(80))), mtime=0)[:-30], "damaged gzip stream"),
        (
            gzip.compress(idx_bytes(2, 2, 2, data=b"x" * 8), mtime=0)[:10] + b"junkjunkjunk",
            "damaged gzip stream",
        ),
    ],
)
def test_bad_idx_files(content, message, tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_idx_trailing_bytes_are_named(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(idx_bytes(2, magic=2049, data=b"abc"))
    with pytest.warns(UserWarning, match="bytes from byte 10 on are ignored"):
        assert read_idx(path, 1).tobytes() == b"ab"
