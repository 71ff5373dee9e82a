"""`tensorcore benchmark`: what it prints and keeps, and when it says that something is slower."""

import json

import pytest

import tensorcore as tc
from tensorcore.__main__ import main
from tensorcore.benchmark import (
    baseline,
    cases,
    command,
    machine,
    peers,
    pictures,
    runner,
    text,
    timing,
)
from tensorcore.errors import InvalidArgumentError


def row(name="add", size=1000, median=1e-3, device="cpu", noise=0.02, **more):
    """A row as it might have been measured."""
    values = {
        "group": "operation",
        "shape": str(size),
        "dtype": "float32",
        "first_s": 2 * median,
        "low_s": median * (1 - noise),
        "high_s": median * (1 + noise),
        "gflops": 1.0,
        "gbytes": 12.0,
        "percent": 50.0,
        "bound": "copy",
        "samples_per_s": 0.0,
    }
    return runner.Row(name=name, size=size, median_s=median, device=device, **{**values, **more})


CEILINGS = {"cpu": runner.Ceiling(25e9, 200e9)}


@pytest.fixture
def small_ceilings(monkeypatch):
    monkeypatch.setitem(runner.COPY_ELEMENTS, "cpu", 1000)
    monkeypatch.setitem(runner.PRODUCT_SIZE, "cpu", 16)


def test_rows_are_measured_and_filled(small_ceilings, monkeypatch):
    monkeypatch.setattr(runner, "PASSES", 1)
    rows, ceilings = runner.run([tc.device("cpu")], only=["add", "predict"], quick=True)
    assert {r.name for r in rows} == {"add", "predict W1"}
    assert ceilings["cpu"].bytes_per_s > 0
    for r in rows:
        assert r.low_s <= r.median_s <= r.high_s
        assert r.first_s > 0
        assert r.percent > 0
        assert (r.peak_bytes > 0) == (r.group != "operation")


def test_every_case_can_be_made_and_run(device):
    import numpy as np

    for case in cases.CASES:
        if device.kind == "gpu" and case.group != "operation":
            continue  # layers and steps on the GPU have tests of their own
        size = min(case.sizes)
        work = case.make(size, "float32", np.random.default_rng(0))
        work.run()
        assert work.nbytes > 0 or work.flops > 0, case.name


def test_the_clock_of_a_call_counts_calls(monkeypatch):
    monkeypatch.setattr(timing, "WARM_S", 60.0)
    calls = []
    found = timing.measure(
        lambda: calls.append("call"),
        tc.device("cpu"),
        seconds=0.01,
        rounds=3,
        compile=lambda: calls.append("compile"),
    )
    assert calls[:3] == ["call", "compile", "call"]
    assert len(calls) - 2 - timing.WARM_CALLS == 3 * found.calls
    assert len(found.rounds) == 3


def test_one_slow_round_is_no_spread():
    first = timing.Timing(first=9.0, rounds=(1.0, 1.2, 50.0), calls=1)
    both = first.with_rounds_of(timing.Timing(first=8.0, rounds=(1.1, 1.3, 1.1), calls=1))
    assert (both.first, both.low, both.high) == (9.0, 1.0, 1.3)
    assert both.median == pytest.approx(1.15)


def test_rounds_come_from_passes_over_all_cases(small_ceilings, monkeypatch):
    order = []

    def measured(function, device, seconds, compile):
        function()
        order.append(len(order))
        return timing.Timing(1.0, (1.0 + len(order),), 1)

    monkeypatch.setattr(runner, "measure", measured)
    monkeypatch.setattr(runner, "ceiling_of", lambda device, seconds: CEILINGS["cpu"])
    rows, _ = runner.run([tc.device("cpu")], only=["take"], quick=True)
    assert len(order) == runner.PASSES * len(rows)
    assert [r.low_s for r in rows] == [2.0, 3.0]  # the first pass
    assert [r.median_s for r in rows] == [4.0, 5.0]  # the second


def test_emulated_devices_are_refused(monkeypatch):
    monkeypatch.setattr(machine, "product_name", lambda device: "emulated device")
    with pytest.raises(InvalidArgumentError, match="timings of an emulated device mean nothing"):
        runner.run([tc.device("cpu")], only=["add"])


