"""Passes: small changes of a graph's nodes that keep what it computes.

Each takes the nodes in their order and the symbols that are asked for, and returns both.  Which
ones run is set in one place: `tc.config.passes`, or the environment variable TENSORCORE_PASSES with
the names of those wanted ("share,fuse"), of those not wanted ("-fuse"), or "none".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tensorcore.device import Device
from tensorcore.errors import InvalidArgumentError
from tensorcore.graph.graph import Node
from tensorcore.graph.passes.algebra import simplify
from tensorcore.graph.passes.casts import join_casts
from tensorcore.graph.passes.endings import join_endings
from tensorcore.graph.passes.fuse import fuse
from tensorcore.graph.passes.lookups import pool_lookups
from tensorcore.graph.passes.products import join_product_endings, join_product_gradients
from tensorcore.graph.passes.prune import prune
from tensorcore.graph.passes.share import share
from tensorcore.graph.passes.sums import join_sums
from tensorcore.graph.passes.updates import join_updates
from tensorcore.graph.symbol import Symbol

Nodes = Sequence[Node]
Outputs = Sequence[Symbol]


class Pass(NamedTuple):
    """A pass, and where it is worth its while."""

    name: str
    run: Callable[[Nodes, Outputs], tuple[list[Node], list[Symbol]]]
    devices: tuple[str, ...] = ("cpu", "gpu")
    compiles: tuple[str, ...] = ()  # devices on which its kernels are compiled for this graph


PASSES = (
    Pass("algebra", simplify),
    Pass("share", share),
    Pass("prune", prune),
    Pass("lookups", pool_lookups, devices=("cpu",), compiles=("cpu",)),
    Pass("endings", join_endings, devices=("cpu",)),
    Pass("products", join_product_endings, devices=("gpu",)),
    Pass("product_gradients", join_product_gradients, devices=("gpu",)),
    Pass("fuse", fuse, compiles=("cpu",)),
    Pass("casts", join_casts, devices=("gpu",)),
    Pass("sums", join_sums, compiles=("cpu",)),
    Pass("updates", join_updates, devices=("cpu",), compiles=("cpu",)),
    # Leaves the nodes alone: the plan joins their calls into lists that run without Python.
    Pass("native", lambda nodes, outputs: (list(nodes), list(outputs)), ("cpu",), ("cpu",)),
)
NAMES = tuple(entry.name for entry in PASSES)


class _Chosen:
    """What `tc.config.passes` was told."""

    names: tuple[str, ...] | None = None


def enabled() -> tuple[str, ...]:
    """The names of the passes that run, in their order."""
    if _Chosen.names is not None:
        return _Chosen.names
    return names_in(os.environ.get("TENSORCORE_PASSES", "").replace(",", " ").split())


def choose(names: str | Iterable[str] | None) -> None:
    """Run these passes on graphs that are planned from now on; None: those of the environment."""
    if isinstance(names, str):
        names = names.replace(",", " ").split()
    _Chosen.names = None if names is None else names_in(names)


def names_in(words: Iterable[str]) -> tuple[str, ...]:
    """The passes that a list of words asks for: names, "-name" to leave one out, "none".

    An empty list of the environment means all.
    """
    words = list(words)
    wanted = {word for word in words if not word.startswith("-")}
    unwanted = {word[1:] for word in words if word.startswith("-")}
    unknown = (wanted | unwanted) - {*NAMES, "none", "all"}
    if unknown:
        raise InvalidArgumentError(
            f"passes: there is no pass {sorted(unknown)[0]!r}; there are {', '.join(NAMES)}; "
            'write "-fuse" to leave one out, "none" for no pass, "all" for every one'
        )
    if "all" in wanted or not wanted:
        wanted = set(NAMES)
    return tuple(name for name in NAMES if name in wanted and name not in unwanted)


def optimise(
    nodes: Nodes, outputs: Outputs, kind: str, compiling: bool
) -> tuple[list[Node], list[Symbol], list[str]]:
    """The graph after all passes that are enabled for the device, and the names of those that ran.

    Args:
        nodes, outputs: the graph; its nodes are not changed.
        kind: of the device where it will run.
        compiling: whether passes may run whose kernels have to be compiled for this graph.
    """
    chosen = enabled()
    nodes = [node.copy() for node in nodes]
    outputs = list(outputs)
    ran = []
    for entry in PASSES:
        if entry.name not in chosen or kind not in entry.devices:
            continue
        if kind in entry.compiles and not compiling:
            continue
        nodes, outputs = entry.run(nodes, outputs)
        ran.append(entry.name)
    return nodes, outputs, ran


def is_waiting(device: Device) -> bool:
    """Whether passes are enabled that compile, so that the graph is worth planning once more."""
    chosen: Any = enabled()
    return any(entry.name in chosen and device.kind in entry.compiles for entry in PASSES)
