"""What a device can do: measured once in some seconds, and kept for this machine."""

from __future__ import annotations

import functools
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore.benchmark.machine import product_name, refuse_emulated
from tensorcore.costs.calls import Call, calls_of, is_one_call, joined_runs
from tensorcore.costs.points import Point, Points
from tensorcore.costs.samples import SAMPLES, Sample
from tensorcore.costs.tasks import Task, feeding
from tensorcore.device import CPU, Device
from tensorcore.saving.atomic import atomic_file

FORMAT = 2
SECONDS = 5.0  # that all samples are run for together, some before and after the others
TURN_S = 0.05  # that one sample is run for before it is the turn of the next
REPEATS_ON_GPU = 32  # of a call in a CUDA graph, so that its launch does not count
ALONE = 0.8  # share of a call's work from which a task is measured by it
USUAL = 0.25  # quantile of the times of a call: many of them may be disturbed
SHORTEST = 4  # samples that tell what `fit` does besides, which is a good part of a short step
BATCHES_OF_FITS = (20, 120)  # whose difference is the steps without what an epoch takes once


class Rates(NamedTuple):
    """How fast one device is.

    Attributes:
        device: its name.
        product: what its maker calls it.
        points: tasks and their seconds.
        run_s: seconds of one call from Python of steps that are joined (on a GPU: of the launch).
    """

    device: str
    product: str
    points: Points
    run_s: float


@functools.cache
def rates_of(device: Device) -> Rates:
    """The rates of a device: those that are kept, else measured now."""
    kept = _read(device)
    if kept is None:
        print(
            f"tensorcore: measuring how fast {device} is (some 10 s beside what has to be "
            "compiled; kept for the next time)",
            file=sys.stderr,
            flush=True,
        )
        kept = measure_rates(device)
        _write(device, kept)
    return kept


def kept_rates(devices: Sequence[Device]) -> list[Rates] | None:
    """The rates of these devices if all were measured before; nothing is measured now."""
    kept = [_read(device) for device in devices]
    return None if None in kept else kept  # type: ignore[return-value]


def measure_rates(
    device: Device, samples: Sequence[Sample] = SAMPLES, seconds: float = SECONDS
) -> Rates:
    """Measure a device with the calls that training the samples makes.

    Raises:
        InvalidArgumentError: an emulated device, whose timings mean nothing.
    """
    refuse_emulated(device)
    rng = np.random.default_rng(0)
    with device:
        runs = [_SampleRun(sample, rng) for sample in samples]
        end = time.perf_counter() + seconds
        while True:  # in turns, so that a disturbance of the machine meets all of them for a while
            for run in runs:
                run.measure()
            short = sorted(runs, key=_SampleRun.total_s)[:SHORTEST]
            for run in short:
                run.measure_fits()
            if time.perf_counter() > end:
                break
        run_s = max(statistics.median(run.run_s() for run in short), 1e-8)
        points = [point for run in runs for point in (*run.points(run_s), *run.feedings())]
        return Rates(device.name, product_name(device), Points(points), run_s)


