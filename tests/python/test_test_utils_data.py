"""mx.test_utils: data sets without a network, tests of generators, matrices."""

from __future__ import annotations

import bz2
import gzip
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from common import mx, ours_only

utils = mx.test_utils
RNG = np.random.RandomState(0)
MNIST = {
    "train-images-idx3-ubyte": RNG.randint(0, 256, (20, 28, 28)),
    "train-labels-idx1-ubyte": RNG.randint(0, 10, 20),
    "t10k-images-idx3-ubyte": RNG.randint(0, 256, (10, 28, 28)),
    "t10k-labels-idx1-ubyte": RNG.randint(0, 10, 10),
}


def idx(values):
    return (
        bytes([0, 0, 8, values.ndim])
        + np.array(values.shape, ">u4").tobytes()
        + values.astype("u1").tobytes()
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder, and one for cached data."""
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def refuse(url, **_):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(utils.data.time, "sleep", lambda _: None)


@ours_only
@pytest.mark.parametrize("where", ["work", "work/data", "work/data/mnist", "home/datasets/mnist"])
def test_mnist_from_folders(folder, no_network, where):
    (folder / where).mkdir(parents=True, exist_ok=True)
    for i, (name, values) in enumerate(MNIST.items()):
        if i % 2:
            (folder / where / name).write_bytes(idx(values))
        else:
            (folder / where / f"{name}.gz").write_bytes(gzip.compress(idx(values)))
    data = utils.get_mnist()
    assert data["train_data"].shape == (20, 1, 28, 28) and data["train_data"].dtype == np.float32
    np.testing.assert_allclose(data["test_data"][:, 0] * 255, MNIST["t10k-images-idx3-ubyte"], rtol=1e-5)
    assert data["train_label"].dtype == np.int8
    np.testing.assert_array_equal(data["train_label"], MNIST["train-labels-idx1-ubyte"])
    utils.get_mnist_ubyte()
    assert {p.name for p in Path("data").iterdir()} >= set(MNIST)
    assert Path("data/train-labels-idx1-ubyte").read_bytes() == idx(MNIST["train-labels-idx1-ubyte"])
    train, test = utils.get_mnist_iterator(5, (784,))
    assert next(train).data[0].shape == (5, 784)
    np.testing.assert_array_equal(next(test).label[0].asnumpy(), MNIST["t10k-labels-idx1-ubyte"][:5])
    half, _ = utils.get_mnist_iterator(5, (1, 28, 28), num_parts=2, part_index=1)
    assert [b.data[0].shape for b in half] == [(5, 1, 28, 28)] * 2


@ours_only
def test_without_data_and_network(folder, no_network):
    with pytest.raises(
        OSError, match=r"no network.*put the file there yourself: .*train-images-idx3-ubyte.gz"
    ):
        utils.data._mnist_file("train-images-idx3-ubyte")
    with pytest.raises(OSError, match=r"put the file there yourself: .*data/cifar10.zip"):
        utils.get_cifar10()


@ours_only
def test_cifar10(folder, no_network):
    home = folder / "home" / "datasets" / "cifar10"
    home.mkdir(parents=True)
    for name in ("train.rec", "test.rec"):
        (home / name).write_bytes(name.encode())
    utils.get_cifar10()
    assert Path("data/cifar/test.rec").read_bytes() == b"test.rec"
    utils.get_cifar10()


@ours_only
def test_download(folder):
    source = folder / "source.txt"
    source.write_text("one")
    url = source.as_uri()
    assert utils.download(url) == "source.txt" and Path("source.txt").read_text() == "one"
    source.write_text("two")
    assert Path(utils.download(url)).read_text() == "one", "what is there stays"
    assert Path(utils.download(url, overwrite=True)).read_text() == "two"
    assert utils.download(url, fname="x.txt", dirname="a/b") == str(Path("a/b/x.txt"))
    with pytest.raises(OSError, match="put the file there yourself"):
        utils.download((folder / "nosuch").as_uri(), retries=1)
    assert not Path("nosuch").exists()


@ours_only
def test_archives(folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("inside/x.txt", "x")
        archive.writestr("../outside.txt", "y")
    utils.get_zip_data("data", (folder / "a.zip").as_uri(), "a.zip")
    assert Path("data/inside/x.txt").read_text() == "x"
    assert not Path("outside.txt").exists() and not (folder / "outside.txt").exists()
    (folder / "b.bz2").write_bytes(bz2.compress(b"content"))
    for _ in range(2):
        utils.get_bz2_data("data", "b", (folder / "b.bz2").as_uri(), "b.bz2")
        assert Path("data/b").read_bytes() == b"content"


# ---- generators


def test_buckets():
    buckets, probs = utils.gen_buckets_probs_with_ppf(lambda p: 2 * p, 4)
    assert buckets == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2)] and probs == [0.25] * 4


@ours_only  # the reference needs scipy
@pytest.mark.parametrize(
    "a, x, expected",
    # from tables of the chi-square distribution: its survival function is Q(k / 2, x / 2)
    [(0.5, 3.841459 / 2, 0.05), (1, 5.991465 / 2, 0.05), (2.5, 15.08627 / 2, 0.01), (10, 10.85081 / 2, 0.95)],
)
def test_upper_gamma(a, x, expected):
    assert abs(utils.statistics._upper_gamma(a, x) - expected) < 1e-5
    assert utils.statistics._upper_gamma(a, 0) == 1


def test_chi_square_check():
    rng = np.random.RandomState(0)
    p, observed, expected = utils.chi_square_check(
        lambda n: rng.randint(0, 3, n), [0, 1, 2], [1 / 3] * 3, 3000
    )
    assert 0.001 < p <= 1 and observed.sum() == 3000 and list(expected) == [1000] * 3
    buckets, probs = utils.gen_buckets_probs_with_ppf(lambda q: q, 5)
    p, _, _ = utils.chi_square_check(lambda n: rng.uniform(0, 1, n), buckets, probs, 5000)
    assert p > 0.001
    p, _, _ = utils.chi_square_check(lambda n: rng.uniform(0, 1, n) ** 1.2, buckets, probs, 5000)
    assert p < 1e-6
    utils.verify_generator(lambda n: rng.uniform(0, 1, n), buckets, probs, 2000, 3)
    with pytest.raises(AssertionError, match="Generator test fails"):
        utils.verify_generator(lambda n: rng.uniform(0, 1, n) ** 1.5, buckets, probs, 2000, 3)


@ours_only
def test_wrong_probabilities():
    with pytest.raises(ValueError, match=r"2 numbers with sum 0.7, expected 2 with sum 1"):
        utils.chi_square_check(np.zeros, [0, 1], [0.5, 0.2])
    assert utils.chi_square_check(lambda n: np.full(n, 7), [0, 1], [0.5, 0.5], 100)[0] == 0


# ---- arrays


def test_matrices():
    np.random.seed(0)
    assert utils.create_2d_tensor(2, 3).asnumpy().tolist() == [[0, 0, 0], [1, 1, 1]]
    assert utils.create_vector(3, dtype=np.float32).asnumpy().tolist() == [0, 1, 2]
    assert utils.get_identity_mat_batch(2).shape == (2, 2, 2)
    q = utils.new_orthonormal_matrix_2d(4)
    np.testing.assert_allclose(q @ q.T, np.eye(4), atol=1e-12)
    for m in utils.new_matrix_with_real_eigvals_nd((3, 4, 4)):
        assert abs(np.linalg.eigvals(m).imag).max() < 1e-8
    s = utils.new_sym_matrix_with_real_eigvals_nd((2, 3, 3))
    np.testing.assert_allclose(s, s.transpose(0, 2, 1), atol=1e-12)


def test_collapse_sum_like():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(utils.collapse_sum_like(x, (3, 1)), x.sum(axis=(0, 2)).reshape(3, 1))
    np.testing.assert_allclose(utils.collapse_sum_like(x, (1, 3, 4)), x.sum(axis=0, keepdims=True))


def test_compare_tuples_and_optimizers():
    one, zero = mx.nd.ones((2,)), mx.nd.zeros((2,))
    utils.compare_ndarray_tuple((one, None, (zero,)), (one, zero, (zero,)))
    with pytest.raises(AssertionError):
        utils.compare_ndarray_tuple((one, (one,)), (one, (zero,)))
    sgd = mx.optimizer.SGD
    utils.compare_optimizer(sgd(momentum=0.9), sgd(momentum=0.9), [(3, 4), (2,)], "float32", ntensors=2)
    utils.compare_optimizer(sgd(multi_precision=True), sgd(multi_precision=True), (3, 4), "float16")
    with pytest.raises(AssertionError):
        utils.compare_optimizer(sgd(), sgd(learning_rate=1), (3, 4), "float32")
