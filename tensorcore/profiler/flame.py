"""A profile as a picture: the whole, its phases, their layers, and the operations in them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.saving.atomic import atomic_file

COLOURS = {"forward": "#56B4E9", "backward": "#E69F00", "update": "#009E73", "": "#bbbbbb"}
SMALLEST = 0.002  # of the whole: what is smaller is not drawn

Tree = dict[str, Any]


def tree_of(profile: Any) -> Tree:
    """Seconds and parts of each name on the paths phase, layers, operation."""
    root: Tree = {"seconds": 0.0, "parts": {}}
    for event in profile.events:
        node = root
        node["seconds"] += event.total_s
        for name in (event.phase, *event.layers, event.name):
            node = node["parts"].setdefault(name, {"seconds": 0.0, "parts": {}})
            node["seconds"] += event.total_s
    return root


def check(path: Path) -> None:
    """Raise where no picture can be written under this name."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise InvalidArgumentError(
            f"{path}: pictures are PNG or SVG; let the name end in .png or .svg"
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise InvalidArgumentError(
            "pictures need matplotlib, which is not installed: pip install matplotlib"
        )


def save(profile: Any, path: Path) -> None:
    """Draw the tree as bars over each other, as wide as their time, into a PNG or SVG file."""
    check(path)
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    root = tree_of(profile)
    if not root["seconds"]:
        raise InvalidArgumentError("save_flame: the profile is empty; run something inside `with`")
    figure, axes = pyplot.subplots(figsize=(12, 5), dpi=110)
    depth = _draw(axes, root, 0.0, 0, root["seconds"], "all", "")
    axes.set(xlim=(0, root["seconds"] * 1e3), ylim=(0, depth + 1), xlabel="milliseconds")
    axes.set_yticks([])
    axes.set_title(f"{len(profile.events)} operations, {root['seconds'] * 1e3:.1f} ms")
    figure.tight_layout()
    with atomic_file(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower())
    pyplot.close(figure)


def _draw(
    axes: Any, node: Tree, start: float, level: int, whole: float, name: str, phase: str
) -> int:
    """Draw a bar and what stands on it; returns the highest level."""
    width = node["seconds"] * 1e3
    axes.barh(
        level + 0.5,
        width,
        0.94,
        left=start,
        color=COLOURS.get(phase, "#bbbbbb"),
        edgecolor="white",
        linewidth=0.6,
    )
    letters = int(width / (whole * 1e3) * 150)
    if letters >= 4:
        words = name if len(name) <= letters else f"{name[: letters - 1]}…"
        axes.text(
            start + width / 2,
            level + 0.5,
            words,
            ha="center",
            va="center",
            fontsize=7,
            clip_on=True,
        )
    highest = level
    parts = sorted(node["parts"].items(), key=lambda item: -item[1]["seconds"])
    for part, child in parts:
        if child["seconds"] >= SMALLEST * whole:
            of_phase = phase or part
            highest = max(highest, _draw(axes, child, start, level + 1, whole, part, of_phase))
        start += child["seconds"] * 1e3
    return highest
