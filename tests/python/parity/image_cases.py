"""What is done with images by both packages; each case returns a list of arrays and of what compares with
==."""

from __future__ import annotations

import json
import random

import numpy as np

SIZES = (9, 24, 36)
CASES = {}


def case(tolerance=0):
    """Register a function of (mx, folder); images may differ by `tolerance`."""

    def register(make):
        CASES[make.__name__] = (make, tolerance)
        return make

    return register


def run(mx, folder, name):
    """Seed everything, run a case, and return its results as NumPy arrays and JSON values."""
    random.seed(len(name))
    np.random.seed(len(name))
    mx.random.seed(len(name))
    results = []
    for value in CASES[name][0](mx, folder):
        if hasattr(value, "asnumpy"):
            value = value.asnumpy()
        results.append(value if isinstance(value, np.ndarray) else json.loads(json.dumps(value)))
    return results


def colour(mx, folder):
    return mx.image.imread(str(folder / "colour.jpg"))


def real(mx, folder):
    return colour(mx, folder).astype("float32")


@case()
def read(mx, folder):
    for name in ("colour.jpg", "colour.png", "grey.png", "alpha.png", "turned.jpg"):
        for flag in (1, 0):
            yield mx.image.imread(str(folder / name), flag=flag)
            yield mx.image.imread(str(folder / name), flag, to_rgb=False)


@case()
def decode(mx, folder):
    data = (folder / "colour.jpg").read_bytes()
    yield mx.image.imdecode(data)
    yield mx.image.imdecode(data, to_rgb=0)
    yield mx.image.imdecode(data, flag=0)
    yield mx.img.imdecode(mx.nd.array(np.frombuffer(data, np.uint8), dtype="uint8"))


@case(1)
def resize(mx, folder):
    image = colour(mx, folder)
    for interp in (0, 1, 2, 3, 4):
        yield mx.image.imresize(image, 50, 40, interp)
        yield mx.image.imresize(image, 17, 11, interp=interp)
    yield mx.image.imresize(image, 20, 20)
    for interp in (1, 2, 9):
        yield mx.image.resize_short(image, 30, interp)
        yield mx.image.resize_short(image, 16, interp)
    yield mx.image.resize_short(image, 24)
    yield mx.image.imresize(mx.image.imread(str(folder / "grey.png"), 0), 11, 13)


@case(1)
def resize_random(mx, folder):
    for _ in range(4):
        yield mx.image.resize_short(colour(mx, folder), 30, 10)


@case(1e-2)
def resize_float(mx, folder):
    for interp in (0, 1, 3):
        yield mx.image.imresize(real(mx, folder), 50, 41, interp)


@case()
def scale_down(mx, folder):
    sizes = [(640, 480), (20, 30), (100, 7), (33, 33)]
    for src in sizes:
        for size in sizes + [(720, 120), (1, 1)]:
            yield list(mx.image.scale_down(src, size))


@case(1)
def crops(mx, folder):
    image = colour(mx, folder)
    yield mx.image.fixed_crop(image, 3, 5, 20, 10)
    yield mx.image.fixed_crop(image, 3, 5, 20, 10, (20, 10))
    yield mx.image.fixed_crop(image, 3, 5, 20, 10, (40, 9), 1)
    yield mx.image.fixed_crop(image, 3, 5, 20, 10, (15, 9), 9)
    for size in ((10, 10), (11, 8), (80, 20), (20, 80)):
        for crop in (mx.image.center_crop, mx.image.random_crop, mx.image.random_crop):
            part, place = crop(image, size)
            yield part
            yield list(place)


@case(1)
def sized_crops(mx, folder):
    image = colour(mx, folder)
    for area in (0.2, (0.3, 0.4), (0.9, 1.0), 5.0):
        for _ in range(3):
            part, place = mx.image.random_size_crop(image, (12, 14), area, (0.7, 1.4))
            yield part
            yield list(place)


@case(1e-4)
def normalize(mx, folder):
    mean, std = mx.nd.array([100, 110, 120]), mx.nd.array([50, 60, 70])
    image = real(mx, folder)
    yield mx.image.color_normalize(image, mean, std)
    yield image
    yield mx.image.color_normalize(real(mx, folder), mean)
    yield mx.image.color_normalize(real(mx, folder), 3.0, None)


