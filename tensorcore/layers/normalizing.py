"""Layers that bring their input to mean 0 and variance 1, over the batch, a sample or groups."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.activation import ElementwiseLayer
from tensorcore.layers.options import add_kernel, keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.ops.arithmetic import add, divide, maximum, multiply, square, subtract
from tensorcore.ops.creation import ones, zeros
from tensorcore.ops.exponential import rsqrt, sqrt
from tensorcore.ops.normalization import layer_norm
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.shaping import expand_dims, reshape
from tensorcore.ops.transfer import astype


class Scaled(ElementwiseLayer):
    """Base of normalizations that a trained factor gamma and offset beta follow."""

    def keep_scaling(self, axis: Any, epsilon: float, **options: Any) -> None:
        """Check and keep the options that all have."""
        if epsilon <= 0:
            raise InvalidArgumentError(
                f"{type(self).__name__}: epsilon must be positive, received {epsilon!r}"
            )
        keep(self, axis=axis, epsilon=epsilon, **options)

    def known(self, input_shape: Any, axis: int) -> int:
        """The size of a dimension that weights are made for."""
        rank = len(input_shape)
        if not -rank <= axis < rank:
            raise InvalidArgumentError(
                f"{self._who()}: axis={axis} is no dimension of inputs of shape "
                f"{tuple(input_shape)}"
            )
        if input_shape[axis] is None:
            raise InvalidArgumentError(
                f"{self._who()}: dimension {axis} of its input must be known, received shape "
                f"{tuple(input_shape)}"
            )
        return input_shape[axis]

    def add_scaling(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta where they are wanted."""
        # They are read as they are kept: what is scaled is computed in 32 bits at least.
        self.gamma = add_kernel(self, shape, "gamma", autocast=False) if self.scale else None
        self.beta = add_kernel(self, shape, "beta", autocast=False) if self.center else None

    def scaled(self, inputs: Any, center: Any, variance: Any, shape: Any) -> Any:
        """gamma (inputs - center) / sqrt(variance + epsilon) + beta, weights seen in `shape`."""
        factor = rsqrt(add(variance, self.epsilon))
        if self.gamma is not None:
            factor = multiply(factor, reshape(self.gamma, shape))
        y = multiply(subtract(inputs, center), factor)
        return y if self.beta is None else add(y, reshape(self.beta, shape))


def wide(inputs: Any) -> Any:
    """Inputs of 16 bits as float32, in which means and variances are computed."""
    return astype(inputs, dtypes.float32) if inputs.dtype.itemsize == 2 else inputs


def of_row(weights: Any, inputs: Any, otherwise: Any) -> Any:
    """The weights of the features; where there are none, ones or zeros."""
    if weights is not None:
        return weights
    dtype = dtypes.accumulator(inputs.dtype)
    return otherwise((inputs.shape[-1],), dtype=dtype, device=inputs.device)


