"""Runs the cases on the devices, and sets each figure beside the machine's own ceiling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore.benchmark.cases import CASES, Case, Work
from tensorcore.benchmark.machine import refuse_emulated
from tensorcore.benchmark.memory import peak_bytes
from tensorcore.benchmark.timing import Timing, measure
from tensorcore.device import Device
from tensorcore.errors import InvalidArgumentError

PASSES = 3  # over all cases, so that the rounds of each are far apart

# Elements of the copy, and the size of the product, that give the ceilings.
COPY_ELEMENTS = {"cpu": 20_000_000, "gpu": 250_000_000}
PRODUCT_SIZE = {"cpu": 1536, "gpu": 8192}


class Ceiling(NamedTuple):
    """What a device reached in this run: bytes a second of a copy, operations of a product."""

    bytes_per_s: float
    flops_per_s: float


class Row(NamedTuple):
    """One measured figure; times in seconds, rates a second, `percent` of the nearer ceiling.

    `low_s` is the fastest round, `high_s` the upper quartile of the rounds.
    """

    name: str
    group: str
    shape: str
    size: int
    dtype: str
    device: str
    first_s: float
    median_s: float
    low_s: float
    high_s: float
    gflops: float
    gbytes: float
    percent: float
    bound: str
    samples_per_s: float
    peak_bytes: int = 0  # of layers, steps and models: the most memory, with data and weights


def ceiling_of(device: Device, seconds: float = 0.5) -> Ceiling:
    """Measure a large copy and a large product of float32 on a device."""
    with device:
        source = tc.ones((COPY_ELEMENTS[device.kind],), dtype="float32")
        target = device.empty(source.shape, source.dtype)
        copy = measure(lambda: device.xp.copyto(target, source.data), device, seconds)
        size = PRODUCT_SIZE[device.kind]
        x = tc.ones((size, size), dtype="float32")
        product = measure(lambda: x @ x, device, seconds)
    return Ceiling(2 * source.nbytes / copy.low, 2 * size**3 / product.low)


def chosen_cases(only: Sequence[str]) -> list[Case]:
    """The cases whose names or groups contain one of the texts; all without texts."""
    if not only:
        return list(CASES)
    found = [
        case for case in CASES if any(text in f"{case.group} {case.name}".lower() for text in only)
    ]
    unknown = [
        text
        for text in only
        if not any(text in f"{case.group} {case.name}".lower() for case in CASES)
    ]
    if unknown:
        known = ", ".join(case.name for case in CASES)
        raise InvalidArgumentError(f"nothing is called {unknown[0]!r}; there are {known}")
    return found


def run(
    devices: Iterable[Device],
    *,
    only: Sequence[str] = (),
    dtypes: Sequence[str] = ("float32",),
    quick: bool = False,
    said: Callable[[str], Any] = lambda text: None,
) -> tuple[list[Row], dict[str, Ceiling]]:
    """Measure the cases.

    Args:
        devices: where; an emulated device is refused.
        only: parts of names of cases or groups; all if empty.
        dtypes: of the data.
        quick: fewer sizes and shorter rounds.
        said: is told what is measured next.

    Returns:
        The rows, and the ceiling of each device.

    Raises:
        InvalidArgumentError: an emulated device, or a name that no case has.

    >>> from tensorcore import benchmark
    >>> rows, ceilings = benchmark.run([tc.device("cpu")], only=["exp"], quick=True)
    >>> rows[0].name, rows[0].device
    ('exp', 'cpu')
    """
    cases = chosen_cases([text.lower() for text in only])
    rows, ceilings = [], {}
    for device in devices:
        refuse_emulated(device)
        said(f"{device}: ceilings")
        ceilings[device.name] = ceiling_of(device, 0.2 if quick else 0.5)
        items = [
            _Item(case, size, dtype, device, (0.1 if quick else 0.5) / PASSES)
            for case in cases
            for dtype in dtypes
            for size in sorted(case.sizes[: case.quick] if quick else case.sizes)
        ]
        for number in range(PASSES):
            for item in items:
                said(f"{device}: {item.case.name} {item.size} {item.dtype}, pass {number + 1}")
                item.measure()
        rows += [item.row(ceilings[device.name]) for item in items]
    return rows, ceilings


def remeasured(row: Row, quick: bool) -> Row:
    """The same row once more, keeping the faster of the two."""
    case = next(case for case in CASES if case.name == row.name)
    item = _Item(case, row.size, row.dtype, tc.device(row.device), 0.1 if quick else 0.5)
    for _ in range(PASSES):
        item.measure()
    again = item.row(Ceiling(1.0, 1.0))
    return row if row.low_s < again.low_s else again


class _Item:
    """A case at one size, measured in passes: no disturbance of the machine is in all of them."""

    def __init__(self, case: Case, size: int, dtype: str, device: Device, seconds: float) -> None:
        self.case, self.size, self.dtype, self.device = case, size, dtype, device
        self._seconds = seconds
        self._timing: Timing | None = None
        self._peak = 0

    def _make(self) -> Work:
        return self.case.make(self.size, self.dtype, np.random.default_rng(0))

    def measure(self) -> None:
        """Make one more pass."""
        with self.device:
            work = self._make()
            timing = measure(work.run, self.device, self._seconds, compile=work.compile)
            if self._timing is not None:
                self._timing = self._timing.with_rounds_of(timing)
                return
            self._timing = timing
            self._facts = work._replace(run=_nothing, compile=_nothing)  # its arrays are not kept
            if self.case.group != "operation":
                del work
                _, self._peak = peak_bytes(self._make, self.device)

    def row(self, ceiling: Ceiling) -> Row:
        """What was measured, beside the ceiling."""
        timing: Any = self._timing
        work = self._facts
        flops, nbytes = work.flops / timing.median, work.nbytes / timing.median
        shares = {"product": flops / ceiling.flops_per_s, "copy": nbytes / ceiling.bytes_per_s}
        bound = max(shares, key=shares.__getitem__)
        return Row(
            self.case.name,
            self.case.group,
            work.shape,
            self.size,
            self.dtype,
            self.device.name,
            timing.first,
            timing.median,
            timing.low,
            timing.high,
            flops / 1e9,
            nbytes / 1e9,
            100 * shares[bound],
            bound,
            work.samples / timing.median,
            self._peak,
        )


def _nothing() -> None:
    pass
