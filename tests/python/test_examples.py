"""Every script in examples/ runs, on little data where it would take long, and says what it promises."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
import symbind

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs the examples of the source tree")


def run(tmp_path, name, *arguments):
    """What an example prints; it is run as a user would."""
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(symbind.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_tested(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100
    assert f'"{path.name}"' in pathlib.Path(__file__).read_text(encoding="utf-8")


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("sklearn", "matplotlib")),
    reason="needs scikit-learn and matplotlib",
)
def test_train_digits(tmp_path):
    printed = run(tmp_path, "train_digits.py", "results")
    assert float(re.search(r"accuracy of the loaded checkpoint: ([\d.]+)%", printed)[1]) > 97
    assert (tmp_path / "results" / "digits.png").stat().st_size > 10_000


def test_bucketing_lstm(tmp_path):
    printed = run(tmp_path, "bucketing_lstm.py", "--sentences", "1500", "--epochs", "3")
    held_out = [float(number) for number in re.findall(r"[\d.]+", printed.splitlines()[-1])]
    assert len(held_out) == 3
    assert held_out[2] < held_out[1] < held_out[0] < 400
    assert (tmp_path / "results" / "bucketing_lstm.buckets").exists()


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
def test_factorization_machine(tmp_path):
    printed = run(tmp_path, "factorization_machine.py", "--epochs", "4")
    assert "row_sparse, (240, 8)" in printed
    assert float(re.findall(r"accuracy[^\d]*([\d.]+)", printed)[-1]) > 0.92


def test_sequential_module(tmp_path):
    printed = run(tmp_path, "sequential_module.py")
    assert "shape of predictions: (330, 2)" in printed
    assert float(re.search(r"held-out points: ([\d.]+)%", printed)[1]) > 95


def test_python_loss(tmp_path):
    printed = run(tmp_path, "python_loss.py")
    right, wrong = map(float, re.search(r"right: ([\d.]+), wrong: ([\d.]+)", printed).groups())
    assert right > 2 * wrong


def test_several_contexts(tmp_path):
    printed = run(tmp_path, "several_contexts.py")
    assert "on each context: [12, 24, 12]" in printed
    assert float(re.search(r"between the parameters: (\S+)", printed)[1]) < 1e-4


def test_state_names(tmp_path):
    printed = run(tmp_path, "state_names.py")
    forgetful, counting = map(float, re.search(r"batch: ([\d.]+), .* on: ([\d.]+)", printed).groups())
    assert forgetful > 1.2 > 1.01 > counting


def test_shared_module(tmp_path):
    printed = run(tmp_path, "shared_module.py")
    chances = [float(number) for number in re.findall(r"right class has ([\d.]+)%", printed)]
    assert len(chances) == 5
    assert chances[-1] > chances[0] + 20