def moments(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Mean and variance over some dimensions, which are kept with size 1."""
    center = mean(x, axis=axes, keepdims=True)
    return center, mean(square(subtract(x, center)), axis=axes, keepdims=True)


class BatchNormalization(Scaled):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta for each feature.

    In training mean and variance are those of the batch, and running means of them are kept, which
    are used otherwise: moving = momentum * moving + (1 - momentum) * batch.

    Args:
        axis: the dimension of the features.
        momentum: how much of the running values each training step keeps.
        epsilon: added to the variance.
        center, scale: whether there are beta and gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer:
            for the weights, each of shape (features,).
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as in `Dense`.
        synchronized: accepted; there is one device.

    A layer that is not trainable uses the running values in training too.  Source: Ioffe and
    Szegedy, 2015.

    >>> BatchNormalization()([[1.0], [3.0]], training=True).numpy().round(2).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        self.keep_scaling(
            axis,
            epsilon,
            momentum=float(momentum),
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            synchronized=synchronized,
        )

    def build(self, input_shape: Any) -> None:
        size = self.known(input_shape, self.axis)
        self.add_scaling((size,))
        self.moving_mean = self.add_weight(
            (size,), self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (size,), self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        axis = self.axis % len(inputs.shape)
        shape = [1] * len(inputs.shape)
        shape[axis] = inputs.shape[axis]
        x = wide(inputs)
        if training and self.trainable:
            axes = tuple(i for i in range(len(inputs.shape)) if i != axis)
            center, variance = moments(x, axes) if mask is None else _masked(x, mask, axes)
            for moving, now in ((self.moving_mean, center), (self.moving_variance, variance)):
                now = astype(reshape(now, moving.shape), moving.dtype)
                moving.assign(
                    add(multiply(moving, self.momentum), multiply(now, 1.0 - self.momentum))
                )
        else:
            center = reshape(self.moving_mean, shape)
            variance = reshape(self.moving_variance, shape)
        y = self.scaled(x, center, variance, shape)
        return y if y.dtype == inputs.dtype else astype(y, inputs.dtype)


def _masked(x: Any, mask: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Mean and variance of the steps that count."""
    weight = astype(mask, x.dtype)
    while len(weight.shape) < len(x.shape):
        weight = expand_dims(weight, -1)
    share = divide(weight, maximum(sum(multiply(weight, x * 0 + 1), axis=axes, keepdims=True), 1.0))
    center = sum(multiply(x, share), axis=axes, keepdims=True)
    return center, sum(multiply(square(subtract(x, center)), share), axis=axes, keepdims=True)


class LayerNormalization(Scaled):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each sample.

    Args:
        axis: the dimension, or the dimensions, over which mean and variance are taken.
        epsilon: added to the variance.
        center, scale: whether there are beta and gamma, of the shape of these dimensions.
        beta_initializer and the others: as in `BatchNormalization`.

    Source: Ba et al., 2016.

    >>> LayerNormalization()([[1.0, 3.0]]).numpy().round(2).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_scaling(
            list(axis) if isinstance(axis, (list, tuple)) else axis,
            epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def _axes(self, rank: int) -> tuple[int, ...]:
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        return tuple(sorted(axis % rank for axis in axes))

    def build(self, input_shape: Any) -> None:
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        for axis in axes:
            self.known(input_shape, axis)
        self.add_scaling(tuple(input_shape[axis] for axis in axes))

    def call(self, inputs: Any) -> Any:
        axes = self._axes(len(inputs.shape))
        if axes == (len(inputs.shape) - 1,):
            weights = of_row(self.gamma, inputs, ones), of_row(self.beta, inputs, zeros)
            return layer_norm(inputs, *weights, epsilon=self.epsilon)
        shape = [n if i in axes else 1 for i, n in enumerate(inputs.shape)]
        x = wide(inputs)
        y = self.scaled(x, *moments(x, axes), shape)
        return y if y.dtype == inputs.dtype else astype(y, inputs.dtype)


class GroupNormalization(Scaled):
    """Mean and variance of each sample's groups of features; gamma and beta for each feature.

    Args:
        groups: number of groups; -1 means one for each feature.
        axis: the dimension of the features.
        epsilon and the others: as in `BatchNormalization`.

    Source: Wu and He, 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_scaling(
            axis,
            epsilon,
            groups=groups,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        size = self.known(input_shape, self.axis)
        if self.groups == -1:
            self.groups = size
        if self.groups < 1 or size % self.groups:
            raise InvalidArgumentError(
                f"{self._who()}: {size} features cannot be divided into groups={self.groups}"
            )
        self.add_scaling((size,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any) -> Any:
        axis = self.axis % len(inputs.shape)
        size = inputs.shape[axis]
        split = (self.groups, size // self.groups)
        x = reshape(wide(inputs), (*inputs.shape[:axis], *split, *inputs.shape[axis + 1 :]))
        shape = [1] * len(x.shape)
        shape[axis : axis + 2] = split
        axes = tuple(i for i in range(1, len(x.shape)) if i != axis)
        y = reshape(self.scaled(x, *moments(x, axes), shape), inputs.shape)
        return y if y.dtype == inputs.dtype else astype(y, inputs.dtype)


class RMSNormalization(ElementwiseLayer):
    """scale * x / sqrt(mean(x**2) + epsilon), a normalization without subtraction.

    Source: Zhang and Sennrich, 2019.
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, axis=axis, epsilon=epsilon)

    def _axes(self) -> tuple[int, ...]:
        return (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)

    def build(self, input_shape: Any) -> None:
        axes = {axis % len(input_shape) for axis in self._axes()}
        shape = tuple(n if i in axes else 1 for i, n in enumerate(input_shape))
        if isinstance(self.axis, int):
            shape = (input_shape[self.axis],)
        self.scale = self.add_weight(shape, "ones", name="scale", autocast=False)

    def call(self, inputs: Any) -> Any:
        if self._axes() in ((-1,), (len(inputs.shape) - 1,)) and len(self.scale.shape) == 1:
            weights = self.scale, of_row(None, inputs, zeros)
            return layer_norm(inputs, *weights, epsilon=self.epsilon, centered=False)
        x = wide(inputs)
        size = mean(square(x), axis=self._axes(), keepdims=True)
        y = multiply(multiply(x, rsqrt(add(size, self.epsilon))), self.scale)
        return y if y.dtype == inputs.dtype else astype(y, inputs.dtype)


class UnitNormalization(ElementwiseLayer):
    """x divided by its Euclidean norm along `axis`.

    >>> UnitNormalization()([[3.0, 4.0]]).numpy().round(4).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, axis=axis)

    def call(self, inputs: Any) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        # A norm of 0 leaves the zeros as they are.
        squares = maximum(sum(square(inputs), axis=axis, keepdims=True), 1e-24)
        return divide(inputs, sqrt(squares))
