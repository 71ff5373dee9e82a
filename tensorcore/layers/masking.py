"""The mask of sequences that are padded with a value."""

from __future__ import annotations

from typing import Any

from tensorcore.layers.activation import ElementwiseLayer
from tensorcore.layers.options import keep
from tensorcore.ops import reductions
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.logical import not_equal
from tensorcore.ops.transfer import astype


class Masking(ElementwiseLayer):
    """Steps whose features all equal `mask_value` do not count in the layers that follow.

    Args:
        mask_value: the value that sequences are filled up with.

    Input: shape (batch, steps, features).  Output: the same, with zeros in the steps that do not
    count, and a mask.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, mask_value=mask_value)
        self._careful = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return reductions.any(not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        kept = reductions.any(not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return multiply(inputs, astype(kept, inputs.dtype))
