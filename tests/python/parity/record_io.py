"""Records what the data iterators of MXNet 1.9.1 yield into `goldens/io.json`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_io.py``.
"""

import json
import pathlib
import struct
import tempfile

import mxnet as mx
import numpy as np

SIZES = [1, 2, 5, 7, 10]
BATCH_SIZES = [1, 2, 3, 4, 5, 7, 10, 11, 13]
HANDLES = ["pad", "discard", "roll_over"]
EPOCHS = 4


def samples(batch):
    return [int(v) for v in batch.data[0].asnumpy().ravel()]


def record_epochs(size, batch_size, handle):
    """Sample numbers and padding of every batch, for some epochs with `reset` between them."""
    numbers = np.arange(size, dtype=np.float32)
    data_iter = mx.io.NDArrayIter(numbers, numbers + 100, batch_size, last_batch_handle=handle)
    epochs = []
    for _ in range(EPOCHS):
        epochs.append([[samples(batch), batch.pad] for batch in data_iter])
        data_iter.reset()
    return epochs


def record_cursor(size, batch_size, handle):
    """The same driven by `iter_next`, with the cursor: what subclasses see."""
    numbers = np.arange(size, dtype=np.float32)
    data_iter = mx.io.NDArrayIter(numbers, None, batch_size, last_batch_handle=handle)
    steps = [[data_iter.cursor]]
    for _ in range(2):
        while data_iter.iter_next():
            steps.append([data_iter.cursor, data_iter.getpad()])
        data_iter.reset()
        steps.append([data_iter.cursor])
    return steps


def record_early_reset(size, batch_size, handle):
    """An epoch that is broken off after one batch, then a whole one."""
    numbers = np.arange(size, dtype=np.float32)
    data_iter = mx.io.NDArrayIter(numbers, None, batch_size, last_batch_handle=handle)
    data_iter.next()
    data_iter.reset()
    return [[samples(batch), batch.pad] for batch in data_iter]


def describe(descs):
    return [[d.name, list(d.shape), np.dtype(d.dtype).name, d.layout] for d in descs]


INPUTS = {
    "array": lambda x: {"data": x},
    "one in a list": lambda x: {"data": [x]},
    "list": lambda x: {"data": [x, x[:, :, 0]], "label": [x[:, 0, 0], x]},
    "dict": lambda x: {"data": {"b": x, "a": x[:, 0, 0]}, "label": {"l": x[:, 0, 0]}},
    "names": lambda x: {"data": [x, x], "label": x[:, 0, 0], "data_name": "image", "label_name": "class"},
    "layout": lambda x: {"data": x, "label": x, "layout": "TNC"},
    "float64": lambda x: {"data": x.astype("float64"), "label": x[:, 0, 0].astype("int64")},
    "nested list": lambda x: {"data": [x.tolist()]},
    "empty label": lambda x: {"data": x, "label": []},
}


def record_inputs():
    """Descriptions, dtypes and contents of the first batch for the ways of giving data."""
    x = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    recorded = {}
    for name, make in INPUTS.items():
        data_iter = mx.io.NDArrayIter(batch_size=2, **make(x))
        batch = data_iter.next()
        recorded[name] = {
            "provide_data": describe(data_iter.provide_data),
            "provide_label": describe(data_iter.provide_label),
            "num_data": data_iter.num_data,
            "data": [a.asnumpy().tolist() for a in batch.data],
            "label": [a.asnumpy().tolist() for a in batch.label],
        }
    return recorded


def record_resize():
    numbers = np.arange(10, dtype=np.float32)
    recorded = []
    for size in (0, 2, 3, 5):
        for reset_internal in (True, False):
            inner = mx.io.NDArrayIter(numbers, None, 4)
            data_iter = mx.io.ResizeIter(inner, size, reset_internal=reset_internal)
            epochs = []
            for _ in range(3):
                epochs.append([[samples(batch), batch.pad] for batch in data_iter])
                data_iter.reset()
            recorded.append({"size": size, "reset_internal": reset_internal, "epochs": epochs})
    return recorded


def write_idx(folder, size, rows, cols):
    """The file pair that the test makes too: pixel k of all has the value k % 251, label i is i % 10."""
    pixels = (np.arange(size * rows * cols) % 251).astype(np.uint8)
    images, labels = folder / "images", folder / "labels"
    images.write_bytes(struct.pack(">IIII", 2051, size, rows, cols) + pixels.tobytes())
    labels.write_bytes(struct.pack(">II", 2049, size) + (np.arange(size) % 10).astype(np.uint8).tobytes())
    return {"image": str(images), "label": str(labels)}


MNIST_ARGS = [
    {"batch_size": 5},
    {"batch_size": 5, "flat": True},
    {"batch_size": 23},
    {"batch_size": 2, "num_parts": 3, "part_index": 0},
    {"batch_size": 2, "num_parts": 3, "part_index": 1},
    {"batch_size": 2, "num_parts": 3, "part_index": 2},
    {"batch_size": 4, "data_name": "image", "label_name": "class"},
]


def record_mnist():
    recorded = []
    with tempfile.TemporaryDirectory() as folder:
        files = write_idx(pathlib.Path(folder), 23, 3, 4)
        for args in MNIST_ARGS:
            data_iter = mx.io.MNISTIter(shuffle=False, silent=True, **files, **args)
            provided = describe(data_iter.provide_data), describe(data_iter.provide_label)
            batches = [
                [b.data[0].asnumpy().ravel().tolist(), b.label[0].asnumpy().tolist(), b.pad]
                for b in data_iter
            ]
            recorded.append({"args": args, "provided": provided, "batches": batches})
    return recorded


def main():
    grid = [(n, b, h) for n in SIZES for b in BATCH_SIZES for h in HANDLES]
    epochs = []
    for case in grid:
        try:
            epochs.append([*case, record_epochs(*case)])
        except (
            mx.MXNetError
        ) as err:  # MXNet cannot fill up a rolled-over batch that needs more than all samples
            print("left out:", case, str(err).splitlines()[-1])
    golden = {
        "epochs": epochs,
        "cursor": [[*case, record_cursor(*case)] for case in grid],
        "early_reset": [
            [*case, record_early_reset(*case)] for case in grid if case[2] == "pad" or case[1] <= case[0]
        ],
        "inputs": record_inputs(),
        "resize": record_resize(),
        "mnist": record_mnist(),
    }
    path = pathlib.Path(__file__).parent / "goldens" / "io.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes, {len(epochs)} cases")


if __name__ == "__main__":
    main()
