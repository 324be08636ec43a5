"""`import mxnet` as symbind, and `python -m symbind run`."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from common import mx, ours_only

pytestmark = ours_only

if not hasattr(mx, "np"):  # symbind
    from symbind import _old_numpy, context, install
    from symbind.__main__ import main
    from symbind.run import run_module, run_script


@pytest.fixture
def as_mxnet(monkeypatch):
    """`import mxnet` works within the test."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    mx.install_as_mxnet()
    yield
    for name in [n for n in sys.modules if n == "mxnet" or n.startswith("mxnet.")]:
        del sys.modules[name]


@pytest.fixture
def program(as_mxnet, monkeypatch, tmp_path):
    """Writes a program, runs it by `run_script`, and returns its global names."""
    monkeypatch.setenv("SYMBIND_GPU_FALLBACK", "cpu")
    monkeypatch.setattr(context, "_warned", False)

    def run(text, *args):
        path = tmp_path / "program.py"
        path.write_text(text)
        return run_script(path, args)

    with restored_numpy():
        yield run


class restored_numpy:
    """Takes the names away again that the block put back into NumPy."""

    def __enter__(self):
        self.before = dict(vars(np))

    def __exit__(self, *_):
        for name in set(vars(np)) - set(self.before):
            delattr(np, name)
        np.fromstring = self.before["fromstring"]


# ---- import mxnet


def test_modules_are_the_same_objects(as_mxnet):
    mxnet = importlib.import_module("mxnet")
    assert mxnet.nd is mx.nd and mxnet.mod.Module is mx.mod.Module
    for name in ("module.base_module", "ndarray", "symbol.symbol", "model", "io", "rnn.rnn_cell", "base"):
        spec = importlib.import_module(f"symbind.{name}").__spec__
        assert importlib.import_module(f"mxnet.{name}") is sys.modules[f"symbind.{name}"]
        assert sys.modules[f"symbind.{name}"].__spec__ is spec, "the module keeps its own spec"


def test_version_is_that_of_mxnet(as_mxnet):
    mxnet = importlib.import_module("mxnet")
    assert mxnet.__version__ == "1.9.1" == mx.libinfo.__version__
    assert mxnet.__name__ == "mxnet"
    assert mx.__version__ != "1.9.1"
    assert {"nd", "sym", "mod", "cpu", "gpu"} <= set(dir(mxnet))


IMPORTS = """
import mxnet
import mxnet as mx
from mxnet import nd, sym, io, metric, callback, lr_scheduler, rnn, kv, init, optimizer, test_utils, misc
import mxnet.ndarray as nd
import mxnet.symbol as sym
from mxnet.module.base_module import BaseModule, _as_list, _check_input_names, _parse_data_desc
from mxnet.module.module import Module
from mxnet.module.executor_group import DataParallelExecutorGroup
from mxnet.module.bucketing_module import BucketingModule
from mxnet.module.sequential_module import SequentialModule
from mxnet.module.python_module import PythonLossModule
from mxnet.model import BatchEndParam, FeedForward, load_checkpoint, save_checkpoint
from mxnet.model import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore
from mxnet.executor_manager import _split_input_slice, _check_arguments, DataParallelExecutorManager
from mxnet.ndarray.ndarray import NDArray, concatenate, array, zeros, maximum
from mxnet.ndarray import random, linalg, contrib, op, _internal
from mxnet.symbol.symbol import Symbol, Variable, Group
from mxnet.symbol import random, linalg, contrib, op, _internal
from mxnet.io import DataBatch, DataDesc, DataIter, NDArrayIter
from mxnet.io.io import DataBatch, DataDesc
from mxnet.io.utils import _init_data
from mxnet.optimizer import Optimizer, SGD, register
from mxnet.optimizer.optimizer import SGD, Adam, Updater, get_updater
from mxnet.kvstore import KVStore
from mxnet.context import Context, cpu, gpu, current_context, num_gpus
from mxnet.base import MXNetError, string_types, numeric_types, integer_types, py_str, mx_real_t, _as_list
from mxnet.base import mx_uint, mx_float, _Null, NotImplementedForSymbol
from mxnet.initializer import Xavier, Initializer, InitDesc
from mxnet.lr_scheduler import FactorScheduler, LRScheduler
from mxnet.metric import EvalMetric, check_label_shapes
from mxnet.callback import Speedometer
from mxnet.monitor import Monitor
from mxnet.name import NameManager, Prefix
from mxnet.attribute import AttrScope
from mxnet.registry import get_register_func, get_create_func, get_alias_func
from mxnet.rnn.rnn_cell import LSTMCell
from mxnet.rnn.io import BucketSentenceIter, encode_sentences
from mxnet.test_utils import assert_almost_equal, default_context, list_gpus
from mxnet.contrib import nd as cnd, sym as csym
from mxnet.contrib.ndarray import MultiBoxPrior
from mxnet.contrib.symbol import MultiBoxPrior
from mxnet.engine import bulk
from mxnet.util import get_gpu_count, makedirs
from mxnet.misc import FactorScheduler
from mxnet.runtime import Features
import mxnet.libinfo, mxnet.log, mxnet.profiler, mxnet.visualization, mxnet.executor, mxnet.random
"""


