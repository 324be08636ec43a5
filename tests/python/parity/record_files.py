"""Record what MXNet 1.9.1 writes, and what it reads in public model files.

Run in an environment that has mxnet==1.9.1::

    python tests/python/parity/record_files.py [folder of model files]

The files go to goldens/files; for the models, which are not part of this repository, only hashes are kept.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from parity import file_cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens" / "files"


def record_arrays(mx):
    """Dense and sparse array files, and one scalar as only NumPy shape semantics has it."""
    for name, data in file_cases.arrays().items():
        if isinstance(data, dict):
            content = {k: mx.nd.array(v, dtype=v.dtype) for k, v in data.items()}
        else:
            content = [mx.nd.array(v, dtype=v.dtype) for v in data]
        mx.nd.save(str(GOLDENS / name), content)
    for name, (stype, dense) in file_cases.sparse_arrays().items():
        mx.nd.save(str(GOLDENS / name), {"arg:weight": mx.nd.array(dense).tostype(stype)})
    with mx.util.np_shape(True):
        mx.nd.save(str(GOLDENS / "scalar.params"), {"arg:s": mx.nd.array([5.0]).reshape(())})


def record_models(mx, folder):
    """{file: hash}, or the last words of the error where MXNet does not load it."""
    result = {}
    for path in sorted(folder.glob("*-symbol.json")) + sorted(folder.glob("*.params")):
        try:
            if path.suffix == ".json":
                result[path.name] = file_cases.symbol_digest(mx.sym.load(str(path)).tojson())
            else:
                result[path.name] = file_cases.arrays_digest(mx.nd.load(str(path)))
        except mx.base.MXNetError:
            result[path.name] = "refused"
    (GOLDENS / "models.json").write_text(json.dumps(result, indent=1) + "\n")


def main():
    """Record everything; the models only if their folder is given."""
    os.environ["SYMBIND_TEST_MODULE"] = "mxnet"
    from common import mx

    GOLDENS.mkdir(parents=True, exist_ok=True)
    record_arrays(mx)
    for name in file_cases.SYMBOL_NAMES:
        file_cases.symbol(mx, name).save(str(GOLDENS / f"{name}-symbol.json"))
    if len(sys.argv) > 1:
        record_models(mx, pathlib.Path(sys.argv[1]))


if __name__ == "__main__":
    main()
