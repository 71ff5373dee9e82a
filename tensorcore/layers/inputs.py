"""The shape of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.layers.base import Layer


class InputLayer(Layer):
    """Says which inputs a Sequential model gets, so that its weights can be made at once.

    Args:
        shape: of one sample, None where it varies.
        batch_size: number of samples, if it is fixed.
        dtype: of the inputs.
        batch_shape: batch_size and shape in one.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if shape is None:
            shape = kwargs.pop("input_shape", None)
        if shape is None and batch_shape is None:
            raise ArgumentTypeError(
                "Input: expected shape=(...) of one sample, or batch_shape=(None, ...)"
            )
        super().__init__(name=name or None, dtype=dtype, **kwargs)
        if batch_shape is None:
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self._batch_shape = self.batch_shape = tuple(batch_shape)
        self.built = True

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of a batch of inputs."""
        return self.batch_shape

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.dtype.name, "name": self.name}


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
    **kwargs: Any,
) -> InputLayer:
    """The shape of a model's input, as first element of a Sequential model.

    >>> Input(shape=(28, 28)).shape
    (None, 28, 28)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name, **kwargs)
