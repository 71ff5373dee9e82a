"""Softmax and the cross-entropies that are computed from logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, ShapeError
from tensorcore.ops.arithmetic import multiply, negative, subtract
from tensorcore.ops.exponential import exp
from tensorcore.ops.indexing import one_hot
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.reductions import sum
from tensorcore.ops.shapes import axis_index
from tensorcore.ops.shaping import expand_dims


def _softmax_reference(xp: Any, x: Any, axis: int) -> Any:
    shifted = xp.exp(_shifted(xp, x, axis))
    return (shifted / xp.sum(shifted, axis=axis, keepdims=True)).astype(x.dtype)


def _log_softmax_reference(xp: Any, x: Any, axis: int) -> Any:
    shifted = _shifted(xp, x, axis)
    return (shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))).astype(x.dtype)


def _shifted(xp: Any, x: Any, axis: int) -> Any:
    """x minus its maximum: softmax does not change, and exp cannot overflow."""
    x = x.astype(dtypes.accumulator(x.dtype), copy=False)
    return x - xp.max(x, axis=axis, keepdims=True) if x.size else x


def _axis_samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(3, 5)),), {}),
        ((rng.normal(size=(2, 3, 4)) * 20,), {"axis": 1}),
        ((rng.normal(size=(0, 3)),), {}),
    ]


def _pair_samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(3, 5)), rng.normal(size=(3, 5))), {"axis": -1}),
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))), {"axis": 1}),
    ]


@op(
    reference=_softmax_reference,
    gradient=(lambda g, y, axis: softmax_gradient(g, y, axis=axis),),
    samples=_axis_samples,
)
def softmax(x, /, *, axis=-1):
    """exp(x) / sum(exp(x)) along a dimension: positive values that add up to 1.

    >>> tc.nn.softmax(tc.asarray([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    check_inexact("softmax", "x", x.dtype)
    axis_index("softmax", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _softmax_gradient_reference(xp: Any, g: Any, y: Any, axis: int) -> Any:
    return y * (g - xp.sum(g * y, axis=axis, keepdims=True))


@op(
    reference=_softmax_gradient_reference,
    gradient=(
        lambda g, in_y, axis: softmax_gradient(g, in_y, axis=axis),
        lambda g, in_g, in_y, axis: subtract(
            multiply(g, subtract(in_g, sum(multiply(in_g, in_y), axis=axis, keepdims=True))),
            multiply(in_g, sum(multiply(g, in_y), axis=axis, keepdims=True)),
        ),
    ),
    samples=_pair_samples,
    promote=("in_g", "in_y"),
)
def softmax_gradient(in_g, in_y, /, *, axis):
    """y * (g - sum(g * y)): the gradient of softmax from its result y."""
    return Spec(tuple(in_g.shape), in_g.dtype)


@op(
    reference=_log_softmax_reference,
    gradient=(lambda g, y, axis: log_softmax_gradient(g, y, axis=axis),),
    samples=_axis_samples,
)
def log_softmax(x, /, *, axis=-1):
    """log(softmax(x)) along a dimension, without underflow.

    >>> round(float(tc.nn.log_softmax(tc.asarray([0.0, 0.0]))[0]), 4)
    -0.6931
    """
    check_inexact("log_softmax", "x", x.dtype)
    axis_index("log_softmax", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _log_softmax_gradient_reference(xp: Any, g: Any, y: Any, axis: int) -> Any:
    return g - xp.exp(y) * xp.sum(g, axis=axis, keepdims=True)


@op(
    reference=_log_softmax_gradient_reference,
    gradient=(
        lambda g, in_y, axis: subtract(g, sum(multiply(g, exp(in_y)), axis=axis, keepdims=True)),
        lambda g, in_g, in_y, axis: negative(
            multiply(multiply(g, exp(in_y)), sum(in_g, axis=axis, keepdims=True))
        ),
    ),
    samples=_pair_samples,
    promote=("in_g", "in_y"),
)
def log_softmax_gradient(in_g, in_y, /, *, axis):
    """g - exp(y) * sum(g): the gradient of log_softmax from its result y."""
    return Spec(tuple(in_g.shape), in_g.dtype)


# Cross-entropy with integer labels ----------------------------------------------------------------


def _sparse_reference(xp: Any, logits: Any, labels: Any) -> Any:
    logs = _log_softmax_reference(xp, logits, -1)
    picked = xp.take_along_axis(logs, labels[..., None].astype(xp.int64), -1)
    return -picked[..., 0]


def _sparse_gradient_reference(xp: Any, g: Any, logits: Any, labels: Any) -> Any:
    hits = (labels[..., None] == xp.arange(logits.shape[-1])).astype(logits.dtype)
    return (g[..., None] * (_softmax_reference(xp, logits, -1) - hits)).astype(logits.dtype)


def _label_bounds(position: int) -> Any:
    def bounds(*inputs: Any) -> Any:
        classes = inputs[position - 1].shape[-1]
        message = (
            "cross-entropy: label {value} is out of range; expected {low} to {last}, since the "
            f"last layer gives {classes} {'class' if classes == 1 else 'classes'}. Check the "
            "labels, or give the last layer one unit for each class."
        )
        return [(position, 0, classes, message)]

    return bounds


def _check_labels(logits: Any, labels: Any) -> None:
    name = "sparse_softmax_cross_entropy"
    check_inexact(name, "logits", logits.dtype)
    if not dtypes.is_integer(labels.dtype):
        raise DTypeError(f"{name}: labels must be integers, received {labels.dtype.name}")
    if not logits.shape or tuple(labels.shape) != tuple(logits.shape[:-1]):
        remedy = ""
        if tuple(labels.shape) == tuple(logits.shape):
            remedy = " For one-hot labels use softmax_cross_entropy (categorical_crossentropy)."
        raise ShapeError(
            f"{name}: for logits of shape {tuple(logits.shape)} the labels must have shape "
            f"{tuple(logits.shape[:-1])}, received {tuple(labels.shape)}.{remedy}"
        )


def _sparse_samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])), {}),
        ((rng.normal(size=(2, 3, 5)) * 30, np.array([[0, 4, 1], [2, 2, 3]], np.int32)), {}),
        ((rng.normal(size=(3,)), np.array(1, np.uint8)), {}),
    ]


