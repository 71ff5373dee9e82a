"""`tensorcore doctor` in simulated troubles: each gets its verdict and a remedy."""

import json
import os
import subprocess
import sys
import types

import pytest
from tensorcore.kernels.cpu import jit, threads

import tensorcore as tc
from tensorcore.__main__ import main
from tensorcore.doctor import diagnose, finding, folders, gpu, numerics, packages, processor, report

TOO_OLD = "the CUDA driver does not answer (CUDA driver version is insufficient)"


def fake_system(missing=(), wrong_kernel=False, cudnn_problem=None):
    """What kernels/cuda/system.py would say on a machine with one GPU."""

    def library_file(name):
        if name in missing:
            raise ImportError(f"lib{name}.so cannot be found")
        return f"lib{name}.so"

    libraries = {
        "NVRTC": ("nvrtc", "kernels", True),
        "cuFFT": ("cufft", "Fourier transforms", False),
        "cuDNN": ("cudnn", "faster convolutions", False),
    }
    return types.SimpleNamespace(
        LIBRARIES=libraries,
        library_file=library_file,
        cudnn_problem=lambda: cudnn_problem,
        cuda_versions=lambda: (13000, 13000),
        device_lines=lambda: ["gpu:0 A GPU, compute capability 9.0, 80 GiB"],
        kernel_is_right=lambda index: not wrong_kernel,
        product_is_right=lambda index: True,
    )


@pytest.fixture
def machine(monkeypatch):
    """Pretend: machine(driver=..., wheels=..., problem=..., system=...)."""
    monkeypatch.delenv("TENSORCORE_DEVICE", raising=False)
    monkeypatch.delenv("TENSORCORE_REQUIRE_GPU", raising=False)
    real = {n: v for n, v in packages.installed().items() if not n.startswith("cupy")}

    def pretend(driver=None, wheels=("cupy-cuda13x",), problem=None, system=None):
        there = {**real, **dict.fromkeys(wheels, "14.2.0")}
        monkeypatch.setattr(packages, "installed", lambda: there)
        monkeypatch.setattr(gpu, "driver_version", lambda: driver)
        monkeypatch.setattr(gpu, "gpu_problem", lambda: problem)
        monkeypatch.setattr(gpu, "_system", lambda: system or fake_system())
        return gpu.check()

    return pretend


def the_problem(findings):
    """The one finding that is not good."""
    problems = [f for f in findings if f.status != "good"]
    assert len(problems) == 1, findings
    return problems[0]


def test_a_machine_without_gpu_and_cupy_is_fine(machine):
    findings = machine(driver=None, wheels=(), problem="CuPy is missing")
    assert finding.worst(findings) == "good"


def test_a_working_gpu_is_good(machine):
    findings = machine(driver="580.82.07")
    assert finding.worst(findings) == "good"
    assert any("compute capability 9.0" in f.text for f in findings)


def test_no_driver(machine):
    problem = the_problem(machine(driver=None, problem="the CUDA driver does not answer"))
    assert problem.status == "degraded"
    assert "no NVIDIA driver" in problem.text
    assert problem.remedy.startswith("install the NVIDIA driver")


def test_a_driver_that_is_too_old(machine):
    problem = the_problem(machine(driver="535.104.05", problem=TOO_OLD))
    assert problem.status == "degraded"
    assert problem.remedy == (
        "update the NVIDIA driver to 580 or later, or: "
        'pip uninstall -y cupy-cuda13x && pip install "tensorcore[cuda12]"'
    )


@pytest.mark.parametrize(("driver", "extra"), [("580.82.07", "cuda13"), ("535.10", "cuda12")])
def test_cupy_missing_although_there_is_a_driver(machine, driver, extra):
    problem = the_problem(machine(driver=driver, wheels=()))
    assert problem.status == "degraded"
    assert problem.remedy == f'pip install "tensorcore[{extra}]"'


def test_a_gpu_that_is_asked_for_and_missing_is_broken(machine, monkeypatch):
    monkeypatch.setenv("TENSORCORE_DEVICE", "gpu")
    machine(driver=None, wheels=())
    assert the_problem(gpu.check()).status == "broken"


def test_two_cupy_wheels(machine):
    problem = the_problem(machine(driver="580.1", wheels=("cupy-cuda12x", "cupy-cuda13x")))
    assert problem.status == "degraded"
    assert problem.remedy.startswith("pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install")


def test_nvrtc_missing(machine):
    problem = the_problem(machine(driver="580.1", system=fake_system(missing=["NVRTC"])))
    assert (problem.topic, problem.status) == ("NVRTC", "broken")
    assert "cannot be loaded (kernels)" in problem.text


def test_a_missing_library_of_one_field_degrades_and_cudnn_does_not(machine):
    findings = machine(driver="580.1", system=fake_system(missing=["cuFFT", "cuDNN"]))
    assert the_problem(findings).topic == "cuFFT"


