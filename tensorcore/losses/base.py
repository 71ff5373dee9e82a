"""The loss object: a loss function, sample weights, and how the values of a batch become one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.masks import mask_of
from tensorcore.layers.naming import to_snake_case
from tensorcore.losses.shapes import weighted
from tensorcore.ops.arithmetic import divide, maximum
from tensorcore.ops.logical import where
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.transfer import astype
from tensorcore.saving.registry import Configurable
from tensorcore.tensor import as_tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")


class Loss(Configurable, keras_module="keras.losses"):
    """Base class: a subclass computes the loss of each sample in `call(y_true, y_pred)`.

    Args:
        name: shown in messages; made from the class name if None.
        reduction: "sum_over_batch_size" (the mean), "sum", or "none" for one value a sample.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        reduction = {None: "none", "auto": "sum_over_batch_size"}.get(reduction, reduction)
        if reduction not in REDUCTIONS:
            raise InvalidArgumentError(
                f"{type(self).__name__}: reduction must be one of {REDUCTIONS}, received "
                f"{reduction!r}"
            )
        self.name = name or to_snake_case(type(self).__name__)
        self.reduction = reduction
        self.dtype = dtype

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        raise NotImplementedError(
            f"{type(self).__name__}: a loss needs a method call(y_true, y_pred)"
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Args:
            y_true: labels.
            y_pred: predictions of the model.
            sample_weight: one factor a sample; ones if None.
        """
        values = as_tensor(self.call(y_true, _wide(y_pred)))
        factors = _factors(mask_of(values), self.reduction)
        factors = _factors(mask_of(y_pred), self.reduction) if factors is None else factors
        values = weighted(weighted(values, factors), sample_weight)
        if self.reduction == "none" or not values.shape:
            return values
        if self.reduction == "sum":
            return sum(values)
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            return divide(sum(values), sum(astype(as_tensor(sample_weight), values.dtype)))
        return mean(values)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A loss made from what `get_config` returned."""
        return cls(**config)


def _factors(mask: Any, reduction: str) -> Any:
    """Weights that leave the places out that do not count, and keep the mean a mean of the rest."""
    if mask is None:
        return None
    factors = astype(mask, "float32")
    if reduction not in ("mean", "sum_over_batch_size"):
        return factors
    count = sum(factors)
    return where(mask, divide(float(math.prod(mask.shape)), maximum(count, 1.0)), 0.0)


def _wide(y_pred: Any) -> Any:
    """Predictions of 16 bits as float32: the logarithms of a loss need the digits."""
    if getattr(y_pred, "dtype", None) in (dtypes.float16, dtypes.bfloat16):
        return astype(y_pred, dtypes.float32)
    return y_pred


class LossFunction(Loss):
    """A loss function (y_true, y_pred) -> values with a reduction around it.

    Args:
        function: returns one value a sample, or a scalar.
        options: further arguments of the function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name or getattr(function, "__name__", None), reduction, dtype)
        self.function = function
        self.options = options

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.function(y_true, y_pred, **self.options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}
