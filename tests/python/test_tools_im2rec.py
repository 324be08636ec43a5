"""The command im2rec: lists, splits, record files, images that cannot be read."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import symbind as mx
from symbind.tools import im2rec
from symbind.tools.progress import progress

cv2 = pytest.importorskip("cv2")


@pytest.fixture
def folder(tmp_path):
    """Images in two folders of classes, a file that is none, and one whose name only looks like one."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    for i in range(10):
        path = root / ("cats", "dogs")[i % 2] / f"{i}{('.jpg', '.PNG')[i % 3 == 0]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(path.suffix.lower(), rng.integers(0, 256, (20 + i, 30, 3)).astype(np.uint8))[1]
        path.write_bytes(data.tobytes())
    (root / "notes.txt").write_text("no image")
    return root


def run(*arguments):
    return im2rec.main([str(a) for a in arguments])


def lines(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_list_of_classes(tmp_path, folder, capsys):
    assert run(tmp_path / "all", folder, "--list", "--recursive", "--no-shuffle") == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["cats 0", "dogs 1"]
    entries = lines(tmp_path / "all.lst")
    assert [int(e[0]) for e in entries] == list(range(10))
    assert entries[0] == ["0", "0.000000", "cats/0.PNG"] and entries[5] == ["5", "1.000000", "dogs/1.jpg"]
    assert run(tmp_path / "all", folder, "--list", "--recursive") == 0
    shuffled = lines(tmp_path / "all.lst")
    assert shuffled != entries and sorted(shuffled, key=lambda e: int(e[0])) == entries


def test_list_of_one_folder(tmp_path, folder):
    assert run(tmp_path / "cats", folder / "cats", "--list", "--exts", ".png") == 0
    assert sorted(e[1:] for e in lines(tmp_path / "cats.lst")) == [
        ["0.000000", "0.PNG"],
        ["0.000000", "6.PNG"],
    ]


def test_splits_and_chunks(tmp_path, folder):
    assert (
        run(tmp_path / "s", folder, "--list", "--recursive", "--train-ratio", 0.6, "--test-ratio", 0.2) == 0
    )
    parts = {name: lines(tmp_path / f"s_{name}.lst") for name in ("train", "test", "val")}
    assert {name: len(part) for name, part in parts.items()} == {"train": 6, "test": 2, "val": 2}
    assert sorted(int(e[0]) for part in parts.values() for e in part) == list(range(10))
    assert run(tmp_path / "c", folder, "--list", "--recursive", "--chunks", 3) == 0
    assert [len(lines(tmp_path / f"c_{i}.lst")) for i in range(3)] == [4, 4, 2]


def records(base):
    reader = mx.recordio.MXIndexedRecordIO(f"{base}.idx", f"{base}.rec", "r")
    return {key: mx.recordio.unpack_img(reader.read_idx(key)) for key in reader.keys}


def test_records(tmp_path, folder, capsys):
    run(tmp_path / "r", folder, "--list", "--recursive", "--no-shuffle")
    assert run(tmp_path / "r", folder, "--num-thread", 3, "--encoding", ".png", "--quality", 1) == 0
    captured = capsys.readouterr()
    assert "r.rec [##############################] 10/10" in captured.err and "10 records" in captured.out
    found = records(tmp_path / "r")
    assert list(found) == list(range(10))
    for number, label, name in lines(tmp_path / "r.lst"):
        header, image = found[int(number)]
        assert (header.label, header.id) == (float(label), int(number))
        np.testing.assert_array_equal(image, cv2.imread(str(folder / name)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images", "r.idx", "r.lst", "r.rec"]
    data_iter = mx.io.ImageRecordIter(
        path_imgrec=str(tmp_path / "r.rec"), data_shape=(3, 16, 16), batch_size=5
    )
    assert [b.label[0].asnumpy().tolist() for b in data_iter] == [[0] * 5, [1] * 5]


@pytest.mark.parametrize(
    "arguments, shape",
    [
        (["--resize", 12], (12, 18, 3)),
        (["--center-crop"], (20, 20, 3)),
        (["--center-crop", "--resize", 8], (8, 8, 3)),
        (["--color", 0], (20, 30)),
        (["--quality", 20], (20, 30, 3)),
    ],
)
def test_changed_images(tmp_path, folder, arguments, shape):
    run(tmp_path / "r", folder, "--list", "--recursive", "--no-shuffle")
    assert run(tmp_path / "r", folder, *arguments) == 0
    assert records(tmp_path / "r")[0][1].shape == shape


def test_files_as_they_are(tmp_path, folder):
    run(tmp_path / "r", folder, "--list", "--recursive")
    assert run(tmp_path / "r", folder, "--pass-through") == 0
    reader = mx.recordio.MXIndexedRecordIO(str(tmp_path / "r.idx"), str(tmp_path / "r.rec"), "r")
    for number, _, name in lines(tmp_path / "r.lst"):
        assert mx.recordio.unpack(reader.read_idx(int(number)))[1] == (folder / name).read_bytes()


def test_several_labels(tmp_path, folder):
    (tmp_path / "m.lst").write_text("3\t1\t2.5\tcats/0.PNG\n\n9\t4\t5\tdogs/1.jpg\n")
    assert run(tmp_path / "m", folder, "--pack-label") == 0
    assert {k: h.label.tolist() for k, (h, _) in records(tmp_path / "m").items()} == {3: [1, 2.5], 9: [4, 5]}
    assert run(tmp_path / "m", folder) == 0
    assert {k: h.label for k, (h, _) in records(tmp_path / "m").items()} == {3: 1, 9: 4}


def test_images_that_cannot_be_read_are_left_out(tmp_path, folder, capsys):
    (tmp_path / "b.lst").write_text("1\t0\tnotes.txt\n2\t0\tnope.jpg\n3\t0\tcats/0.PNG\n")
    assert run(tmp_path / "b", folder) == 0
    error = capsys.readouterr().err
    assert "left out 'notes.txt': no image" in error and "left out 'nope.jpg'" in error
    assert list(records(tmp_path / "b")) == [3]


def test_a_failure_leaves_old_files(tmp_path, folder, monkeypatch):
    (tmp_path / "f.lst").write_text("1\t0\tcats/0.PNG\n2\t0\tcats/2.jpg\n")
    assert run(tmp_path / "f", folder) == 0
    before = {p.name: p.read_bytes() for p in tmp_path.glob("f.*")}

    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(im2rec, "_resized", fail)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "f", folder)
    assert {p.name: p.read_bytes() for p in tmp_path.glob("f.*")} == before


def test_misuse(tmp_path, folder, capsys):
    assert run(tmp_path / "n", folder) == 1
    assert "make them with --list first" in capsys.readouterr().err
    assert run(tmp_path / "n", folder, "--list") == 1
    assert "no images with the extensions .jpeg .jpg .png" in capsys.readouterr().err
    (tmp_path / "x.lst").write_text("1\t0\ta.jpg\nb.jpg\n")
    assert run(tmp_path / "x", folder) == 1
    assert "x.lst': line 2: expected a number, labels and a path" in capsys.readouterr().err
    for arguments in (["--chunks", 0], ["--train-ratio", 0.7, "--test-ratio", 0.7], ["--color", 3]):
        with pytest.raises(SystemExit):
            run(tmp_path / "x", folder, *arguments)


def test_as_a_command(tmp_path, folder):
    command = [sys.executable, "-m", "symbind.tools.im2rec", str(tmp_path / "c"), str(folder)]
    env = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(mx.__file__))}
    for more in (["--list", "--recursive"], ["--resize", "10"]):
        subprocess.run(command + more, env=env, check=True, capture_output=True)
    assert len(records(tmp_path / "c")) == 10


def test_progress_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        assert list(progress(range(4), 4, "work", stream)) == [0, 1, 2, 3]
    assert terminal.getvalue().startswith("\rwork [####") and terminal.getvalue().endswith("\n")
    assert file.getvalue().count("\n") == 1 and "4/4" in file.getvalue()
