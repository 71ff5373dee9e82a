"""Devices: names, defaults, moves, mismatches, memory, and errors that a GPU finds later."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import (
    DeviceMismatchError,
    DeviceUnavailableError,
    InvalidArgumentError,
    OutOfMemoryError,
    OutOfRangeError,
)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess:
    """A program in a fresh process."""
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)


def test_a_device_is_one_object(device):
    assert tc.device(device.name) is device
    assert tc.device(device) is device
    assert device in tc.devices()
    assert str(device) == device.name


def test_names():
    assert tc.device("cpu").kind == "cpu"
    assert tc.device("CPU:0") is tc.device("cpu")
    assert tc.device("/device:CPU:0") is tc.device("cpu")
    for name in ("tpu", "cpu:1", "gpu:x", ""):
        with pytest.raises(InvalidArgumentError, match="unknown device"):
            tc.device(name)


def test_new_tensors_go_where_the_block_says(device):
    with device:
        assert tc.asarray([1.0]).device is device
        with tc.device("cpu"):
            assert tc.zeros(2).device is tc.device("cpu")
        assert tc.random.normal((2,)).device is device


def test_the_default_device_can_be_set(monkeypatch):
    monkeypatch.setattr(sys.modules["tensorcore.device"], "_default", None)
    tc.set_default_device("cpu")
    assert tc.default_device() is tc.device("cpu") in tc.devices()


def test_operations_follow_their_data(device):
    x = tc.asarray([1.0, 2.0], device=device)
    with tc.device("cpu"):
        assert (x + 1).device is device
        assert (x * np.ones(2, np.float32)).device is device


def test_moving_keeps_values_and_gradients(device):
    x = tc.asarray(np.array([1.0, 2.0]), device="cpu")
    moved = x.to(device)
    assert moved.device is device
    assert moved.to(device) is moved
    np.testing.assert_array_equal(moved.to("cpu").numpy(), [1.0, 2.0])
    slope = tc.grad(lambda v: tc.sum(tc.square(v.to(device))).to("cpu"))(x)
    assert slope.device is tc.device("cpu")
    np.testing.assert_array_equal(slope.numpy(), [2.0, 4.0])


def test_mixed_devices_are_refused_with_the_remedy(device):
    if device.kind == "cpu":
        return  # the gpu half makes the pair
    here, there = tc.ones(2, device="cpu"), tc.ones(2, device=device)
    with pytest.raises(DeviceMismatchError) as error:
        here + there
    assert str(error.value) == (
        "add: its inputs must be on one device, but x1 is on cpu, x2 is on gpu:0. "
        'Move one of them, for example x2.to("cpu").'
    )
    with pytest.raises(
        DeviceMismatchError, match=r"concat: .* arrays\[0\] is on cpu, arrays\[1\] is on gpu:0"
    ):
        tc.concat([here, there])


def test_memory_summary(device):
    summary = tc.memory_summary(device)
    assert summary.device == device.name
    assert 0 <= summary.used <= summary.total
    assert "MiB" in str(summary)


def test_range_errors_say_the_same_on_both_devices(device):
    logits, labels = tc.zeros((2, 3)), tc.asarray([0, 7])
    with pytest.raises(OutOfRangeError) as error:
        tc.nn.sparse_softmax_cross_entropy(logits, labels).numpy()
    assert str(error.value) == (
        "cross-entropy: label 7 is out of range; expected 0 to 2, since the last layer gives 3 "
        "classes. Check the labels, or give the last layer one unit for each class."
    )
    with pytest.raises(OutOfRangeError, match="take: index -4 is out of range; expected 0 to 2"):
        tc.take(tc.zeros((3, 2)), tc.asarray([1, -4]), axis=0).numpy()
    # the record is clean again
    assert tc.take(tc.zeros((3, 2)), tc.asarray([1]), axis=0).numpy().shape == (1, 2)


def test_a_range_error_is_not_lost_between_devices(device):
    tc.take(tc.zeros((3, 2)), tc.asarray([2, 0]), axis=0)
    if device.kind == "gpu":
        tc.take(tc.zeros((3, 2)), tc.asarray([1, 9]), axis=0)
        with pytest.raises(OutOfRangeError, match="index 9"):
            device.synchronize()
    device.synchronize()


def test_out_of_memory_is_explained(device):
    words = f"out of memory on {device}: .*State: .* in use.*smaller batch"
    with pytest.raises(OutOfMemoryError, match=words):
        tc.zeros((1 << 50,), dtype="uint8")
    with pytest.raises(OutOfMemoryError, match=words):
        tc.broadcast_to(tc.ones(()), (1 << 48,)) + 1.0
    assert tc.ones(3).numpy().sum() == 3


def test_fallback_says_why_once():
    code = "import tensorcore as tc; print(tc.zeros(1).device); tc.zeros(1)"
    hide_gpu = {"TENSORCORE_DEVICE": "auto", "CUDA_VISIBLE_DEVICES": ""}
    result = run_python(code, **hide_gpu)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "cpu\n"
    assert result.stderr.count("tensorcore: using the CPU: ") == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_fallback_can_be_forbidden():
    code = "import tensorcore as tc; tc.zeros(1)"
    environment = {
        "TENSORCORE_DEVICE": "auto",
        "TENSORCORE_REQUIRE_GPU": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    result = run_python(code, **environment)
    assert (
        "DeviceUnavailableError: TENSORCORE_REQUIRE_GPU=1, but no GPU can be used" in result.stderr
    )


def test_a_gpu_asked_for_by_name_raises_with_the_reason():
    code = "import tensorcore as tc; tc.device('gpu')"
    result = run_python(code, CUDA_VISIBLE_DEVICES="")
    assert 'DeviceUnavailableError: device "gpu:0" cannot be used: ' in result.stderr


def test_the_environment_sets_the_default():
    result = run_python(
        "import tensorcore as tc; print(tc.default_device())", TENSORCORE_DEVICE="cpu"
    )
    assert (result.stdout, result.stderr) == ("cpu\n", "")


def test_no_cuda_after_fork(device, monkeypatch):
    if device.kind == "cpu":
        return
    monkeypatch.setattr(sys.modules["tensorcore.device"], "_forked_after_cuda", True)
    with pytest.raises(DeviceUnavailableError, match="forked after CUDA was started"):
        tc.zeros(1)


def test_a_device_that_does_not_exist(device):
    if device.kind == "gpu":
        with pytest.raises(
            DeviceUnavailableError, match=r'"gpu:99" does not exist: this machine has \d+ GPU'
        ):
            tc.device("gpu:99")


def test_two_gpus():
    gpus = [d for d in tc.devices() if d.kind == "gpu"]
    if len(gpus) < 2:
        pytest.skip("fewer than two GPUs")
    first, second = (tc.ones(3, device=gpu) for gpu in gpus[:2])
    assert float(tc.sum(second.to(gpus[0]) + first)) == 6
    with pytest.raises(DeviceMismatchError):
        first + second
    doubled = second * 2
    assert doubled.device is gpus[1]
    assert doubled.data.device.id == 1