@op(
    reference=_sparse_reference,
    gradient=(
        lambda g, logits, labels: sparse_softmax_cross_entropy_gradient(g, logits, labels),
        "none: labels",
    ),
    samples=_sparse_samples,
    bounds=_label_bounds(1),
)
def sparse_softmax_cross_entropy(logits, labels, /):
    """Cross-entropy -log(softmax(logits)[label]) of integer labels, from unscaled scores.

    Args:
        logits: shape (..., classes), floating point.
        labels: shape (...), integers from 0 to classes - 1.

    Returns:
        Shape (...), the loss of each sample.

    Raises:
        OutOfRangeError: a label is negative or not below the number of classes.

    >>> round(float(tc.nn.sparse_softmax_cross_entropy(tc.asarray([0.0, 0.0]), tc.asarray(1))), 4)
    0.6931
    """
    _check_labels(logits, labels)
    return Spec(tuple(labels.shape), logits.dtype)


def _sparse_second(g: Any, in_g: Any, logits: Any, labels: Any) -> Any:
    # d/dlogits of in_g * (softmax(logits) - onehot) against g: the softmax's own gradient.
    return softmax_gradient(multiply(g, expand_dims(in_g, -1)), softmax(logits), axis=-1)


@op(
    reference=_sparse_gradient_reference,
    gradient=(
        lambda g, logits, labels: sum(
            multiply(
                g, subtract(softmax(logits), one_hot(labels, logits.shape[-1], dtype=logits.dtype))
            ),
            axis=-1,
        ),
        _sparse_second,
        "none: labels",
    ),
    samples=lambda rng: [
        ((rng.normal(size=(4,)), rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])), {})
    ],
    promote=("in_g", "logits"),
)
def sparse_softmax_cross_entropy_gradient(in_g, logits, labels, /):
    """g * (softmax(logits) - one_hot(labels)): the gradient of sparse_softmax_cross_entropy."""
    return Spec(tuple(logits.shape), logits.dtype)