def test_a_planted_slowdown_is_found_and_clean_repeats_are_not():
    before = [row("add"), row("exp", median=2e-3), row("sum", median=5e-6, noise=0.1)]
    slower = [row("add", median=1.3e-3), *before[1:]]
    found = [c.row.name for c in baseline.compare(slower, before) if c.is_slower]
    assert found == ["add"]
    for shift in (0.97, 1.0, 1.02, 1.05, 1.1):
        again = [r._replace(low_s=r.low_s * shift) for r in before]
        assert not any(change.is_slower for change in baseline.compare(again, before))


def test_a_disturbance_passes_and_a_slowdown_stays(monkeypatch):
    before = [row("add")]
    slow = [row("add", median=1.5e-3)]
    changes = baseline.compare(slow, before)
    measured = []

    def again(given, quick):
        measured.append(given)
        return before[0] if passes and len(measured) == 3 else slow[0]

    monkeypatch.setattr(command, "remeasured", again)
    passes = True
    assert command.confirmed(changes, before, quick=True, pause_s=0) == []
    assert len(measured) == 3
    passes = False
    found = command.confirmed(changes, before, quick=True, pause_s=0)
    assert [change.row.name for change in found] == ["add"]


def test_results_are_kept_and_read(tmp_path):
    file = tmp_path / "results.json"
    baseline.write(file, [row()], CEILINGS, {"cores": 2})
    assert baseline.read(file) == [row()]
    assert json.loads(file.read_text())["machine"] == {"cores": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("not json", "is no file of results"), ('{"format": 9}', "format 9, expected 1")],
)
def test_an_unreadable_baseline_is_one_clear_line(tmp_path, capsys, content, words):
    file = tmp_path / "old.json"
    file.write_text(content)
    assert main(["benchmark", "--baseline", str(file), "--device", "cpu"]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nonsense"], "nothing is called 'nonsense'; there are add, "),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--compare", "mxnet"], "unknown peer 'mxnet'; there are numpy, "),
        (["--compare", "torch=/nowhere/python"], "/nowhere/python cannot be run"),
        (["--baseline", "/nowhere/old.json"], "cannot be read: No such file"),
        (["--json", "/nowhere/new.json"], "there is no folder /nowhere"),
        (["--dtype", "float31"], "float31"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(small_ceilings, capsys, arguments, words):
    assert main(["benchmark", "--device", "cpu", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""


def test_a_peer_that_is_not_installed_names_the_remedy(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'jax'\" >&2\nexit 1\n"
    )
    python.chmod(0o755)
    with pytest.raises(InvalidArgumentError, match="--compare jax=/path/to/python"):
        peers.parse(f"jax={python}")


def test_numpy_is_measured_beside(small_ceilings, capsys):
    arguments = ["--only", "add", "--quick", "--compare", "numpy", "--device", "cpu"]
    assert main(["benchmark", *arguments]) == 0
    table = capsys.readouterr().out
    assert "numpy (ratio)" in table
    assert "ceilings of cpu, measured in this run" in table


def test_the_page_stands_alone(tmp_path):
    from tensorcore.benchmark import page

    rows = [row("add", size) for size in (1000, 100_000)]
    rows += [row("add", size, median=5e-5, device="gpu:0") for size in (1000, 100_000)]
    rows += [row("step W1", 32, group="step", peak_bytes=5 << 20)]
    file = tmp_path / "report.html"
    files = page.write(file, rows, CEILINGS, {"devices": {"cpu": "<a CPU>"}})
    content = file.read_text()
    assert 'src="http' not in content
    assert "<script" not in content
    assert "&lt;a CPU&gt;" in content
    assert "prefers-color-scheme: dark" in content
    assert {f.name for f in files} == {
        "report.html",
        "report-throughput.png",
        "report-roofline.png",
        "report-crossover-add.png",
        "report-training.png",
        "report-memory.png",
    }
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in files[1:])


def test_the_crossover_lies_between_sizes():
    cpu = [row(size=100, median=1e-6), row(size=10_000, median=1e-4)]
    gpu = [row(size=100, median=1e-5), row(size=10_000, median=1e-5)]
    assert pictures.crossover_size(cpu, gpu) == pytest.approx(1000, rel=0.01)
    assert pictures.crossover_size(gpu, cpu) == 100
    assert pictures.crossover_size(cpu, [r._replace(median_s=1.0) for r in cpu]) is None


def test_times_are_told_in_units_that_suit():
    assert [text.seconds(s) for s in (3.2e-8, 1.5e-6, 0.0123, 4.0)] == [
        "32 ns",
        "1.5 us",
        "12.3 ms",
        "4 s",
    ]
