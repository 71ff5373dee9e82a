"""What has to be noted beside a figure: the machine, its load, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
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


def describe(devices: list[Device]) -> dict[str, Any]:
    """Versions, processor, devices, threads, load and date."""
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
    }
