"""The comparison with other frameworks: how it measures, what its table says, what it refuses."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests import emulator

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import compare
    import targets
    import workloads

    yield compare, targets, workloads
    for name in ("compare", "targets", "workloads", "measure"):
        sys.modules.pop(name, None)


def row(workload, competitor, value, unit="us"):
    return {"workload": workload, "competitor": competitor, f"median_{unit}": value}


def test_the_table_names_the_best_peer_and_what_was_reached(modules):
    _, targets, _ = modules
    rows = [
        row("W1 b32", "tensorcore fit", 80.0),
        row("W1 b32", "tensorcore tape loop", 10.0),
        row("W1 b32", "JAX scan", 200.0),
        row("W1 b32", "torch eager", 600.0),
        row("W2", "tensorcore fit", 9000.0),
        row("W2", "JAX jit loop", 6000.0),
        row("W4", "tensorcore fit", 9000.0),
        row("memory", "tensorcore", 100 * 2**20, "bytes"),
    ]
    lines = {line["workload"]: line for line in targets.table(rows)}
    assert lines["W1 b32"]["reached"] == 0.4
    assert (lines["W1 b32"]["best_peer"], lines["W1 b32"]["verdict"]) == ("JAX scan", "aim")
    assert (lines["W2"]["reached"], lines["W2"]["verdict"]) == (1.5, "misses")
    assert lines["W4"]["verdict"] == "not compared"
    assert lines["memory"]["verdict"] == "must"
    assert "W3" not in lines
    text = targets.as_text(list(lines.values()))
    assert "80.0 us" in text and "100 MiB" in text and "1.50" in text


def test_competitors_are_asked_for_rounds_in_turn(modules, tmp_path):
    compare, _, _ = modules
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.random((64, 28, 28), np.float32))
    np.save(tmp_path / "y.npy", rng.integers(0, 10, 64))
    np.save(tmp_path / "batch.npy", np.array(32))
    rivals = [
        rival for rival in compare.competitors(compare.parsed([])) if "model" not in rival.name
    ]
    rows = list(compare.measured("W1 b32", tmp_path, rivals, 2, "cpu", tmp_path / "log"))
    assert [row["competitor"] for row in rows] == ["tensorcore fit", "tensorcore tape loop"]
    for found in rows:
        assert len(found["rounds_us"]) == len(found["load"]) == 2
        assert 0 < found["min_us"] <= found["median_us"] <= found["max_us"]


def test_rounds_are_measured_once_kernels_are_compiled(modules, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers"))
    import worker

    from tensorcore.graph import plan

    done = []
    module = type("Module", (), {"COMPETITORS": {"three": lambda *_: lambda: done.append(3) or 3}})
    request = {"do": "setup", "data": "", "competitor": "three", "workload": "W5", "device": "cpu"}
    assert worker.answer(module, request, {})["steps"] == 3
    assert sum(done[:-1]) >= worker.WARM_STEPS > plan.COMPILES_AT_RUN


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_who_is_not_asked_is_stopped(modules, tmp_path):
    compare, _, _ = modules
    ours = compare.Competitor("tensorcore fit", sys.executable, "ours", "tensorcore fit")
    worker = compare.Worker(ours, tmp_path / "log")

    def state():
        return Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    try:
        for _ in range(2):
            assert "tensorcore" in worker.ask(do="versions")["versions"]
            for _ in range(1000):  # the signal needs a moment
                if state() == "T":
                    break
                time.sleep(0.01)
            assert state() == "T"
    finally:
        worker.close()
    assert worker._process.returncode == 0


def test_a_competitor_that_cannot_run_is_left_out(modules, tmp_path, capsys):
    compare, _, _ = modules
    absent = compare.Competitor("nobody", sys.executable, "no_such_program", "fit")
    assert compare.versions([absent], tmp_path / "log") == ([], {})
    assert "left out: nobody" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "W9"], "unknown workload ['W9']; there are W1, W2"),
        (["--jax", "/no/python"], "--jax: there is no /no/python"),
    ],
)
def test_wrong_options_are_refused(modules, words, said, capsys):
    compare, _, _ = modules
    with pytest.raises(SystemExit) as end:
        compare.main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not emulator.is_installed(), reason="needs the emulator")
def test_an_emulated_device_is_refused(modules, capsys):
    compare, _, _ = modules
    assert compare.main(["--device", "gpu", "--only", "W1"]) == 2
    assert "timings of an emulated device mean nothing" in capsys.readouterr().err
