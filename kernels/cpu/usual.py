"""The kernels of nearly every training, which are compiled together on a new machine.

The first step of a first training waits for the kernels that have bits of their own (`tiers.py`).
While this process compiles them one after the other, as the step meets them, another one begins at
the other end, and goes on with what the plan of the step will need; who comes second finds the
machine code on the disk.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import background, batches, bound, jit, native
from tensorcore.kernels.program import NotReady

BATCH, INPUTS, UNITS, CLASSES = 32, 784, 128, 10  # of the layers that are made up here


def order() -> None:
    """Have another process compile what is missing."""
    if background.is_possible() and (kernels := _missing()):
        background.Order(kernels)


def _missing() -> list[jit.Missing]:
    """Those that are not on the disk, last ones of a step first, then those of its plan."""
    found: dict[jit.Missing, None] = {}
    for make in _makers():
        with jit.only_what_is_ready() as missing, contextlib.suppress(NotReady):
            for piece in make() or ():
                native.is_packable(piece)
        found |= dict.fromkeys(missing)
    return list(found)


def _makers() -> Iterator[Callable[[], Any]]:
    """What makes the pieces of two dense layers and their loss, or needs kernels itself."""
    x, hidden = np.zeros((BATCH, INPUTS), np.float32), np.zeros((BATCH, UNITS), np.float32)
    scores = np.zeros((BATCH, CLASSES), np.float32)
    losses, labels = np.zeros(BATCH, np.float32), np.zeros(BATCH, np.int32)
    weights, last = np.zeros((INPUTS, UNITS), np.float32), np.zeros((UNITS, CLASSES), np.float32)
    key, rows = np.zeros((), np.uint64), np.zeros(BATCH, np.int64)
    plain = {"transpose_a": False, "transpose_b": False}
    for name, arrays, attrs, out in (
        ("softmax_gradient", (scores, scores), {"axis": -1}, scores),
        ("sparse_softmax_cross_entropy_gradient", (losses, scores, labels), {}, scores),
        ("sparse_softmax_cross_entropy", (scores, labels), {}, losses),
        ("softmax", (scores,), {"axis": -1}, scores),
        ("matmul", (x, weights), plain, hidden),
        ("sum", (scores,), {"axis": 0, "keepdims": False}, np.zeros(CLASSES, np.float32)),
        ("mean", (losses,), {"axis": None, "keepdims": False}, np.zeros((), np.float32)),
        ("matmul", (hidden, last), plain, scores),
        ("dropout_mask", (key, key), {"shape": (), "rate": 0.5, "dtype": "float32"}, hidden),
    ):
        yield functools.partial(bound.bound, name, arrays, attrs, out)
    yield lambda: bound.copy(hidden, hidden.copy())
    yield lambda: [bound.check(labels, 0, CLASSES, list)]
    yield lambda: [batches.gather(all, rows, rows[:1], all) for all in (x, labels)]
    yield lambda: native.is_ready() and None
    yield lambda: batches.Batches([], []) and None
