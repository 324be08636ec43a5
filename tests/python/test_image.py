"""mx.image: results as recorded from MXNet 1.9.1 (`parity/record_images.py`), random ones included;
misuse."""

import json
import logging
import pathlib
import random

import numpy as np
import pytest
import symbind as mx
from parity import image_cases as cases

cv2 = pytest.importorskip("cv2")

FOLDER = pathlib.Path(__file__).parent / "parity" / "goldens"
IMAGES = FOLDER / "images"


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "images.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def image():
    return mx.image.imread(IMAGES / "colour.jpg")


@pytest.mark.parametrize("case", cases.CASES)
def test_results_are_those_of_mxnet(golden, case):
    results = cases.run(mx, IMAGES, case)
    values = json.loads(str(golden[f"{case}/values"]))
    assert [None if isinstance(r, np.ndarray) else r for r in results] == values
    for i, result in enumerate(results):
        if isinstance(result, np.ndarray):
            expected = golden[f"{case}/{i}"]
            assert result.shape == expected.shape, i
            difference = np.abs(result.astype(np.float64) - expected)
            assert difference.max(initial=0) <= cases.CASES[case][1], (i, difference.max())


def test_names():
    assert mx.img is mx.image and mx.image.image._get_interp_method(9, (10, 10, 5, 5)) == 3


