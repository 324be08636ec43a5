"""The names of `mx.base` and crash-safe file writing."""

import os
import pickle
import stat

import numpy as np
import pytest
import symbind as mx
from symbind._files import atomic_write


def test_scalar_types():
    assert isinstance(np.float32(1), mx.base.numeric_types) and isinstance(np.int64(1), mx.base.integer_types)
    assert isinstance("x", mx.base.string_types) and not isinstance(1.0, mx.base.integer_types)
    assert mx.base.mx_real_t is np.float32
    assert mx.base.py_str(b"caf\xc3\xa9") == mx.base.py_str("café") == "café"
    assert (
        mx.base._as_list((1, 2)) == (1, 2) and mx.base._as_list(1) == [1] and mx.base._as_list(None) == [None]
    )


def test_errors():
    assert issubclass(mx.MXNetError, RuntimeError) and mx.MXNetError is mx.base.MXNetError
    error = mx.base.NotImplementedForSymbol(test_errors, "*", 1, "a")
    assert isinstance(error, mx.MXNetError)
    assert str(error) == (
        "Function test_errors (namely operator \"*\") with arguments (<class 'int'>, <class 'str'>) "
        "is not implemented for Symbol and only available in NDArray."
    )


def test_dtype_numbers():
    names = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
    for number, name in enumerate(names):
        assert mx.base.dtype_flag(name) == mx.base.dtype_flag(np.dtype(name).type) == number
        assert np.dtype(mx.base.dtype_from_flag(number)) == name
    assert mx.base.dtype_flag(None) == -1 and mx.base.dtype_from_flag(-1) is None
    for bad in ("complex64", "nonsense"):
        with pytest.raises(TypeError, match=f"unsupported dtype: got '{bad}', expected one of float32"):
            mx.base.dtype_flag(bad)
    with pytest.raises(TypeError, match="unknown dtype number: got 99"):
        mx.base.dtype_from_flag(99)


def test_null_is_one_object():
    assert repr(mx.base._Null) == "_Null"
    assert pickle.loads(pickle.dumps(mx.base._Null)) is mx.base._Null is type(mx.base._Null)()


def test_atomic_write(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write(b"old")
        assert not path.exists()
    path.chmod(0o640)
    with atomic_write(str(path), "w") as file:
        file.write("café")
        assert path.read_bytes() == b"old"
    assert path.read_text(encoding="utf-8") == "café"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_atomic_write_uses_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "file"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_write(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_atomic_write_follows_links(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and (tmp_path / "link").is_symlink()


def test_atomic_write_errors_name_the_file(tmp_path):
    missing = tmp_path / "nowhere" / "file"
    with pytest.raises(FileNotFoundError, match=f"'{missing}'"), atomic_write(missing):
        pass
    with pytest.raises(IsADirectoryError, match=f"'{tmp_path}'"), atomic_write(tmp_path):
        pass
    with pytest.raises(FileNotFoundError, match="other"), atomic_write(tmp_path / "file"):
        (tmp_path / "other").read_bytes()
    with pytest.raises(ValueError, match="NUL byte"), atomic_write("a\0b"):
        pass
    with pytest.raises(ValueError, match="wrong mode: got 'a'"), atomic_write(tmp_path / "file", "a"):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk_is_an_error():
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        atomic_write("/dev/full") as file,
    ):
        file.write(b"x")