@case()
def border(mx, folder):
    for kind in range(5):
        yield mx.image.copyMakeBorder(colour(mx, folder), 2, 3, 4, 5, kind)
    yield mx.image.copyMakeBorder(colour(mx, folder), 1, 1, 1, 1, 0, value=9)
    yield mx.image.copyMakeBorder(colour(mx, folder), 1, 1, 1, 1, 0, values=(1, 2, 3))


@case(1e-3)
def rotate(mx, folder):
    image = mx.nd.transpose(real(mx, folder), axes=(2, 0, 1))
    batch = mx.nd.stack(image, image * 0.5)
    for zoom in ({}, {"zoom_in": True}, {"zoom_out": True}):
        for angle in (0, 13, -40, 90):
            yield mx.image.imrotate(image, angle, **zoom)
        yield mx.image.imrotate(batch, mx.nd.array([10, -20]), **zoom)
        yield mx.image.random_rotate(image, (-30, 30), **zoom)
        yield mx.image.random_rotate(batch, (-30, 30), **zoom)


def augmenters(mx):
    """Every augmenter, for images of float32."""
    image = mx.image
    eigval, eigvec = np.array([55.46, 4.794, 1.148]), np.arange(9).reshape(3, 3) / 10 - 0.3
    return [
        image.ResizeAug(20),
        image.ForceResizeAug((20, 30), 1),
        image.RandomCropAug((12, 10)),
        image.RandomSizedCropAug((12, 10), 0.3, (0.8, 1.2), 1),
        image.CenterCropAug((12, 10)),
        image.BrightnessJitterAug(0.4),
        image.ContrastJitterAug(0.4),
        image.SaturationJitterAug(0.4),
        image.HueJitterAug(0.4),
        image.ColorJitterAug(0.1, 0.2, 0.3),
        image.LightingAug(0.3, eigval, eigvec),
        image.ColorNormalizeAug(mx.nd.array([100, 110, 120]), mx.nd.array([50, 60, 70])),
        image.ColorNormalizeAug(mx.nd.array([100, 110, 120]), None),
        image.RandomGrayAug(0.5),
        image.HorizontalFlipAug(0.5),
        image.CastAug(),
        image.SequentialAug([image.CenterCropAug((12, 10)), image.BrightnessJitterAug(0.2)]),
        image.RandomOrderAug([image.CenterCropAug((12, 10)), image.BrightnessJitterAug(0.2)]),
    ]


@case()
def dumps(mx, folder):
    for augmenter in augmenters(mx):
        yield augmenter.dumps()
    for augmenter in mx.image.CreateAugmenter((3, 10, 10), mean=True, std=True, pca_noise=0.1, hue=0.1):
        yield augmenter.dumps()
    for augmenter in mx.image.CreateDetAugmenter((3, 10, 10), rand_crop=0.5, rand_pad=0.5, rand_mirror=True):
        yield augmenter.dumps()


@case(0.5)
def augment(mx, folder):
    for augmenter in augmenters(mx):
        for _ in range(3):
            yield augmenter(real(mx, folder))


CHAINS = [
    {},
    {"resize": 20, "rand_crop": True, "rand_mirror": True},
    {"rand_crop": True, "rand_resize": True, "mean": True, "std": True, "inter_method": 1},
    {"mean": np.array([1.0, 2, 3]), "std": np.array([4.0]), "inter_method": 0},
    {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1, "pca_noise": 0.1, "rand_gray": 0.3},
]


@case(2)
def chains(mx, folder):
    for options in CHAINS:
        for _ in range(3):
            image = colour(mx, folder)
            for augmenter in mx.image.CreateAugmenter((3, 14, 15), **options):
                image = augmenter(image)
            yield image


def boxes():
    return np.array([[0, 0.1, 0.2, 0.4, 0.7], [1, 0.5, 0.1, 0.95, 0.5], [2, 0.3, 0.6, 0.6, 0.9]])


