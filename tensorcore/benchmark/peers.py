"""The same operations in NumPy, CuPy, PyTorch, JAX and TensorFlow, each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tensorcore.benchmark import text
from tensorcore.benchmark.runner import Row
from tensorcore.errors import InvalidArgumentError

NAMES = ("numpy", "cupy", "torch", "jax", "tensorflow")
TIMEOUT_S = 600

Beside = dict[str, dict[tuple[str, int, str, str], float]]


def parse(words: str) -> dict[str, str]:
    """Peer -> the Python that runs it, from a text such as "numpy,torch=/opt/torch/bin/python".

    Raises:
        InvalidArgumentError: an unknown peer, or one that its Python cannot import.
    """
    found = {}
    for word in filter(None, (part.strip() for part in words.split(","))):
        name, _, python = word.partition("=")
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise InvalidArgumentError(f"--compare: unknown peer {name!r}; there are {known}")
        python = python or sys.executable
        _check_import(name, python)
        found[name] = python
    return found


def _check_import(name: str, python: str) -> None:
    try:
        ran = subprocess.run([python, "-c", f"import {name}"], capture_output=True, text=True)
    except OSError as error:
        raise InvalidArgumentError(f"--compare: {python} cannot be run: {error.strerror}") from None
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InvalidArgumentError(
            f"--compare: {name} cannot be imported by {python} ({last}); name the Python of its "
            f"environment: --compare {name}=/path/to/python"
        )


def measure(
    asked: dict[str, str],
    rows: Sequence[Row],
    *,
    quick: bool,
    said: Callable[[str], Any] = lambda words: None,
) -> Beside:
    """Seconds of the peers: peer -> (name, size, dtype, device) -> what it needed, if it can."""
    wanted: list[dict[str, Any]] = [
        {"name": row.name, "size": row.size, "dtype": row.dtype, "device": row.device}
        for row in rows
        if row.group == "operation"
    ]
    found: Beside = {}
    for name, python in asked.items():
        said(f"{name}: the same operations")
        worker = str(Path(__file__).with_name("peer_worker.py"))
        request = json.dumps({"peer": name, "rows": wanted, "seconds": 0.1 if quick else 0.5})
        ran = subprocess.run(
            [python, worker], input=request, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if ran.returncode:
            last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InvalidArgumentError(f"--compare: {name} failed: {last}")
        answers = json.loads(ran.stdout.splitlines()[-1])
        found[name] = {
            (row["name"], row["size"], row["dtype"], row["device"]): seconds
            for row, seconds in zip(wanted, answers, strict=True)
            if seconds is not None
        }
    return found


def lines(rows: Sequence[Row], beside: Beside) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table: ours, and each peer's time with the ratio of ours to it."""
    found = []
    for row in rows:
        place = (row.name, row.size, row.dtype, row.device)
        theirs = [
            f"{text.seconds(times[place])} ({row.median_s / times[place]:.2f})"
            if place in times
            else ""
            for times in beside.values()
        ]
        if any(theirs):
            found.append([row.name, row.shape, row.device, text.seconds(row.median_s), *theirs])
    head = ["what", "size", "device", "tensorcore", *(f"{name} (ratio)" for name in beside)]
    return head, found


def as_text(rows: Sequence[Row], beside: Beside) -> str:
    """The same as text."""
    return text.table(*lines(rows, beside))
