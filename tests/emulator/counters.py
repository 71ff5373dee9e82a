"""What the pretend device has done."""

import contextlib
import ctypes
from collections.abc import Iterator
from dataclasses import asdict, dataclass


@dataclass
class Counters:
    """Counts since the last reset.  Copies within the device are counted nowhere."""

    launches: int = 0  # of kernels, also those of graphs
    graph_launches: int = 0
    library_calls: int = 0  # cuBLAS, cuBLASLt, cuDNN
    syncs: int = 0  # of devices, streams and events
    device_to_host: int = 0  # copies
    host_to_device: int = 0
    allocations: int = 0  # of device memory
    bytes_used: int = 0
    bytes_peak: int = 0

    def __sub__(self, other: "Counters") -> "Counters":
        before = asdict(other)
        difference = {name: value - before[name] for name, value in asdict(self).items()}
        return Counters(**difference)


class _CCounters(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in Counters.__dataclass_fields__]


def read(runtime: ctypes.PyDLL) -> Counters:
    raw = _CCounters()
    runtime.emulator_read_counters(ctypes.byref(raw))
    return Counters(**{name: getattr(raw, name) for name in Counters.__dataclass_fields__})


@contextlib.contextmanager
def counting(runtime: ctypes.PyDLL) -> Iterator[Counters]:
    """Yields counters that hold, after the block, what the block did."""
    before = read(runtime)
    result = Counters()
    yield result
    difference = read(runtime) - before
    for name, value in asdict(difference).items():
        setattr(result, name, value)