# Cross-entropy with target distributions ----------------------------------------------------------


def _dense_reference(xp: Any, logits: Any, targets: Any) -> Any:
    logs = _log_softmax_reference(xp, logits, -1)
    # A target of 0 counts nothing, also where the logarithm is minus infinity.
    return -xp.sum(xp.where(targets == 0, targets, targets * logs), axis=-1).astype(logits.dtype)


@op(
    reference=_dense_reference,
    gradient=(
        lambda g, logits, targets: softmax_cross_entropy_gradient(g, logits, targets),
        lambda g, logits: negative(multiply(expand_dims(g, -1), log_softmax(logits))),
    ),
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), rng.dirichlet(np.ones(3), size=4)), {}),
        ((rng.normal(size=(2, 3, 5)), rng.uniform(size=(2, 3, 5))), {}),
    ],
    promote=("logits", "targets"),
)
def softmax_cross_entropy(logits, targets, /):
    """Cross-entropy -sum(targets * log(softmax(logits))) over the last dimension, from unscaled
    scores.

    Args:
        logits: shape (..., classes), floating point.
        targets: the same shape; probabilities of the classes, such as one-hot labels.

    Returns:
        Shape (...), the loss of each sample.

    >>> one_hot = tc.asarray([0.0, 1.0])
    >>> round(float(tc.nn.softmax_cross_entropy(tc.asarray([0.0, 0.0]), one_hot)), 4)
    0.6931
    """
    check_inexact("softmax_cross_entropy", "logits", logits.dtype)
    if tuple(logits.shape) != tuple(targets.shape) or not logits.shape:
        remedy = ""
        if tuple(targets.shape) == tuple(logits.shape[:-1]):
            remedy = (
                " For integer labels use sparse_softmax_cross_entropy "
                "(sparse_categorical_crossentropy)."
            )
        raise ShapeError(
            f"softmax_cross_entropy: logits and targets must have one shape, received "
            f"{tuple(logits.shape)} and {tuple(targets.shape)}.{remedy}"
        )
    return Spec(tuple(logits.shape[:-1]), logits.dtype)


def _dense_gradient_reference(xp: Any, g: Any, logits: Any, targets: Any) -> Any:
    weight = xp.sum(targets, axis=-1, keepdims=True)
    return (g[..., None] * (_softmax_reference(xp, logits, -1) * weight - targets)).astype(
        logits.dtype
    )


def _dense_difference(logits: Any, targets: Any) -> Any:
    return subtract(multiply(softmax(logits), sum(targets, axis=-1, keepdims=True)), targets)


@op(
    reference=_dense_gradient_reference,
    gradient=(
        lambda g, logits, targets: sum(multiply(g, _dense_difference(logits, targets)), axis=-1),
        lambda g, in_g, logits, targets: softmax_gradient(
            multiply(multiply(g, expand_dims(in_g, -1)), sum(targets, axis=-1, keepdims=True)),
            softmax(logits),
            axis=-1,
        ),
        lambda g, in_g, logits: multiply(
            expand_dims(in_g, -1),
            subtract(sum(multiply(g, softmax(logits)), axis=-1, keepdims=True), g),
        ),
    ),
    samples=lambda rng: [
        ((rng.normal(size=(4,)), rng.normal(size=(4, 3)), rng.dirichlet(np.ones(3), size=4)), {})
    ],
    promote=("in_g", "logits", "targets"),
)
def softmax_cross_entropy_gradient(in_g, logits, targets, /):
    """g * (softmax(logits) * sum(targets) - targets): the gradient of softmax_cross_entropy."""
    return Spec(tuple(logits.shape), logits.dtype)
