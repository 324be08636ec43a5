"""Records what `CSVIter` of MXNet 1.9.1 yields into `goldens/csv.json`.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_csv.py``.
"""

import json
import pathlib
import tempfile

import mxnet as mx
import numpy as np

FILES = {
    "data": "\n".join(",".join(str(6 * row + k) for k in range(6)) for row in range(7)) + "\n",
    "labels": "".join(f"{row}\n" for row in range(7)),
    "pairs": "\n".join(f"{row}, {row + 0.5}" for row in range(7)),
    "odd": "1, 2,-3e2\r\n4.5,  .5,6\r\n\r\n\r\n7,+8,1e-3",
}
CASES = [
    {"data_csv": "data", "data_shape": [6], "batch_size": 3},
    {"data_csv": "data", "data_shape": [2, 3], "batch_size": 3, "label_csv": "labels"},
    {"data_csv": "data", "data_shape": [6], "batch_size": 3, "label_csv": "labels", "round_batch": False},
    {
        "data_csv": "data",
        "data_shape": [3, 1, 2],
        "batch_size": 4,
        "label_csv": "pairs",
        "label_shape": [2],
    },
    {"data_csv": "data", "data_shape": [6], "batch_size": 7},
    {"data_csv": "data", "data_shape": [6], "batch_size": 3, "dtype": "int32", "label_csv": "labels"},
    {"data_csv": "data", "data_shape": [6], "batch_size": 3, "dtype": "int64", "label_csv": "labels"},
    {"data_csv": "odd", "data_shape": [3], "batch_size": 1},
    {"data_csv": "labels", "data_shape": [1], "batch_size": 2, "label_csv": "labels", "label_shape": [1, 1]},
    {"data_csv": "data", "data_shape": [6], "batch_size": 2, "data_name": "x", "label_name": "y"},
]


def describe(descs):
    return [[d.name, list(d.shape), np.dtype(d.dtype).name, d.layout] for d in descs]


def record(case, folder):
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in case.items()}
    for name in ("data_csv", "label_csv"):
        if name in arguments:
            arguments[name] = str(folder / arguments[name])
    data_iter = mx.io.CSVIter(**arguments)
    epochs = []
    for _ in range(3):
        epochs.append(
            [
                [b.data[0].asnumpy().tolist(), b.label[0].asnumpy().tolist(), b.pad, b.index.tolist()]
                for b in data_iter
            ]
        )
        data_iter.reset()
    provided = describe(data_iter.provide_data), describe(data_iter.provide_label)
    return {"case": case, "provided": provided, "epochs": epochs}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, text in FILES.items():
            (folder / file).write_bytes(text.encode())
        golden = {"files": FILES, "cases": [record(case, folder) for case in CASES]}
    path = pathlib.Path(__file__).parent / "goldens" / "csv.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
