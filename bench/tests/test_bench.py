"""The benchmark harness itself: networks, agreement check, statistics, workers, report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCH))

import cases  # noqa: E402
import envs  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
from workers import EngineSpec, Unsupported, Worker, WorkerError  # noqa: E402

FAKE = """
import sys, time
sys.path.insert(0, {bench!r})
from engines._worker import Session, serve

class Fake(Session):
    def __init__(self, case):
        super().__init__()
        self.step = 0
    def run(self, steps):
        time.sleep(steps * {pause})
    def check_train(self):
        import numpy as np
        self.step += 1
        hit = 0.5 + {skew} * (self.step > 1) + 0.1 * self.step
        return np.array([[hit, 1 - hit]]), np.array([0])
    def check_infer(self):
        return []

class Engine:
    def versions(self):
        print("a framework's chatter on stdout must not reach the protocol")
        return {{"fake": "1"}}
    def prepare(self, case):
        {prepare}
        return Fake(case)

serve(lambda threads: Engine())
"""


@pytest.fixture
def fake(tmp_path):
    """Make a worker label: an interpreter script that ignores `-m engines.X` and runs the fake engine."""
    pytest.importorskip("numpy")

    def make(label: str, pause: float = 0.001, skew: float = 0.0, prepare: str = "pass") -> EngineSpec:
        source = tmp_path / f"{label}.py"
        code = FAKE.format(bench=str(BENCH), pause=pause, skew=skew, prepare=prepare)
        source.write_text(code)
        starter = tmp_path / label
        starter.write_text(f"#!/bin/sh\nexec {sys.executable} {source}\n")
        starter.chmod(0o755)
        return EngineSpec(label, "fake", str(starter))

    return make


SETTINGS = measure.Settings(rounds=3, block_s=0.01, warmup_s=0.01, timeout_s=20)


def test_lenet_shapes():
    net = cases.CASES["lenet"].net()
    assert net.output.shape == (64, 10)
    assert net.shape_of("pool2") == (64, 50, 4, 4)
    shapes = {p.name: p.shape for p in net.params}
    assert shapes["conv2.weight"] == (50, 20, 5, 5)
    assert shapes["fc1.weight"] == (500, 800)


@pytest.mark.parametrize("layers,weights", [(18, 11689512), (50, 25557032)])
def test_resnet_has_the_published_number_of_weights(layers, weights):
    net = cases.CASES[f"resnet{layers}"].net()
    total = 0
    for p in net.params:
        size = 1
        for extent in p.shape:
            size *= extent
        total += size if p.trained else 0
    assert total == weights


def test_weights_do_not_depend_on_the_batch():
    np = pytest.importorskip("numpy")
    train, infer = cases.CASES["mlp_small"], cases.CASES["mlp_small_infer"]
    ours, theirs = train.net().weights(3), infer.net().weights(3)
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_select_expands_groups_once_and_names_the_unknown():
    assert [c.name for c in cases.select(["lenet", "core"])][:2] == ["lenet", "mlp_small"]
    with pytest.raises(ValueError, match="unknown case or group: got 'alexnet'"):
        cases.select(["alexnet"])


def test_summary():
    got = measure.summary([4.0, 1.0, 2.0, 3.0, 5.0])
    assert (got["median_ms"], got["best_ms"], got["iqr_ms"]) == (3.0, 1.0, 2.0)


@pytest.mark.parametrize(
    "outputs,expected",
    [([1.0, -4.0], 0.0), ([1.0, -3.0], 0.25), ([1.0], float("inf")), ([float("nan"), 1], float("inf"))],
)
def test_deviation(outputs, expected):
    reference = {"losses": [], "outputs": [1.0, -4.0]}
    assert measure.deviation(reference, {"losses": [], "outputs": outputs}) == expected


def test_case_is_measured_and_reported(fake, tmp_path):
    specs = [fake("symbind", 0.001), fake("mxnet", 0.002), fake("other", prepare="import missing_framework")]
    result = measure.run_case(cases.CASES["mlp_small"], specs, SETTINGS, lambda text: None)
    assert result["check"]["deviations"] == {"symbind": 0.0}
    ours, theirs = result["engines"]["symbind"], result["engines"]["mxnet"]
    assert len(ours["samples_ms"]) == 3 and 1.0 <= ours["best_ms"] <= ours["median_ms"]
    assert ours["peak_rss_mb"] >= ours["import_rss_mb"] > 1
    assert result["engines"]["other"]["status"] == "failed"
    assert "missing_framework" in result["engines"]["other"]["reason"]
    result["ratios"] = measure.ratios(result, "symbind")
    assert result["ratios"]["mxnet"]["median"] == pytest.approx(theirs["median_ms"] / ours["median_ms"])

    record = {
        "machine": {"cpu": "C", "cpu_model": "M", "cores": 2},
        "settings": {"threads": 2, "rounds": 3, "block_s": 0.01},
        "date": "D", "revision": "R", "subject": "symbind", "load_before": 0,
        "engines": {label: {} for label in result["engines"]}, "cases": {"mlp_small": result},
    }  # fmt: skip
    text = report.markdown(json.loads(json.dumps(record)))
    assert "| mlp_small |" in text and "missing_framework" in text
    plotted = report.plot(record, tmp_path / "plot.png")
    assert plotted is None or plotted.stat().st_size > 1000


def test_engines_that_disagree_are_refused(fake):
    specs = [fake("mxnet"), fake("wrong", skew=0.05)]
    with pytest.raises(measure.Mismatch, match=r"wrong differs by .* from mxnet"):
        measure.run_case(cases.CASES["mlp_small"], specs, SETTINGS, lambda text: None)


def test_worker_reports_unsupported_and_death(fake):
    spec = fake("a", prepare="from engines._worker import Unsupported; raise Unsupported('not mine')")
    with Worker(spec, 1, 20) as worker:
        worker.ask("hello", threads=1)
        with pytest.raises(Unsupported, match="not mine"):
            worker.ask("prepare", case=cases.CASES["lenet"].to_json())
    with Worker(fake("b", prepare="import os; os.kill(os.getpid(), 11)"), 1, 20) as worker:
        worker.ask("hello", threads=1)
        with pytest.raises(WorkerError, match="SIGSEGV in 'prepare'"):
            worker.ask("prepare", case=cases.CASES["lenet"].to_json())


def test_missing_python_names_the_remedy(monkeypatch):
    monkeypatch.setattr(envs, "_candidates", lambda first, last: iter([sys.executable]))
    monkeypatch.setattr(envs, "_version", lambda python: (3, 99))
    with pytest.raises(
        envs.EnvError, match=r"no Python for mxnet: .*expected 3.9 to 3.11.*--python-for mxnet=PATH"
    ):
        envs.find_python("mxnet")
