"""What an installed package is like: one OpenMP runtime in the process, one oneDNN, no import but NumPy."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
import symbind as mx

REPORT = """
import json
import numpy as np
import symbind as mx

net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=512, name="fc")
executor = net.simple_bind(mx.cpu(), data=(512, 512))
executor.forward(is_train=True)
executor.backward(mx.nd.ones((512, 512)))
float(executor.outputs[0].asnumpy().sum())
with open("/proc/self/maps") as maps:
    files = sorted({line.split()[-1] for line in maps if ".so" in line})
print(json.dumps(files))
"""


@pytest.fixture(scope="module")
def libraries():
    """The shared libraries of a fresh process that has computed something with symbind."""
    result = subprocess.run([sys.executable, "-c", REPORT], capture_output=True, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_one_openmp_runtime(libraries):
    runtimes = [
        path for path in libraries if any(f"/{name}" in path for name in ("libgomp", "libiomp", "libomp"))
    ]
    assert len(runtimes) == 1, runtimes
    assert runtimes[0].endswith("/libgomp.so.1") or "/libgomp.so.1." in runtimes[0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_one_onednn_at_most(libraries):
    onednn = [path for path in libraries if "libdnnl" in path]
    assert len(onednn) == int(mx._core.has_onednn), onednn


def test_version_is_that_of_the_distribution():
    try:
        installed = metadata.version("symbind")
    except metadata.PackageNotFoundError:
        pytest.skip("symbind runs from a source tree")
    assert mx.__version__ == installed


@pytest.mark.parametrize("module", ["sklearn", "matplotlib", "graphviz", "scipy", "pandas"])
def test_import_needs_numpy_alone(module):
    """None of the packages that scripts around symbind use is imported with it."""
    code = f"import sys, symbind; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
