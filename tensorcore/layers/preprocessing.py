"""Layers that bring raw numbers to the form that models like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tensorcore import dtypes, nn
from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.layers.activation import ElementwiseLayer
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.ops.arithmetic import add, divide, maximum, multiply, subtract
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.reductions import max as max_of
from tensorcore.ops.reductions import sum as sum_of
from tensorcore.ops.shaping import reshape, squeeze
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor

EPSILON = 1e-7


class Rescaling(ElementwiseLayer):
    """scale * x + offset, in floating point.

    >>> Rescaling(1 / 255)([[0, 255]]).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, scale=scale, offset=offset)

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_inexact(inputs.dtype):
            inputs = astype(inputs, self.compute_dtype)
        return add(multiply(inputs, _factor(self.scale, inputs)), _factor(self.offset, inputs))


def _factor(value: Any, like: Any) -> Any:
    if isinstance(value, (int, float)):
        return value
    return as_tensor(np.asarray(value, like.dtype), device=like.device)


class Normalization(ElementwiseLayer):
    """(x - mean) / sqrt(variance), with mean and variance of data seen before.

    Args:
        axis: the dimensions that have a mean and a variance each for every place; None means one
            of each for all.
        mean, variance: the values; None means that `adapt(data)` finds them.
        invert: compute mean + x * sqrt(variance) instead.

    >>> layer = Normalization()
    >>> layer.adapt([[1.0], [3.0]])
    >>> layer([[3.0]]).tolist()
    [[1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise InvalidArgumentError(
                "Normalization: expected both mean and variance or none of them, received "
                f"mean={mean} and variance={variance}"
            )
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        keep(self, axis=axes, invert=invert)
        self.input_mean = mean
        self.input_variance = variance
        self._found: tuple[np.ndarray, np.ndarray] | None = None

    def get_config(self) -> dict[str, Any]:
        values = {"mean": self.input_mean, "variance": self.input_variance}
        values = {k: None if v is None else np.asarray(v).tolist() for k, v in values.items()}
        return {**super().get_config(), **values}

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise InvalidArgumentError(
                f"{self._who()}: axis={self.axis} is no dimension of inputs of shape "
                f"{tuple(input_shape)}"
            )
        self._axes = tuple(sorted(axis % rank for axis in self.axis))
        kept = tuple(input_shape[axis] for axis in self._axes)
        if None in kept:
            raise ShapeError(
                f"{self._who()}: dimensions {self.axis} of its input must be known, received shape "
                f"{tuple(input_shape)}"
            )
        self._broadcast = tuple(n if i in self._axes else 1 for i, n in enumerate(input_shape))
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(kept, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(kept, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
            return
        mean, variance = (
            np.asarray(value, self.compute_dtype)
            for value in (self.input_mean, self.input_variance)
        )
        self._found = (
            np.broadcast_to(mean, kept).reshape(self._broadcast),
            np.broadcast_to(variance, kept).reshape(self._broadcast),
        )

    @property
    def mean(self) -> Any:
        """What is subtracted, in a shape that fits the inputs; None before `build`."""
        return self._statistic(0)

    @property
    def variance(self) -> Any:
        """The square of the divisor, in a shape that fits the inputs; None before `build`."""
        return self._statistic(1)

    def _statistic(self, which: int) -> Any:
        if not self.built:
            return None
        if self._found is not None:
            return as_tensor(self._found[which])
        return reshape((self.adapt_mean, self.adapt_variance)[which], self._broadcast)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take mean and variance from data.

        Args:
            data: an array (nested lists, a tensor), or an iterable of batches.
            batch_size: accepted; arrays are taken as a whole.
            steps: look at this many batches only.
        """
        if self.input_mean is not None:
            raise TrainingError(
                f"{self._who()}: adapt is of no use, since mean and variance were given"
            )
        total: tuple[int, Any, Any] = (0, 0.0, 1.0)
        for number, batch in enumerate(_batches(data)):
            if steps is not None and number >= steps:
                break
            if not self.built:
                self.build((None, *batch.shape[1:]))
            reduced = tuple(i for i in range(batch.ndim) if i not in self._axes)
            count = int(np.prod([batch.shape[i] for i in reduced]))
            total = _merged(total, (count, batch.mean(axis=reduced), batch.var(axis=reduced)))
        if not total[0]:
            raise InvalidArgumentError(f"{self._who()}.adapt: the data is empty")
        self.adapt_mean.assign(np.asarray(total[1], self.adapt_mean.dtype))
        self.adapt_variance.assign(np.asarray(total[2], self.adapt_variance.dtype))

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_inexact(inputs.dtype):
            inputs = astype(inputs, self.compute_dtype)
        if self._found is not None:
            mean, variance = (as_tensor(value, device=inputs.device) for value in self._found)
        else:
            mean = astype(reshape(self.adapt_mean, self._broadcast), inputs.dtype)
            variance = astype(reshape(self.adapt_variance, self._broadcast), inputs.dtype)
        deviation = maximum(sqrt(variance), EPSILON)
        if self.invert:
            return add(mean, multiply(inputs, deviation))
        return divide(subtract(inputs, mean), deviation)