@pytest.mark.parametrize("data", [b"", b"no image", (IMAGES / "colour.jpg").read_bytes()[:40]])
def test_what_is_no_image(tmp_path, data):
    with pytest.raises(ValueError, match=rf"no image that OpenCV can decode: got {len(data)} bytes"):
        mx.image.imdecode(data)
    (tmp_path / "bad.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"no image .*bad\.jpg"):
        mx.image.imread(tmp_path / "bad.jpg")
    with pytest.raises(ValueError, match=r"\[nd\.imdecode\] no image"):
        mx.nd.imdecode(data)


def test_old_decode():
    data = (IMAGES / "colour.png").read_bytes()
    planes = np.transpose(mx.image.imdecode(data).asnumpy(), (2, 0, 1)).astype(np.float32)
    np.testing.assert_array_equal(mx.nd.imdecode(data).asnumpy(), planes)
    np.testing.assert_array_equal(mx.nd.imdecode(data, (2, 3, 12, 9)).asnumpy(), planes[:, 3:9, 2:12])
    grey = mx.nd.imdecode(data, channels=1, mean=mx.nd.ones((1, 36, 24)))
    np.testing.assert_array_equal(
        grey.asnumpy()[0], mx.image.imdecode(data, flag=0).asnumpy()[:, :, 0].astype(np.float32) - 1
    )
    out = mx.nd.zeros((2, 3, 36, 24))
    assert mx.nd.imdecode(data, out=out, index=1) is out
    np.testing.assert_array_equal(out.asnumpy(), [planes * 0, planes])


def test_out(image):
    out = mx.nd.zeros((10, 12, 3), dtype="uint8")
    assert mx.image.imresize(image, 12, 10, out=out) is out
    np.testing.assert_array_equal(out.asnumpy(), mx.image.imresize(image, 12, 10).asnumpy())


@pytest.mark.parametrize("dtype", ["int32", "int8", "float16", "float64", "uint8"])
def test_resizing_keeps_the_dtype(dtype):
    image = mx.nd.array(np.arange(48).reshape(4, 4, 3), dtype=dtype)
    result = mx.image.imresize(image, 8, 8, 0)
    assert result.dtype == image.dtype
    np.testing.assert_array_equal(result.asnumpy()[::2, ::2], image.asnumpy())


def test_misuse(image):
    with pytest.raises(ValueError, match=r"cannot resize an image of shape \(24, 36, 3\) to 5 x 0 pixels"):
        mx.image.imresize(image, 0, 5)
    with pytest.raises(ValueError, match="Unknown interp method 7"):
        mx.image.resize_short(image, 10, 7)
    with pytest.raises(
        ValueError, match="10 x 20 pixels from row 20 and column 3 on do not lie in an image of 24 x"
    ):
        mx.image.fixed_crop(image, 3, 20, 20, 10)
    with pytest.raises(TypeError, match="unexpected arguments: what"):
        mx.image.random_size_crop(image, (3, 3), 0.1, (1, 1), what=1)
    with pytest.raises(ValueError, match="cannot be both True"):
        mx.image.imrotate(image, 3, True, True)
    with pytest.raises(TypeError, match="Only `float32` images are supported: got uint8"):
        mx.image.imrotate(image, 3)
    with pytest.raises(ValueError, match="got 2 angles, expected one"):
        mx.image.imrotate(mx.nd.zeros((3, 4, 4)), mx.nd.array([1, 2]))
    with pytest.raises(ValueError, match="rand_resize needs rand_crop=True"):
        mx.image.CreateAugmenter((3, 4, 4), rand_resize=True)
    with pytest.raises(ValueError, match=r"wrong shape of mean: got \(2,\)"):
        mx.image.CreateAugmenter((3, 4, 4), mean=np.ones(2))
    with pytest.raises(NotImplementedError):
        mx.image.Augmenter()(image)


def test_iterator_misuse(tmp_path):
    records = {"path_imgrec": str(IMAGES / "classes.rec")}
    for arguments, problem in (
        ({}, "no images given"),
        ({**records, "data_shape": (2, 4, 4)}, r"wrong data_shape: got \(2, 4, 4\)"),
        ({**records, "last_batch_handle": "keep"}, "wrong last_batch_handle: got 'keep'"),
        ({**records, "shuffle": True}, "needs path_imgidx"),
        ({**records, "num_parts": 2}, "needs path_imgidx"),
        ({"imglist": [[1, "a"]], "num_parts": 2, "part_index": 2}, "wrong part_index: got 2"),
        ({"imglist": [[1, "a"]], "num_parts": 2}, "no images in part 0 of 2"),
    ):
        with pytest.raises(ValueError, match=problem):
            mx.image.ImageIter(**{"batch_size": 1, "data_shape": (3, 4, 4), **arguments})
    (tmp_path / "bad.lst").write_text("1\t2\ta.jpg\nx\t2\ta.jpg\n")
    with pytest.raises(ValueError, match=r"bad\.lst': line 2: expected a number, labels and a path"):
        mx.image.ImageIter(1, (3, 4, 4), path_imglist=str(tmp_path / "bad.lst"))
    with pytest.raises(
        ValueError, match=r"the augmenters made an image of shape \(36, 24, 3\), expected \(4, 4, 3\)"
    ):
        mx.image.ImageIter(
            1, (3, 4, 4), imglist=[[1, "colour.png"]], path_root=str(IMAGES), aug_list=[]
        ).next()


def test_list_file_and_damaged_images(tmp_path, caplog):
    (tmp_path / "some.lst").write_text("5\t1.5\tcolour.jpg\n7\t2\tclasses.lst\n\n9\t3\tcolour.png\n")
    data_iter = mx.image.ImageIter(
        2, (3, 10, 10), path_imglist=str(tmp_path / "some.lst"), path_root=str(IMAGES), shuffle=False
    )
    with caplog.at_level(logging.WARNING):
        batch = data_iter.next()
    assert batch.label[0].asnumpy().tolist() == [1.5, 3] and "Invalid image, skipping" in caplog.text
    assert data_iter.num_image == 3


def test_labels_of_a_list_for_the_images_of_records():
    data_iter = mx.image.ImageIter(
        3,
        (3, 10, 10),
        2,
        path_imgrec=str(IMAGES / "classes.rec"),
        path_imgidx=str(IMAGES / "classes.idx"),
        path_imglist=str(IMAGES / "classes.lst"),
    )
    assert data_iter.next().label[0].asnumpy().tolist() == [[100, 0], [101, -0.25], [102, -0.5]]


def test_detection_misuse():
    records = {"path_imgrec": str(IMAGES / "objects.rec")}
    data_iter = mx.image.ImageDetIter(2, (3, 16, 18), **records)
    assert data_iter.label_shape == (3, 5)
    for shape, problem in (
        ((2, 5), "reduce label count from 3 to 2"),
        ((3, 6), "object width inconsistent: 5 vs 6"),
        ((3,), "should have length 2"),
    ):
        with pytest.raises(ValueError, match=problem):
            data_iter.reshape(label_shape=shape)
    with pytest.raises(TypeError, match=r"expected an image\.Augmenter"):
        mx.image.DetBorrowAug(mx.image.DetHorizontalFlipAug(0.5))
    with pytest.raises(ValueError, match="expected a DetAugmenter"):
        mx.image.DetRandomSelectAug([mx.image.CastAug()])
    with pytest.raises(ValueError, match="wrong area_range"):
        mx.image.DetRandomCropAug(area_range=(0.5, 0.1))
    for label, problem in (
        ([2, 5, 1], "expected 7 numbers or more"),
        ([2, 4, 0, 0, 0, 1, 1], "inconsistent with annotation width 4"),
        ([2, 5, 0, 0.5, 0.5, 0.5, 0.5], "no valid label"),
    ):
        with pytest.raises(RuntimeError, match=problem):
            data_iter._parse_label(np.float32(label))


def test_drawing_boxes():
    data_iter = mx.image.ImageDetIter(
        2, (3, 40, 40), path_imgrec=str(IMAGES / "objects.rec"), mean=True, std=True
    )
    pictures = list(
        data_iter.draw_next(color=(255, 0, 0), thickness=1, mean=True, std=True, id2labels={0: "cat"})
    )
    assert len(pictures) == 5
    for picture in pictures:
        assert picture.shape == (40, 40, 3) and picture.dtype == np.uint8
        assert (picture == [255, 0, 0]).all(axis=2).sum() > 20


def test_module_learns_from_image_iter():
    random.seed(0)
    mx.random.seed(0)
    data_iter = mx.image.ImageIter(
        3,
        (3, 16, 16),
        path_imgrec=str(IMAGES / "classes.rec"),
        path_imgidx=str(IMAGES / "classes.idx"),
        shuffle=True,
        mean=True,
        std=True,
    )
    net = mx.sym.FullyConnected(mx.sym.Flatten(mx.sym.Variable("data")), num_hidden=9)
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
    module.fit(data_iter, num_epoch=8, optimizer_params={"learning_rate": 0.01}, initializer=mx.init.Xavier())
    assert dict(module.score(data_iter, "acc"))["accuracy"] == 1