class _SampleRun:
    """A sample, ready to be trained call by call."""

    def __init__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.sample = sample
        self.model = sample.model()
        self.data = sample.data(sample.batch, rng)
        self.plan = compiled_plan(self.model, *self.data, sample.batch)
        self.calls = calls_of(self.plan)
        self._device = self.plan.device
        self._repeats = 1 if self._device is CPU else REPEATS_ON_GPU
        self._ready = [*map(self._one_call, self.calls)]
        self._times: list[list[float]] = []  # of all calls and of the whole plan, run by run
        self._fits: dict[tuple[bool, int], float] = {}  # (in one call, steps) -> the fastest

    def _one_call(self, call: Call) -> Any:
        if self._device is CPU and len(call.steps) == 1:
            return call.steps[0]
        return self._device.recorded(call.steps * self._repeats)

    def measure(self) -> None:
        """Run the plan for a moment, call by call and as a whole.

        Each call finds the caches as they are in a step of training.
        """
        end = time.perf_counter() + TURN_S
        while True:
            times = [self._timed(call) / self._repeats for call in self._ready]
            self._times.append([*times, self._timed(self.plan.run_steps)])
            if time.perf_counter() > end:
                break

    def measure_fits(self) -> None:
        """Note the fastest calls of `fit` that take few and many steps, several at once and not."""
        for count in BATCHES_OF_FITS:
            x, y = (np.resize(part, (count * len(part), *part.shape[1:])) for part in self.data)
            for at_once in {False, is_one_call(self.calls)}:
                steps = {} if at_once else {"steps_per_epoch": count}  # they are taken one by one
                fit = functools.partial(self.model.fit, x, y, self.sample.batch, verbose=0, **steps)
                before = self._fits.get((at_once, count), float("inf"))
                self._fits[at_once, count] = min(before, self._timed(fit))

    def _timed(self, call: Any) -> float:
        start = time.perf_counter()
        call()
        self._device.synchronize()
        return time.perf_counter() - start

    def _usual(self) -> Any:
        return np.quantile(self._times, USUAL, axis=0, method="lower")

    def total_s(self) -> float:
        """What the calls of a step take together."""
        return float(self._usual()[-1])

    def run_s(self) -> float:
        """What a call of joined steps takes beside them: the calls' sum exceeds the whole by it."""
        usual = self._usual()
        excess = float(usual[:-1].sum() - usual[-1])
        if self._device is not CPU:
            return -excess
        native = sum(call.is_native for call in self.calls)
        return excess / max(native - joined_runs(self.calls), 1)

    def points(self, run_s: float) -> Iterator[Point]:
        """The tasks that are all that a call does, or nearly, with their times."""
        for call, taken in zip(self.calls, self._usual()[:-1], strict=True):
            task = max(call.tasks, key=lambda task: task.work)
            share = task.work / sum(task.work for task in call.tasks)
            if share > ALONE:
                beside = run_s if call.is_native else 0.0
                yield Point(task, max(share * (float(taken) - beside), 5e-8))

    def feedings(self) -> Iterator[Point]:
        """What a step of `fit` takes besides its calls, if that was measured."""
        few, many = BATCHES_OF_FITS
        arrays = [np.resize(part, (many * len(part), *part.shape[1:])) for part in self.data]
        for at_once in {at_once for at_once, _ in self._fits}:
            step = (self._fits[at_once, many] - self._fits[at_once, few]) / (many - few)
            task = feeding(arrays, self.sample.batch, at_once)
            yield Point(task, max(step - self.total_s(), 1e-6))


def compiled_plan(model: Any, x: Any, y: Any, batch_size: int) -> Any:
    """The plan of a model's training step with all that is compiled for it, after a run."""
    train = functools.partial(model.train_on_batch, x[:batch_size], y[:batch_size])
    train()
    train()  # the second one is traced
    (plan,) = model.step("train_step").plans
    plan.compile()
    train()
    return plan


# Kept on disk -------------------------------------------------------------------------------------


def _file(device: Device) -> Path | None:
    from tensorcore.kernels.cpu import jit

    folder = jit.cache_folder()
    name = f"rates-{device.name.replace(':', '-')}-{tc.config.threads}.json"
    return None if folder is None else folder / name


@functools.cache
def _made_for() -> str:
    """A digest of what the rates were measured with: the package's kernels, graphs and samples."""
    from tensorcore import graph, kernels

    digest = hashlib.sha256(f"{FORMAT} {tc.__version__} {np.__version__}".encode())
    for folder in (
        Path(kernels.__file__).parent,
        Path(graph.__file__).parent,
        Path(__file__).parent,
    ):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".cu", ".cuh"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _read(device: Device) -> Rates | None:
    """What is kept for this device and these kernels, if there is such a file and it is whole."""
    file = _file(device)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))  # type: ignore[union-attr]
        if content.pop("made_for") != _made_for() or content["product"] != product_name(device):
            return None
        points = [
            Point(Task(family, name, tuple(sizes), work, footprint), seconds)
            for family, name, sizes, work, footprint, seconds in content.pop("points")
        ]
        return Rates(points=Points(points), **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(device: Device, rates: Rates) -> None:
    file = _file(device)
    if file is None:
        return
    points = [[*point.task, point.seconds] for point in rates.points.all]
    content = {**rates._asdict(), "points": points, "made_for": _made_for()}
    with atomic_file(file) as stream:
        stream.write(json.dumps(content).encode())
