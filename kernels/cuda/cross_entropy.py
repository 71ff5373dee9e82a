"""Cross-entropy from logits along the last axis, with classes or probabilities as targets."""

from __future__ import annotations

from typing import Any

import cupy
from tensorcore.kernels.cuda.arrays import deliver, dense, launch_for_rows, result_for
from tensorcore.kernels.cuda.modules import FLOATS, Text

_LABELS = ("int32", "int64")

_dense = Text(
    "cross_entropy.cu",
    ["cross_entropy", "cross_entropy_gradient"],
    [(name,) for name in FLOATS],
)
_sparse = Text(
    "sparse_cross_entropy.cu",
    ["sparse_cross_entropy", "sparse_cross_entropy_gradient"],
    [(name, label) for name in FLOATS for label in _LABELS],
)


def softmax_cross_entropy(logits: Any, targets: Any, *, out: Any = None) -> Any:
    """-sum(targets log_softmax(logits)): logits and targets (..., C), loss (...)."""
    kernel = _dense.kernel("cross_entropy", logits.dtype.name)
    return _loss(kernel, logits, targets, out)


def softmax_cross_entropy_gradient(g: Any, logits: Any, targets: Any, *, out: Any = None) -> Any:
    """g (softmax(logits) sum(targets) - targets): g (...), the rest (..., C)."""
    kernel = _dense.kernel("cross_entropy_gradient", logits.dtype.name)
    return _gradient(kernel, g, logits, targets, out)


def sparse_softmax_cross_entropy(logits: Any, labels: Any, *, out: Any = None) -> Any:
    """log(sum(exp(logits))) - logits[label]: logits (..., C), labels (...), loss (...)."""
    labels = _known_integers(labels)
    kernel = _sparse.kernel("sparse_cross_entropy", logits.dtype.name, labels.dtype.name)
    return _loss(kernel, logits, labels, out)


def sparse_softmax_cross_entropy_gradient(
    g: Any, logits: Any, labels: Any, *, out: Any = None
) -> Any:
    """g (softmax(logits) - onehot(labels)): g and labels (...), logits (..., C)."""
    labels = _known_integers(labels)
    kernel = _sparse.kernel("sparse_cross_entropy_gradient", logits.dtype.name, labels.dtype.name)
    return _gradient(kernel, g, logits, labels, out)


def _known_integers(labels: Any) -> Any:
    return labels if labels.dtype.name in _LABELS else labels.astype(cupy.int64)


def _loss(kernel: Any, logits: Any, targets: Any, out: Any) -> Any:
    arrays = (dense(logits), dense(targets))
    y = result_for(out, logits.shape[:-1], logits.dtype, *arrays)
    if y.size:
        columns = logits.shape[-1]
        kernel(*launch_for_rows(y.size, columns), *arrays, y, y.size, columns)
    return deliver(y, out)


def _gradient(kernel: Any, g: Any, logits: Any, targets: Any, out: Any) -> Any:
    arrays = (dense(g), dense(logits), dense(targets))
    y = result_for(out, logits.shape, logits.dtype, *arrays)
    if y.size:
        columns = logits.shape[-1]
        rows = y.size // columns
        kernel(*launch_for_rows(rows, columns), *arrays, y, rows, columns)
    return deliver(y, out)
