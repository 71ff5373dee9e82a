"""The GPU benchmarks run; on an emulated device what they print means nothing, and they refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

import tensorcore as tc

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)


@pytest.fixture
def gpu_kernels(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_kernels

    monkeypatch.setattr(gpu_kernels, "ROUNDS", 1)
    return gpu_kernels


@on_gpu
def test_every_row_can_be_measured(device, gpu_kernels):
    rows = gpu_kernels.memory_rows(device, 4096)
    rows += gpu_kernels.product_rows(device, 32)
    rows += gpu_kernels.attention_rows(device, 17, 1)
    rows += gpu_kernels.convolution_rows(device, 1, 5, 3) + gpu_kernels.lstm_rows(device, 3, 2, 2)
    rows += gpu_kernels.host_rows(device, 3)
    names = [row["what"] for row in rows]
    assert names[:5] == ["copy", "element-wise chain", "softmax", "layer norm", "Adam"]
    assert all(gpu_kernels.line(row).startswith(row["what"]) for row in rows)
    assert tc.matmul_precision() == "float32"


def test_without_a_gpu_it_says_so():
    script = str(BENCHMARKS / "gpu_kernels.py")
    environment = {"PATH": "/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert ran.returncode == 2
    assert ran.stdout.startswith('gpu_kernels: device "gpu:0" cannot be used')


def test_the_script_changes_no_settings():
    text = (BENCHMARKS / "run_gpu.sh").read_text()
    assert "nvidia-smi" not in text