@pytest.mark.parametrize("line", [line for line in IMPORTS.splitlines() if line])
def test_imports(as_mxnet, line):
    exec(line, {})


NAMES = """
mod.base_module.BaseModule mod.module.Module mod.module.load_checkpoint mod.executor_group
mod.base_module._as_list mod.base_module._check_input_names mod.base_module._parse_data_desc
metric.np rnn.io.encode_sentences context.cpu context.gpu context.num_gpus num_gpus mon.Monitor rnd.uniform
nd.NDArray sym.Symbol viz.plot_network kv.create opt.SGD init.Xavier AttrScope name.Prefix
attribute.AttrScope executor_manager._split_input_slice misc.FactorScheduler util.get_gpu_count
engine.bulk nd.waitall libinfo.find_lib_path rtc.CudaModule base._Null contrib.nd contrib.sym
log.get_logger profiler.set_config test_utils.list_gpus is_np_array
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_programs(name):
    value = mx
    for part in name.split("."):
        value = getattr(value, part)


def test_mxnet_that_is_already_there(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if f is not install._finder])
    monkeypatch.setitem(sys.modules, "mxnet", sys)
    with pytest.raises(RuntimeError, match="MXNet itself is already imported"):
        mx.install_as_mxnet()


def test_installing_twice(as_mxnet):
    before = list(sys.meta_path)
    mx.install_as_mxnet()
    assert sys.meta_path == before


def test_unknown_module(as_mxnet):
    with pytest.raises(ModuleNotFoundError, match="no module of this name"):
        import mxnet.nosuch  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name 'nosuch'"):
        from mxnet import nosuch  # noqa: F401


# ---- what is out of scope


@pytest.mark.parametrize(
    "line, remedy",
    [
        ("from mxnet import gluon", "mx.mod.Module"),
        ("from mxnet.gluon import nn", "mx.mod.Module"),
        ("import mxnet.gluon.data.vision", "mx.mod.Module"),
        ("from mxnet import autograd", "executor.backward"),
        ("from mxnet import np", "NumPy itself"),
        ("from mxnet.contrib import autograd", "executor.backward"),
        ("from symbind import gluon", "mx.mod.Module"),
        ("import symbind.autograd", "executor.backward"),
    ],
)
def test_import_of_what_is_out_of_scope(as_mxnet, line, remedy):
    with pytest.raises(ImportError, match=remedy):
        exec(line, {})


@pytest.mark.parametrize("name", ["gluon", "autograd", "np", "npx"])
def test_attribute_that_is_out_of_scope(name):
    with pytest.raises(AttributeError, match=rf"\[symbind.{name}\] symbind has no "):
        getattr(mx, name)
    assert not hasattr(mx, name)


# ---- GPUs


def test_gpu_without_cuda(monkeypatch):
    monkeypatch.delenv("SYMBIND_GPU_FALLBACK", raising=False)
    assert mx.num_gpus() == mx.context.num_gpus() == mx.util.get_gpu_count() == 0
    assert list(mx.test_utils.list_gpus()) == []
    assert mx.gpu(1).device_type == "gpu"
    with pytest.raises(mx.MXNetError, match=r"gpu\(1\) was asked for.*use mx.cpu\(\), or set SYMBIND_GPU_F"):
        mx.nd.ones((2,), ctx=mx.gpu(1))


def test_gpu_that_means_the_cpu(monkeypatch):
    monkeypatch.setenv("SYMBIND_GPU_FALLBACK", "cpu")
    monkeypatch.setattr(context, "_warned", False)
    with pytest.warns(RuntimeWarning, match=r"mx.gpu\(i\) means mx.cpu\(i\)"):
        ctx = mx.gpu(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one warning is enough
        assert ctx == mx.cpu(1) == mx.Context("gpu", 1)
        assert mx.nd.ones((2,), ctx=mx.gpu()).context == mx.cpu()


def test_wrong_fallback(monkeypatch):
    monkeypatch.setenv("SYMBIND_GPU_FALLBACK", "tpu")
    with pytest.raises(ValueError, match="got 'tpu', expected 'cpu' or 'off'"):
        mx.gpu()


# ---- programs


def test_program_sees_what_python_would_give_it(program, tmp_path):
    (tmp_path / "beside.py").write_text("value = 3\n")
    names = program(
        "import sys, beside\n"
        "import mxnet as mx\n"
        "argv, name, folder, value = sys.argv, __name__, sys.path[0], beside.value\n"
        "context = mx.nd.ones((2,), ctx=mx.gpu(0)).context\n",
        "--gpus",
        "0",
        "-m",
    )
    assert names["argv"][1:] == ["--gpus", "0", "-m"] and names["argv"][0].endswith("program.py")
    assert names["name"] == "__main__" and names["folder"] == str(tmp_path) and names["value"] == 3
    assert names["context"] == mx.cpu()
    assert str(tmp_path) not in sys.path


def test_program_with_names_that_numpy_dropped(program):
    names = program(
        "import numpy as np\n"
        "a = np.zeros(2, dtype=np.float), np.array([1], np.int), np.ones(1, np.bool)\n"
        "a += (np.array([None], np.object),)\n"
        "b = np.Inf, np.product([2, 3]), np.asscalar(np.array([4])), np.in1d([1, 2], [2]).tolist()\n"
        "c = np.fromstring(b'\\x01\\x02', dtype=np.uint8), np.fromstring('1 2', sep=' ')\n"
    )
    assert [x.dtype.kind for x in names["a"]] == ["f", "i", "b", "O"]
    assert names["b"] == (np.inf, 6, 4, [False, True])
    assert [x.tolist() for x in names["c"]] == [[1, 2], [1.0, 2.0]]


def test_numpy_stays_as_it_is_without_run():
    with restored_numpy():
        assert "float" not in vars(np) and "object" not in vars(np)
        before = dict(vars(np))
        added = _old_numpy.restore()
        assert {"float", "object"} <= set(added)
        assert all(vars(np)[name] is value for name, value in before.items() if name != "fromstring")
        assert _old_numpy.restore() == []


def test_exit_and_errors_of_a_program_pass_through(program):
    with pytest.raises(SystemExit) as exit:
        program("import sys\nsys.exit(3)\n")
    assert exit.value.code == 3
    with pytest.raises(ZeroDivisionError):
        program("1 / 0\n")
    with pytest.raises(FileNotFoundError, match="there is no program"):
        run_script("nosuch.py")


def test_module_as_program(program, tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text("import sys, mxnet\nargs = sys.argv[1:]\n")
    monkeypatch.chdir(tmp_path)
    assert run_module("package", ["x"])["args"] == ["x"]


def test_command_line(tmp_path, capsys):
    path = tmp_path / "program.py"
    path.write_text("import sys, mxnet as mx\nprint(mx.__version__, mx.gpu(), sys.argv[1:])\n")
    root = str(Path(mx.__file__).resolve().parents[1])
    start = (
        f"import sys, runpy; sys.path.insert(0, {root!r}); runpy.run_module('symbind', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", start, "run", str(path), "--lr", "0.1"], capture_output=True, text=True
    )
    assert result.stdout == "1.9.1 cpu(0) ['--lr', '0.1']\n", result.stderr
    assert result.stderr.count("mx.gpu(i) means mx.cpu(i)") == 1
    assert main(["run", str(tmp_path / "nosuch.py")]) == 2
    assert "there is no program" in capsys.readouterr().err
    assert main(["--version"]) == 0 and capsys.readouterr().out.strip() == mx.__version__
    assert main([]) == 2 and "run" in capsys.readouterr().out