def _batches(data: Any) -> Iterable[np.ndarray]:
    """The data as arrays of float64: one array, or what an iterable yields (x of pairs x, y)."""
    if isinstance(data, Tensor):
        data = data.numpy()
    if isinstance(data, (np.ndarray, list)) or hasattr(data, "__array__"):
        yield np.asarray(data, np.float64)
        return
    for batch in data:
        yield np.asarray(batch[0] if isinstance(batch, tuple) else batch, np.float64)


def _merged(first: tuple[int, Any, Any], second: tuple[int, Any, Any]) -> tuple[int, Any, Any]:
    """Count, mean and variance of two sets of data together (Chan et al., 1979)."""
    count = first[0] + second[0]
    share = second[0] / count
    distance = second[1] - first[1]
    mean = first[1] + distance * share
    variance = first[2] * (1 - share) + second[2] * share + distance**2 * share * (1 - share)
    return count, mean, variance


class CategoryEncoding(Layer):
    """Whole numbers as vectors with one place for each category.

    Args:
        num_tokens: number of categories; inputs go from 0 to num_tokens - 1.
        output_mode: "one_hot" (a vector for each number), "multi_hot" (1 where a number occurs in
            the sample) or "count" (how often it does).

    >>> CategoryEncoding(num_tokens=3)([[0, 2]]).tolist()
    [[1.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if output_mode == "binary":
            output_mode = "multi_hot"
        if output_mode not in ("one_hot", "multi_hot", "count"):
            raise InvalidArgumentError(
                'CategoryEncoding: output_mode must be "one_hot", "multi_hot" or "count", received '
                f"{output_mode!r}"
            )
        if num_tokens is None or num_tokens < 1:
            raise InvalidArgumentError(
                f"CategoryEncoding: num_tokens must be a positive int, received {num_tokens!r}"
            )
        if sparse:
            raise InvalidArgumentError("CategoryEncoding: sparse=True is not there; leave it out")
        keep(self, num_tokens=num_tokens, output_mode=output_mode)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        numbers = inputs
        if not dtypes.is_integer(numbers.dtype):
            numbers = astype(numbers, dtypes.int32)
        hot = astype(nn.one_hot(numbers, self.num_tokens), self.compute_dtype)
        if self.output_mode == "one_hot":
            several = len(inputs.shape) > 1 and inputs.shape[-1] == 1
            return squeeze(hot, -2) if several else hot
        if count_weights is not None:
            hot = multiply(hot, reshape(count_weights, (*numbers.shape, 1)))
        if len(inputs.shape) == 0:
            return hot
        if self.output_mode == "count":
            return sum_of(hot, axis=-2)
        return max_of(hot, axis=-2)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape)
        if self.output_mode == "one_hot":
            kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
        else:
            kept = shape[:-1]
        return (*kept, self.num_tokens)
