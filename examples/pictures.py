"""Pictures for the examples: images with their labels, predictions, and the course of a training.

Each function writes one PNG (or PDF, SVG: the ending of the path decides) and shows no window, so
it works on a machine without a display.  Needs matplotlib: pip install "tensorcore[plot]"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# A blue and a red that stay apart for colour-blind readers; a mark in the text says the same.
RIGHT = "#1f5fbf"
WRONG = "#c62828"
NEUTRAL = "#8a8a8a"
DPI = 120


def save_images(
    path: str | Path,
    images: Any,
    labels: Any,
    class_names: Sequence[str],
    rows: int = 5,
    columns: int = 5,
) -> None:
    """Saves a grid of images with the names of their classes.

    Args:
        path: the file to write.
        images: array (N, H, W) or (N, H, W, 3), uint8 or float; the first rows x columns are shown.
        labels: integers (N,), 0 to C - 1.
        class_names: C names.
        rows: rows of the grid.
        columns: columns of the grid.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: there are not as many labels as images.

    Example:
        save_images("garments.png", x_train, y_train, fashion_mnist.CLASS_NAMES)
    """
    images = np.asarray(images)
    labels = np.asarray(labels).reshape(-1)
    _check_length("save_images", "labels", labels, images)
    figure = _figure(1.8 * columns, 2.0 * rows)
    for i in range(min(rows * columns, len(images))):
        axes = figure.add_subplot(rows, columns, i + 1)
        _show_image(axes, images[i])
        axes.set_xlabel(class_names[labels[i]])
    figure.savefig(path, dpi=DPI)


def save_predictions(
    path: str | Path,
    images: Any,
    labels: Any,
    probabilities: Any,
    class_names: Sequence[str],
    rows: int = 5,
    columns: int = 3,
) -> None:
    """Saves images with their predictions, each next to a bar chart of its probabilities.

    Below an image stand a check or a cross, the predicted class, its probability, and in brackets
    the true class: in blue if the prediction is right, in red if it is wrong.  In the bar chart
    the true class is blue, and a wrong prediction is red and hatched.

    Args:
        path: the file to write.
        images: array (N, H, W) or (N, H, W, 3), uint8 or float; the first rows x columns are shown.
        labels: integers (N,), 0 to C - 1, the true classes.
        probabilities: array (N, C), each row between 0 and 1 with sum 1, as `model.predict` gives
            for a model that ends in softmax.
        class_names: C names.
        rows: rows of the grid.
        columns: columns of the grid.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the lengths differ, or the rows of `probabilities` are no probabilities.

    Example:
        save_predictions("predictions.png", x_test, y_test, model.predict(x_test[:15]), CLASS_NAMES)
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    count = min(rows * columns, len(probabilities))
    images = np.asarray(images)[:count]
    labels = np.asarray(labels).reshape(-1)[:count]
    probabilities = probabilities[:count]
    _check_length("save_predictions", "labels", labels, images)
    _check_length("save_predictions", "probabilities", probabilities, images)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(class_names):
        raise ValueError(
            "save_predictions: probabilities must have one column a class name, expected the shape "
            f"(N, {len(class_names)}), received {probabilities.shape}"
        )
    if probabilities.min(initial=0) < 0 or probabilities.max(initial=0) > 1 + 1e-3:
        raise ValueError(
            "save_predictions: probabilities must lie between 0 and 1, received values from "
            f"{probabilities.min():.3g} to {probabilities.max():.3g}; apply softmax to logits first"
        )

    figure = _figure(4.4 * columns, 2.1 * rows)
    for i in range(count):
        predicted = int(np.argmax(probabilities[i]))
        true = int(labels[i])
        right = predicted == true
        axes = figure.add_subplot(rows, 2 * columns, 2 * i + 1)
        _show_image(axes, images[i])
        # Both marks are in DejaVu Sans, the font that comes with matplotlib.
        mark = "✓" if right else "✗"
        percent = 100 * probabilities[i, predicted]
        axes.set_xlabel(
            f"{mark} {class_names[predicted]} {percent:.0f}%\n({class_names[true]})",
            color=RIGHT if right else WRONG,
        )
        bars = figure.add_subplot(rows, 2 * columns, 2 * i + 2)
        _show_bars(bars, probabilities[i], predicted, true)
    figure.savefig(path, dpi=DPI)


def save_history(path: str | Path, history: Mapping[str, Sequence[float]]) -> None:
    """Saves the curves of a training: one chart a metric, training and validation in it.

    Args:
        path: the file to write.
        history: one list of numbers a metric, one number an epoch, as `model.fit(...).history`; the
            validation's metrics have names that begin with `val_`.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: the history is empty.

    Example:
        save_history("history.png", model.fit(x, y, epochs=5).history)
    """
    metrics = {name.removeprefix("val_") for name in history}
    names = sorted(metrics, key=lambda name: (name != "loss", name))
    if not names:
        raise ValueError("save_history: the history is empty; pass model.fit(...).history")
    figure = _figure(5.2 * len(names), 3.6)
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1)
        for key, label, style in ((name, "training", "o-"), (f"val_{name}", "validation", "s--")):
            if key in history:
                epochs = range(1, len(history[key]) + 1)
                axes.plot(epochs, history[key], style, label=label, markersize=4)
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(True, alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=DPI)


def _figure(width: float, height: float) -> Any:
    """A figure of its own, in inches, which leaves pyplot's windows and settings alone."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "tensorcore[plot]"') from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _show_image(axes: Any, image: np.ndarray) -> None:
    # Dark ink on white paper, and each image on its own scale, so that 0..1 and 0..255 look alike.
    axes.imshow(np.squeeze(image), cmap="binary")
    axes.set_xticks([])
    axes.set_yticks([])


def _show_bars(axes: Any, probabilities: np.ndarray, predicted: int, true: int) -> None:
    bars = axes.bar(range(len(probabilities)), probabilities, color=NEUTRAL)
    if predicted != true:
        bars[predicted].set_facecolor(WRONG)
        bars[predicted].set_edgecolor("white")
        bars[predicted].set_hatch("////")
    bars[true].set_facecolor(RIGHT)
    axes.set_ylim(0, 1.04)
    axes.set_yticks([])
    axes.set_xticks(range(len(probabilities)))
    axes.tick_params(axis="x", labelsize=7, length=0)


def _check_length(function: str, name: str, values: np.ndarray, images: np.ndarray) -> None:
    if len(values) != len(images):
        raise ValueError(
            f"{function}: {name} must have one entry an image, "
            f"expected {len(images)}, received {len(values)}"
        )
