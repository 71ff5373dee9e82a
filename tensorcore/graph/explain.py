"""What became of a traced function, as text: its graph before and after, the plan, the kernels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.symbol import Symbol


def explain(plan: Any) -> str:
    """The graph as traced, the graph after the passes, the calls of a run, and generated sources.

    Args:
        plan: see `tensorcore.graph.plan.Plan`.
    """
    after = ", ".join(plan.passes) or "no pass"
    parts = [
        ("graph as traced", graph_text(plan.graph.nodes, plan.graph.arguments, plan.asked)),
        (f"graph after {after}", graph_text(plan.nodes, plan.graph.arguments, plan.outputs)),
        (f"plan on {plan.device}: {len(plan.steps)} calls, {plan.nbytes} bytes", _steps(plan)),
    ]
    parts += [(f"source of {name}", text) for name, text in sources(plan)]
    return "\n".join(f"== {title} ==\n{text.rstrip()}\n" for title, text in parts)


def graph_text(
    nodes: Sequence[Node], arguments: Sequence[Symbol], outputs: Sequence[Symbol]
) -> str:
    """A graph, one node a line: results, operation, inputs, attributes."""
    names: dict[int, str] = {id(symbol): f"argument{i}" for i, symbol in enumerate(arguments)}
    lines = []
    for node in nodes:
        given = ", ".join(_name(value, names) for value in node.inputs)
        attrs = "".join(f", {key}={value}" for key, value in node.attrs.items())
        for symbol in node.outputs:
            names.setdefault(id(symbol), f"%{len(names)}")
        if node.op is None and not node.writes:
            call = f"read {node.outputs[0].source.what.path}"  # type: ignore[union-attr]
        elif node.op is None:
            call = f"assign({given})"
        else:
            call = f"{node.op.name}({given}{attrs})"
        results = ", ".join(f"{names[id(s)]}: {s.dtype.name}{list(s.shape)}" for s in node.outputs)
        written = ", ".join(variable.path for variable in node.writes)
        target = f"{results} = " if results else ""
        lines.append(f"{target}{call}" + (f" -> {written}" if written else ""))
    lines.append("return " + ", ".join(_name(symbol, names) for symbol in outputs))
    return "\n".join(lines)


def _name(value: Any, names: dict[int, str]) -> str:
    if not isinstance(value, Symbol):
        return repr(value)
    if id(value) not in names:
        kind = value.source.kind if value.source is not None else "value"
        names[id(value)] = f"{kind}{len(names)}"
    return names[id(value)]


def _steps(plan: Any) -> str:
    return "\n".join(f"{i:4} {label}" for i, label in enumerate(plan.labels))


def sources(plan: Any) -> list[tuple[str, str]]:
    """Name and text of each kernel that was generated for the plan."""
    found: dict[str, str] = {}
    for kernel in plan.generated:
        texts = kernel.sources() if hasattr(kernel, "sources") else [kernel.source()]
        for text in texts:
            found.setdefault(text, kernel.program.name)
    return [(name, text) for text, name in found.items()]


def profile(plan: Any, repeats: int = 20) -> list[tuple[str, float]]:
    """How long each call of a plan takes on the CPU: (name, seconds), the fastest of `repeats`.

    The calls really run, on the arrays as the last run left them: what the plan writes to
    variables is written again.
    """
    best = [float("inf")] * len(plan.steps)
    for _ in range(repeats):
        for number, step in enumerate(plan.steps):
            start = time.perf_counter()
            step()
            best[number] = min(best[number], time.perf_counter() - start)
    return list(zip(plan.labels, best, strict=True))
