"""A dense layer over any dimensions, in Einstein's notation."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import add_kernel, keep
from tensorcore.ops.arithmetic import add
from tensorcore.ops.linear import einsum


class EinsumDense(Layer):
    """activation(einsum(equation, x, kernel) + bias).

    Args:
        equation: such as "abc,cd->abd": labels of the input, of the kernel, of the output.
        output_shape: sizes of the output without the batch, None where they vary; or the last one.
        activation: name or function.
        bias_axes: labels of the output that have a bias; None means no bias.
        kernel_initializer and the others: as in `Dense`.

    >>> import tensorcore as tc
    >>> EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")(tc.ones((2, 3, 4))).shape
    (2, 3, 5)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        parts = equation.replace(" ", "").replace("->", ",").split(",")
        if "->" not in equation or len(parts) != 3:
            raise InvalidArgumentError(
                'EinsumDense: equation must look like "ab,bc->ac", with one input and the kernel, '
                f"received {equation!r}"
            )
        self._labels = parts
        shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.partial_output_shape = shape
        keep(
            self,
            equation=equation,
            activation=activation,
            bias_axes=bias_axes,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self.partial_output_shape}

    def _sizes(self, input_shape: Any) -> dict[str, Any]:
        """The size of each label, as far as they are known."""
        inputs, kernel, output = (labels.replace("...", "") for labels in self._labels)
        # With "..." only the labels after it have a place; they are counted from the end.
        sizes = dict(zip(reversed(inputs), reversed(tuple(input_shape)), strict=False))
        given = zip(reversed(output), reversed(self.partial_output_shape), strict=False)
        for label, size in given:
            if sizes.get(label) is None:
                sizes[label] = size
        for label in kernel:
            if sizes.get(label) is None:
                raise InvalidArgumentError(
                    f"{self._who()}: the size of {label!r} in {self.equation!r} is not known from "
                    f"the input's shape {tuple(input_shape)} and output_shape="
                    f"{self.partial_output_shape}"
                )
        return sizes

    def build(self, input_shape: Any) -> None:
        sizes = self._sizes(input_shape)
        self.kernel = add_kernel(self, tuple(sizes[label] for label in self._labels[1]))
        self.bias = None
        if self.bias_axes:
            output = self._labels[2].replace("...", "")
            first = min(output.index(label) for label in self.bias_axes)
            shape = [sizes[o] if o in self.bias_axes else 1 for o in output[first:]]
            self.bias = add_kernel(self, tuple(shape), "bias")

    def call(self, inputs: Any) -> Any:
        y = einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else add(y, self.bias))
