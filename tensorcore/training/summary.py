"""The table of a model's layers, as Keras 3 prints it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.graph.deferred import Node
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.base import Layer
from tensorcore.saving.registry import is_built_in
from tensorcore.training.network import Network, operation_of
from tensorcore.training.operations import class_name_of

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
# Widths in columns, where the terminal has as many, and where the columns end.
WIDTH, SHARES = 88, (0.45, 0.80, 1.0)
WIDTH_CONNECTED, SHARES_CONNECTED = 108, (0.3, 0.56, 0.74, 1.0)
GREEN, CYAN, BLUE, RED = 34, 45, 33, 9


def readable_size(nbytes: float) -> str:
    """Bytes for people.

    >>> readable_size(407080)
    '397.54 KB'
    """
    for unit in UNITS[:-1]:
        if nbytes < 1024:
            return f"{nbytes:.2f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.2f} {UNITS[-1]}"


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
) -> None:
    """Print the table to stdout, or give it to `print_fn` as one text.

    Args:
        model: the model.
        line_length: width in columns.
        positions: where each column ends, as shares of the width.
        print_fn: called with the text instead of printing.
        expand_nested: show the layers of models inside the model.
        show_trainable: one more column, Y or N.
    """
    from rich.console import Console

    table = _table(model, line_length, positions, expand_nested, show_trainable)
    if print_fn is None:
        console = Console(highlight=False)
    else:
        console = Console(highlight=False, force_terminal=False, color_system=None)
        console.begin_capture()
    console.print(f'[bold]Model: "{_escaped(model.name)}"[/]')
    console.print(table)
    for name, variables in _groups(model):
        count = sum(math.prod(variable.shape) for variable in variables)
        nbytes = sum(math.prod(v.shape) * v.dtype.itemsize for v in variables)
        console.print(f"[bold] {name} params: [/]{_number(f'{count:,}')} ({readable_size(nbytes)})")
    if print_fn is not None:
        print_fn(console.end_capture())


def _table(
    model: Any, line_length: int | None, positions: Any, expand_nested: bool, show_trainable: bool
) -> Any:
    import shutil

    from rich.table import Column, Table

    header = ["Layer (type)", "Output Shape", "Param #"]
    justify = ["left", "left", "right"]
    width, shares = WIDTH, SHARES
    network = _network_to_show(model)
    if network is not None:
        width, shares = WIDTH_CONNECTED, SHARES_CONNECTED
        header.append("Connected to")
        justify.append("left")
    positions = list(positions or shares)
    if show_trainable:
        width += 12
        positions = [share * 0.90 for share in positions] + [1.0]
        header.append("Trainable")
        justify.append("center")
    width = line_length or min(width, shutil.get_terminal_size().columns - 4)
    columns = []
    start = 0
    for name, share, side in zip(header, positions, justify, strict=True):
        end = int(share * width)
        if end - start < 4:
            raise InvalidArgumentError(f"summary: {width} columns are too few for the table")
        columns.append(Column(name, justify=side, width=end - start))
        start = end
    table = Table(*columns, width=width, show_lines=True)
    layers = getattr(model, "operations", model.layers)
    for layer, depth in _rows(layers, expand_nested):
        table.add_row(*_fields(layer, depth, show_trainable, network))
    return table


def _network_to_show(model: Any) -> Any:
    """The network of a functional model if its layers do not simply follow each other."""
    network: Network | None = getattr(model, "_network", None)
    if network is None:
        return None
    depths = list(network.depths.values())
    calls = [network.calls_of(operation) for operation in network.operations]
    branches = len(set(depths)) < len(depths)
    joins = any(len(_symbols(node)) > 1 for nodes in calls for node in nodes)
    shared = any(len(nodes) > 1 for nodes in calls)
    return network if branches or joins or shared else None


def _symbols(node: Node) -> list[OpenSymbol]:
    return [value for value in node.inputs if isinstance(value, OpenSymbol)]


def _connections(network: Network, operation: Any) -> str:
    """Where the inputs of an operation come from: layer[call][output]."""
    found = []
    for node in network.calls_of(operation):
        for symbol in _symbols(node):
            source = operation_of(symbol.node)
            calls = [source] if isinstance(source, Node) else source._inbound_nodes
            number = next(i for i, call in enumerate(calls) if call is symbol.node)
            found.append(f"{source.name}[{_number(number)}][{_number(symbol.index)}]")
    return ", ".join(found) or "-"


def _rows(layers: Iterable[Any], expand_nested: bool, depth: int = 0) -> Iterable[tuple[Any, int]]:
    for layer in layers:
        yield layer, depth
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(layer.layers, expand_nested, depth + 1)


def _fields(layer: Any, depth: int, show_trainable: bool, network: Any) -> list[str]:
    prefix = "   " * depth + "└ " if depth else ""
    kind = class_name_of(layer) if isinstance(layer, Node) else type(layer).__name__
    name = f"{_escaped(prefix + layer.name)} ([color({BLUE})]{_escaped(kind)}[/])"
    fields = [name, _shape_text(layer), _params_text(layer)]
    if network is not None:
        fields.append(_connections(network, layer) if layer in network.operations else "-")
    if show_trainable:
        word, color = ("Y", GREEN) if getattr(layer, "trainable", True) else ("N", RED)
        has_weights = bool(getattr(layer, "weights", ()))
        fields.append(f"[bold][color({color})]{word}[/][/]" if has_weights else "[bold]-[/]")
    return fields


def _params_text(layer: Any) -> str:
    if isinstance(layer, Node):
        return _number(0)
    return _number(f"{layer.count_params():,}") if layer.built else f"{_number(0)} (unbuilt)"


def _shape_text(layer: Any) -> str:
    calls = [layer] if isinstance(layer, Node) else layer._inbound_nodes
    if calls:
        shapes = [symbol.shape for symbol in calls[-1].outputs]
    elif not layer.built or layer._build_shape is None or not _says_shapes(layer):
        return "?"
    else:
        seen = layer._build_shape if layer._seen_shape is None else layer._seen_shape
        found = layer.compute_output_shape(seen)
        if any(isinstance(part, (tuple, list)) for part in found):
            shapes = [f"({', '.join(map(_number, shape))})" for shape in found]
            return f"({', '.join(shapes)})"
        shapes = [found]
    texts = [f"({', '.join(_number(size) for size in shape)})" for shape in shapes]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _says_shapes(layer: Any) -> bool:
    """Whether the shape of a layer's output is known without calling it, as far as Keras knows."""
    return is_built_in(type(layer)) or type(layer).compute_output_shape is not (
        Layer.compute_output_shape
    )


def _groups(model: Any) -> list[tuple[str, list[Any]]]:
    groups = [
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    ]
    optimizer = model.optimizer if model.compiled else None
    if optimizer is not None and optimizer.built:
        groups.append(("Optimizer", optimizer.variables))
    total = [variable for _, variables in groups for variable in variables]
    return [("Total", total), *groups]


def _number(value: Any) -> str:
    return f"[color({CYAN if value is None else GREEN})]{value}[/]"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
