"""Record files: equal to those of MXNet 1.9.1 (`parity/record_recordio.py`), keys, pickling, forks,
damage."""

import os
import pathlib
import pickle
import struct
import threading

import numpy as np
import pytest
import symbind as mx
from parity import record_file_cases as cases

GOLDENS = pathlib.Path(__file__).parent / "parity" / "goldens" / "recordio"
MAGIC = cases.MAGIC


def chunk(flag, payload):
    return MAGIC + struct.pack("<I", flag << 29 | len(payload)) + payload + bytes(-len(payload) % 4)


@pytest.fixture
def four(tmp_path):
    """A file with the records rec0 to rec3 under the keys 0, 10, 20, 30."""
    paths = str(tmp_path / "four.idx"), str(tmp_path / "four.rec")
    with mx.recordio.MXIndexedRecordIO(*paths, "w") as writer:
        for i in range(4):
            writer.write_idx(10 * i, b"rec%d" % i)
    return paths


# Parity


def test_files_are_those_of_mxnet(tmp_path):
    cases.write(mx, tmp_path)
    for name in cases.FILES:
        assert (tmp_path / name).read_bytes() == (GOLDENS / name).read_bytes(), name


def test_reads_files_of_mxnet():
    reader = mx.recordio.MXRecordIO(GOLDENS / "plain.rec", "r")
    assert [reader.read() for _ in cases.payloads()] == cases.payloads()
    assert reader.read() is None and reader.read() is None
    reader = mx.recordio.MXIndexedRecordIO(str(GOLDENS / "indexed.idx"), str(GOLDENS / "indexed.rec"), "r")
    assert reader.keys == [3 * i + 1 for i in range(8)]
    for key in reversed(reader.keys):
        header, payload = mx.recordio.unpack(reader.read_idx(key))
        _, label, number, number2 = cases.headers()[(key - 1) // 3]
        assert payload == cases.payloads()[(key - 1) // 3]
        assert (header.id, header.id2) == (number, number2)
        np.testing.assert_array_equal(header.label, np.ravel(np.float32(label)) if np.size(label) else 0)
        assert isinstance(header.label, float) == (header.flag == 0)


def test_keys_of_another_type():
    reader = mx.recordio.MXIndexedRecordIO(GOLDENS / "words.idx", GOLDENS / "words.rec", "r", key_type=str)
    assert reader.keys == ["b", "a", "another one"]
    assert reader.read_idx("another one") == b"another one" * 3


def test_random_payloads_with_magic_numbers(tmp_path):
    rng = np.random.default_rng(3)
    records = []
    for _ in range(200):
        words = [MAGIC if rng.random() < 0.3 else rng.bytes(4) for _ in range(rng.integers(0, 12))]
        records.append(rng.bytes(rng.integers(0, 4)) * (rng.random() < 0.3) + b"".join(words))
    path = tmp_path / "x.rec"
    with mx.recordio.MXRecordIO(path, "w") as writer:
        for record in records:
            writer.write(bytearray(record))
    reader = mx.recordio.MXRecordIO(path, "r")
    assert [reader.read() for _ in records] == records and reader.read() is None


# Positions


def test_reset_seek_tell(four):
    reader = mx.recordio.MXIndexedRecordIO(*four, "r")
    assert (reader.is_open, reader.writable, reader.flag, reader.uri) == (True, False, "r", four[1])
    assert reader.read_idx(20) == b"rec2"
    assert reader.read() == b"rec3" and reader.read() is None
    reader.seek(10)
    assert reader.read() == b"rec1"
    reader.reset()
    assert reader.read() == b"rec0" and reader.keys == [0, 10, 20, 30]
    with pytest.raises(KeyError):
        reader.read_idx(5)
    with pytest.raises(ValueError, match="it is open for reading"):
        reader.tell()


def test_writer_tells_and_starts_over(tmp_path):
    writer = mx.recordio.MXIndexedRecordIO(tmp_path / "w.idx", tmp_path / "w.rec", "w")
    writer.write_idx(1, b"12345")
    assert writer.tell() == 16 and writer.idx == {1: 0}
    writer.reset()
    assert writer.tell() == 0 and writer.keys == []
    writer.write_idx("7", b"1")
    writer.close()
    writer.close()
    assert (tmp_path / "w.idx").read_text() == "7\t0\n"
    with pytest.raises(RuntimeError, match=r"w\.rec' is closed"):
        writer.write(b"1")


def test_misuse(tmp_path, four):
    with pytest.raises(ValueError, match="Invalid flag: got 'a', expected 'r' or 'w'"):
        mx.recordio.MXRecordIO(tmp_path / "x", "a")
    with pytest.raises(FileNotFoundError):
        mx.recordio.MXRecordIO(tmp_path / "nope.rec", "r")
    with pytest.raises(FileNotFoundError, match=r"nope\.idx"):
        mx.recordio.MXIndexedRecordIO(tmp_path / "nope.idx", four[1], "r")
    reader = mx.recordio.MXIndexedRecordIO(*four, "r")
    with pytest.raises(ValueError, match=r"cannot write to .*four\.rec': it is open for reading"):
        reader.write(b"")
    reader.close()
    with pytest.raises(RuntimeError, match="is closed"):
        reader.read()
    writer = mx.recordio.MXRecordIO(tmp_path / "w.rec", "w")
    with pytest.raises(ValueError, match="it is open for writing"):
        writer.read()
    with pytest.raises(TypeError, match="got str, expected bytes"):
        writer.write("text")
    with pytest.raises(ValueError, match="has a tab or a line break"):
        mx.recordio.MXIndexedRecordIO(tmp_path / "t.idx", tmp_path / "t.rec", "w", str).write_idx("a\tb", b"")


def test_full_disk(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match="No space left"):
        mx.recordio.MXRecordIO("/dev/full", "w").write(b"x")


# Processes and threads


def test_pickled_reader_begins_again(four):
    reader = mx.recordio.MXIndexedRecordIO(*four, "r")
    reader.read()
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.read() == b"rec0" and copy.read_idx(30) == b"rec3" and copy.keys == reader.keys
    assert reader.read() == b"rec1"
    reader.close()
    assert not pickle.loads(pickle.dumps(reader)).is_open


def test_writer_is_not_pickled(tmp_path):
    writer = mx.recordio.MXRecordIO(tmp_path / "w.rec", "w")
    writer.write(b"kept")
    with pytest.raises(TypeError, match="opening it again would empty the file"):
        pickle.dumps(writer)
    writer.close()
    assert mx.recordio.MXRecordIO(tmp_path / "w.rec", "r").read() == b"kept"


def test_forked_process(tmp_path, four):
    reader = mx.recordio.MXIndexedRecordIO(*four, "r")
    writer = mx.recordio.MXRecordIO(tmp_path / "w.rec", "w")
    writer.write(b"once")
    reader.read()
    child = os.fork()
    if child == 0:
        try:
            assert reader.read() == b"rec1" and reader.read_idx(30) == b"rec3"
            try:
                writer.write(b"twice")
            except RuntimeError as err:
                assert "multiple processes" in str(err)
                writer.close()
                os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reader.read() == b"rec1"
    writer.write(b"more")
    writer.close()
    check = mx.recordio.MXRecordIO(tmp_path / "w.rec", "r")
    assert [check.read(), check.read(), check.read()] == [b"once", b"more", None]


def test_reader_of_many_threads():
    from symbind._records import RecordReader

    reader = RecordReader(GOLDENS / "plain.rec")
    offsets = reader.offsets().tolist()
    assert len(offsets) == len(cases.payloads())
    wrong = []

    def read(seed):
        for i in np.random.default_rng(seed).integers(len(offsets), size=300):
            if reader.read_at(offsets[i])[0] != cases.payloads()[i]:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Damage


WHOLE = chunk(0, b"good")
DAMAGED = {
    "wrong magic": (WHOLE + b"\1" * 12, 12, "wrong magic number: got 0x01010101, expected 0xced7230a"),
    "header cut": (WHOLE + MAGIC + b"\1", 12, "the header of a chunk needs 8 bytes, the file has 5 left"),
    "payload cut": (WHOLE + chunk(0, b"12345678")[:-3], 12, "needs 8 more bytes, the file has 5 left"),
    "padding cut": (WHOLE + chunk(0, b"12345")[:-1], 12, "needs 8 more bytes, the file has 7 left"),
    "huge": (WHOLE + MAGIC + struct.pack("<I", 2**29 - 1), 12, "needs 536870912 more bytes"),
    "flag": (WHOLE + chunk(5, b""), 12, "wrong flag of a chunk: got 5, expected 0 to 3"),
    "middle first": (WHOLE + chunk(2, b"1234") + chunk(3, b""), 12, "a record begins with a middle chunk"),
    "last first": (WHOLE + chunk(3, b"1234"), 12, "a record begins with a last chunk"),
    "no last": (WHOLE + chunk(1, b"1234"), 12, "the file ends before the last chunk of this record"),
    "no last, middle": (WHOLE + chunk(1, b"1234") + chunk(2, b""), 12, "the file ends before the last chunk"),
    "whole inside": (WHOLE + chunk(1, b"1234") + WHOLE, 24, "got a whole record"),
    "first inside": (WHOLE + chunk(1, b"1234") + chunk(1, b""), 24, "got a first chunk"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files(tmp_path, case):
    from symbind._records import RecordReader

    content, byte, problem = DAMAGED[case]
    path = tmp_path / "bad.rec"
    path.write_bytes(content)
    reader = mx.recordio.MXRecordIO(path, "r")
    assert reader.read() == b"good"
    for read in (reader.read, RecordReader(path).offsets):
        with pytest.raises(mx.MXNetError) as error:
            read()
        assert f"{str(path)!r}: damaged record file at byte {byte}: " in str(error.value)
        assert problem in str(error.value)


def test_every_truncation_is_an_error_or_a_shorter_file(tmp_path):
    whole = b"".join(chunk(0, p) for p in (b"12345", b"")) + chunk(1, b"1234") + chunk(3, b"67")
    path = tmp_path / "cut.rec"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        reader = mx.recordio.MXRecordIO(path, "r")
        records = []
        try:
            while (record := reader.read()) is not None:
                records.append(record)
        except mx.MXNetError as err:
            assert "byte" in str(err)
        else:
            assert length in (0, 16, 24)
        assert records == [b"12345", b"", b"1234" + MAGIC + b"67"][: len(records)]


@pytest.mark.parametrize("line", ["5", "5\t", "5\tx", "x\t5", "5\t-1", "5\t1\t2", "\xff\t1"])
def test_damaged_index(tmp_path, four, line):
    path = tmp_path / "bad.idx"
    path.write_bytes(b"0\t0\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(
        mx.MXNetError, match=r"bad\.idx': line 2 at byte 4: expected a key, a tab and an offset"
    ):
        mx.recordio.MXIndexedRecordIO(path, four[1], "r")


def test_index_that_does_not_belong_to_the_file(tmp_path, four):
    path = tmp_path / "other.idx"
    path.write_bytes(b"1\t4\n2\t999\n3\t12\r\n")
    reader = mx.recordio.MXIndexedRecordIO(path, four[1], "r")
    with pytest.raises(mx.MXNetError, match="byte 4: wrong magic number"):
        reader.read_idx(1)
    with pytest.raises(mx.MXNetError, match="byte 999: there is no record: the file has 48 bytes"):
        reader.read_idx(2)
    assert reader.read_idx(3) == b"rec1"


def test_keys_that_are_there_twice(tmp_path):
    writer = mx.recordio.MXIndexedRecordIO(tmp_path / "d.idx", tmp_path / "d.rec", "w")
    writer.write_idx(1, b"a")
    with pytest.warns(UserWarning, match="has the key 1 already"):
        writer.write_idx(1, b"b")
    writer.close()
    with pytest.warns(UserWarning, match="line 2 at byte 4: the key 1 is there twice"):
        reader = mx.recordio.MXIndexedRecordIO(tmp_path / "d.idx", tmp_path / "d.rec", "r")
    assert reader.read_idx(1) == b"b"


# Headers and images


def test_damaged_headers():
    with pytest.raises(ValueError, match="got 3 bytes, expected at least 24"):
        mx.recordio.unpack(b"abc")
    packed = mx.recordio.pack((0, [1, 2, 3], 0, 0), b"")
    with pytest.raises(ValueError, match="3 labels need 36 bytes: got a record of 30 bytes"):
        mx.recordio.unpack(packed[:30])
    with pytest.raises(ValueError, match="a header does not fit"):
        mx.recordio.pack((0, 1, -1, 0), b"")
    assert mx.recordio.IRHeader(0, 1, 2, 3)._asdict() == {"flag": 0, "label": 1, "id": 2, "id2": 3}
    assert mx.recordio.unpack(mx.recordio.pack((0, mx.nd.array([1, 2]), 0, 0), b"x"))[0].label.tolist() == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    "fmt, quality, error", [(".png", 9, 0), (".png", 95, 0), (".jpg", 95, 10), (".webp", 90, 10)]
)
def test_images(fmt, quality, error):
    pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 256, size=(4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    record = mx.recordio.pack_img(mx.recordio.IRHeader(0, [1, 2], 3, 0), image, quality, fmt)
    header, back = mx.recordio.unpack_img(record)
    assert header.label.tolist() == [1, 2] and back.shape == image.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - image).mean() <= error
    assert mx.recordio.unpack_img(record, 0)[1].shape == (32, 48)
    assert mx.recordio.unpack_img(mx.recordio.pack_img((0, 1, 2, 3), image[:, :, 0]))[1].shape == (32, 48)


def test_images_that_are_none():
    pytest.importorskip("cv2")
    for data in (b"", b"no image at all"):
        assert mx.recordio.unpack_img(mx.recordio.pack((0, 1, 2, 3), data))[1] is None
    with pytest.raises(ValueError, match=r"cannot store an image of shape \(2, 2, 3\).* as '\.what'"):
        mx.recordio.pack_img((0, 1, 2, 3), np.zeros((2, 2, 3), np.uint8), img_fmt=".what")


def test_missing_opencv_names_the_remedy(monkeypatch):
    import sys

    from symbind import _opencv

    monkeypatch.setitem(sys.modules, "cv2", None)
    _opencv.load.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'symbind\[image\]'"):
        mx.recordio.unpack_img(mx.recordio.pack((0, 1, 2, 3), b"x"))
    monkeypatch.undo()
    _opencv.load.cache_clear()
