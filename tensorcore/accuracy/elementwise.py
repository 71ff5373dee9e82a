"""Element-wise operations against float64, in units in the last place (ULP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.accuracy.errors import chosen, ulps, widened
from tensorcore.ops import OPS
from tensorcore.ops.elementwise import Elementwise

DENSE = 60_000
EDGES = [0.0, 1e-45, 1e-40, 1.2e-38, 1e-30, 1e-7, 0.5, 1 - 6e-8, 1.0, 1 + 1.2e-7, 88.0, 3e38]
EDGES += [np.inf, np.nan, np.pi / 2, np.e, 2.0, 3.0, 10.0, 1e4, 1e10]


def elementwise_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Float32 with dense inputs, and the half precisions."""
    for name, op in sorted(OPS.items()):
        if not isinstance(op, Elementwise) or "_vjp_" in name or not chosen(name, only):
            continue
        if op.computes == "bool" or op.takes in ("bits", "integer") or op.n_outputs > 1:
            continue
        for dtype in (np.dtype(np.float32), dtypes.float16, dtypes.bfloat16):
            unary = len(op.inputs) == 1
            if dtype == np.float32:
                inputs = float32_inputs(op)
            elif unary:
                inputs = (np.arange(1 << 16, dtype=np.uint16).view(dtype),)
            else:
                inputs = tuple(
                    v[:8192] if v.dtype == np.bool_ else v[:8192].astype(dtype)
                    for v in domain_inputs(op)
                )
            yield elementwise_row(op, dtype, inputs)


def domain_inputs(op: Any) -> tuple[np.ndarray, ...]:
    """Random inputs from the record's domain."""
    drawn = op.draw(np.random.default_rng(1), [(DENSE,)] * len(op.inputs))
    return tuple(v if v.dtype == np.bool_ else v.astype(np.float32) for v in drawn)


def float32_inputs(op: Any) -> tuple[np.ndarray, ...]:
    """The domain, numbers of all sizes, and the edges in all combinations."""
    rng = np.random.default_rng(2)
    count = len(op.inputs)
    edges = np.array([*EDGES, *(-edge for edge in EDGES)], np.float32)
    crossed = np.meshgrid(*[edges] * min(count, 2))
    parts = []
    for index, dense in enumerate(domain_inputs(op)):
        wide: Any
        corner: Any
        if dense.dtype == np.bool_:
            wide = rng.random(DENSE) < 0.5
            corner = rng.random(crossed[0].size) < 0.5
        else:
            wide = np.exp(rng.uniform(-87, 88, DENSE)) * rng.choice([-1, 1], DENSE)
            corner = crossed[index % len(crossed)].ravel()
        parts.append(np.concatenate([dense, wide.astype(dense.dtype), corner.astype(dense.dtype)]))
    return tuple(parts)


def elementwise_row(op: Any, dtype: Any, inputs: tuple[np.ndarray, ...]) -> dict[str, Any]:
    """The error of one operation in one dtype."""
    exact = np.asarray(op.reference(np, *(widened(v) for v in inputs)), np.float64)
    before = dict(op.runs)
    actual = op(*(tc.asarray(v) for v in inputs)).numpy()
    ways = [way for (_, way), runs in op.runs.items() if runs != before.get((_, way), 0)]
    error, special = ulps(actual, exact, dtype)
    worst = int(np.argmax(error)) if error.size else 0

    def place(index: int) -> list[str]:
        return [f"{float(v[index]):.8g}" for v in inputs]

    return {
        "what": op.name,
        "kind": "element-wise",
        "dtype": np.dtype(dtype).name,
        "way": ", ".join(ways) or "reference",
        "inputs": int(error.size),
        "max_ulp": round(float(error[worst]), 3),
        "mean_ulp": round(float(error.mean()), 4),
        "worst_at": place(worst),
        "special_wrong": int(special.sum()),
        "special_at": [f"{float(v[np.argmax(special)]):.8g}" for v in inputs]
        if special.any()
        else [],
    }
