"""All rows of a device, what is asked of them, and what was published."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import tensorcore as tc
from tensorcore.accuracy.elementwise import elementwise_rows
from tensorcore.accuracy.practice import composed_rows
from tensorcore.accuracy.records import record_rows
from tensorcore.kernels.cpu import tiers

ALLOWED_ULP = 4.0
# More than that, with the reason.
REASONS = {
    "elu_of": "where x is subnormal and alpha 3e38; everywhere else below 4",
    "gelu_erf": "1 + erf cancels in the left tail; the absolute error stays below 1e-7",
    "gelu_tanh": "the rounded argument of the exponential in the left tail",
    "log_probability": "p is kept 1e-7 away from 1, where log(p) is as small as the dtype's step",
    "logaddexp": "near its zero; the absolute error stays below the ULP of the greater input",
    "mish": "where x < -87 and tanh(softplus(x)) is subnormal",
    "sigmoid_cross_entropy": "a difference of two terms, zero where they meet",
    "..._update": "steps of optimizers: sums of terms that may cancel, or overflow on the way",
    "silu": "where x < -87 and sigmoid(x) is subnormal",
}
# What is asked of sums of n terms in float32: some n * epsilon in the worst case, far less in fact.
ALLOWED_RELATIVE = 2e-5
# How much less exact than published a row may be, in ULP and relatively: another CPU adds up in
# another order.
FACTOR = 1.5
MORE_ULP = 0.6
MORE_RELATIVE = 2e-6


def measure(kind: str, only: str | None = None) -> list[dict[str, Any]]:
    """All rows of one device."""
    with tc.device(kind), tiers.at_once():
        rows = [*elementwise_rows(only), *record_rows(only), *composed_rows(only)]
        tc.device(kind).synchronize()
    return rows


def is_fine(row: dict[str, Any]) -> bool:
    """Whether the error is small, or has a reason."""
    if row["what"] in REASONS or row["what"].endswith("_update"):
        return True
    if "max_ulp" in row:
        return row["max_ulp"] <= ALLOWED_ULP and not row["special_wrong"]
    return row["relative"] <= ALLOWED_RELATIVE


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    if "max_ulp" not in row:
        return f"{row['what']:36} {row['dtype']:9} {row['relative']:10.2e} relative"
    at = ", ".join(row["worst_at"])
    text = f"{row['what']:36} {row['dtype']:9} {row['max_ulp']:10.3f} ULP at ({at}), {row['way']}"
    if row["special_wrong"]:
        at = ", ".join(row["special_at"])
        text += f"; {row['special_wrong']} infinities or NaN wrong, such as at ({at})"
    return text


def error_of(row: dict[str, Any]) -> float:
    """The error of a row: in ULP for element-wise operations, else relative."""
    return row["max_ulp"] if "max_ulp" in row else row["relative"]


def key_of(row: dict[str, Any]) -> str:
    """The name of a row in the published table."""
    return f"{row['what']}, {row['dtype']}"


def published() -> dict[str, float]:
    """The errors that were measured for the release: name of a row -> error."""
    text = resources.files("tensorcore.accuracy").joinpath("published.json").read_text("utf-8")
    return json.loads(text)


def less_exact(rows: list[dict[str, Any]], known: dict[str, float]) -> list[dict[str, Any]]:
    """The rows that are less exact than published."""
    found = []
    for row in rows:
        before = known.get(key_of(row))
        if before is None or row["what"] in REASONS:
            continue
        more = MORE_ULP if "max_ulp" in row else MORE_RELATIVE
        if error_of(row) > FACTOR * before + more:
            found.append(row)
    return found
