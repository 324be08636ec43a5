"""Image record iterators: batches as recorded from MXNet 1.9.1 (`parity/record_image_iters.py`), random
augmentation, shuffling, threads, bad records."""

import gc
import json
import pathlib
import threading

import numpy as np
import pytest
import symbind as mx
from parity import image_record_cases as cases

cv2 = pytest.importorskip("cv2")

FOLDER = pathlib.Path(__file__).parent / "parity" / "goldens"
IMAGES = FOLDER / "images"
CLASSES = str(IMAGES / "classes.rec")


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "image_records.npz") as arrays:
        return dict(arrays)


def make(**arguments):
    defaults = {"path_imgrec": CLASSES, "data_shape": (3, 16, 16), "batch_size": 4}
    return mx.io.ImageRecordIter(**{**defaults, **arguments})


def epoch(data_iter):
    batches = [(b.data[0].asnumpy(), b.label[0].asnumpy(), b.index.copy(), b.pad) for b in data_iter]
    data_iter.reset()
    return batches


def same(first, second):
    return all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(first, second))


# Parity


@pytest.mark.parametrize("case", cases.CASES)
def test_batches_are_those_of_mxnet(golden, case):
    data_iter = cases.make(mx, IMAGES, case)
    provided = [
        [d.name, list(d.shape), np.dtype(d.dtype).name]
        for d in data_iter.provide_data + data_iter.provide_label
    ]
    assert provided == json.loads(str(golden[f"{case}/provided"]))
    images, labels, pads = [], [], []
    for number in range(2):
        for data, label, _, pad in epoch(data_iter):
            assert [data.dtype.name, list(data.shape)] == provided[0][:0:-1]
            if number == 0:
                images.append(data)
            labels.append(label)
            pads.append(pad)
    assert pads == golden[f"{case}/pads"].tolist()
    np.testing.assert_array_equal(np.stack(labels), golden[f"{case}/labels"])
    difference = np.abs(np.stack(images).astype(np.float64) - golden[f"{case}/images"])
    assert difference.max() <= cases.CASES[case][2]


def test_index_is_the_id_in_the_records():
    assert [b[2].tolist() for b in epoch(make())] == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 0, 2, 4]]


# Order


def test_shuffle_is_global_and_follows_the_seed():
    def orders(**more):
        mx.random.seed(3)
        data_iter = make(batch_size=3, shuffle=True, **more)
        return [np.concatenate([b[1] for b in epoch(data_iter)]).tolist() for _ in range(3)]

    first = orders()
    assert first == orders() and first[0] != first[1]
    assert all(sorted(order) == list(range(9)) for order in first)
    assert orders(seed=1) == orders(seed=1) != first
    mx.random.seed(4)
    other = make(batch_size=3, shuffle=True)
    assert np.concatenate([b[1] for b in epoch(other)]).tolist() != first[0]


def test_shuffled_passes_go_on_over_epochs():
    data_iter = make(shuffle=True, seed=0)
    stream = np.concatenate([b[1] for _ in range(9) for b in epoch(data_iter)])
    for at in range(0, len(stream) - 8, 9):
        assert sorted(stream[at : at + 9]) == list(range(9))


def test_parts_cover_all_records_once():
    for index in ("", str(IMAGES / "classes.idx")):
        seen = []
        for part in range(3):
            data_iter = make(batch_size=1, num_parts=3, part_index=part, path_imgidx=index, shuffle=True)
            seen += [int(b[1][0]) for b in epoch(data_iter)]
        assert sorted(seen) == list(range(9))


