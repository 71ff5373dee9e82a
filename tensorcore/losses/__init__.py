"""Losses, by class, function or name: `"mse"` is `mean_squared_error`."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.initializers.registry import Registry
from tensorcore.losses.base import Loss, LossFunction
from tensorcore.losses.classes import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from tensorcore.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from tensorcore.losses.hinges import (
    categorical_hinge,
    hinge,
    squared_hinge,
)
from tensorcore.losses.regression import (
    cosine_similarity,
    dice,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    tversky,
)

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunction",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "registry",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

kld = KLD = kl_divergence
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
mse = MSE = mean_squared_error
msle = MSLE = mean_squared_logarithmic_error
kullback_leibler_divergence, logcosh = kl_divergence, log_cosh

# A class under its own spelling, a function under the name with underscores: the key is the same
# for both, and programs that ask by string want the function.
registry = Registry(
    "loss",
    binary_crossentropy=binary_crossentropy,
    binary_focal_crossentropy=binary_focal_crossentropy,
    categorical_crossentropy=categorical_crossentropy,
    categorical_focal_crossentropy=categorical_focal_crossentropy,
    categorical_hinge=categorical_hinge,
    cosine_similarity=cosine_similarity,
    dice=dice,
    hinge=hinge,
    huber=huber,
    kl_divergence=kl_divergence,
    log_cosh=log_cosh,
    mean_absolute_error=mean_absolute_error,
    mean_absolute_percentage_error=mean_absolute_percentage_error,
    mean_squared_error=mean_squared_error,
    mean_squared_logarithmic_error=mean_squared_logarithmic_error,
    poisson=poisson,
    sparse_categorical_crossentropy=sparse_categorical_crossentropy,
    squared_hinge=squared_hinge,
    tversky=tversky,
    kld=kld,
    mae=mae,
    mape=mape,
    mse=mse,
    msle=msle,
    kullback_leibler_divergence=kl_divergence,
)
_classes = Registry(
    "loss",
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)


def get(identifier: Any) -> Any:
    """The loss named by a string, made from a configuration, or given as class, object or function.

    >>> get("mse").__name__
    'mean_squared_error'
    """
    return (_classes if isinstance(identifier, dict) else registry).get(identifier)


def as_loss(identifier: Any) -> Loss | None:
    """What `get` finds as a Loss object, functions with the mean over the batch."""
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if not callable(found):
        raise ArgumentTypeError(
            f"loss: expected a name, a Loss or a function, received {identifier!r}"
        )
    return LossFunction(found)


def serialize(loss: Any) -> Any:
    """The loss as a name, or a class name with configuration."""
    return _classes.serialize(loss)


def deserialize(config: Any) -> Any:
    """The loss that `serialize` wrote down."""
    return get(config)
