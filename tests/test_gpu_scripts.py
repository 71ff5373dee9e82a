"""The GPU benchmarks run; on an emulated device what they print means nothing, and they refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tensorcore as tc
from tests import emulator

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)


@pytest.fixture
def gpu_kernels(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_kernels
    import gpu_timing

    monkeypatch.setattr(gpu_timing, "ROUNDS", 1)
    return gpu_kernels


@on_gpu
def test_every_row_can_be_measured(device, gpu_kernels):
    rows = list(gpu_kernels.all_rows(device, 0, tiny=True))
    ours = [row["workload"] for row in rows if row["competitor"] == "tensorcore"]
    beside_copies = [row["workload"] for row in rows if row["competitor"] == "copy"]
    assert beside_copies[0] == "copy, 1 GB"
    wanted = [t.workload for t in targets().GPU_TARGETS if t.ours == "tensorcore"]
    assert set(wanted) < set(ours)
    assert {t.workload for t in targets().GPU_TARGETS if "copy" in t.peers} < set(beside_copies)
    assert all(gpu_kernels.line(row).startswith(row["workload"]) for row in rows)
    assert tc.matmul_precision() == "float32"


def targets():
    import targets

    return targets


def test_without_a_gpu_it_says_so():
    script = str(BENCHMARKS / "gpu_kernels.py")
    environment = {"PATH": "/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert ran.returncode == 2
    assert ran.stdout.startswith('gpu_kernels: device "gpu:0" cannot be used')


def test_the_script_changes_no_settings():
    text = (BENCHMARKS / "run_gpu.sh").read_text()
    assert "nvidia-smi" not in text
    assert "pip install" not in text


@pytest.mark.skipif(not emulator.is_installed(), reason="needs the emulator")
@pytest.mark.skipif(sys.platform != "linux", reason="a script for Linux")
def test_the_script_can_be_rehearsed(tmp_path):
    """All but the sizes is as on a real GPU: the file, the page, the table, the exit status."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; sys.path.insert(0, {str(BENCHMARKS.parent)!r})\n"
        "from tests import emulator; emulator.install()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHON": sys.executable}
    environment["TENSORCORE_COMMIT"] = "abc1234"
    command = ["bash", str(BENCHMARKS / "run_gpu.sh"), "--rehearse", "--only", "W1 b32"]
    ran = subprocess.run(
        [*command, str(tmp_path / "out")], capture_output=True, text=True, env=environment
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "left out: JAX scan" in ran.stdout or "jax" in sys.modules
    result = json.loads((tmp_path / "out" / "compare-gpu.json").read_text())
    assert result["rehearsed"] and result["machine"]["commit"] == "abc1234"
    assert "emulat" in result["machine"]["devices"]["gpu:0"].lower()
    assert {"cupy", "cuda_runtime"} <= set(result["machine"])
    figures = {(row["workload"], row["competitor"]) for row in result["rows"] if "median_us" in row}
    assert {("W1 b32", "tensorcore fit"), ("W1 b32", "tensorcore tape loop")} <= figures
    assert {line["verdict"] for line in result["table"]} == {"rehearsed", "not measured"}
    page = (tmp_path / "out" / "gpu.md").read_text()
    assert "A rehearsal, whose figures mean nothing" in page
    assert "done" in ran.stdout and "status 0" in ran.stdout


PYTHON = """#!/bin/sh
case "$*" in *"-m pytest"*) echo "pool $TENSORCORE_TEST_POOL: 12 passed in 1s";; esac
"""
SANITIZER = """#!/bin/sh
case "$*" in
*memcheck*) echo "========= ERROR SUMMARY: $FOUND errors";;
*) echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)";;
esac
while [ "$1" != "$PYTHON" ]; do shift; done
"$@"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a script for Linux")
@pytest.mark.parametrize(("found", "status"), [("0", 0), ("3", 1)])
def test_checks_are_clean_or_not(tmp_path, found, status):
    """The step --checks with programs in place of Python and compute-sanitizer."""
    for name, text in (("python", PYTHON), ("compute-sanitizer", SANITIZER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHON": str(tmp_path / "python"), "FOUND": found}
    command = ["bash", str(BENCHMARKS / "run_gpu.sh"), "--checks", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("memcheck: clean" in ran.stdout) == (status == 0)
    assert "racecheck: clean" in ran.stdout
    assert "pool 0: 12 passed" in (tmp_path / "out" / "gpu-racecheck.log").read_text()
    assert "pool : 12 passed" in (tmp_path / "out" / "gpu-tests.log").read_text()
