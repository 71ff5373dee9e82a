"""Layers that make one tensor of several; each is there as a function too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.ops import arithmetic, joining, reductions
from tensorcore.ops.creation import ones
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import logical_or
from tensorcore.ops.shaping import broadcast_to, expand_dims, moveaxis, reshape


class Merge(Layer):
    """Base of layers that are called on a list of tensors of one shape."""

    supports_masking = True
    least = 1
    most: int | None = None

    def _check_list(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < self.least:
            raise ArgumentTypeError(
                f"{self._who()}: expected a list of tensors, such as layer([a, b]), received "
                f"{type(inputs).__name__}"
            )
        if self.most is not None and len(inputs) > self.most:
            raise InvalidArgumentError(
                f"{self._who()}: expected {self.most} inputs, received {len(inputs)}"
            )

    def build(self, input_shape: Any) -> None:
        self._check_shapes(input_shape)

    def _check_shapes(self, shapes: Any) -> None:
        if not isinstance(shapes, list) and not isinstance(shapes[0], (list, tuple)):
            raise ArgumentTypeError(
                f"{self._who()}: expected a list of tensors, such as layer([a, b]), received one "
                f"tensor of shape {tuple(shapes)}"
            )
        self.compute_output_shape(list(shapes))

    def combine(self, inputs: Sequence[Any]) -> Any:
        """The result for tensors of one rank."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        self._check_list(inputs)
        rank = max(len(x.shape) for x in inputs)
        return self.combine([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> Any:
        rank = max(len(shape) for shape in input_shape)
        shapes = [(s[0], *(1,) * (rank - len(s)), *s[1:]) for s in input_shape]
        try:
            return tuple(functools.reduce(_met, sizes) for sizes in zip(*shapes, strict=True))
        except ValueError:
            raise ShapeError(
                f"{self._who()}: inputs of shapes {[tuple(s) for s in input_shape]} do not fit "
                "each other; expected equal shapes"
            ) from None

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or any(one is None for one in mask):
            return None
        return functools.reduce(logical_or, mask)


def _with_rank(x: Any, rank: int) -> Any:
    while len(x.shape) < rank:
        x = expand_dims(x, 1)
    return x


def _met(first: Any, second: Any) -> Any:
    """The size that two sizes broadcast to."""
    if first == 1 or second == 1:
        return second if first == 1 else first
    if first is None or second is None:
        return second if first is None else first
    if first != second:
        raise ValueError
    return first


def _folded(operation: Callable[[Any, Any], Any]) -> Any:
    return lambda self, inputs: functools.reduce(operation, inputs)


class Add(Merge):
    """The sum of the inputs.

    >>> import tensorcore as tc
    >>> Add()([tc.asarray([1.0]), tc.asarray([2.0])]).tolist()
    [3.0]
    """

    combine = _folded(arithmetic.add)


class Subtract(Merge):
    """The first of two inputs minus the second."""

    least = most = 2
    combine = _folded(arithmetic.subtract)


class Multiply(Merge):
    """The product of the inputs, element by element."""

    combine = _folded(arithmetic.multiply)


class Average(Merge):
    """The mean of the inputs, element by element."""

    def combine(self, inputs: Sequence[Any]) -> Any:
        return arithmetic.multiply(functools.reduce(arithmetic.add, inputs), 1.0 / len(inputs))


class Maximum(Merge):
    """The greatest of the inputs, element by element."""

    combine = _folded(arithmetic.maximum)


class Minimum(Merge):
    """The least of the inputs, element by element."""

    combine = _folded(arithmetic.minimum)


class Concatenate(Merge):
    """The inputs one after the other along a dimension.

    Args:
        axis: the dimension; all others have to be equal.

    >>> import tensorcore as tc
    >>> Concatenate()([tc.zeros((2, 3)), tc.zeros((2, 4))]).shape
    (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, axis=axis)

    def call(self, inputs: Any) -> Any:
        self._check_list(inputs)
        return joining.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = [list(shape) for shape in input_shape]
        axis = self.axis % len(shapes[0])
        total: int | None = 0
        for shape in shapes:
            size = shape[axis] if axis < len(shape) else None
            total = None if size is None or total is None else total + size
        found = []
        for i in range(len(shapes[0])):
            known = {s[i] for s in shapes if i < len(s) and s[i] is not None}
            if (i != axis and len(known) > 1) or any(len(s) != len(shapes[0]) for s in shapes):
                raise ShapeError(
                    f"{self._who()}: inputs of shapes {[tuple(s) for s in shapes]} do not fit; "
                    f"expected equal sizes in all dimensions but axis={self.axis}"
                )
            found.append(total if i == axis else next(iter(known), None))
        return tuple(found)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or all(one is None for one in mask):
            return None
        masks = []
        for x, one in zip(inputs, mask, strict=True):
            if one is None:
                one = ones(x.shape[:-1], dtype="bool", device=x.device)
            if len(one.shape) < len(x.shape):
                one = broadcast_to(expand_dims(one, -1), x.shape)
            masks.append(one)
        return reductions.all(joining.concatenate(masks, axis=self.axis), axis=-1)


class Dot(Merge):
    """The products of two inputs, summed over one dimension of each, sample by sample.

    Args:
        axes: the dimension, or one of each input; counted with the batch as 0.
        normalize: scale to length 1 along it first, so that the result is the cosine.

    >>> import tensorcore as tc
    >>> Dot(axes=1)([tc.ones((2, 3)), tc.ones((2, 3))]).tolist()
    [[3.0], [3.0]]
    """

    least = most = 2

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        good = isinstance(axes, int) or (
            isinstance(axes, (list, tuple))
            and len(axes) == 2
            and all(isinstance(axis, int) for axis in axes)
        )
        if not good:
            raise InvalidArgumentError(f"Dot: axes must be an int or two ints, received {axes!r}")
        keep(self, axes=axes, normalize=normalize)

    def _axes(self, shapes: Any) -> list[int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return [axis % len(shape) for axis, shape in zip(axes, shapes, strict=True)]

    def call(self, inputs: Any) -> Any:
        self._check_list(inputs)
        axes = self._axes([x.shape for x in inputs])
        if self.normalize:
            inputs = [_unit(x, axis) for x, axis in zip(inputs, axes, strict=True)]
        first = moveaxis(inputs[0], axes[0], -1)
        second = moveaxis(inputs[1], axes[1], 1)
        shape = self.compute_output_shape([x.shape for x in inputs])
        # (batch, all else, summed) times (batch, summed, all else)
        size = first.shape[-1]
        rows = int(np.prod(first.shape[1:-1]))
        columns = int(np.prod(second.shape[2:]))
        first = reshape(first, (first.shape[0], rows, size))
        second = reshape(second, (second.shape[0], size, columns))
        return reshape(matmul(first, second), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = self._axes(input_shape)
        first, second = (list(shape) for shape in input_shape)
        sizes = (first.pop(axes[0]), second.pop(axes[1]))
        if None not in sizes and sizes[0] != sizes[1]:
            raise ShapeError(
                f"{self._who()}: expected equal sizes in dimensions {axes} of inputs of shapes "
                f"{[tuple(s) for s in input_shape]}"
            )
        shape = (*first, *second[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


def _unit(x: Any, axis: int) -> Any:
    return arithmetic.divide(
        x,
        sqrt(
            arithmetic.maximum(
                reductions.sum(arithmetic.square(x), axis=axis, keepdims=True), 1e-24
            )
        ),
    )


def _as_function(layer: type[Merge]) -> Callable[..., Any]:
    def merged(inputs: Any, **options: Any) -> Any:
        return layer(**options)(inputs)

    merged.__name__ = merged.__qualname__ = layer.__name__.lower()
    merged.__doc__ = f"`{layer.__name__}(**options)(inputs)`."
    return merged


add = _as_function(Add)
average = _as_function(Average)
concatenate = _as_function(Concatenate)
dot = _as_function(Dot)
maximum = _as_function(Maximum)
minimum = _as_function(Minimum)
multiply = _as_function(Multiply)
subtract = _as_function(Subtract)
