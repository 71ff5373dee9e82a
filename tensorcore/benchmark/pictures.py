"""The pictures of a report, drawn with matplotlib for light and for dark pages."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorcore.benchmark.cases import BY_ELEMENTS
from tensorcore.benchmark.runner import Ceiling, Row
from tensorcore.errors import InvalidArgumentError

# Distinct in grey too, and marked by different symbols.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#999933", "#882255")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = {"cpu": "-", "gpu": "--"}


class Theme(NamedTuple):
    """Colours of a page."""

    ground: str
    ink: str
    grid: str


LIGHT = Theme("#ffffff", "#1b1f24", "#d0d7de")
DARK = Theme("#0d1117", "#e6edf3", "#30363d")


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise InvalidArgumentError(
            "pictures need matplotlib, which is not installed: pip install matplotlib"
        ) from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    return pyplot


def png(draw: Callable[[Any], None], theme: Theme, size: tuple[float, float] = (8.0, 4.6)) -> bytes:
    """What `draw` draws on axes, as the bytes of a PNG file."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=size, dpi=110, facecolor=theme.ground)
    axes.set_facecolor(theme.ground)
    axes.tick_params(colors=theme.ink, which="both")
    for spine in axes.spines.values():
        spine.set_color(theme.grid)
    axes.grid(True, color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    draw(axes)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.ink)
    legend = axes.get_legend()
    if legend is not None:
        legend.get_frame().set_facecolor(theme.ground)
        legend.get_frame().set_edgecolor(theme.grid)
        for text in legend.get_texts():
            text.set_color(theme.ink)
    for text in axes.texts:
        text.set_color(theme.ink)
    buffer = io.BytesIO()
    figure.tight_layout()
    figure.savefig(buffer, format="png", facecolor=theme.ground)
    pyplot.close(figure)
    return buffer.getvalue()


