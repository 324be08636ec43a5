"""Files cross over between MXNet 1.9.1 and symbind, both ways."""

from __future__ import annotations

import os
import pathlib
import subprocess

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx
from parity import checkpoints
from parity.replay import GOLDENS

ORACLE = os.environ.get("SYMBIND_ORACLE_PYTHON")


def close(actual, expected, what):
    assert_close(actual, expected, 1e-4, 1e-5, what)


def test_files_of_mxnet_load_and_resume():
    folder = GOLDENS / "checkpoint"
    with np.load(folder / "facts.npz") as file:
        facts = dict(file)
    checkpoints.check_all(mx, folder, facts, close)


def test_own_files_load_and_resume(tmp_path):
    checkpoints.check_all(mx, tmp_path, checkpoints.write_all(mx, tmp_path), close)


def test_written_files_are_the_same_bytes(tmp_path):
    checkpoints.write_all(mx, tmp_path)
    for name in ("checkpoint-0003.params", "typed_list.params", "typed_dict.params"):
        assert (tmp_path / name).read_bytes() == (GOLDENS / "checkpoint" / name).read_bytes(), name


@pytest.mark.skipif(not ORACLE, reason="SYMBIND_ORACLE_PYTHON names no interpreter with mxnet")
@pytest.mark.skipif(IS_MXNET, reason="already MXNet")
def test_mxnet_reads_own_files(tmp_path):
    np.savez(tmp_path / "facts.npz", **checkpoints.write_all(mx, tmp_path))
    script = pathlib.Path(__file__).with_name("record_checkpoints.py")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [ORACLE, "-W", "ignore", str(script), str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MXNet reads everything" in done.stdout