def test_a_cudnn_that_does_not_work_is_not_used(machine):
    reason = "cudnnCreate failed: CUDNN_STATUS_NOT_INITIALIZED (1001)"
    problem = the_problem(machine(driver="580.1", system=fake_system(cudnn_problem=reason)))
    assert (problem.topic, problem.status) == ("cuDNN", "degraded")
    assert problem.text == f"libcuDNN.so, is not used: {reason}"
    assert problem.remedy.endswith("or set TENSORCORE_CONV=own")


def test_wrong_numbers_from_a_kernel_are_broken(machine):
    problem = the_problem(machine(driver="580.1", system=fake_system(wrong_kernel=True)))
    assert (problem.topic, problem.status) == ("kernel on gpu:0", "broken")


def test_a_quota_of_one_core(monkeypatch):
    monkeypatch.delenv("TENSORCORE_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(threads, "quota", lambda: 1.0)
    monkeypatch.setattr(threads, "usable", lambda: 1)
    found = processor._threads()
    assert found.status == "degraded"
    assert found.text == "1 of 8 CPUs are used: the control group grants 1"


def test_no_openmp_layer_is_no_trouble(monkeypatch):
    # Kernels run in Python's threads: numba's own threading layers are never asked for.
    monkeypatch.setitem(sys.modules, "numba.np.ufunc.omppool", None)
    monkeypatch.setitem(sys.modules, "numba.np.ufunc.tbbpool", None)
    assert finding.worst(processor.check()) == "good"


def test_a_compiler_that_fails(monkeypatch):
    from tensorcore.kernels.cpu import philox

    def fail(*_, **__):
        raise RuntimeError("no LLVM")

    monkeypatch.setattr(philox, "random_bits", fail)
    assert processor._kernel().status == "broken"
    assert "no LLVM" in processor._kernel().text


def test_a_home_that_cannot_be_written_to():
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "TENSORCORE"))}
    environment["HOME"] = "/dev/null"
    code = (
        "from tensorcore.doctor import folders\n"
        "print(*[(f.topic, f.status) for f in folders.check()])\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "('kernel cache', 'degraded') ('data sets', 'degraded')" in ran.stdout


def test_no_folder_for_kernels(monkeypatch):
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    problem = the_problem(folders.check()[:1])
    assert problem.remedy == "set TENSORCORE_CACHE_DIR to a folder that can be written to"


def test_a_missing_package(monkeypatch):
    there = packages.installed()
    there.pop("pooch")
    monkeypatch.setattr(packages, "installed", lambda: there)
    problem = the_problem(packages.check())
    assert (problem.status, problem.text) == ("broken", "missing: pooch")


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def check():
        raise OSError("unreadable")

    monkeypatch.setattr(report, "CHECKS", (check,))
    assert the_problem(diagnose()).status == "broken"


def test_the_published_accuracy_is_kept_and_less_is_told():
    rows = [
        {
            "what": "exp",
            "dtype": "float32",
            "max_ulp": 0.9,
            "worst_at": ["1"],
            "way": "reference",
            "special_wrong": 0,
        },
        {"what": "matmul 512 x 512", "dtype": "float32", "relative": 1e-6},
    ]
    known = {"exp, float32": 0.8, "matmul 512 x 512, float32": 9e-7}
    assert numerics.judged("cpu", rows, known).status == "good"
    rows[0]["max_ulp"] = 40.0
    told = numerics.judged("cpu", rows, known)
    assert told.status == "degraded"
    assert "1 of 2 rows are less exact than published: exp float32 40.000 ULP" in told.text


def test_every_row_that_is_measured_is_published():
    from tensorcore.accuracy import elementwise, less_exact
    from tensorcore.accuracy.measure import key_of, published

    names = set(published())
    assert {key_of(row) for row in elementwise.elementwise_rows("sigmoid")} <= names
    assert less_exact(list(elementwise.elementwise_rows("tanh")), published()) == []


def test_trainings_on_two_devices_are_compared(device):
    losses = numerics.losses_on(device, steps=6)
    assert (
        numerics.compared("gpu:0", numerics.losses_on(tc.device("cpu"), 6), losses).status == "good"
    )
    assert numerics.compared("gpu:0", losses, losses + 0.01).status == "broken"


@pytest.mark.parametrize(("status", "code"), [("good", 0), ("degraded", 1), ("broken", 2)])
def test_exit_status_verdict_and_json(monkeypatch, capsys, status, code):
    found = finding.Finding("GPU", "as pretended", status, "mend it" if code else "")
    monkeypatch.setattr(report, "CHECKS", (lambda: [found],))
    assert main(["doctor"]) == code
    text = capsys.readouterr().out
    assert text.rstrip().splitlines()[-1].startswith(f"{status}:")
    assert ("-> mend it" in text) == bool(code)
    assert main(["doctor", "--json"]) == code
    read = json.loads(capsys.readouterr().out)
    assert read["status"] == status
    assert read["findings"][0]["topic"] == "GPU"
