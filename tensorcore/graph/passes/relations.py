"""Who computes what, who needs whom: what passes ask of a list of nodes."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node, base_of
from tensorcore.graph.symbol import Symbol


def producers(nodes: Sequence[Node]) -> dict[int, Node]:
    """The node that computes a symbol, by the symbol's id."""
    return {id(symbol): node for node in nodes for symbol in node.outputs}


def use_counts(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> dict[int, int]:
    """How often a symbol is read, by nodes and as an output, by its id."""
    counts: dict[int, int] = {}
    for value in (*(value for node in nodes for value in node.inputs), *outputs):
        if isinstance(value, Symbol):
            counts[id(value)] = counts.get(id(value), 0) + 1
    return counts


class Units:
    """Nodes that are merged into units, without a unit ever having to wait for itself.

    A unit depends on those that compute its inputs.  A read of a variable depends on the last
    write to its memory, and a write on all reads and writes before it, so that the units can be put
    into any order that keeps the dependencies.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.members = [[node] for node in nodes]
        self._unit_of = list(range(len(nodes)))  # position of a node -> its unit
        self._needs = _dependencies(nodes)  # unit -> positions of nodes
        self._first = list(range(len(nodes)))
        self._last = list(range(len(nodes)))

    def unit(self, position: int) -> int:
        """The unit of the node at this position."""
        return self._unit_of[position]

    def merge(self, a: int, b: int) -> bool:
        """Make one unit of two, `a`; False if something between them would wait for itself."""
        if a == b:
            return True
        if self._reaches(a, b, directly=False) or self._reaches(b, a, directly=False):
            return False
        self.members[a] += self.members[b]
        self.members[b] = []
        self._needs[a] |= self._needs[b]
        self._first[a] = min(self._first[a], self._first[b])
        self._last[a] = max(self._last[a], self._last[b])
        self._unit_of = [a if unit == b else unit for unit in self._unit_of]
        return True

    def _reaches(self, start: int, goal: int, directly: bool) -> bool:
        """Whether `start` depends on `goal`, through another unit unless `directly`."""
        seen = {start}
        waiting = [start]
        while waiting:
            unit = waiting.pop()
            for position in self._needs[unit]:
                found = self._unit_of[position]
                if found == goal and (directly or unit != start):
                    return True
                # What ends before the goal begins cannot depend on it.
                if found not in seen and found != goal and self._last[found] > self._first[goal]:
                    seen.add(found)
                    waiting.append(found)
        return False

    def ordered(self) -> list[list[Node]]:
        """The units so that each comes after those it depends on, else as late as its last node."""
        alive = [unit for unit, members in enumerate(self.members) if members]
        needs = {
            unit: {self._unit_of[position] for position in self._needs[unit]} - {unit}
            for unit in alive
        }
        users: dict[int, list[int]] = {unit: [] for unit in alive}
        for unit, needed in needs.items():
            for other in needed:
                users[other].append(unit)
        ready = [(self._last[unit], unit) for unit in alive if not needs[unit]]
        heapq.heapify(ready)
        order = []
        while ready:
            _, unit = heapq.heappop(ready)
            order.append(self.members[unit])
            for user in users[unit]:
                needs[user].discard(unit)
                if not needs[user]:
                    heapq.heappush(ready, (self._last[user], user))
        return order


def _dependencies(nodes: Sequence[Node]) -> list[set[int]]:
    """For each node the positions of those that it has to come after."""
    computed_at = {id(s): position for position, node in enumerate(nodes) for s in node.outputs}
    touched: dict[int, list[int]] = {}  # memory of a variable -> its last write, then its reads
    needs: list[set[int]] = []
    for position, node in enumerate(nodes):
        needed = {computed_at[id(v)] for v in node.inputs if id(v) in computed_at}
        for variable in _variables_read(node):
            history = touched.setdefault(id(base_of(variable)), [])
            needed.update(history[:1])
            history.append(position)
        for variable in node.writes:
            needed.update(touched.get(id(base_of(variable)), ()))
        for variable in node.writes:
            touched[id(base_of(variable))] = [position]
        needed.discard(position)
        needs.append(needed)
    return needs


def _variables_read(node: Node) -> list[Any]:
    """The variable that a node without operation reads."""
    if node.op is not None or node.writes:
        return []
    source = node.outputs[0].source
    return [source.what] if source is not None and source.kind == "variable" else []
