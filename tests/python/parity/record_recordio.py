"""Records the files that MXNet 1.9.1 writes into `goldens/recordio`, and checks that it reads ours.

Run it with a Python that has mxnet==1.9.1 and numpy==1.23.5:

    python tests/python/parity/record_recordio.py          record
    python tests/python/parity/record_recordio.py FOLDER   read the files that `record_file_cases.write` made
    there
"""

import pathlib
import sys

import mxnet as mx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import record_file_cases as cases


def check(folder):
    """Read all files in `folder` with MXNet."""
    reader = mx.recordio.MXRecordIO(str(folder / "plain.rec"), "r")
    assert [reader.read() for _ in cases.payloads()] == cases.payloads()
    assert reader.read() is None
    reader = mx.recordio.MXIndexedRecordIO(str(folder / "indexed.idx"), str(folder / "indexed.rec"), "r")
    for key in reversed(reader.keys):
        assert mx.recordio.unpack(reader.read_idx(key))[1] == cases.payloads()[(key - 1) // 3]
    print("MXNet reads what lies in", folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check(pathlib.Path(sys.argv[1]))
    else:
        target = pathlib.Path(__file__).parent / "goldens" / "recordio"
        target.mkdir(exist_ok=True)
        cases.write(mx, target)
        check(target)
