"""mx.profiler: what is recorded when, the table, and the trace file."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
from common import mx, ours_only

pytestmark = ours_only
profiler = mx.profiler


@pytest.fixture(autouse=True)
def fresh(tmp_path):
    """A stopped profiler without records that writes to a folder of its own."""
    profiler.set_state("stop")
    profiler.set_config(filename=str(tmp_path / "profile.json"))
    profiler.dumps(reset=True)
    yield
    profiler.set_state("run")
    profiler.dump()
    profiler.set_state("stop")
    profiler.dumps(reset=True)


def operators():
    """Statistics of operators by name."""
    return json.loads(profiler.dumps(format="json"))["Time"].get("operator", {})


def trace(tmp_path, **kwargs):
    profiler.dump(**kwargs)
    return json.loads((tmp_path / "profile.json").read_text())["traceEvents"]


def square(times=1):
    a = mx.nd.ones((30, 30))
    for _ in range(times):
        mx.nd.dot(a, a)


def bound():
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc")
    return net.simple_bind(mx.cpu(), data=(2, 3))


def test_counts_what_runs_while_it_runs():
    square()
    assert profiler.state() == "stop"
    profiler.set_state("run")
    assert profiler.state() == "run"
    square(3)
    profiler.pause()
    square()
    profiler.resume()
    square()
    profiler.set_state("stop")
    square()
    line = operators()["dot"]
    assert line["Count"] == 4
    assert 0 <= line["Min"] <= line["Avg"] <= line["Max"] <= line["Total"]
    assert line["Avg"] == pytest.approx(line["Total"] / 4)


def test_kinds_of_operators():
    executor = bound()
    for kinds, expected in (
        ({}, {"dot", "FullyConnected"}),
        ({"profile_all": True}, {"dot", "FullyConnected"}),
        ({"profile_symbolic": True}, {"FullyConnected"}),
        ({"profile_imperative": True}, {"dot"}),
    ):
        profiler.set_config(**kinds, filename=profiler.recorder.recorder.config["filename"])
        profiler.set_state("run")
        square()
        executor.forward()
        profiler.set_state("stop")
        assert set(operators()) & {"dot", "FullyConnected"} == expected, kinds
        profiler.dumps(reset=True)


def test_table_and_its_order():
    profiler.set_state("run")
    square(2)
    mx.nd.exp(mx.nd.ones((2,)))
    profiler.set_state("stop")
    lines = profiler.dumps(sort_by="count").splitlines()
    assert lines[1] == "Profile Statistics:"
    assert lines[lines.index("operator") + 2].split()[:3] == ["Name", "Total", "Count"]
    rows = [line.split() for line in lines[lines.index("operator") + 4 :]]
    assert [len(row) for row in rows] == [6] * len(rows)
    assert next(row for row in rows if row[0] == "dot")[1] == "2"
    for key in ("total", "avg", "min", "max", "count"):
        for ascending in (False, True):
            content = json.loads(profiler.dumps(format="json", sort_by=key, ascending=ascending))
            values = [line[key.capitalize()] for line in content["Time"]["operator"].values()]
            assert values == sorted(values, reverse=not ascending)
    assert operators()
    assert "dot" in profiler.dumps(reset=True)
    assert not operators()


def test_trace_names_nodes_and_orders_times(tmp_path):
    executor = bound()
    profiler.set_state("run")
    executor.forward()
    profiler.set_state("stop")
    events = trace(tmp_path, finished=False)
    (event,) = [e for e in events if e["name"] == "FullyConnected"]
    assert (event["ph"], event["cat"], event["args"]) == ("X", "operator", {"node": "fc"})
    assert event["dur"] >= 0
    (title,) = [e for e in events if e["ph"] == "M" and e["pid"] == event["pid"]]
    assert title["args"] == {"name": "operator"}
    assert any(e["name"] == "FullyConnected" for e in trace(tmp_path))
    assert trace(tmp_path) == []  # the last one was finished


def test_own_records(tmp_path):
    profiler.set_state("run")
    domain = profiler.Domain("loading")
    task, frame, event = domain.new_task("read"), domain.new_frame("batch"), profiler.Event("pause")
    for span in (task, frame, event):
        span.start()
        time.sleep(0.002)
        span.stop()
        span.stop()  # nothing was started
    with profiler.Task(domain, "decode"):
        pass
    counter = domain.new_counter("images", 5)
    counter += 3
    counter -= 1
    counter.increment(4)
    counter.decrement()
    counter.set_value(2)
    domain.new_marker("end").mark("global")
    profiler.set_state("stop")
    assert [str(x) for x in (domain, task, frame, event, counter)] == [
        "loading",
        "read",
        "batch",
        "pause",
        "images",
    ]
    content = json.loads(profiler.dumps(format="json"))
    assert set(content["Time"]["loading"]) == {"read", "decode"}
    assert content["Time"]["loading"]["read"]["Count"] == 1
    assert content["Time"]["loading"]["read"]["Total"] >= 2
    assert set(content["Time"]["loading,frame"]) == {"batch"}
    assert set(content["Time"]["event"]) == {"pause"}
    line = content["Counter"]["loading"]["images"]
    assert (line["Count"], line["Min"], line["Max"]) == (6, 2, 11)
    assert "images" in profiler.dumps()
    events = trace(tmp_path)
    assert [e["args"]["images"] for e in events if e["ph"] == "C"] == [5, 8, 7, 11, 10, 2]
    assert [(e["name"], e["s"]) for e in events if e["ph"] == "i"] == [("end", "g")]


def test_own_records_are_free_while_it_is_stopped():
    domain = profiler.Domain("d")
    task = profiler.Task(domain, "t")
    task.start()
    profiler.set_state("run")
    task.stop()  # began before the profiler did
    profiler.set_state("stop")
    counter = profiler.Counter(domain, "c", 1)
    profiler.Marker(domain, "m").mark()
    profiler.set_state("run")
    counter += 1
    profiler.set_state("stop")
    content = json.loads(profiler.dumps(format="json"))
    assert content["Time"] == {}
    assert content["Counter"]["d"]["c"]["Max"] == 2


def test_clocks_of_engine_and_records_agree(tmp_path):
    profiler.set_state("run")
    with profiler.Event("around"):
        square()
    profiler.set_state("stop")
    events = {e["name"]: e for e in trace(tmp_path) if e["ph"] == "X"}
    around, inside = events["around"], events["dot"]
    assert around["ts"] <= inside["ts"]
    assert inside["ts"] + inside["dur"] <= around["ts"] + around["dur"]


def test_continuous_dump(tmp_path):
    path = tmp_path / "running.json"
    profiler.set_config(filename=str(path), continuous_dump=True, dump_period=0.02)
    profiler.set_state("run")
    square()
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    profiler.set_state("stop")
    assert any(e["name"] == "dot" for e in json.loads(path.read_text())["traceEvents"])


def test_program_that_ends_without_dump(tmp_path):
    path = tmp_path / "exit.json"
    program = (
        "import symbind as mx\n"
        f"mx.profiler.set_config(filename={str(path)!r})\n"
        "mx.profiler.set_state('run')\n"
        "mx.nd.dot(mx.nd.ones((2, 2)), mx.nd.ones((2, 2)))\n"
    )
    root = str(pathlib.Path(mx.__file__).resolve().parents[1])
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{program}"], check=True)
    assert any(e["name"] == "dot" for e in json.loads(path.read_text())["traceEvents"])


def test_names_of_old_programs(tmp_path):
    path = tmp_path / "old.json"
    with pytest.warns(DeprecationWarning, match="use profiler.set_config"):
        profiler.profiler_set_config(mode="imperative", filename=str(path))
    with pytest.warns(DeprecationWarning, match="use profiler.set_state"):
        profiler.profiler_set_state("run")
    square()
    with pytest.warns(DeprecationWarning, match="use profiler.dump"):
        profiler.dump_profile()
    assert any(e["name"] == "dot" for e in json.loads(path.read_text())["traceEvents"])


def test_results_do_not_change():
    executor = bound()
    executor.arg_dict["fc_weight"][:] = 0.5
    executor.arg_dict["data"][:] = 2
    plain = executor.forward()[0].asnumpy()
    profiler.set_state("run")
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), plain)


def test_errors():
    with pytest.raises(ValueError, match=r"\[profiler.set_state\] got 'go', expected 'run' or 'stop'"):
        profiler.set_state("go")
    with pytest.raises(TypeError, match=r"unknown argument: got 'nosuch', expected of profile_all"):
        profiler.set_config(nosuch=1)
    with pytest.raises(ValueError, match="dump_period: got 0, expected a positive number"):
        profiler.set_config(dump_period=0)
    with pytest.raises(ValueError, match="format: got 'x', expected 'table' or 'json'"):
        profiler.dumps(format="x")
    with pytest.raises(ValueError, match="sort_by: got 'x', expected of total"):
        profiler.dumps(sort_by="x")
    with pytest.raises(ValueError, match="scope: got 'x', expected of global"):
        profiler.Domain("d").new_marker("m").mark("x")
    with pytest.raises(mx.MXNetError, match="no server process"):
        profiler.dump(profile_process="server")
    with pytest.raises(ValueError, match="got 'nobody', expected 'worker' or 'server'"):
        profiler.pause("nobody")
