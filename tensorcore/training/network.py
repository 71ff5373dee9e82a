"""The graph between the inputs and the outputs of a functional model, in Keras's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.graph.deferred import Node
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.base import Layer
from tensorcore.layers.inputs import InputLayer
from tensorcore.layers.naming import unique_name
from tensorcore.training.operations import class_name_of


class Network:
    """The nodes that compute `outputs` from `inputs`.

    An operation is a layer, or the node of a call of anything else, such as x + y; both have a
    name.  The order of operations is that of Keras 3: by their distance from the outputs, then by
    the first visit of a walk from the outputs to the inputs.  Summaries and model files rely on it.

    Attributes:
        nodes: all nodes in the order of the program, without those of the inputs.
        operations: layers (with the InputLayers) and nodes of other calls.
        depths: number of the node -> distance from the outputs.
    """

    def __init__(
        self, inputs: Sequence[OpenSymbol], outputs: Sequence[OpenSymbol], name: str
    ) -> None:
        self._inputs = {id(symbol) for symbol in inputs}
        self._name = name
        self._order: list[Node] = []  # each after the nodes that it needs
        self._first_seen: dict[int, int] = {}  # id of an operation -> number of its first visit
        self._operations: dict[int, Any] = {}
        done: set[int] = set()
        for symbol in outputs:
            self._visit(symbol.node, done)
        self.depths, operation_depths = self._find_depths()
        for symbol in inputs:  # inputs that no output needs come last
            node: Any = symbol.node
            if node.serial not in self.depths:
                self._note(node, -1)
                self.depths[node.serial] = 0
                operation_depths[id(operation_of(node))] = 0
                self._order.append(node)
        keys = sorted(
            self._operations, key=lambda key: (-operation_depths[key], self._first_seen[key])
        )
        self.operations = [self._operations[key] for key in keys]
        is_input = [isinstance(node.function, InputLayer) for node in self._order]
        nodes = [node for node, skip in zip(self._order, is_input, strict=True) if not skip]
        self.nodes = sorted(nodes, key=lambda node: node.serial)
        self._serials = set(self.depths)
        self._name_operations()
        self._check_names()

    def __contains__(self, node: Node) -> bool:
        return node.serial in self._serials

    def calls_of(self, operation: Any) -> list[Node]:
        """The nodes of an operation that belong to this network, in the order of their making."""
        if isinstance(operation, Node):
            return [operation]
        return [node for node in operation._inbound_nodes if node in self]

    def place_of(self, symbol: OpenSymbol) -> tuple[Any, int, int]:
        """(operation, number of its call in this network, number of the output)."""
        operation = operation_of(symbol.node)
        calls = [node.serial for node in self.calls_of(operation)]
        return operation, calls.index(symbol.node.serial), symbol.index

    def _note(self, node: Node, number: int | None = None) -> None:
        operation = operation_of(node)
        if id(operation) not in self._first_seen:
            self._operations[id(operation)] = operation
            self._first_seen[id(operation)] = len(self._first_seen) if number is None else number

    def _visit(self, start: Node, done: set[int]) -> None:
        """Depth first, each node after what it needs; with a stack, since models may be deep."""
        stack: list[tuple[Node, bool]] = [(start, False)]
        while stack:
            node, is_left = stack.pop()
            if node.serial in done:
                continue
            if is_left:
                done.add(node.serial)
                self._order.append(node)
                continue
            self._check_source(node)
            self._note(node)
            stack.append((node, True))
            needed = [x for x in node.inputs if isinstance(x, OpenSymbol)]
            stack.extend((symbol.node, False) for symbol in reversed(needed))

    def _check_source(self, node: Node) -> None:
        if isinstance(node.function, InputLayer) and id(node.outputs[0]) not in self._inputs:
            layer = node.function
            raise InvalidArgumentError(
                f'Model "{self._name}": an output needs the input "{layer.name}" of shape '
                f"{layer.batch_shape}, which is not among the inputs. Add it: "
                f"Model(inputs=[..., {layer.name}], outputs=...)"
            )

    def _find_depths(self) -> tuple[dict[int, int], dict[int, int]]:
        depths: dict[int, int] = {}
        of_operations: dict[int, int] = {}
        for node in reversed(self._order):
            key = id(operation_of(node))
            depth = max(depths.get(node.serial, 0), of_operations.get(key, 0))
            of_operations[key] = depths[node.serial] = depth
            for symbol in node.inputs:
                if isinstance(symbol, OpenSymbol):
                    serial = symbol.node.serial  # type: ignore[union-attr]
                    depths[serial] = max(depth + 1, depths.get(serial, 0))
        return depths, of_operations

    def _name_operations(self) -> None:
        for node in self.nodes:
            if node.name is None and not isinstance(node.function, Layer):
                node.name = unique_name(to_name(node))

    def _check_names(self) -> None:
        names = [operation.name for operation in self.operations]
        for name in names:
            if names.count(name) > 1:
                raise InvalidArgumentError(
                    f'Model "{self._name}": the name "{name}" is used {names.count(name)} times; '
                    "give the layers different names: Dense(3, name=...)"
                )


def operation_of(node: Any) -> Any:
    """The layer that a node calls, or the node itself if it calls something else."""
    return node.function if isinstance(node.function, Layer) else node


def to_name(node: Node) -> str:
    """What a call of a function is called in summaries: `add`, `get_item`."""
    from tensorcore.layers.naming import to_snake_case

    return to_snake_case(class_name_of(node))
