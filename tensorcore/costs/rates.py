"""What a device can do: measured once in a few seconds, and kept for this machine."""

from __future__ import annotations

import itertools
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore.benchmark.machine import product_name, refuse_emulated
from tensorcore.benchmark.timing import measure
from tensorcore.device import CPU, Device

FORMAT = 1
SECONDS = 0.06  # for each figure
# Rows, inner size and columns of the products that are measured.
THIN = ((32, 64, 64), (32, 256, 128), (32, 784, 512), (32, 20_000, 128))
SQUARE = ((64, 64, 64), (256, 256, 256), (768, 768, 768))
Table = tuple[tuple[float, float], ...]


class Rates(NamedTuple):
    """How fast one device is.

    Attributes:
        device: its name.
        product: what its maker calls it.
        run_s: seconds that every run of a planned graph takes, whatever is in it.
        call_s: seconds of one call in a graph, beyond the work that it does.
        bandwidth: (bytes of an array, bytes a second of reading and writing such arrays).
        thin_products: (operations, operations a second) of products of few rows.
        square_products: the same for square matrices.
        convolutions: operations a second.
        exponentials: elements a second of exp.
        random_floats: elements a second.
        gather: bytes a second of taking rows of a table.
        scatter: bytes a second of adding rows to a table.
        upload: bytes a second from the host to the device; 0 on the CPU.
    """

    device: str
    product: str
    run_s: float
    call_s: float
    bandwidth: Table
    thin_products: Table
    square_products: Table
    convolutions: float
    exponentials: float
    random_floats: float
    gather: float
    scatter: float
    upload: float


def at(table: Table, size: float) -> float:
    """The rate for a size, between the measured ones by their logarithms."""
    sizes = [s for s, _ in table]
    if size <= sizes[0]:
        return table[0][1]
    for (low, first), (high, second) in itertools.pairwise(table):
        if size <= high:
            share = math.log(size / low) / math.log(high / low)
            return first * (second / first) ** share
    return table[-1][1]


def rates_of(device: Device) -> Rates:
    """The rates of a device: those that are kept, else measured now."""
    kept = _read(device)
    if kept is None:
        kept = measure_rates(device)
        _write(device, kept)
    return kept


def measure_rates(device: Device) -> Rates:
    """Measure a device.

    Raises:
        InvalidArgumentError: an emulated device, whose timings mean nothing.
    """
    refuse_emulated(device)
    rng = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return tc.asarray(rng.random(shape, np.float32), device=device)

    def seconds(function: Callable[..., Any], *arguments: Any) -> float:
        traced = tc.function(function)
        return measure(lambda: traced(*arguments), device, SECONDS, rounds=5).low

    with device:
        run_s, call_s = _overheads(floats, seconds)
        table = floats(10_000, 16)
        rows = tc.asarray(rng.integers(0, 10_000, 65_536).astype(np.int32))
        x, w = floats(16, 28, 28, 16), floats(3, 3, 16, 32)
        large = floats(1_000_000)
        taken = 65_536 * 16 * 4
        work_s = lambda *a: max(seconds(*a) - run_s, 1e-9)  # noqa: E731
        return Rates(
            device.name,
            product_name(device),
            run_s,
            call_s,
            _bandwidth(device, floats),
            _products(floats, work_s, THIN),
            _products(floats, work_s, SQUARE),
            2 * 16 * 26 * 26 * 32 * 9 * 16 / work_s(lambda x, w: tc.nn.conv2d(x, w), x, w),
            large.size / work_s(tc.exp, large),
            1_000_000 / work_s(lambda: tc.random.uniform((1_000_000,))),
            2 * taken / work_s(lambda t, r: tc.take(t, r, axis=0), table, rows),
            2 * taken / work_s(_scatter, table, rows),
            _upload(device),
        )


def _scatter(table: Any, rows: Any) -> Any:
    updates = tc.broadcast_to(table[:1], (rows.shape[0], table.shape[1]))
    return tc.scatter_add(table, rows, updates, axis=0)


def _overheads(floats: Any, seconds: Any) -> tuple[float, float]:
    """Seconds of a run of a graph, and of each call in it: graphs of few and of many products."""
    small = floats(4, 4)

    def chain(count: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for _ in range(count):
                x = x @ small
            return x

        return run

    few, many = seconds(chain(2), small), seconds(chain(34), small)
    call_s = max(many - few, 1e-9) / 32
    return max(few - 2 * call_s, 1e-7), call_s


def _bandwidth(device: Device, floats: Any) -> Table:
    """Bytes a second of x + y into a buffer, for arrays in each cache and beyond."""
    found = []
    for size in (4_000, 40_000, 400_000, 4_000_000, 20_000_000):
        x, y = floats(size).data, floats(size).data
        out = device.empty((size,), np.dtype(np.float32))
        add = lambda x=x, y=y, out=out: device.xp.add(x, y, out=out)  # noqa: E731
        low = measure(add, device, SECONDS, rounds=5).low
        found.append((12.0 * size, 12.0 * size / low))
    return tuple(found)


def _products(floats: Any, work_s: Any, shapes: Sequence[tuple[int, int, int]]) -> Table:
    found = []
    for m, k, n in shapes:
        operations = 2.0 * m * k * n
        found.append((operations, operations / work_s(tc.matmul, floats(m, k), floats(k, n))))
    return tuple(found)


def _upload(device: Device) -> float:
    if device is CPU:
        return 0.0
    host = np.ones(4_000_000, np.float32)
    return host.nbytes / measure(lambda: device.asarray(host), device, SECONDS).low


# Kept on disk -------------------------------------------------------------------------------------


def _file(device: Device) -> Path | None:
    from tensorcore.kernels.cpu import jit

    folder = jit.cache_folder()
    name = f"rates-{device.name.replace(':', '-')}-{tc.config.threads}.json"
    return None if folder is None else folder / name


def _read(device: Device) -> Rates | None:
    file = _file(device)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))  # type: ignore[union-attr]
        if content.pop("format") != FORMAT or content["product"] != product_name(device):
            return None
        for name in ("bandwidth", "thin_products", "square_products"):
            content[name] = tuple(map(tuple, content[name]))
        return Rates(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(device: Device, rates: Rates) -> None:
    file = _file(device)
    if file is None:
        return
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump({"format": FORMAT, **rates._asdict()}, stream)
    os.replace(temporary, file)
