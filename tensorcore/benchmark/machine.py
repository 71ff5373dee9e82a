"""What has to be noted beside a figure: the machine, its load, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

import tensorcore as tc
from tensorcore.device import Device
from tensorcore.errors import InvalidArgumentError


def processor() -> str:
    """The name of the CPU."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def product_name(device: Device) -> str:
    """What the device is called by who makes it."""
    if device.kind == "cpu":
        return processor()
    return device.xp.cuda.runtime.getDeviceProperties(device.index)["name"].decode()


def refuse_emulated(device: Device) -> None:
    """Raise for a device that only pretends to be a GPU."""
    if "emulat" in product_name(device).lower():
        raise InvalidArgumentError("timings of an emulated device mean nothing")


def software(device: Device) -> dict[str, str]:
    """Versions of what runs a GPU: CuPy, CUDA's runtime, and the driver with the CUDA it serves."""
    runtime = device.xp.cuda.runtime
    found = {
        "cupy": device.xp.__version__,
        "cuda_runtime": _cuda_version(runtime.runtimeGetVersion()),
        "cuda_of_driver": _cuda_version(runtime.driverGetVersion()),
    }
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return found
    match = re.search(r"\b\d+\.\d+(\.\d+)?\b", text)
    return {**found, "driver": match[0]} if match else found


def _cuda_version(number: int) -> str:
    """13000 -> "13.0"."""
    return f"{number // 1000}.{number % 1000 // 10}"


def describe(devices: list[Device]) -> dict[str, Any]:
    """Versions, processor, devices, threads, load and date."""
    gpus = [device for device in devices if device.kind == "gpu"]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "tensorcore": tc.__version__,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "numba": importlib.metadata.version("numba"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": tc.config.threads,
        "load": round(os.getloadavg()[0], 2),
        "devices": {device.name: product_name(device) for device in devices},
        **(software(gpus[0]) if gpus else {}),
    }
