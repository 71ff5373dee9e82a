"""What starting costs: imports, first steps and memory, of ours and of peers with Keras' names."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STARTS = {
    "import": "import",
    "first": "first step, warm cache",
    "memory": "memory",
    "private": "memory, private",
}


def _start(python: str, *arguments: str, **more_env: str) -> float:
    command = [python, str(HERE / "peers" / "start.py"), *arguments]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    result = subprocess.run(command, capture_output=True, text=True, env={**env, **more_env})
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return float(json.loads(result.stdout.splitlines()[-1]))


def measured(arguments: argparse.Namespace, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Import time, first step of `fit`, memory: of ours, and of peers that have Keras' names."""
    files = (str(folder / "x.npy"), str(folder / "y.npy"))
    ours = [("tensorcore", sys.executable, "tensorcore.keras", {"TENSORCORE_DEVICE": "cpu"})]
    peers = [
        ("Keras on JAX", arguments.jax, "keras", {"KERAS_BACKEND": "jax"}),
        ("Keras on TF", arguments.tensorflow, "keras", {"KERAS_BACKEND": "tensorflow"}),
    ]
    rows = []

    def note(workload: str, name: str, values: list[float], unit: str) -> None:
        row = {
            "workload": workload,
            "competitor": name,
            f"median_{unit}": statistics.median(values),
        }
        rows.append({**row, f"min_{unit}": min(values), f"max_{unit}": max(values)})

    for name, python, module, env in [*ours, *[peer for peer in peers if peer[1]]]:
        for what, label in STARTS.items():
            given = () if what == "import" else files
            _start(python, what, module, *given, **env)  # files are read and compiled
            values = [_start(python, what, module, *given, **env) for _ in range(rounds)]
            note(label, name, values, "s" if what in ("import", "first") else "bytes")
    values = []
    for _ in range(min(rounds, 3)):
        with tempfile.TemporaryDirectory() as cache:
            env = {**ours[0][3], "TENSORCORE_CACHE_DIR": cache}
            values.append(_start(sys.executable, "first", "tensorcore.keras", *files, **env))
    note("first step, empty cache", "tensorcore", values, "s")
    print("\n".join(map(as_text, rows)))
    return rows


def as_text(row: dict[str, Any]) -> str:
    """A row as text."""
    figure, low, high = (value for value in row.values() if isinstance(value, (int, float)))
    is_bytes = "median_bytes" in row
    values = [v / 2**20 if is_bytes else v for v in (figure, low, high)]
    unit = "MiB" if is_bytes else "s"
    return f"{row['workload']:24} {row['competitor']:14} " + "{:8.2f} {} ({:.2f} to {:.2f})".format(
        values[0], unit, *values[1:]
    )
