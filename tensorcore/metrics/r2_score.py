"""The coefficient of determination."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.losses.shapes import as_float_pair
from tensorcore.metrics.base import Metric
from tensorcore.metrics.confusion import spread
from tensorcore.ops.arithmetic import divide, multiply, square, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.logical import isinf, where
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """1 - sum of squared errors / sum of squared distances from the mean label.

    Args:
        class_aggregation: "uniform_average" (the mean of the outputs), "variance_weighted_average",
            or None for one value an output.
        num_regressors: number of features, for the adjusted score; 0 means the plain one.

    Labels and predictions: shape (batch, outputs).

    >>> round(float(R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])), 4)
    0.5
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise InvalidArgumentError(
                f"R2Score: class_aggregation must be one of {AGGREGATIONS}, received "
                f"{class_aggregation!r}"
            )
        if num_regressors < 0:
            raise InvalidArgumentError(
                f"R2Score: num_regressors must be from 0 on, received {num_regressors!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_float_pair(y_true, y_pred)
        if len(y_pred.shape) != 2 or tuple(y_true.shape) != tuple(y_pred.shape):
            raise ShapeError(
                f"{self.name}: expected labels and predictions of one shape (batch, outputs), "
                f"received {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
            )
        if len(self.variables) == 1:
            for name in ("squared_sum", "sum", "residual", "count"):
                setattr(self, name, self.add_variable((y_pred.shape[1],), name=name))
        weight = as_tensor(1.0 if sample_weight is None else sample_weight, device=y_pred.device)
        weight = spread(astype(weight, y_pred.dtype), y_pred.shape)
        label = multiply(y_true, weight)
        self.grow(self.sum, sum(label, axis=0))
        self.grow(self.squared_sum, sum(multiply(y_true, label), axis=0))
        error = multiply(square(subtract(y_true, y_pred)), weight)
        self.grow(self.residual, sum(error, axis=0))
        self.grow(self.count, sum(weight, axis=0))
        self.grow(self.num_samples, float(y_true.size))

    def result(self) -> Any:
        if len(self.variables) == 1:
            return zeros((), dtype=self.dtype)
        total = subtract(self.squared_sum, multiply(self.sum, divide(self.sum, self.count)))
        scores = subtract(1.0, divide(self.residual, total))
        scores = where(isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = divide(sum(multiply(total, scores)), sum(total))
        if not self.num_regressors:
            return scores
        left = subtract(self.num_samples, self.num_regressors + 1.0)
        unexplained = multiply(subtract(1.0, scores), subtract(self.num_samples, 1.0))
        # With no more samples than features there is no adjusted score.
        return where(left > 0.0, subtract(1.0, divide(unexplained, left)), scores)

    def get_config(self) -> dict[str, Any]:
        config = {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
        return {**super().get_config(), **config}
