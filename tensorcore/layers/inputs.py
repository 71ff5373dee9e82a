"""The shape of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.graph.deferred import Node, placeholder
from tensorcore.graph.function import Leaf
from tensorcore.graph.symbol import OpenSymbol
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
        sparse: bool = False,
        ragged: bool = False,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
        if sparse or ragged or optional:
            raise InvalidArgumentError("InputLayer: sparse, ragged and optional are not there")
        if shape is None:
            shape = kwargs.pop("input_shape", None)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)  # its name in Keras 2
        if shape is None and batch_shape is None:
            raise ArgumentTypeError(
                "Input: expected shape=(...) of one sample, or batch_shape=(None, ...)"
            )
        super().__init__(name=name or None, dtype=dtype, **kwargs)
        if batch_shape is None:
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self._batch_shape = self.batch_shape = tuple(batch_shape)
        self.built = True

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        if not inputs:  # replayed without a value
            raise InvalidArgumentError(
                f'the input "{self.name}" of shape {self.batch_shape} has no value: give one for '
                "each input that the result needs"
            )
        return super().__call__(*inputs, **kwargs)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    @property
    def output(self) -> Any:
        """The symbolic tensor that stands for the input."""
        if not self._inbound_nodes:
            symbol = placeholder(self.batch_shape, self.dtype, self.name)
            symbol.node = Node(self, (), {})
            symbol.node.outputs = (symbol,)
            symbol.node.returns = Leaf(0)
            self._inbound_nodes.append(symbol.node)
        return self._inbound_nodes[0].outputs[0]

    input = output

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype.name,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }

    def get_build_config(self) -> None:
        return None


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: Any = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
    **kwargs: Any,
) -> OpenSymbol:
    """A symbolic tensor: what a model is called on, to say how its output is computed.

    Args:
        shape: of one sample, None where it varies.
        batch_size: number of samples, if it is fixed.
        dtype: of the input; float32 if None.
        batch_shape: batch_size and shape in one.
        name: of the input, for models that take a dict.
        tensor: a symbolic tensor to use instead.
        sparse, optional: must not be set.

    >>> Input(shape=(28, 28)).shape
    (None, 28, 28)
    """
    if sparse or optional:
        raise InvalidArgumentError(
            "Input: sparse and optional inputs are not there; leave sparse and optional out"
        )
    if tensor is not None:
        return tensor
    return InputLayer(shape, batch_size, dtype, batch_shape, name, **kwargs).output


def input_layer_of(value: Any) -> InputLayer | None:
    """The InputLayer that a symbolic tensor comes from; None for any other value."""
    node = getattr(value, "node", None)
    layer = getattr(node, "function", None)
    return layer if isinstance(layer, InputLayer) else None
