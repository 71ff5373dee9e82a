"""The GPU: driver, CuPy, libraries, and whether a kernel and a product come out right."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

from tensorcore.device import gpu_problem
from tensorcore.doctor import packages
from tensorcore.doctor.finding import BROKEN, DEGRADED, GOOD, Finding

DRIVER_FILE = pathlib.Path("/proc/driver/nvidia/version")
CUDA_13_NEEDS = 580  # the first driver that runs CUDA 13; CUDA 12 needs 525


def driver_version() -> str | None:
    """The version of the NVIDIA driver of this machine, such as "580.82.07"; None without one."""
    try:
        text = DRIVER_FILE.read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"\b(\d{3,}\.\d+(\.\d+)?)\b", text)
    return found.group(1) if found else None


def fitting_extra(driver: str | None) -> str:
    """The extra of tensorcore whose CUDA a driver can run."""
    major = int(driver.partition(".")[0]) if driver else CUDA_13_NEEDS
    return "cuda13" if major >= CUDA_13_NEEDS else "cuda12"


def install_command(driver: str | None) -> str:
    """What installs the GPU support that fits the driver."""
    return f'pip install "tensorcore[{fitting_extra(driver)}]"'


def check() -> list[Finding]:
    """Everything about the GPU; on a machine without one and without CuPy, one line."""
    driver = driver_version()
    wheels = packages.cupy_wheels(packages.installed())
    is_asked_for = (
        os.environ.get("TENSORCORE_REQUIRE_GPU") == "1"
        or os.environ.get("TENSORCORE_DEVICE", "auto").partition(":")[0] == "gpu"
    )
    if not wheels:
        return [_without_cupy(driver, is_asked_for)]
    findings = [Finding("NVIDIA driver", driver)] if driver else []
    findings += _wheels(wheels, driver)
    problem = gpu_problem()
    if problem is not None:
        if driver is None:
            problem = f"this machine has no NVIDIA driver, so the CPU is used ({problem})"
        status = BROKEN if is_asked_for else DEGRADED
        findings.append(Finding("GPU", problem, status, _remedy(problem, driver, wheels)))
        return findings
    return [*findings, *_devices(), *_libraries(driver), *_runs()]


def _without_cupy(driver: str | None, is_asked_for: bool) -> Finding:
    if driver is None and not is_asked_for:
        return Finding("GPU", "this machine has no NVIDIA driver, and CuPy is not installed")
    status = BROKEN if is_asked_for else DEGRADED
    there = f"there is an NVIDIA driver ({driver}), but" if driver else "a GPU is asked for, but"
    return Finding("GPU", f"{there} CuPy is not installed", status, install_command(driver))


def _wheels(wheels: list[str], driver: str | None) -> list[Finding]:
    if len(wheels) == 1:
        return [Finding("CuPy", f"{wheels[0]} {packages.installed()[wheels[0]]}")]
    command = f"pip uninstall -y {' '.join(wheels)} && {install_command(driver)}"
    text = f"{len(wheels)} wheels overwrite each other: {', '.join(wheels)}"
    return [Finding("CuPy", text, DEGRADED, command)]


def _remedy(problem: str, driver: str | None, wheels: list[str]) -> str:
    """What to do about the reason why no GPU can be used."""
    if driver is None:
        return (
            "install the NVIDIA driver (in a container: --gpus all); without a GPU, "
            f"pip uninstall -y {wheels[0]} ends this message"
        )
    if "insufficient" in problem:
        wheel = wheels[0]
        if fitting_extra(driver) == "cuda13":
            return f"update the NVIDIA driver to {CUDA_13_NEEDS} or later"
        return (
            f"update the NVIDIA driver to {CUDA_13_NEEDS} or later, or: "
            f"pip uninstall -y {wheel} && {install_command(driver)}"
        )
    if "no device" in problem or "NoDevice" in problem:
        return "unset CUDA_VISIBLE_DEVICES, and look at what nvidia-smi lists"
    return f"pip install --force-reinstall {wheels[0]}"


def _system() -> Any:
    from tensorcore.kernels.cuda import system

    return system


def _devices() -> list[Finding]:
    system = _system()
    of_driver, of_wheel = (f"{v // 1000}.{v % 1000 // 10}" for v in system.cuda_versions())
    found = [Finding("CUDA", f"{of_driver} in the driver, {of_wheel} in the wheel")]
    return found + [Finding("GPU", line) for line in system.device_lines()]


def _libraries(driver: str | None) -> list[Finding]:
    """Each library, tried and named."""
    system = _system()
    findings = []
    for name, (_, purpose, is_needed) in system.LIBRARIES.items():
        try:
            file = system.library_file(name)
            findings.append(_cudnn(file) if name == "cuDNN" else Finding(name, file))
        except Exception as error:  # the loader has several classes; each means "not there"
            first_line = str(error).partition("\n")[0]
            if name == "cuDNN":  # never required
                findings.append(Finding(name, f"not there ({purpose})"))
                continue
            findings.append(
                Finding(
                    name,
                    f"cannot be loaded ({purpose}): {first_line}",
                    BROKEN if is_needed else DEGRADED,
                    install_command(driver),
                )
            )
    return findings


def _cudnn(file: str) -> Finding:
    """cuDNN is found; whether it works is another matter, and nothing stops where it does not."""
    problem = _system().cudnn_problem()
    if problem is None:
        return Finding("cuDNN", file)
    remedy = "install one that fits the driver and the GPU, or set TENSORCORE_CONV=own"
    return Finding("cuDNN", f"{file}, is not used: {problem}", DEGRADED, remedy)


def _runs() -> list[Finding]:
    """A kernel and a matrix product on each GPU."""
    system = _system()
    findings = []
    for index in range(len(system.device_lines())):
        for topic, is_right in (
            ("kernel", system.kernel_is_right),
            ("matrix product", system.product_is_right),
        ):
            try:
                right = is_right(index)
            except Exception as error:  # compiler, loader and driver raise classes of their own
                first_line = str(error).partition("\n")[0]
                text, status = f"fails: {first_line}", BROKEN
            else:
                text, status = ("right", GOOD) if right else ("gives wrong numbers", BROKEN)
            remedy = "" if status == GOOD else install_command(driver_version())
            findings.append(Finding(f"{topic} on gpu:{index}", text, status, remedy))
    return findings
