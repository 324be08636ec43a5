"""Makes the record files and images in `goldens/images`, which MXNet and symbind both read.

Run it with a Python that has symbind and OpenCV: ``python tests/python/parity/make_images.py``. Other
versions of the encoders make other files: record again after this.
"""

import pathlib

import cv2
import numpy as np
import symbind as mx

FOLDER = pathlib.Path(__file__).parent / "goldens" / "images"


def smooth(rng, height, width, channels=3):
    coarse = rng.integers(0, 256, size=(height // 8 + 2, width // 8 + 2, channels)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write(name, labels, sizes, rng, ids=None):
    """One record file; every other image is JPEG, the rest PNG."""
    writer = mx.recordio.MXIndexedRecordIO(FOLDER / f"{name}.idx", FOLDER / f"{name}.rec", "w")
    for i, (label, (height, width)) in enumerate(zip(labels, sizes)):
        quality, fmt = (9, ".png") if i % 2 else (95, ".jpg")
        number = i if ids is None else ids[i]
        image = smooth(rng, height, width)
        writer.write_idx(number, mx.recordio.pack_img((0, label, number, 0), image, quality, fmt))
    writer.close()


def objects(i):
    found = [v for j in range(i % 3 + 1) for v in (j, 0.1 + 0.1 * j, 0.2, 0.4 + 0.1 * j, 0.7)]
    return [4, 5, 70, 80, *found] if i == 3 else [2, 5, *found]


def main():
    rng = np.random.default_rng(11)
    FOLDER.mkdir(exist_ok=True)
    sizes = [(20 + 2 * i, 38 - 2 * i) for i in range(9)]
    write("classes", map(float, range(9)), sizes, rng, [2 * i for i in range(9)])
    write("labels", [[i, i + 0.5, -i] for i in range(5)], sizes, rng)
    write("objects", [objects(i) for i in range(5)], sizes[::2], rng)
    lines = [f"{2 * i}\t{100 + i}\t{-i / 4}\timage{i}.jpg\n" for i in range(9)]
    (FOLDER / "classes.lst").write_text("".join(lines))
    cv2.imwrite(str(FOLDER / "colour.jpg"), smooth(rng, 24, 36))
    cv2.imwrite(str(FOLDER / "colour.png"), smooth(rng, 36, 24))
    cv2.imwrite(str(FOLDER / "grey.png"), smooth(rng, 24, 30, 1))
    cv2.imwrite(str(FOLDER / "alpha.png"), smooth(rng, 24, 30, 4))
    turned = cv2.imencode(".jpg", smooth(rng, 24, 36))[1].tobytes()
    # An Exif segment whose only entry says that the image has to be turned clockwise.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (8 + len(tiff)).to_bytes(2, "big") + b"Exif\0\0" + tiff
    turned = turned[:2] + exif + turned[2:]
    (FOLDER / "turned.jpg").write_bytes(turned)
    with mx.recordio.MXRecordIO(FOLDER / "turned.rec", "w") as writer:
        writer.write(mx.recordio.pack((0, 1, 0, 0), turned))


if __name__ == "__main__":
    main()