@case(0.5)
def det_augment(mx, folder):
    image = mx.image
    steps = [
        image.DetBorrowAug(image.BrightnessJitterAug(0.3)),
        image.DetHorizontalFlipAug(0.5),
        image.DetRandomCropAug(),
        image.DetRandomCropAug(0.5, (0.5, 2.0), (0.1, 0.6), 0.4, 20),
        image.DetRandomPadAug(),
        image.DetRandomPadAug((0.5, 2.0), (1.5, 4.0), 30, (1, 2, 3)),
        image.DetRandomSelectAug([image.DetHorizontalFlipAug(1), image.DetRandomPadAug()], 0.3),
        image.CreateMultiRandCropAugmenter([0.1, 0.3], [(0.75, 1.33), (0.9, 1.1)], [(0.1, 1.0), (0.2, 0.5)]),
    ]
    for step in steps:
        for _ in range(6):
            changed, label = step(real(mx, folder), boxes())
            yield changed
            yield label


@case(2)
def det_chains(mx, folder):
    for options in (
        {},
        {"rand_crop": 0.8, "rand_pad": 0.8, "rand_mirror": True, "mean": True, "std": True},
        {"resize": 30, "brightness": 0.1, "hue": 0.1, "pca_noise": 0.1, "rand_gray": 0.5, "inter_method": 1},
    ):
        steps = mx.image.CreateDetAugmenter((3, 20, 22), **options)
        for _ in range(4):
            image, label = colour(mx, folder), boxes()
            for step in steps:
                image, label = step(image, label)
            yield image
            yield label


def describe(data_iter):
    return [[d[0], list(d[1])] for d in data_iter.provide_data + data_iter.provide_label]


def epochs(data_iter, count=2, images=True):
    yield describe(data_iter)
    for _ in range(count):
        for batch in data_iter:
            if images:
                yield batch.data[0]
            yield batch.label[0]
            yield batch.pad
        yield "end"
        data_iter.reset()


def records(folder, name="classes"):
    return {"path_imgrec": str(folder / f"{name}.rec")}


def listed():
    return [[float(i), name] for i, name in enumerate(["colour.jpg", "colour.png", "turned.jpg"])]


@case(1)
def iter_records(mx, folder):
    yield from epochs(mx.image.ImageIter(4, (3, 16, 18), **records(folder)))


@case(1)
def iter_index(mx, folder):
    index = str(folder / "classes.idx")
    for part in (0, 1):
        yield from epochs(
            mx.image.ImageIter(
                2, (3, 16, 18), path_imgidx=index, num_parts=2, part_index=part, **records(folder)
            ),
            images=False,
        )


@case(1)
def iter_shuffled(mx, folder):
    index = str(folder / "classes.idx")
    data_iter = mx.image.ImageIter(3, (3, 16, 18), path_imgidx=index, shuffle=True, **records(folder))
    yield from epochs(data_iter, images=False)


@case(1)
def iter_discard(mx, folder):
    yield from epochs(
        mx.image.ImageIter(4, (3, 16, 18), last_batch_handle="discard", **records(folder)), images=False
    )


@case(1)
def iter_roll_over(mx, folder):
    yield from epochs(
        mx.image.ImageIter(4, (3, 16, 18), last_batch_handle="roll_over", **records(folder)), 4, images=False
    )


@case(1)
def iter_list(mx, folder):
    names = {"data_name": "d", "label_name": "l", "dtype": "float32"}
    yield from epochs(mx.image.ImageIter(2, (3, 10, 12), imglist=listed(), path_root=str(folder), **names))
    pairs = [[[i, i + 0.5], name] for i, name in listed()]
    yield from epochs(mx.image.ImageIter(1, (3, 10, 12), 2, imglist=pairs, path_root=str(folder)))


@case(1)
def iter_augmenters(mx, folder):
    augmenters = [mx.image.CenterCropAug((12, 10))]
    yield from epochs(
        mx.image.ImageIter(3, (3, 10, 12), imglist=listed(), path_root=str(folder), aug_list=augmenters)
    )


@case(1)
def det_iter(mx, folder):
    yield from epochs(mx.image.ImageDetIter(2, (3, 16, 18), **records(folder, "objects")))


@case(1)
def det_iter_shapes(mx, folder):
    data_iter = mx.image.ImageDetIter(3, (3, 16, 18), **records(folder, "objects"))
    data_iter.reshape(label_shape=(7, 5))
    yield from epochs(data_iter)
    other = mx.image.ImageDetIter(3, (3, 16, 18), **records(folder, "objects"))
    other = data_iter.sync_label_shape(other)
    yield describe(other)
