"""Loss functions: labels and predictions in, one value a sample out."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes, nn
from tensorcore.errors import ShapeError
from tensorcore.layers.masks import set_mask
from tensorcore.losses.shapes import EPSILON, as_float_pair, as_pair, check_same_shape
from tensorcore.ops.arithmetic import add, clip, divide, multiply, negative, pow, subtract
from tensorcore.ops.choosing import whole_numbers
from tensorcore.ops.creation import zeros_like
from tensorcore.ops.exponential import log, log_probability
from tensorcore.ops.logical import not_equal, where
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.shaping import moveaxis, squeeze


def epsilon() -> float:
    """How far probabilities are kept from 0 and 1."""
    return EPSILON


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
    return mean(_binary_terms(y_true, y_pred), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary cross-entropy times (1 - p_t)**gamma: what is easy counts less.

    p_t is the probability of the right answer.

    Args:
        apply_class_balancing: weigh labels 1 with alpha and labels 0 with 1 - alpha.
        alpha, gamma: see above.
        others: see `binary_crossentropy`.

    Source: Lin et al., 2018.
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = add(multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    p = nn.sigmoid(y_pred) if from_logits else y_pred
    wrong = subtract(
        1.0, add(multiply(y_true, p), multiply(subtract(1.0, y_true), subtract(1.0, p)))
    )
    values = multiply(pow(wrong, gamma), _binary_terms(y_true, p))
    if apply_class_balancing:
        weight = add(multiply(y_true, alpha), multiply(subtract(1.0, y_true), 1.0 - alpha))
        values = multiply(weight, values)
    return mean(values, axis=axis)


def _binary_terms(y_true: Any, p: Any) -> Any:
    """-y log(p) - (1 - y) log(1 - p)."""
    p = clip(p, EPSILON, 1.0 - EPSILON)
    hit = multiply(y_true, log_probability(p))
    miss = multiply(subtract(1.0, y_true), log_probability(subtract(1.0, p)))
    return negative(add(hit, miss))


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(alpha (1 - p)**gamma y log(p)) over the classes: what is easy counts less.

    Args:
        alpha, gamma: see above.
        others: see `categorical_crossentropy`.

    Source: Lin et al., 2018.
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("categorical_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        share = label_smoothing / y_pred.shape[axis]
        y_true = add(multiply(y_true, 1.0 - label_smoothing), share)
    p = nn.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = clip(divide(p, sum(p, axis=axis, keepdims=True)), EPSILON, 1.0 - EPSILON)
    factor = multiply(pow(subtract(1.0, p), gamma), alpha)
    return negative(sum(multiply(multiply(factor, y_true), log(p)), axis=axis))


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
    return negative(sum(multiply(y_true, log_probability(p)), axis=-1))


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: Any = None, axis: int = -1
) -> Any:
    """-log(p[label]), for integer labels.

    Args:
        y_true: integers from 0 to classes - 1, shape (...) or (..., 1).
        y_pred: shape (..., classes): probabilities, or unscaled scores with `from_logits`.
        from_logits: whether `y_pred` holds scores, whose softmax are the probabilities.
        ignore_class: a label whose places do not count, such as -1; None means none.
        axis: the dimension of the classes.

    >>> round(float(sparse_categorical_crossentropy([1], [[0.5, 0.5]])), 4)
    0.6931
    """
    name = "sparse_categorical_crossentropy"
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
        elif not y_true.shape:
            hint = " The label is one number, so the data yields single samples: dataset.batch(32)."
        elif len(y_true.shape) < len(y_pred.shape) - 1:
            hint = (
                " The model keeps dimensions of each sample that the labels do not have: put "
                "keras.layers.Flatten() (or pooling) before its last Dense layer."
            )
        raise ShapeError(
            f"{name}: for predictions of shape {tuple(y_pred.shape)} expected integer labels of "
            f"shape {tuple(y_pred.shape[:-1])}, received labels of shape "
            f"{tuple(y_true.shape)}.{hint}"
        )
    if not dtypes.is_integer(y_true.dtype):
        y_true = whole_numbers(y_true)
    counts = None
    if ignore_class is not None:
        counts = not_equal(y_true, ignore_class)
        y_true = where(counts, y_true, zeros_like(y_true))
    if not from_logits:
        # The logarithms of probabilities are scores of which softmax gives the probabilities back.
        y_pred = log_probability(y_pred)
    values = nn.sparse_softmax_cross_entropy(y_pred, y_true)
    if counts is None:
        return values
    values = where(counts, values, zeros_like(values))
    set_mask(values, counts)
    return values


def _looks_sparse(y_true: Any, y_pred: Any) -> bool:
    expected = tuple(y_pred.shape[:-1])
    return tuple(y_true.shape) in (expected, (*expected, 1))
