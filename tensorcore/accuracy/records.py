"""Every other record on its own samples, against its reference in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.accuracy.errors import chosen, relative, widened
from tensorcore.ops import OPS
from tensorcore.ops.elementwise import Elementwise


def record_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Every other record on its own samples, in float32 against its reference in float64."""
    for name, op in sorted(OPS.items()):
        if isinstance(op, Elementwise) or op.takes_numbers or not chosen(name, only):
            continue
        errors = []
        for inputs, attrs in op.samples(np.random.default_rng(7)):
            values = list(inputs[0]) if op.variadic else list(inputs)
            narrow = [
                v.astype(np.float32) if np.asarray(v).dtype.kind == "f" else v for v in values
            ]
            wide = [widened(v) if np.asarray(v).dtype.kind == "f" else v for v in narrow]
            given = [tc.asarray(v) for v in narrow]
            result = op(given, **attrs) if op.variadic else op(*given, **attrs)
            _, full = op.bind((wide,) if op.variadic else tuple(wide), attrs)
            exact = op.reference(np, *op.grouped(wide), **full)
            errors += pairs_errors(result, exact)
        if errors:
            yield {"what": name, "kind": "record", "dtype": "float32", "relative": max(errors)}


def pairs_errors(result: Any, exact: Any) -> list[float]:
    """The relative errors of the floating-point parts of a result."""
    results = result if isinstance(result, tuple) else (result,)
    truths = exact if isinstance(exact, tuple) else (exact,)
    return [
        relative(actual.numpy(), np.asarray(truth))
        for actual, truth in zip(results, truths, strict=True)
        if actual.dtype.kind in "fc" and actual.size
    ]
