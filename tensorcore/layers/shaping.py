"""Layers that only rearrange their input."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.ops.repetition import tile
from tensorcore.ops.shaping import expand_dims, permute_dims, reshape


class Flatten(Layer):
    """All dimensions but the batch in one: (batch, 28, 28) becomes (batch, 784).

    >>> import tensorcore as tc
    >>> Flatten()(tc.zeros((2, 28, 28))).shape
    (2, 784)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        keep(self, data_format="channels_last")
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        if len(inputs.shape) < 3:
            return expand_dims(inputs, -1) if len(inputs.shape) == 1 else inputs
        return reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))


class Reshape(Layer):
    """The same elements in another shape.

    Args:
        target_shape: of one sample; one entry may be -1, which is then found.

    >>> import tensorcore as tc
    >>> Reshape((7, -1))(tc.zeros((2, 28))).shape
    (2, 7, 4)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if shape.count(-1) > 1:
            raise InvalidArgumentError(
                f"Reshape: target_shape may have one -1, received {target_shape!r}"
            )
        keep(self, target_shape=shape)

    def call(self, inputs: Any) -> Any:
        return reshape(inputs, (inputs.shape[0], *self._sample(tuple(inputs.shape[1:]))))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self._sample(tuple(input_shape[1:])))

    def _sample(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of one sample, with the -1 filled in where all sizes are known."""
        if None in shape:
            return tuple(None if n == -1 else n for n in self.target_shape)
        size = math.prod(shape)
        known = math.prod(n for n in self.target_shape if n != -1)
        fits = known and size % known == 0 if -1 in self.target_shape else size == known
        if not fits:
            raise ShapeError(
                f"{self._who()}: samples of shape {shape} with {size} elements cannot become "
                f"{self.target_shape}; expected a shape with as many elements, or one -1 in it"
            )
        return tuple(size // known if n == -1 else n for n in self.target_shape)


class Permute(Layer):
    """The dimensions of each sample in another order.

    Args:
        dims: for each dimension of the output which one of the input it is, counted from 1.

    >>> import tensorcore as tc
    >>> Permute((2, 1))(tc.zeros((5, 3, 4))).shape
    (5, 4, 3)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise InvalidArgumentError(
                f"Permute: dims must be the numbers 1 to {len(dims)} in some order, received "
                f"{dims!r}"
            )
        keep(self, dims=tuple(dims))
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return permute_dims(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Each sample n times in a row: (batch, features) becomes (batch, n, features).

    >>> RepeatVector(2)([[1.0, 2.0]]).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int) or n < 1:
            raise InvalidArgumentError(f"RepeatVector: n must be a positive int, received {n!r}")
        keep(self, n=n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        return tile(expand_dims(inputs, 1), (1, self.n, 1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.n, input_shape[1])


def check_channels_last(layer: Layer, data_format: str | None) -> None:
    """Refuse images that have their channels first."""
    if data_format not in (None, "channels_last"):
        raise InvalidArgumentError(
            f"{type(layer).__name__}: data_format={data_format!r} is not there; images have shape "
            "(batch, height, width, channels). Move the channels of your data with "
            "tc.moveaxis(images, 1, -1)"
        )