def test_parts_of_a_file_that_is_larger_than_a_window(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "large.rec"
    magic = b"\x0a\x23\xd7\xce"
    with mx.recordio.MXRecordIO(path, "w") as writer:
        for i in range(60):
            payload = rng.bytes(int(rng.integers(0, 20000))) + magic * (i % 3)
            writer.write(mx.recordio.pack((0, i, i, 0), payload))
    from symbind._records import RecordReader

    reader = RecordReader(path)
    whole = reader.offsets().tolist()
    assert len(whole) == 60
    for parts in (2, 7, 100):
        step = -(-reader.size // parts)
        pieces = [reader.offsets(i * step, (i + 1) * step).tolist() for i in range(parts)]
        assert [start for piece in pieces for start in piece] == whole


def test_reset_in_the_middle():
    data_iter = make()
    data_iter.next()
    data_iter.reset()
    assert epoch(data_iter)[0][1].tolist() == [0, 1, 2, 3]
    assert data_iter.next().label[0].asnumpy().tolist() == [3, 4, 5, 6]


def test_short_last_batch_without_round_batch():
    batches = epoch(make(round_batch=False))
    assert [b[3] for b in batches] == [0, 0, 3]
    assert batches[2][1].tolist() == [8, 5, 6, 7]


def test_batch_that_is_larger_than_the_file():
    (batch,) = epoch(make(batch_size=20))
    assert batch[3] == 11 and batch[1].tolist() == [*range(9), *range(9), 0, 1]


# Random augmentation

RANDOM = {
    "crop": {"rand_crop": True},
    "mirror": {"rand_mirror": True},
    "resized crop": {"random_resized_crop": True, "min_random_area": 0.3, "max_aspect_ratio": 0.3},
    "ratio range": {"random_resized_crop": True, "min_aspect_ratio": 0.7, "max_aspect_ratio": 1.4},
    "crop size": {"max_crop_size": 18, "min_crop_size": 12, "rand_crop": True},
    "affine": {"max_rotate_angle": 20, "max_shear_ratio": 0.2, "max_random_scale": 1.2},
    "hls": {"random_h": 30, "random_s": 40, "random_l": 50},
    "jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
    "pca": {"pca_noise": 0.2},
    "values": {"max_random_contrast": 0.3, "max_random_illumination": 20.0, "scale": 0.5},
    "interpolation": {"resize": 24, "inter_method": 10},
}


@pytest.mark.parametrize("case", RANDOM)
def test_random_augmentation_repeats_with_the_seed(case):
    runs = []
    for seed, threads in ((1, 1), (1, 4), (2, 2)):
        mx.random.seed(seed)
        data_iter = make(preprocess_threads=threads, **RANDOM[case])
        runs.append(epoch(data_iter) + epoch(data_iter))
    assert same(runs[0], runs[1]), "the number of threads matters"
    assert not same(runs[0], runs[2]), "the seed does not matter"
    data, plain = runs[0][0][0], epoch(make())[0][0]
    assert data.shape == plain.shape and np.isfinite(data).all() and (data != plain).any()
    assert same(epoch(make(seed_aug=5, **RANDOM[case])), epoch(make(seed_aug=5, **RANDOM[case])))


def test_mirroring_by_chance():
    plain, mirrored, seen = epoch(make(batch_size=9))[0][0], [], set()
    for seed in range(6):
        for image, before in zip(epoch(make(batch_size=9, rand_mirror=True, seed_aug=seed))[0][0], plain):
            mirrored.append((image == before[:, :, ::-1]).all())
            assert mirrored[-1] or (image == before).all()
            seen.add(mirrored[-1])
    assert len(seen) == 2 and 10 < sum(mirrored) < 44


def test_random_crops_are_parts_of_the_image():
    whole = epoch(make(batch_size=1, data_shape=(3, 20, 38)))[0][0][0]
    for image in (epoch(make(batch_size=1, rand_crop=True, seed_aug=s))[0][0][0] for s in range(5)):
        windows = np.lib.stride_tricks.sliding_window_view(whole, image.shape)[0]
        assert (windows == image).all(axis=(2, 3, 4)).any()


def test_mean_image_is_computed_once(tmp_path):
    path = str(tmp_path / "mean.nd")
    plain = np.concatenate([b[0] for b in epoch(make(batch_size=3))])
    for _ in range(2):
        data = np.concatenate([b[0] for b in epoch(make(batch_size=3, mean_img=path))])
        np.testing.assert_allclose(data, plain - plain.mean(axis=0, dtype=np.float64), atol=1e-4)
    assert list(mx.nd.load(path)) == ["mean_img"]
    with pytest.raises(ValueError, match="wrong shape of the mean image"):
        make(mean_img=path, data_shape=(3, 8, 8))


# Detection


def detections(**arguments):
    defaults = {"path_imgrec": str(IMAGES / "objects.rec"), "data_shape": (3, 40, 40), "batch_size": 5}
    return mx.io.ImageDetRecordIter(**{**defaults, **arguments})


def boxes(label):
    header, width, count = int(label[4]), int(label[5]), int(label[3])
    return label[4 + header : 4 + count].reshape(-1, width)


def test_cropped_objects_lie_where_they_were():
    """Objects are painted into the images: after any augmentation the boxes still frame the paint."""
    folder = IMAGES / "objects.rec"
    plain = detections(path_imgrec=str(folder)).next().label[0].asnumpy()
    for options in (
        {"rand_crop_prob": 1, "min_crop_scales": 0.5, "min_crop_object_coverages": 0.5},
        {"rand_pad_prob": 1, "max_pad_scale": 2.5},
        {"rand_mirror_prob": 0.5, "rand_crop_prob": 0.7, "crop_emit_mode": "overlap", "min_crop_scales": 0.4},
        {"num_crop_sampler": 2, "rand_crop_prob": 1, "min_crop_overlaps": (0.2, 0.6), "max_crop_trials": 9},
    ):
        changed = 0
        for seed in range(4):
            label = detections(seed_aug=seed, **options).next().label[0].asnumpy()
            for before, after in zip(plain, label):
                now = boxes(after)
                assert 1 <= len(now) <= len(boxes(before))
                assert (now[:, 1:5] >= 0).all() and (now[:, 1:5] <= 1).all()
                assert (now[:, 1] < now[:, 3]).all() and (now[:, 2] < now[:, 4]).all()
                assert set(now[:, 0]) <= set(boxes(before)[:, 0])
                changed += not np.array_equal(now, boxes(before))
        assert changed > 0


@pytest.mark.parametrize(
    "options",
    [
        {"rand_crop_prob": 1, "min_crop_scales": 0.6, "min_crop_object_coverages": 0.9},
        {"rand_pad_prob": 1, "max_pad_scale": 2.0, "fill_value": 30},
        {"rand_mirror_prob": 1},
        {"resize": 50},
    ],
)
def test_boxes_follow_what_is_in_the_image(tmp_path, options):
    image = np.full((60, 80, 3), 30, np.uint8)
    image[20:40, 30:60] = 220
    path = tmp_path / "box.rec"
    with mx.recordio.MXRecordIO(path, "w") as writer:
        label = [2, 5, 1, 30 / 80, 20 / 60, 60 / 80, 40 / 60]
        writer.write(mx.recordio.pack_img((0, label, 0, 0), image, 9, ".png"))
    for seed in range(5):
        batch = detections(
            path_imgrec=str(path),
            data_shape=(3, 120, 160),
            batch_size=1,
            seed_aug=seed,
            inter_method=0,
            **options,
        ).next()
        _, left, top, right, bottom = boxes(batch.label[0].asnumpy()[0])[0]
        rows, columns = np.nonzero(batch.data[0].asnumpy()[0, 0] > 125)
        found = [columns.min() / 160, rows.min() / 120, (columns.max() + 1) / 160, (rows.max() + 1) / 120]
        np.testing.assert_allclose([left, top, right, bottom], found, atol=0.03)


def test_detection_colours():
    plain, changed = (
        detections(seed_aug=1, **options).next().data[0].asnumpy()
        for options in (
            {},
            {
                "max_random_hue": 20,
                "random_hue_prob": 1,
                "max_random_contrast": 0.5,
                "random_contrast_prob": 1,
                "max_random_saturation": 40,
                "random_saturation_prob": 1,
                "max_random_illumination": 40,
                "random_illumination_prob": 1,
            },
        )
    )
    assert plain.shape == changed.shape and (plain != changed).any()


# Threads


def test_batches_are_worked_on_ahead_by_threads_that_end_with_the_iterator():
    before = set(threading.enumerate())
    data_iter = make(preprocess_threads=2, prefetch_buffer=2)
    data_iter.next()
    assert len(data_iter._ahead) == 2
    own = set(threading.enumerate()) - before
    assert own and all(thread.name.startswith("ImageRecordIter") for thread in own)
    del data_iter
    gc.collect()
    for thread in own:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_batches_have_memory_of_their_own():
    data_iter = make()
    first = data_iter.next()
    copy = first.data[0].asnumpy()
    data_iter.next().data[0][:] = 0
    assert (first.data[0].asnumpy() == copy).all()


def test_module_learns_from_records():
    data_iter = make(batch_size=3, shuffle=True, scale=1 / 255, seed=0)
    net = mx.sym.FullyConnected(mx.sym.Flatten(mx.sym.Variable("data")), num_hidden=9)
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
    mx.random.seed(0)
    module.fit(
        data_iter, num_epoch=60, optimizer_params={"learning_rate": 0.02}, initializer=mx.init.Xavier()
    )
    assert dict(module.score(data_iter, "acc"))["accuracy"] > 0.85


# Misuse and damage


@pytest.mark.parametrize(
    "arguments, error, problem",
    [
        ({"data_shape": (3, 16)}, ValueError, r"wrong data_shape: got \(3, 16\)"),
        ({"data_shape": (2, 16, 16)}, ValueError, "with 1, 3 or 4 channels"),
        ({"batch_size": 0}, ValueError, "wrong batch_size: got 0"),
        ({"batch_size": "many"}, ValueError, "wrong batch_size: got 'many', expected a whole number"),
        ({"shuffle": "maybe"}, ValueError, "wrong shuffle: got 'maybe', expected True or False"),
        ({"dtype": "float16"}, ValueError, "wrong dtype: got float16, expected float32, uint8 or int8"),
        ({"num_parts": 2, "part_index": 2}, ValueError, "wrong part_index: got 2, expected 0 to"),
        ({"inter_method": 7}, ValueError, "wrong inter_method: got 7"),
        ({"std_g": 0}, ValueError, r"a standard deviation is 0: got \[1.0, 0.0, 1.0\]"),
        ({"min_crop_size": 9}, ValueError, "min_crop_size 9 exceeds max_crop_size -1"),
        ({"min_random_scale": 2}, ValueError, "wrong range of min_random_scale to max_random_scale"),
        ({"path_imgrec": "nope.rec"}, FileNotFoundError, r"nope\.rec"),
        ({"path_imgidx": "nope.idx"}, FileNotFoundError, r"nope\.idx"),
    ],
)
def test_wrong_arguments(arguments, error, problem):
    with pytest.raises(error, match=problem):
        make(**arguments)


def test_missing_and_unknown_arguments():
    with pytest.raises(TypeError, match="the argument data_shape is missing"):
        mx.io.ImageRecordIter(path_imgrec=CLASSES, batch_size=1)
    with pytest.warns(UserWarning, match="unknown arguments are ignored: shuffel"):
        make(shuffel=True)
    text = make(data_shape="(3, 16, 16)", batch_size="4", shuffle="False", scale="0.5", ctx="cpu")
    assert text.provide_data[0].shape == (4, 3, 16, 16)


@pytest.mark.parametrize(
    "record, problem",
    [
        (b"short", "is no image record: it has 5 bytes"),
        (mx.recordio.pack((0, 1, 5, 0), b"no image"), r"\(id 5\) has no image that OpenCV can decode"),
        (mx.recordio.pack((0, 1, 5, 0), b""), "has no image that OpenCV can decode: its 0 bytes"),
        (mx.recordio.pack((0, [1, 2], 5, 0), b"")[:28], "is damaged: 2 labels need 32 bytes, it has 28"),
    ],
)
def test_bad_records(tmp_path, record, problem):
    path = tmp_path / "bad.rec"
    with mx.recordio.MXRecordIO(path, "w") as writer:
        writer.write(mx.recordio.pack((0, 1, 0, 0), (IMAGES / "colour.jpg").read_bytes()))
        second = path.stat().st_size
        writer.write(record)
    data_iter = make(path_imgrec=str(path), batch_size=1)
    data_iter.next()
    with pytest.raises(mx.MXNetError, match=rf"bad\.rec': record at byte {second} .*{problem}"):
        data_iter.next()


def test_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(id 0\) has 1 labels: got label_width 2"):
        make(label_width=2).next()
    with pytest.raises(ValueError, match=r"has 3 labels: got label_width 1"):
        make(path_imgrec=str(IMAGES / "labels.rec")).next()
    with pytest.raises(ValueError, match="has no object labels"):
        detections(path_imgrec=CLASSES).next()
    with pytest.raises(
        ValueError, match=r"wrong label_pad_width: got 5, the longest label .* has 17 numbers"
    ):
        detections(label_pad_width=5)
    with pytest.raises(ValueError, match="wrong resize_mode: got 'fill', expected one of force, shrink, fit"):
        detections(resize_mode="fill")
    with pytest.raises(ValueError, match="wrong length of min_crop_scales: got 2 values, expected 1 or"):
        detections(min_crop_scales=(0.1, 0.2))


def test_list_files(tmp_path):
    path = tmp_path / "some.lst"
    path.write_text("0\t1\tx.jpg\n")
    with pytest.raises(ValueError, match=r"some\.lst' has no labels for the id 2 of .*record at byte"):
        make(path_imglist=str(path)).next()
    path.write_text("0\t1\n")
    with pytest.raises(ValueError, match=r"some\.lst': line 1: expected an id, labels and a path"):
        make(path_imglist=str(path))
    path.write_text("0\tx\tx.jpg\n")
    with pytest.raises(ValueError, match=r"some\.lst': line 1: could not convert"):
        make(path_imglist=str(path))


def test_grey_images_with_alpha_and_16_bits(tmp_path):
    path = tmp_path / "kinds.rec"
    with mx.recordio.MXRecordIO(path, "w") as writer:
        for name in ("alpha.png", "grey.png"):
            writer.write(mx.recordio.pack((0, 1, 2, 3), (IMAGES / name).read_bytes()))
    data_iter = make(path_imgrec=str(path), batch_size=1, data_shape=(4, 16, 16))
    stored = cv2.imread(str(IMAGES / "alpha.png"), cv2.IMREAD_UNCHANGED)[4:20, 7:23]
    np.testing.assert_array_equal(
        data_iter.next().data[0].asnumpy()[0], stored[:, :, [2, 1, 0, 3]].transpose(2, 0, 1)
    )
    with pytest.raises(ValueError, match="got an image of 1 channels, data_shape expects 4"):
        data_iter.next()
