"""Pictures of models: boxes for layers, arrows for tensors; as PNG, PDF, SVG or DOT text."""

from __future__ import annotations

import os
from typing import Any

from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.graph.deferred import Node
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.inputs import InputLayer
from tensorcore.training.network import Network, operation_of
from tensorcore.training.operations import class_name_of

INCHES_WIDE, INCHES_HIGH, GAP = 1.8, 0.4, 0.35  # of a box, and between two rows


class Box:
    """One layer in the picture: its words, its row from the inputs down, and where it stands."""

    def __init__(self, operation: Any, row: int, lines: list[str]) -> None:
        self.operation = operation
        self.row = row
        self.lines = lines
        self.x = 0.0


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **ignored: Any,
) -> None:
    """Draw a model's layers and write the picture to a file.

    Args:
        model: a model whose input shape is known.
        to_file: its ending says the kind: ".png", ".pdf", ".svg", or ".dot" for Graphviz.
        show_shapes, show_dtype, show_layer_names: also write these.
        show_layer_activations, show_trainable: the same.
        rankdir: "TB" from the top down, "LR" from left to right (in DOT only).
        expand_nested: accepted; models inside a model stay one box.
        dpi: dots an inch.

    Raises:
        TrainingError: the model has no symbolic inputs yet.
    """
    boxes, arrows = layout(
        model, show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    path = os.fspath(to_file)
    if path.endswith(".dot"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(as_dot(boxes, arrows, rankdir))
        return
    if not path.endswith((".png", ".pdf", ".svg", ".jpg")):
        raise InvalidArgumentError(
            f'plot_model: to_file must end in ".png", ".pdf", ".svg" or ".dot", received {path!r}'
        )
    _draw(boxes, arrows, path, dpi)


def layout(
    model: Any, shapes: bool, dtypes: bool, names: bool, activations: bool, trainable: bool
) -> tuple[list[Box], list[tuple[Box, Box]]]:
    """The boxes with their places, and the arrows between them."""
    try:
        network = getattr(model, "_network", None) or Network(
            model.inputs, model.outputs, model.name
        )
    except AttributeError as error:
        raise TrainingError(f"plot_model: {error}") from None
    row_of = _rows(network)
    boxes: dict[int, Box] = {}
    rows: dict[int, list[Box]] = {}
    for operation in network.operations:
        calls = network.calls_of(operation)
        row = row_of[id(operation)]
        lines = _words(operation, calls[-1], shapes, dtypes, names, activations, trainable)
        boxes[id(operation)] = box = Box(operation, row, lines)
        rows.setdefault(row, []).append(box)
    for members in rows.values():
        for number, box in enumerate(members):
            box.x = number - (len(members) - 1) / 2
    arrows = [
        (boxes[id(operation_of(symbol.node))], boxes[id(operation_of(node))])
        for node in network.nodes
        for symbol in node.inputs
        if isinstance(symbol, OpenSymbol)
    ]
    return list(boxes.values()), list(dict.fromkeys(arrows))


def _rows(network: Network) -> dict[int, int]:
    """The row of each operation: below all that it is computed from, inputs just above."""
    rows = {id(operation): 0 for operation in network.operations}
    for _ in range(2):  # once more, for what follows a layer that is called again further down
        for node in network.nodes:
            own = id(operation_of(node))
            sources = [id(operation_of(x.node)) for x in node.inputs if isinstance(x, OpenSymbol)]
            above = [rows[source] for source in sources if source != own]
            rows[own] = max(rows[own], 1 + max(above, default=0))
    for symbol in (x for node in network.nodes for x in node.inputs if isinstance(x, OpenSymbol)):
        source = operation_of(symbol.node)
        if isinstance(source, InputLayer):
            users = [node for node in network.nodes if any(x is symbol for x in node.inputs)]
            rows[id(source)] = min(rows[id(operation_of(node))] for node in users) - 1
    return rows


def _words(
    operation: Any,
    node: Node,
    shapes: bool,
    dtypes: bool,
    names: bool,
    activations: bool,
    trainable: bool,
) -> list[str]:
    kind = class_name_of(operation) if isinstance(operation, Node) else type(operation).__name__
    lines = [f"{operation.name} ({kind})" if names else kind]
    activation = getattr(getattr(operation, "activation", None), "__name__", None)
    if activations and activation is not None:
        lines.append(f"activation: {activation}")
    if shapes:
        inputs = [str(x.shape) for x in node.inputs if isinstance(x, OpenSymbol)]
        if inputs:
            lines.append(f"input: {', '.join(inputs)}")
        lines.append(f"output: {', '.join(str(symbol.shape) for symbol in node.outputs)}")
    if dtypes:
        lines.append(f"dtype: {', '.join(symbol.dtype.name for symbol in node.outputs)}")
    if trainable and getattr(operation, "weights", None):
        lines.append("trainable" if operation.trainable else "not trainable")
    return lines


def as_dot(boxes: list[Box], arrows: list[tuple[Box, Box]], rankdir: str = "TB") -> str:
    """The picture in Graphviz's language."""
    names = {box: f"n{number}" for number, box in enumerate(boxes)}
    lines = [f"digraph model {{ rankdir={rankdir}; node [shape=box];"]
    for box in boxes:
        text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box.lines)
        lines.append(f'  {names[box]} [label="{text}"];')
    lines += [f"  {names[first]} -> {names[second]};" for first, second in arrows]
    return "\n".join([*lines, "}"]) + "\n"


def model_to_dot(model: Any, **options: Any) -> str:
    """The picture of a model in Graphviz's language; options as for `plot_model`."""
    rankdir = options.pop("rankdir", "TB")
    flags = ("show_shapes", "show_dtype", "show_layer_names")
    more = ("show_layer_activations", "show_trainable")
    return as_dot(*layout(model, *(options.get(name, False) for name in (*flags, *more))), rankdir)


def _draw(boxes: list[Box], arrows: list[tuple[Box, Box]], path: str, dpi: int) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    lines = max(len(box.lines) for box in boxes)
    high = INCHES_HIGH + 0.2 * (lines - 1)
    wide = max(INCHES_WIDE, 0.085 * max(len(line) for box in boxes for line in box.lines))
    columns = 2 * max(abs(box.x) for box in boxes) + 1
    rows = max(box.row for box in boxes) + 1
    size = (columns * (wide + GAP) + GAP, rows * (high + GAP) + GAP)
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    axes.set_xlim(-size[0] / 2, size[0] / 2)
    axes.set_ylim(-size[1], 0)

    def place(box: Box) -> tuple[float, float]:
        return box.x * (wide + GAP), -GAP - high / 2 - box.row * (high + GAP)

    for first, second in arrows:
        (x, y), (u, v) = place(first), place(second)
        style = {"arrowstyle": "->", "color": "#444444"}
        begin, end = (x, y - high / 2), (u, v + high / 2)
        if second.row - first.row > 1 and first.x == second.x:  # past the boxes in between
            begin, end = (x + wide / 2, y), (u + wide / 2, v)
            style["connectionstyle"] = "arc3,rad=-0.4"
        axes.annotate("", end, begin, arrowprops=style)
    for box in boxes:
        x, y = place(box)
        corner = (x - wide / 2, y - high / 2)
        axes.add_patch(Rectangle(corner, wide, high, facecolor="#eef3fb", edgecolor="#33518f"))
        axes.text(x, y, "\n".join(box.lines), ha="center", va="center", size=9)
    figure.savefig(path, dpi=dpi)