def throughput(rows: Sequence[Row], ceilings: dict[str, Ceiling]) -> Callable[[Any], None]:
    """Bytes a second by size, with the copy as ceiling."""
    chosen = [row for row in rows if row.name in BY_ELEMENTS]
    names = list(dict.fromkeys(row.name for row in chosen))

    def draw(axes: Any) -> None:
        for (name, device), line in _lines(chosen, names):
            number = names.index(name)
            label = name if device == next(iter(ceilings)) else f"{name} ({device})"
            axes.plot(
                [row.size for row in line],
                [row.gbytes for row in line],
                LINES[device[:3]],
                color=COLOURS[number % len(COLOURS)],
                marker=MARKS[(number + number // len(MARKS)) % len(MARKS)],
                label=label,
            )
        for device, ceiling in ceilings.items():
            height = ceiling.bytes_per_s / 1e9
            axes.axhline(height, color="#888888", linestyle=":")
            axes.annotate(
                f"copy on {device}",
                (1.0, height),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
            )
        axes.set(xscale="log", yscale="log", xlabel="elements", ylabel="GB/s")
        axes.set_title("Memory-bound operations by size")
        axes.legend(fontsize=8, ncols=2)

    return draw


def roofline(rows: Sequence[Row], ceilings: dict[str, Ceiling]) -> Callable[[Any], None]:
    """Operations a second against operations per byte, under the roof of each device."""
    chosen = [row for row in rows if row.gflops and row.gbytes]

    def draw(axes: Any) -> None:
        intensities = [row.gflops / row.gbytes for row in chosen]
        low, high = min(intensities, default=0.1) / 2, max(intensities, default=10.0) * 2
        for device, ceiling in ceilings.items():
            steps = [low * (high / low) ** (i / 100) for i in range(101)]
            roof = [min(ceiling.flops_per_s, x * ceiling.bytes_per_s) / 1e9 for x in steps]
            axes.plot(steps, roof, LINES[device[:3]], color="#888888", label=f"roof of {device}")
        names = list(dict.fromkeys(row.name for row in chosen))
        for (name, device), line in _lines(chosen, names):
            number = names.index(name)
            axes.plot(
                [row.gflops / row.gbytes for row in line],
                [row.gflops for row in line],
                linestyle="none",
                color=COLOURS[number % len(COLOURS)],
                marker=MARKS[number // len(COLOURS) % len(MARKS)],
                fillstyle="full" if device == "cpu" else "none",
                label=name if device == "cpu" else None,
            )
        axes.set(xscale="log", yscale="log", xlabel="operations per byte", ylabel="GFLOP/s")
        axes.set_title("Roofline: what was reached under the machine's own ceilings")
        axes.legend(fontsize=7, ncols=3)

    return draw


def crossover(rows: Sequence[Row], name: str) -> Callable[[Any], None] | None:
    """Time by size on both devices, and the size from which the GPU is faster."""
    chosen = [row for row in rows if row.name == name]
    by_device = {device: line for (_, device), line in _lines(chosen, [name])}
    if len(by_device) < 2:
        return None
    place = crossover_size(by_device["cpu"], next(v for k, v in by_device.items() if k != "cpu"))

    def draw(axes: Any) -> None:
        for number, (device, line) in enumerate(by_device.items()):
            axes.plot(
                [row.size for row in line],
                [row.median_s * 1e6 for row in line],
                LINES[device[:3]],
                color=COLOURS[number],
                marker=MARKS[number],
                label=device,
            )
        if place is not None:
            axes.axvline(place, color="#888888", linestyle=":")
            axes.annotate(
                f"from {place:,.0f} on\nthe GPU is faster",
                (place, 0.95),
                xycoords=("data", "axes fraction"),
                va="top",
            )
        axes.set(xscale="log", yscale="log", xlabel="size", ylabel="microseconds")
        axes.set_title(f"{name}: CPU against GPU")
        axes.legend()

    return draw


def crossover_size(cpu: Sequence[Row], gpu: Sequence[Row]) -> float | None:
    """The size at which the GPU catches up, between measured sizes by their logarithms."""
    theirs = {row.size: row.median_s for row in gpu}
    points = [(r.size, math.log(r.median_s / theirs[r.size])) for r in cpu if r.size in theirs]
    for (size, before), (next_size, after) in itertools.pairwise(points):
        if before < 0 <= after:
            share = before / (before - after)
            return size * (next_size / size) ** share
    return float(points[0][0]) if points and points[0][1] >= 0 else None


def training(rows: Sequence[Row]) -> Callable[[Any], None]:
    """Steps a second as bars."""
    chosen = [row for row in rows if row.group in ("step", "model")]
    names = list(dict.fromkeys((row.name, row.shape) for row in chosen))
    devices = list(dict.fromkeys(row.device for row in chosen))

    def draw(axes: Any) -> None:
        width = 0.8 / max(len(devices), 1)
        for number, device in enumerate(devices):
            found = {(r.name, r.shape): 1 / r.median_s for r in chosen if r.device == device}
            places = [i + number * width for i, name in enumerate(names) if name in found]
            heights = [found[name] for name in names if name in found]
            bars = axes.barh(
                places,
                heights,
                width,
                color=COLOURS[number],
                label=device,
                hatch="" if number == 0 else "//",
            )
            axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        ticks = [i + (len(devices) - 1) * width / 2 for i in range(len(names))]
        axes.set_yticks(ticks, [f"{name}, {shape}" for name, shape in names])
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="steps a second")
        axes.set_title("Training and prediction")
        axes.margins(x=0.15)
        if len(devices) > 1:
            axes.legend()

    return draw


def memory(rows: Sequence[Row]) -> Callable[[Any], None]:
    """The most memory that layers, steps and models took, as bars."""
    chosen = [row for row in rows if row.peak_bytes]

    def draw(axes: Any) -> None:
        words = [f"{row.name}, {row.shape} ({row.device})" for row in chosen]
        bars = axes.barh(words, [row.peak_bytes / 2**20 for row in chosen], color=COLOURS[0])
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.set(xlabel="MiB, at the most")
        axes.set_title("Memory: weights, optimizer, data and intermediate results")
        axes.margins(x=0.15)

    return draw


def _lines(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[tuple[str, str], list[Row]]]:
    """The rows of each name and device, by size; of several dtypes the first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (names.index(row.name), row.device, row.size)):
        line = found.setdefault((row.name, row.device), [])
        if not line or line[0].dtype == row.dtype:
            line.append(row)
    return list(found.items())
