"""Measures how fast `ImageRecordIter` feeds images: symbind and MXNet in turns, over the same record file.

    python bench/image_records.py [--peer PYTHON] [--images 512] [--rounds 3]

PEER is a Python that has mxnet==1.9.1. Needs symbind with its extra `image`. Photos of 320 x 256 pixels are
decoded, cropped to 224 x 224 at random, mirrored and normalised, in batches of 64. Prints images per second
and the ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

BATCH = 64


def make_file(path: str, images: int) -> None:
    """Write JPEG images with smooth structure and some noise, about 37 KB each."""
    import cv2
    import numpy as np
    import symbind as mx

    rng = np.random.default_rng(0)
    with mx.recordio.MXRecordIO(path, "w") as writer:
        for i in range(images):
            coarse = rng.integers(0, 256, size=(40, 48, 3)).astype(np.uint8)
            image = cv2.resize(coarse, (320, 256), interpolation=cv2.INTER_CUBIC).astype(int)
            image = np.clip(image + rng.integers(-12, 12, size=image.shape), 0, 255).astype(np.uint8)
            writer.write(mx.recordio.pack_img((0, i % 10, i, 0), image, 90))


def measure(package: str, path: str) -> float:
    """Return images per second of the second epoch."""
    mx = __import__(package)
    data_iter = mx.io.ImageRecordIter(
        path_imgrec=path,
        data_shape=(3, 224, 224),
        batch_size=BATCH,
        rand_crop=True,
        rand_mirror=True,
        mean_r=123.68,
        mean_g=116.28,
        mean_b=103.53,
        std_r=58.395,
        std_g=57.12,
        std_b=57.375,
        preprocess_threads=os.cpu_count(),
        verbose=False,
    )
    for _ in range(2):
        begin, count = time.perf_counter(), 0
        for batch in data_iter:
            batch.data[0].wait_to_read()
            count += BATCH
        rate = count / (time.perf_counter() - begin)
        data_iter.reset()
    return rate


def main() -> None:
    """Make the file, run both packages in turns and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python that has MXNet")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("PACKAGE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(*options.measure), flush=True)
        os._exit(0)  # MXNet's threads may end the process with an error
    engines = {"symbind": sys.executable, **({"mxnet": options.peer} if options.peer else {})}
    rates: dict[str, list[float]] = {name: [] for name in engines}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "images.rec")
        make_file(path, options.images)
        for _ in range(options.rounds):
            for name, python in engines.items():
                command = [python, __file__, "--measure", name, path]
                output = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                rates[name].append(float(output.stdout.split()[-1]))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name}: {medians[name]:.0f} images/s ({', '.join(f'{v:.0f}' for v in values)})")
    if options.peer:
        print(f"ratio: {medians['symbind'] / medians['mxnet']:.2f}")


if __name__ == "__main__":
    main()
