"""`tf.losses`: losses that also join the graph's collection of losses."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError
from tensorcore.session.calls import as_graph_tensor, operation
from tensorcore.session.graph import default_graph
from tensorcore.session.scopes import REGULARIZATION_LOSSES
from tensorcore.tf.compat.v1 import arrays, math, nn

LOSSES = "losses"


class Reduction:
    """How the losses of elements become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Losses times weights as one number, which joins `loss_collection`."""
    loss = _weighted(losses, weights, reduction, name="weighted_loss")
    if loss_collection is not None:
        loss.graph.add_to_collection(loss_collection, loss)
    return loss


@operation("Mul")
def _weighted(losses: Any, weights: Any, reduction: str) -> Any:
    weights = tc.asarray(weights, dtype=losses.dtype)
    if weights.ndim and weights.ndim < losses.ndim:
        weights = tc.reshape(weights, weights.shape + (1,) * (losses.ndim - weights.ndim))
    every = tc.broadcast_to(weights, losses.shape)
    weighted = losses * weights
    if reduction == Reduction.NONE:
        return weighted
    total = tc.sum(weighted)
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return total / losses.size
    if reduction == Reduction.MEAN:
        count = tc.sum(every)
    elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
        count = tc.sum(tc.astype(every != 0, losses.dtype))
    else:
        raise InvalidArgumentError(f"Invalid Reduction Key {reduction}.")
    return tc.where(count == 0, tc.zeros_like(total), total / tc.where(count == 0, 1.0, count))


def _finish(losses: Any, weights: Any, scope: Any, collection: Any, reduction: str) -> Any:
    return compute_weighted_loss(losses, weights, scope, collection, reduction)


def _names(scope: str | None, default: str) -> Any:
    return default_graph().name_scope(scope or default)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """-sum(labels log(softmax(logits))), the mean over rows."""
    with _names(scope, "softmax_cross_entropy_loss"):
        logits = as_graph_tensor(logits)
        labels = arrays.cast(onehot_labels, logits.dtype)
        if label_smoothing > 0:
            classes = logits.get_shape().as_list()[-1]
            labels = labels * (1 - label_smoothing) + label_smoothing / classes
        losses = nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return _finish(losses, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """-log(softmax(logits)) at the label, the mean over rows."""
    with _names(scope, "sparse_softmax_cross_entropy_loss"):
        losses = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return _finish(losses, weights, scope, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """The cross-entropy of yes-or-no labels, the mean over elements."""
    with _names(scope, "sigmoid_cross_entropy_loss"):
        logits = as_graph_tensor(logits)
        labels = arrays.cast(multi_class_labels, logits.dtype)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return _finish(losses, weights, scope, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """(predictions - labels)**2, the mean over elements."""
    with _names(scope, "mean_squared_error"):
        losses = math.squared_difference(*_pair(predictions, labels))
        return _finish(losses, weights, scope, loss_collection, reduction)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """|predictions - labels|, the mean over elements."""
    with _names(scope, "absolute_difference"):
        losses = math.abs(math.subtract(*_pair(predictions, labels)))
        return _finish(losses, weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Squares of small errors, linear for errors beyond delta; the mean over elements."""
    with _names(scope, "huber_loss"):
        losses = _huber(*_pair(predictions, labels), delta)
        return _finish(losses, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: Any = None,
    loss_collection: str | None = LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """The cross-entropy of probabilities, the mean over elements."""
    with _names(scope, "log_loss"):
        losses = _log_loss(*_pair(predictions, labels), epsilon)
        return _finish(losses, weights, scope, loss_collection, reduction)


@operation("huber")
def _huber(predictions: Any, labels: Any, delta: float) -> Any:
    error = tc.abs(predictions - labels)
    small = tc.minimum(error, tc.asarray(delta, dtype=error.dtype))
    return 0.5 * small * small + delta * (error - small)


@operation("log_loss")
def _log_loss(p: Any, labels: Any, epsilon: float) -> Any:
    return -labels * tc.log(p + epsilon) - (1 - labels) * tc.log(1 - p + epsilon)


def _pair(predictions: Any, labels: Any) -> tuple[Any, Any]:
    predictions = arrays.cast(predictions, "float32")
    labels = arrays.cast(labels, "float32")
    if not predictions.static_shape.is_compatible_with(labels.static_shape):
        raise InvalidArgumentError(
            f"Shapes {predictions.static_shape} and {labels.static_shape} are incompatible: "
            "predictions and labels of a loss must be of one shape"
        )
    return predictions, labels


def add_loss(loss: Any, loss_collection: str = LOSSES) -> None:
    """Put a loss on the list."""
    default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: Any = None, loss_collection: str = LOSSES) -> list[Any]:
    """The losses on the list."""
    return default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: Any = None) -> list[Any]:
    """What the regularizers of variables ask for."""
    return default_graph().get_collection(REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: Any = None, name: str = "total_regularization_loss") -> Any:
    """Their sum."""
    losses = get_regularization_losses(scope)
    return math.add_n(losses, name=name) if losses else arrays.constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: Any = None
) -> Any:
    """The sum of all losses."""
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope)
    return math.add_n(losses, name=name)
