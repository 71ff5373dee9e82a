"""Every test that takes `device` runs on the CPU and on the GPU: a real one, or the emulator.

Where neither can be had the GPU half is reported as not run, never as passed.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

# The tests choose devices themselves; nothing may be said on stderr about a fallback.
os.environ["TENSORCORE_DEVICE"] = "cpu"
# Which kernels a test runs shall not depend on what was compiled before.
os.environ["TENSORCORE_COMPILE"] = "foreground"


def _real_gpu() -> bool:
    if not os.path.exists("/dev/nvidiactl"):
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


def _prepare_gpu() -> tuple[str, str]:
    """(how the GPU half runs, the words for the summary)."""
    if os.environ.get("TENSORCORE_TEST_GPU") == "0":
        return "absent", "not run (TENSORCORE_TEST_GPU=0)"
    if _real_gpu():
        import cupy

        if os.environ.get("TENSORCORE_TEST_POOL") == "0":
            cupy.cuda.set_allocator(None)  # compute-sanitizer then knows where each array ends
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        return "real", f"real: {name}"
    from tests import emulator

    reason = emulator.unavailable()
    if reason is not None:
        return "absent", f"not run: no GPU, and no emulator: {reason}"
    emulator.install()
    return (
        "emulated",
        "emulated: CuPy on a pretend CUDA device, nothing is said about real hardware",
    )


GPU, GPU_WORDS = _prepare_gpu()


def pytest_report_header() -> list[str]:
    return ["devices: cpu real", f"devices: gpu {GPU_WORDS}"]


def pytest_terminal_summary(terminalreporter) -> None:
    counts = {"cpu": 0, "gpu": 0}
    for report in terminalreporter.stats.get("passed", []):
        if report.when == "call":
            for kind in counts:
                counts[kind] += f"[{kind}" in report.nodeid or f"-{kind}]" in report.nodeid
    terminalreporter.section("devices")
    terminalreporter.write_line(f"cpu: real, {counts['cpu']} tests passed")
    terminalreporter.write_line(f"gpu: {GPU_WORDS}; {counts['gpu']} tests passed")


def pytest_collection_modifyitems(items) -> None:
    if GPU != "absent":
        return
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("device") == "gpu":
            item.add_marker(pytest.mark.skip(reason=f"the gpu half is {GPU_WORDS}"))


@pytest.fixture(params=["cpu", "gpu"])
def device(request):
    """The device of the test, which is also where new tensors are made."""
    import tensorcore as tc

    where = tc.device(request.param)
    with where:
        yield where
        where.synchronize()


@pytest.fixture
def rng():
    return np.random.default_rng(20240613)


@pytest.fixture(scope="session", autouse=True)
def _no_kernels_for_small_arrays():
    # Every operation is met often enough here, and under tapes, that all of them would be compiled.
    from tensorcore.kernels.cpu import tiers

    from tensorcore.ops import elementwise

    elementwise.SMALL_RUNS = 1_000_000
    tiers.training_begins = lambda: None


@pytest.fixture(autouse=True)
def _seed():
    import tensorcore as tc

    tc.random.set_seed(1234)


@pytest.fixture(autouse=True)
def _own_manners():
    """No test has TensorFlow's manners because another one imported `tensorcore.tf`."""

    def reset():
        if "tensorcore.tf.dialect" in sys.modules:
            sys.modules["tensorcore.tf.dialect"].use_tensorcore()

    reset()
    yield
    reset()


@pytest.fixture
def tensorflow_manners(_own_manners):
    """Strict dtypes and TensorFlow's way of printing, as for a program that imports tf."""
    from tensorcore import tf

    tf.dialect.use_tensorflow()
    return tf


@pytest.fixture
def runs(monkeypatch):
    """How many batches each call took that took several."""
    from tensorcore.graph.several import Several

    counts = []
    call = Several.__call__

    def counted(self, rows, count):
        counts.append(count)
        return call(self, rows, count)

    monkeypatch.setattr(Several, "__call__", counted)
    return counts
