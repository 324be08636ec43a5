"""Records the batches of MXNet 1.9.1's image record iterators into `goldens/image_records.npz`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python
tests/python/parity/record_image_iters.py``. Every case runs in a process of its own, because MXNet sometimes
ends the process with an iterator.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import image_record_cases as cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens"


def record(case, path):
    """One epoch of images, and labels and padding of two."""
    import mxnet as mx

    data_iter = cases.make(mx, GOLDENS / "images", case)
    provided = [
        [d.name, list(d.shape), np.dtype(d.dtype).name]
        for d in data_iter.provide_data + data_iter.provide_label
    ]
    images, labels, pads = [], [], []
    for epoch in range(2):
        for batch in data_iter:
            if epoch == 0:
                images.append(batch.data[0].asnumpy())
            labels.append(batch.label[0].asnumpy())
            pads.append(batch.pad)
        data_iter.reset()
    images = np.stack(images)
    if images.dtype == np.float32 and (images == images.astype(np.uint8)).all():
        images = images.astype(np.uint8)
    np.savez(path, images=images, labels=np.stack(labels), pads=pads, provided=json.dumps(provided))


def main():
    content = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases.CASES:
            path = pathlib.Path(folder) / f"{case}.npz"
            subprocess.run([sys.executable, __file__, case, str(path)], stderr=subprocess.DEVNULL)
            if not path.exists():
                print("not recorded:", case)
                continue
            with np.load(path) as arrays:
                content.update({f"{case}/{name}": arrays[name] for name in arrays.files})
    path = GOLDENS / "image_records.npz"
    np.savez_compressed(path, **content)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        record(*sys.argv[1:])
    else:
        main()
