"""Array files: what MXNet wrote, what we write, and what damaged files do."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import stat
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest
from common import as_numpy, mx, ours_only
from parity import file_cases

GOLDENS = pathlib.Path(__file__).parent / "parity" / "goldens" / "files"
MODELS = pathlib.Path(
    os.environ.get("SYMBIND_MODELS_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared" / "models")
)
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def as_arrays(data):
    if isinstance(data, dict):
        return {k: mx.nd.array(v, dtype=v.dtype) for k, v in data.items()}
    return [mx.nd.array(v, dtype=v.dtype) for v in data]


def assert_same(actual, expected):
    actual = as_numpy(actual)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def record(dims, payload=b"", magic=V2, stype=0, dtype=0, rank=None):
    head = struct.pack("<I", magic) + (struct.pack("<i", stype) if magic != V1 else b"")
    head += struct.pack("<i", len(dims) if rank is None else rank) + struct.pack(f"<{len(dims)}q", *dims)
    return head + struct.pack("<iii", 1, 0, dtype) + payload


def array_list(records, names=(), count=None):
    text = struct.pack("<QQQ", 0x112, 0, len(records) if count is None else count) + b"".join(records)
    return text + struct.pack("<Q", len(names)) + b"".join(struct.pack("<Q", len(n)) + n for n in names)


ONE = record([1], struct.pack("<f", 7))


# -- what MXNet wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", file_cases.arrays())
def test_loads_what_mxnet_wrote(name):
    expected = file_cases.arrays()[name]
    loaded = mx.nd.load(str(GOLDENS / name))
    if isinstance(expected, dict):
        assert list(loaded) == list(expected)
        loaded, expected = list(loaded.values()), list(expected.values())
    assert len(loaded) == len(expected)
    for actual, value in zip(loaded, expected):
        assert_same(actual, value)


@pytest.mark.parametrize("name", file_cases.arrays())
def test_writes_the_bytes_that_mxnet_writes(name, tmp_path):
    path = tmp_path / name
    mx.nd.save(str(path), as_arrays(file_cases.arrays()[name]))
    assert path.read_bytes() == (GOLDENS / name).read_bytes()


@ours_only
@pytest.mark.parametrize("name", file_cases.sparse_arrays())
def test_sparse_arrays_load_as_dense_ones(name):
    loaded = mx.nd.load(str(GOLDENS / name))
    assert_same(loaded["arg:weight"], file_cases.sparse_arrays()[name][1])


@ours_only
def test_a_scalar_of_numpy_shape_semantics_keeps_its_shape():
    loaded = mx.nd.load(str(GOLDENS / "scalar.params"))["arg:s"]
    assert loaded.shape == ()
    assert as_numpy(loaded) == 5


def test_loads_from_bytes():
    loaded = mx.nd.load_frombuffer((GOLDENS / "names.params").read_bytes())
    assert list(loaded) == list(file_cases.arrays()["names.params"])


@ours_only
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_loads_from_any_buffer(kind):
    assert_same(mx.nd.load_frombuffer(kind(array_list([ONE])))[0], np.array([7], "float32"))
    with pytest.raises(TypeError):
        mx.nd.load_frombuffer(5)


@pytest.mark.skipif(
    not MODELS.is_dir(), reason="needs a folder of public model files: set SYMBIND_MODELS_DIR"
)
@pytest.mark.parametrize(
    "name", [n for n in json.loads((GOLDENS / "models.json").read_text()) if n.endswith(".params")]
)
def test_public_files_load_as_in_mxnet(name):
    expected = json.loads((GOLDENS / "models.json").read_text())[name]
    assert file_cases.arrays_digest(mx.nd.load(str(MODELS / name))) == expected


# -- saving ----------------------------------------------------------------------------------------


def test_a_single_array_is_a_list_of_one(tmp_path):
    mx.nd.save(str(tmp_path / "a"), mx.nd.array([1, 2]))
    assert_same(mx.nd.load(str(tmp_path / "a"))[0], np.array([1, 2], "float32"))


def test_views_are_saved_as_what_they_show(tmp_path):
    whole = mx.nd.array(np.arange(12).reshape(4, 3))
    mx.nd.save(str(tmp_path / "a"), [whole[1:3], whole[2]])
    loaded = mx.nd.load(str(tmp_path / "a"))
    assert_same(loaded[0], np.arange(3, 9, dtype="float32").reshape(2, 3))
    assert_same(loaded[1], np.arange(6, 9, dtype="float32"))


def test_pickled_arrays_hold_one_record():
    array = mx.nd.array([1.5, -2])
    state = bytes(array.__getstate__()["handle"])
    assert state == record([2], struct.pack("<ff", 1.5, -2))
    assert_same(pickle.loads(pickle.dumps(array)), np.array([1.5, -2], "float32"))


@ours_only
def test_scalars_and_empty_arrays_come_back(tmp_path):
    from symbind import _core

    arrays = [_core.NDArray.from_numpy(np.array(v)) for v in (np.float64(2.5), np.zeros((0, 3), "int8"))]
    _core.save_ndarrays(str(tmp_path / "a"), arrays, [])
    scalar, empty = mx.nd.load(str(tmp_path / "a"))
    assert_same(scalar, np.array(2.5))
    assert_same(empty, np.zeros((0, 3), "int8"))


@ours_only
@pytest.mark.parametrize("size", [1, 1000000])
def test_a_full_disk_is_an_error(size):
    with pytest.raises(
        mx.MXNetError, match=r"cannot write '/dev/full': write failed: No space left on device"
    ):
        mx.nd.save("/dev/full", mx.nd.zeros((size,)))


@ours_only
def test_a_save_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "w.params"
    mx.nd.save(str(path), {"arg:a": mx.nd.array([1])})
    before = path.read_bytes()
    limit = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)); import signal; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import symbind as mx; "
        "mx.nd.save(sys.argv[1], mx.nd.zeros((1000000,)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limit, str(path)], capture_output=True, text=True, check=False
    )
    assert "write failed: File too large" in done.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["w.params"]


@ours_only
def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "w.params", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to("w.params")
    mx.nd.save(str(link), mx.nd.array([1]))
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(mx.nd.load(str(path))) == 1


@ours_only
def test_names_of_files(tmp_path):
    for name in ("w\u00e9ird \u6f22.params", b"w\xff.params"):
        path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
        mx.nd.save(os.fsdecode(path), mx.nd.array([1]))
        assert os.path.exists(path)
        assert len(mx.nd.load(os.fsdecode(path))) == 1
    mx.nd.save(tmp_path / "p", [])
    assert mx.nd.load(tmp_path / "p") == []
    with pytest.raises(ValueError, match=r"null (byte|character)"):
        mx.nd.save("a\0b", [])
    with pytest.raises(ValueError, match=r"null (byte|character)"):
        mx.nd.load("a\0b")


@ours_only
def test_names_of_arrays_that_cannot_be_read_back_are_refused(tmp_path):
    with pytest.raises(mx.MXNetError, match=r"\[save\] the name 'a\\0...' has a NUL byte"):
        mx.nd.save(str(tmp_path / "a"), {"a\0b": mx.nd.array([1])})
    assert os.listdir(tmp_path) == []


# -- damaged files ---------------------------------------------------------------------------------


BAD_FILES = {
    "empty": (b"", r"byte 0: empty file"),
    "text": (
        b"hello world, this is text",
        r"byte 0: not a file of arrays: got first word 0x6f77206f6c6c6568",
    ),
    "npz": (b"PK\3\4" + 30 * b"\0", r"zip archive such as numpy.savez writes"),
    "product wraps to 4": (
        array_list([record([4194305, 4194305, 211106198978564], 16 * b"\0")]),
        r"byte 72: the size of the data overflows: got shape \(4194305,4194305,211106198978564\)",
    ),
    "huge dims": (array_list([record([2**32, 2**32])]), r"the size of the data overflows"),
    "huge but countable": (
        array_list([record([2**20, 2**20])]),
        r"the data of shape \(1048576,1048576\) float32 needs 4398046511104 bytes, the file has 8 left",
    ),
    "negative dim": (array_list([record([3, -2])]), r"byte 44: negative dimension: got -2 for axis 1"),
    "huge rank": (
        array_list([record([], rank=2**31 - 1)]),
        r"the shape needs 17179869176 bytes, the file has 20 left",
    ),
    "huge count": (array_list([ONE], count=10**9), r"byte 16: truncated: the number of arrays is 1000000000"),
    "huge name": (
        array_list([ONE])[:-8] + struct.pack("<QQ", 1, 2**60) + b"x" * 8,
        r"name 0 of 1, byte 68: truncated: the length of a name is 1152921504606846976",
    ),
    "duplicate names": (
        array_list([ONE, ONE], [b"w", b"w"]),
        r"name 1 of 2, byte 113: the name 'w' is given twice",
    ),
    "NUL in name": (array_list([ONE], [b"a\0b"]), r"the name 'a\\0...' has a NUL byte"),
    "too many names": (array_list([ONE], [b"a", b"b"]), r"wrong number of names: got 2 for 1 arrays"),
    "unknown dtype": (
        array_list([record([1], bytes(4), dtype=99)]),
        r"unknown dtype: got number 99, expected 0 to 12",
    ),
    "unknown storage": (array_list([record([1], bytes(4), stype=9)]), r"unknown storage type: got 9"),
    "unknown version": (array_list([struct.pack("<I", V3 + 1)]), r"not an array: got first word 0xf993facb"),
}


@ours_only
@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_files_are_refused_with_a_place(what, tmp_path):
    content, message = BAD_FILES[what]
    path = tmp_path / "bad.params"
    path.write_bytes(content)
    with pytest.raises(mx.MXNetError, match=message) as error:
        mx.nd.load(str(path))
    assert f"[load] '{path}'" in str(error.value)


@ours_only
def test_sparse_indices_out_of_range_are_refused():
    csr = bytearray((GOLDENS / "csr.params").read_bytes())
    at = csr.index(struct.pack("<3q", 0, 2, 1))  # the column numbers
    csr[at + 8 : at + 16] = struct.pack("<q", 3)
    with pytest.raises(mx.MXNetError, match=r"column number 1 out of range: got 3, expected 0 to 2"):
        mx.nd.load_frombuffer(bytes(csr))


@ours_only
@pytest.mark.parametrize(
    "name", ["types.params", "names.params", "csr.params", "row_sparse.params", "scalar.params"]
)
def test_a_file_may_end_anywhere(name):
    content = (GOLDENS / name).read_bytes()
    for length in range(len(content)):
        with pytest.raises(mx.MXNetError, match=r"truncated|empty file"):
            mx.nd.load_frombuffer(content[:length])


@ours_only
def test_bytes_after_the_end_warn():
    with pytest.warns(UserWarning, match="4 bytes after the end are ignored"):
        mx.nd.load_frombuffer(array_list([ONE]) + b"tail")


@ours_only
def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(mx.MXNetError, match=r"cannot open '.*gone': No such file or directory"):
        mx.nd.load(str(tmp_path / "gone"))
    with pytest.raises(mx.MXNetError, match="it is a directory"):
        mx.nd.load(str(tmp_path))
    with pytest.raises(mx.MXNetError, match="not a regular file"):
        mx.nd.load("/dev/zero")
    with pytest.raises(
        mx.MXNetError, match=r"cannot write '.*': cannot create a file beside it: No such file"
    ):
        mx.nd.save(str(tmp_path / "gone" / "a"), [])


HOSTILE = """
import resource, struct, sys
import symbind as mx

