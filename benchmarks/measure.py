"""What every benchmark shares: how to time, what to note about the machine, where results go."""

from __future__ import annotations

import json
import os
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


def machine(device: str = "cpu") -> dict[str, Any]:
    """Versions, processor, threads, load and date, a GPU and its software, and the commit.

    Where the files come without their history, TENSORCORE_COMMIT names the commit.
    """
    import tensorcore as tc
    from tensorcore.benchmark.machine import describe

    commit = os.environ.get("TENSORCORE_COMMIT") or _git("rev-parse", "--short", "HEAD")
    return {**describe([tc.device("gpu")] if device == "gpu" else []), "commit": commit}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # there is no git
        return "unknown"
    return result.stdout.strip() or "unknown"


def save(name: str, rows: Any, folder: Path = RESULTS, described: Any = None, **more: Any) -> Path:
    """Write a result with all that is needed to read it later."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {"machine": described or machine(), **more, "rows": rows}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
