"""`tf.config`: what devices there are, and how functions run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from tensorcore import missing
from tensorcore.config import config as own
from tensorcore.device import devices


class PhysicalDevice(NamedTuple):
    """A device as TensorFlow names it."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that tensors can be on."""

    name: str
    device_type: str


class LogicalDeviceConfiguration(NamedTuple):
    """A limit to the memory of a device, in MB."""

    memory_limit: float | None = None
    experimental_priority: int | None = None


__all__ = [
    "LogicalDevice",
    "LogicalDeviceConfiguration",
    "PhysicalDevice",
    "experimental",
    "functions_run_eagerly",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "optimizer",
    "run_functions_eagerly",
    "set_logical_device_configuration",
    "set_soft_device_placement",
    "set_visible_devices",
    "threading",
]


def _listed(kind: type, prefix: str, device_type: str | None) -> list[Any]:
    found = []
    for device in devices():
        name, _, number = device.name.partition(":")
        if device_type in (None, name.upper()):
            found.append(kind(f"{prefix}:{name.upper()}:{number or 0}", name.upper()))
    return found


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU and the GPUs that can be used, or those of one type ("CPU", "GPU").

    >>> list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    return _listed(PhysicalDevice, "/physical_device", device_type)


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that tensors can be on."""
    return _listed(LogicalDevice, "/device", device_type)


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """All devices: none is hidden here."""
    return list_physical_devices(device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Without GPUs among them, new tensors go to the CPU."""
    from tensorcore.device import set_default_device

    listed = devices if isinstance(devices, (list, tuple)) else [devices]
    if device_type == "GPU" and not [each for each in listed if each]:
        set_default_device("cpu")


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Limit the memory of a GPU; one logical device a GPU is what there is."""
    from tensorcore.memory import set_memory_limit

    limit = next((each.memory_limit for each in logical_devices or () if each.memory_limit), None)
    number = device.name.rpartition(":")[2]
    if limit and device.device_type == "GPU":
        set_memory_limit(int(limit * 2**20), device=f"gpu:{number}")


def set_soft_device_placement(enabled: bool) -> None:
    """Taken and not used: tensors never move by themselves."""


_eager = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether `tf.function` runs the Python function itself from now on."""
    global _eager
    _eager = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether `tf.function` runs the Python function itself."""
    return _eager


def _set_memory_growth(device: Any, enable: bool) -> None:
    """Memory is taken as it is needed, always."""


def _enable_op_determinism() -> None:
    own.deterministic(True)


def _set_threads(num_threads: int) -> None:
    own.threads = num_threads or None


experimental = SimpleNamespace(
    enable_op_determinism=_enable_op_determinism,
    get_memory_growth=lambda device: True,
    list_physical_devices=list_physical_devices,
    list_logical_devices=list_logical_devices,
    set_memory_growth=_set_memory_growth,
    set_virtual_device_configuration=set_logical_device_configuration,
    set_visible_devices=set_visible_devices,
    VirtualDeviceConfiguration=LogicalDeviceConfiguration,
)
optimizer = SimpleNamespace(set_jit=lambda enabled: None, get_jit=lambda: "")
threading = SimpleNamespace(
    get_inter_op_parallelism_threads=lambda: 0,
    get_intra_op_parallelism_threads=lambda: own.threads,
    set_inter_op_parallelism_threads=lambda num_threads: None,
    set_intra_op_parallelism_threads=_set_threads,
)


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