def loads(text):
    try:
        mx.nd.load_frombuffer(text)
    except mx.MXNetError as error:
        assert "memory" not in str(error), error

page = resource.getpagesize()
used = int(open("/proc/self/statm").read().split()[0]) * page
limit = used + (192 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
exec(sys.stdin.read())
print("survived")
"""


@ours_only
def test_small_files_cannot_claim_memory():
    """Files of a few hundred bytes that ask for gigabytes, in a process that has 192 MiB."""

    def rows(n, ids):
        return (
            struct.pack("<Iii", V2, 1, 2)
            + struct.pack("<qq", len(ids), 1)
            + struct.pack("<iqq", 2, n, 1)
            + struct.pack("<iii", 1, 0, 0)
            + struct.pack("<iiq", 6, 1, len(ids))
            + struct.pack(f"<{len(ids)}f", *ids)
            + struct.pack(f"<{len(ids)}q", *ids)
        )

    hostile = [content for content, _ in BAD_FILES.values()]
    hostile += [array_list([record([2**n], rank=1)]) for n in range(20, 62)]
    hostile += [array_list([ONE], count=2**n) for n in range(8, 64)]
    hostile += [array_list([rows(2**n, [1])]) for n in range(10, 62)]
    hostile += [array_list(50 * [rows(2**22, [1])])]
    hostile += [array_list([ONE])[:-8] + struct.pack("<Q", 2**n) for n in range(64)]
    script = "".join(f"loads({content!r})\n" for content in hostile)
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE],
        input=script,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.stdout.strip() == "survived", done.stderr


@ours_only
def test_random_damage_never_does_more_than_raise():
    content = (GOLDENS / "types.params").read_bytes()
    random = np.random.RandomState(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3000):
            damaged = bytearray(content)
            for _ in range(random.randint(1, 4)):
                damaged[random.randint(len(damaged))] = random.randint(256)
            try:
                loaded = mx.nd.load_frombuffer(bytes(damaged))
            except mx.MXNetError as error:
                assert ", byte " in str(error)
            else:
                for array in loaded.values() if isinstance(loaded, dict) else loaded:
                    as_numpy(array)
