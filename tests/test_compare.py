"""The comparison with other frameworks: how it measures, what its table says, what it refuses."""

from __future__ import annotations

import json
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
    for name in ("compare", "targets", "workloads", "workers", "gpu_page", "starts", "measure"):
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
    with compare.Workers(tmp_path / "log", "cpu") as workers:
        rows = list(compare.measured("W1 b32", tmp_path, rivals, 2, "cpu", workers))
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
    import workers

    ours = compare.Competitor("tensorcore fit", sys.executable, "ours", "tensorcore fit")
    worker = workers.Worker(ours, tmp_path / "log")

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
    with compare.Workers(tmp_path / "log", "cpu") as workers:
        assert compare.versions([absent], workers) == ([], {})
    assert "left out: nobody" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "W0"], "unknown workload ['W0']; there are W1, W2"),
        (["--only", "kernels"], "kernels are measured on a GPU: --device gpu"),
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
    printed = capsys.readouterr()
    assert "timings of an emulated device mean nothing" in printed.err
    lines = printed.out.splitlines()[1:]
    assert lines
    assert all(line.endswith("not measured") for line in lines if line)


# On a GPU ----------------------------------------------------------------------------------------


def test_the_table_of_a_gpu_has_every_line(modules):
    _, targets, _ = modules
    rows = [
        row("W1 b32", "tensorcore fit", 60.0),
        row("W1 b32", "torch eager", 200.0),
        row("W1 b32", "JAX scan", 50.0),
        row("softmax, 1 GB", "tensorcore", 600.0),
        row("softmax, 1 GB", "copy", 540.0),
        row("softmax, 1 GB", "torch", 1.0),
        row("Adam, 1 GB", "tensorcore", 600.0),
        row("Adam, 1 GB", "copy", 480.0),
        row("host time an operation, traced", "tensorcore", 0.4),
    ]
    lines = targets.table(rows, "gpu")
    assert len(lines) == len(targets.GPU_TARGETS)
    first, second = (line for line in lines if line["workload"] == "W1 b32")
    assert (first["reached"], first["best_peer"], first["verdict"]) == (0.3, "torch eager", "aim")
    assert (second["reached"], second["best_peer"], second["verdict"]) == (
        1.2,
        "JAX scan",
        "misses",
    )
    found = {line["workload"]: line for line in lines}
    assert found["softmax, 1 GB"]["reached"] == pytest.approx(90)
    verdicts = {name: line["verdict"] for name, line in found.items()}
    assert verdicts["softmax, 1 GB"] == "must"
    assert verdicts["Adam, 1 GB"] == "misses"
    assert verdicts["host time an operation, traced"] == "aim"
    assert verdicts["W9"] == "not measured"
    assert "0.4 us" in targets.as_text(lines)


def test_the_page_is_that_of_the_result_file(modules):
    import gpu_page

    compare, targets, _ = modules
    file = compare.RESULTS / "compare-gpu.json"
    result = json.loads(file.read_text()) if file.exists() else None
    page = gpu_page.page(result)
    assert (compare.RESULTS / "gpu.md").read_text() == page
    if result is None:
        assert page.count("not measured |") == len(targets.GPU_TARGETS)


def test_who_does_not_answer_in_time_is_ended(modules, tmp_path):
    compare, _, _ = modules
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    rivals = [
        compare.Competitor("silent", str(silent), "ours", ""),
        compare.Competitor("tensorcore fit", sys.executable, "ours", "tensorcore fit"),
    ]
    with compare.Workers(tmp_path / "log", "gpu") as workers:
        started = time.monotonic()
        (answer,) = workers.ask(rivals[:1], lambda _: {"do": "versions"}, 0.1)
        assert answer == {"error": "no answer within 1 s"}
        assert time.monotonic() - started < 30
        workers.leave(rivals[0])
        asked = {"do": "setup", "competitor": "none", "workload": "W1", "data": "", "device": "cpu"}
        (answer,) = workers.ask(rivals[1:], lambda _: asked, 60)
        assert "KeyError" in answer["error"]  # it has failed, and is still there
        assert "versions" in workers.ask(rivals[1:], lambda _: {"do": "versions"}, 60)[0]


def test_models_of_other_sizes_are_not_compared(modules, tmp_path):
    compare, _, _ = modules
    rivals = [compare.Competitor(name, "", "", name) for name in ("tensorcore fit", "torch eager")]

    class Workers:
        def ask(self, asked, request, within_s):
            if request(asked[0])["do"] == "round":
                return [{"seconds": 1.0, "steps": 10}]
            return [{"ready": 1, "seconds": 1.0, "steps": 10, "parameters": n} for n in (7, 8)]

        def leave(self, *competitors, has_failed=False):
            pass

    rows = list(compare.measured("W9", tmp_path, rivals, 1, "gpu", Workers(), 10.0))
    assert rows[0]["error"] == "trains 8 numbers, and tensorcore fit 7"
    assert rows[1]["median_us"] == 1e5


def test_time_that_a_part_leaves_is_left_to_the_next(modules, monkeypatch):
    compare, _, _ = modules
    run = compare.Run(compare.parsed(["--device", "gpu", "--seconds", "440", "--rehearse"]))
    parts = run._parts()
    assert parts[0] == "kernels" and "W9" in parts
    assert sum(compare.SHARES[part] for part in parts) <= 440
    left = [run._left(part, parts) for part in parts]
    assert left == sorted(left)
    assert left[-1] == pytest.approx(440, abs=5)


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
@pytest.mark.parametrize("workload", ["W8", "W9"])
def test_large_workloads_train(modules, monkeypatch, tmp_path, device, workload):
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers"))
    import keras_models

    from tensorcore import keras

    _, _, workloads = modules
    folder = workloads.prepare(workload, tmp_path, True, device.kind, tiny=True)
    data = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    assert len(data["x"]) == workloads.TINY_STEPS * workloads.TINY_BATCH
    model = keras_models.build(keras, workload, data["sizes"])
    losses = [
        model.fit(data["x"], data["y"], batch_size=int(data["batch"]), verbose=0).history["loss"][0]
        for _ in range(3)
    ]
    assert losses[-1] < losses[0]
    # As many numbers as PyTorch's and JAX's programs of these sizes train.
    assert keras_models.trained_numbers(model) == {"W8": 44937, "W9": 2595}[workload]
