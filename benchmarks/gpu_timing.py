"""Timing on a GPU by CUDA events, for ours and for PyTorch, and the rows that tell it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from tensorcore.benchmark.timing import measure

ROUNDS = 7
Row = dict[str, Any]


def rounds_of(function: Callable[[], Any], device: Any) -> list[float]:
    """Seconds a call in some rounds by CUDA events; the first calls stay out."""
    return list(measure(function, device, rounds=ROUNDS).rounds)


def torch_here() -> Any:
    """PyTorch with a GPU, or None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def torch_rounds_of(function: Callable[[], Any], calls: int = 10) -> list[float]:
    """The same for PyTorch, whose events live in its own stream."""
    import torch

    for _ in range(3):
        function()
    torch.cuda.synchronize()
    found = []
    for _ in range(ROUNDS):
        start = torch.cuda.Event(enable_timing=True)
        stop = torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            function()
        stop.record()
        stop.synchronize()
        found.append(start.elapsed_time(stop) / 1e3 / calls)
    return found


def row(workload: str, competitor: str, found: list[float], **work: float) -> Row:
    """A row; `nbytes` and `flops` of a call become rates."""
    median = statistics.median(found)
    times = {"median_us": median, "min_us": min(found), "max_us": max(found)}
    rates = {"gbytes": work.get("nbytes", 0) / median / 1e9}
    rates["tflops"] = work.get("flops", 0) / median / 1e12
    return {
        "workload": workload,
        "competitor": competitor,
        **{name: 1e6 * value for name, value in times.items()},
        **{name: value for name, value in rates.items() if value},
    }
