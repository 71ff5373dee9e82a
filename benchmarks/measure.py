"""What every benchmark shares: how to time, what to note about the machine, where results go."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def time_us(
    function: Callable[[], Any], seconds: float = 0.3, repeats: int = 7
) -> dict[str, float]:
    """Microseconds a call on the CPU: the median of some rounds, and their spread."""
    from tensorcore.benchmark.timing import measure
    from tensorcore.device import CPU

    found = measure(function, CPU, seconds, repeats)
    return {
        "median_us": 1e6 * found.median,
        "min_us": 1e6 * found.low,
        "max_us": 1e6 * max(found.rounds),
    }


def machine() -> dict[str, Any]:
    """Versions, processor, threads, load and date, and the commit."""
    from tensorcore.benchmark.machine import describe

    return {**describe([]), "commit": _git("rev-parse", "--short", "HEAD")}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def save(name: str, rows: Any, **more: Any) -> Path:
    """Write a result with all that is needed to read it later."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **more, "rows": rows}, indent=1) + "\n")
    return path
