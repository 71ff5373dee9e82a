"""Initializers of the era: functions of a shape and a dtype that give a tensor of the graph."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.initializers.base import fans
from tensorcore.initializers.scaling import TRUNCATED_STDDEV
from tensorcore.session import random
from tensorcore.session.names import tf_dtype
from tensorcore.session.variables import constant


class Initializer:
    """Base: called with a shape, and with a dtype in place of its own."""

    def __init__(self, dtype: Any = "float32") -> None:
        self.dtype = tf_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        sizes = tuple(int(size) for size in shape)
        return self.tensor(sizes, self.dtype if dtype is None else tf_dtype(dtype))

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        raise NotImplementedError


class zeros(Initializer):
    """All 0."""

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        return constant(np.zeros(shape, dtype), name="zeros")


class ones(Initializer):
    """All 1."""

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        return constant(np.ones(shape, dtype), name="ones")


class constant_value(Initializer):
    """A number, or values that fill the shape."""

    def __init__(self, value: Any = 0, dtype: Any = "float32", verify_shape: bool = False) -> None:
        super().__init__(dtype)
        self.value = value

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        values = np.asarray(self.value, dtype)
        if values.ndim and values.size != math.prod(shape):
            raise InvalidArgumentError(
                f"tf.constant_initializer: {values.size} values cannot fill the shape {shape}"
            )
        filled = values.reshape(shape) if values.ndim else np.full(shape, values)
        return constant(filled, name="Const")


class random_normal(Initializer):
    """Normally distributed."""

    draw: Any = staticmethod(random.random_normal)

    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 1.0,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(dtype)
        self.arguments = (mean, stddev)
        self.seed = seed

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        return self.draw(shape, *self.arguments, dtype=dtype, seed=self.seed)


class truncated_normal(random_normal):
    """Normally distributed, less than two standard deviations from the mean."""

    draw = staticmethod(random.truncated_normal)


class random_uniform(random_normal):
    """Uniform from `minval` to below `maxval`."""

    draw = staticmethod(random.random_uniform)

    def __init__(
        self,
        minval: float = 0,
        maxval: float | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        Initializer.__init__(self, dtype)
        self.arguments = (minval, maxval)  # type: ignore[assignment]
        self.seed = seed


class variance_scaling(Initializer):
    """Random values of variance scale / n, see `tensorcore.initializers.VarianceScaling`."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(dtype)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        fan_in, fan_out = fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.random_uniform(shape, -limit, limit, dtype, self.seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.random_normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / TRUNCATED_STDDEV, dtype, self.seed)


class glorot_uniform(variance_scaling):
    """Glorot and Bengio, 2010: uniform, of variance 2 / (inputs + outputs)."""

    distributed = "uniform"

    def __init__(self, seed: int | None = None, dtype: Any = "float32") -> None:
        super().__init__(1.0, "fan_avg", self.distributed, seed, dtype)


class glorot_normal(glorot_uniform):
    """Glorot and Bengio, 2010: normal, cut off at two standard deviations."""

    distributed = "truncated_normal"
