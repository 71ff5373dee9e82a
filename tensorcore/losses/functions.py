"""Loss functions: labels and predictions in, one value a sample out."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes, nn
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.losses.shapes import as_float_pair, as_pair, check_same_shape
from tensorcore.ops.arithmetic import abs, add, clip, divide, multiply, negative, square, subtract
from tensorcore.ops.choosing import whole_numbers
from tensorcore.ops.exponential import log
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.shaping import moveaxis, squeeze

# Probabilities are kept this far from 0 and 1, where the logarithm has no end.
EPSILON = 1e-7


def epsilon() -> float:
    """How far probabilities are kept from 0 and 1."""
    return EPSILON


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (y_true - y_pred)**2 over the last dimension.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 1.0]]).tolist()
    [1.0]
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    _check_broadcast("mean_squared_error", y_true, y_pred)
    return mean(square(subtract(y_true, y_pred)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of |y_true - y_pred| over the last dimension.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 4.0]]).tolist()
    [1.5]
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    _check_broadcast("mean_absolute_error", y_true, y_pred)
    return mean(abs(subtract(y_true, y_pred)), axis=-1)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean over `axis` of -y log(p) - (1 - y) log(1 - p).

    Args:
        y_true: 0 or 1, or probabilities; the shape of `y_pred`.
        y_pred: probabilities, or unscaled scores with `from_logits`.
        from_logits: whether `y_pred` holds scores, whose sigmoid is the probability.
        label_smoothing: move labels this far from 0 and 1 towards 0.5, as a share.
        axis: the dimension of which the mean is taken.
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape(
        "binary_crossentropy",
        y_true,
        y_pred,
        " The last layer needs one unit for one label a sample: Dense(1). For integer labels of "
        'several classes use loss="sparse_categorical_crossentropy".',
    )
    if label_smoothing:
        y_true = add(multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    if from_logits:
        return mean(nn.sigmoid_cross_entropy(y_pred, y_true), axis=axis)
    p = clip(y_pred, EPSILON, 1.0 - EPSILON)
    hit = multiply(y_true, log(p))
    miss = multiply(subtract(1.0, y_true), log(subtract(1.0, p)))
    return mean(negative(add(hit, miss)), axis=axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(y log(p)) over the classes, for one-hot labels or distributions.

    Args:
        y_true: shape (..., classes).
        y_pred: the same shape: probabilities, or unscaled scores with `from_logits`.
        from_logits: whether `y_pred` holds scores, whose softmax are the probabilities.
        label_smoothing: give this share of the labels' weight to all classes alike.
        axis: the dimension of the classes.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    hint = ""
    if _looks_sparse(y_true, y_pred):
        hint = (
            ' These look like integer labels: use loss="sparse_categorical_crossentropy", or '
            f"labels = keras.utils.to_categorical(labels, {y_pred.shape[-1]})."
        )
    check_same_shape("categorical_crossentropy", y_true, y_pred, hint)
    y_true, y_pred = as_float_pair(y_true, y_pred)
    if axis not in (-1, len(y_pred.shape) - 1):
        y_true, y_pred = moveaxis(y_true, axis, -1), moveaxis(y_pred, axis, -1)
    if label_smoothing:
        share = label_smoothing / y_pred.shape[-1]
        y_true = add(multiply(y_true, 1.0 - label_smoothing), share)
    if from_logits:
        return nn.softmax_cross_entropy(y_pred, y_true)
    p = divide(y_pred, sum(y_pred, axis=-1, keepdims=True))
    return negative(sum(multiply(y_true, log(clip(p, EPSILON, 1.0 - EPSILON))), axis=-1))


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: Any = None, axis: int = -1
) -> Any:
    """-log(p[label]), for integer labels.

    Args:
        y_true: integers from 0 to classes - 1, shape (...) or (..., 1).
        y_pred: shape (..., classes): probabilities, or unscaled scores with `from_logits`.
        from_logits: whether `y_pred` holds scores, whose softmax are the probabilities.
        ignore_class: must be None for now.
        axis: the dimension of the classes.

    >>> round(float(sparse_categorical_crossentropy([1], [[0.5, 0.5]])), 4)
    0.6931
    """
    name = "sparse_categorical_crossentropy"
    if ignore_class is not None:
        raise InvalidArgumentError(f"{name}: ignore_class={ignore_class!r} is not there yet")
    y_true, y_pred = as_pair(y_true, y_pred)
    if axis not in (-1, len(y_pred.shape) - 1):
        y_pred = moveaxis(y_pred, axis, -1)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1 and len(y_true.shape) > 1:
        y_true = squeeze(y_true, -1)
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        hint = ""
        if tuple(y_true.shape) == tuple(y_pred.shape):
            hint = (
                ' These look like one-hot labels: use loss="categorical_crossentropy", or labels = '
                "np.argmax(labels, axis=-1)."
            )
        raise ShapeError(
            f"{name}: for predictions of shape {tuple(y_pred.shape)} expected integer labels of "
            f"shape {tuple(y_pred.shape[:-1])}, received labels of shape "
            f"{tuple(y_true.shape)}.{hint}"
        )
    if not dtypes.is_integer(y_true.dtype):
        y_true = whole_numbers(y_true)
    if not from_logits:
        # The logarithms of probabilities are scores of which softmax gives the probabilities back.
        y_pred = log(clip(y_pred, EPSILON, 1.0 - EPSILON))
    return nn.sparse_softmax_cross_entropy(y_pred, y_true)


def _looks_sparse(y_true: Any, y_pred: Any) -> bool:
    expected = tuple(y_pred.shape[:-1])
    return tuple(y_true.shape) in (expected, (*expected, 1))


def _check_broadcast(name: str, y_true: Any, y_pred: Any) -> None:
    # Labels of another shape that happen to broadcast are nearly always a mistake; only size 1 is
    # meant.
    fits = len(y_true.shape) == len(y_pred.shape) and all(
        a == b or 1 in (a, b) for a, b in zip(y_true.shape, y_pred.shape, strict=True)
    )
    if not fits:
        check_same_shape(name, y_true, y_pred)
