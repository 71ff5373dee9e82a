"""The weights of a recurrent layer as cuDNN keeps them: all in one space.

Gate by gate lie the input matrices, each (units, features), then the recurrent ones, (units,
units), then biases.  Where each begins is asked, and the gates of a block must follow each other,
as they do, so that a block is copied at once.  Keras's matrices are (features, gates units).
"""

from __future__ import annotations

import ctypes
import math
from typing import Any, NamedTuple

import cupy
from tensorcore.kernels.cuda import cudnn

_ITEMSIZE = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


class Gates(NamedTuple):
    """How many gates and biases there are, and whether Keras has the first two the other way."""

    number: int
    biases: int
    are_swapped: bool

    @property
    def order(self) -> list[tuple[slice, slice]]:
        """Slices of the library's gates, and of Keras's that belong there."""
        if not self.are_swapped:
            return [(slice(None), slice(None))]
        return [(slice(0, 2), slice(1, None, -1)), (slice(2, None), slice(2, None))]


class WeightSpace:
    """Packs Keras's weights into a space, and gradients out of one."""

    def __init__(
        self, layer: cudnn.Descriptor, gates: Gates, dtype: str, features: int, units: int
    ) -> None:
        self._layer = layer
        self._gates = gates
        self._units = units
        self._itemsize = _ITEMSIZE[dtype]
        (self._nbytes,) = cudnn.sizes("cudnnGetRNNWeightSpaceSize", layer)
        self._blocks = self._found(features)

    def packed(self, kernel: Any, recurrent: Any, bias: Any) -> Any:
        """A new space with these weights."""
        space = cupy.zeros(self._nbytes // self._itemsize, kernel.dtype)
        ours = self._by_gates(*map(cupy.ascontiguousarray, (kernel, recurrent, bias)))
        for block, weights in zip(self._views(space), ours, strict=True):
            for there, here in self._gates.order:
                block[there] = weights[here]
        return space

    def unpacked(self, space: Any, *like: Any) -> list[Any]:
        """What lies in a space, as new arrays like kernel, recurrent kernel and bias."""
        found = [cupy.empty(weights.shape, weights.dtype) for weights in like]
        for block, weights in zip(self._views(space), self._by_gates(*found), strict=True):
            for there, here in self._gates.order:
                weights[here] = block[there]
        return found

    def _by_gates(self, kernel: Any, recurrent: Any, bias: Any) -> list[Any]:
        """Views of Keras's weights, matrices as (gates, units, features)."""
        count, units = self._gates.number, self._units
        matrices = [w.reshape(len(w), count, units).transpose(1, 2, 0) for w in (kernel, recurrent)]
        return matrices + list(bias.reshape(self._gates.biases, count, units))

    def _views(self, space: Any) -> list[Any]:
        """The blocks of a space, in the order of `_by_gates`."""
        return [
            space[start : start + math.prod(shape)].reshape(shape) for start, shape in self._blocks
        ]

    def _found(self, features: int) -> list[tuple[int, tuple[int, ...]]]:
        """Where each block begins, in elements, and its shape."""
        count, units = self._gates.number, self._units
        space = cupy.empty(self._nbytes, cupy.uint8)
        sides = [self._places(space, side * count) for side in range(2)]
        shapes = [(count, units, features), (count, units, units)]
        blocks = [_block(places, shape) for (places, _), shape in zip(sides, shapes, strict=True)]
        biases = [places for _, places in sides[: self._gates.biases]]
        return blocks + [_block(places, (count, units)) for places in biases]

    def _places(self, space: Any, first: int) -> tuple[list[int], list[int]]:
        """Where the matrices and the biases of the gates from number `first` on begin."""
        matrices, biases = [], []
        for number in range(first, first + self._gates.number):
            described = cudnn.Descriptor("Tensor"), cudnn.Descriptor("Tensor")
            matrix, bias = ctypes.c_void_p(), ctypes.c_void_p()
            cudnn.call(
                "cudnnGetRNNWeightParams",
                cudnn.handle(),
                self._layer,
                0,
                self._nbytes,
                space.data.ptr,
                number,
                described[0],
                ctypes.byref(matrix),
                described[1],
                ctypes.byref(bias),
            )
            for pointer, places in ((matrix, matrices), (bias, biases)):
                places.append(((pointer.value or 0) - space.data.ptr) // self._itemsize)
        return matrices, biases


def _block(places: list[int], shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    step = math.prod(shape[1:])
    if places != [places[0] + gate * step for gate in range(shape[0])]:
        raise cudnn.CudnnError("cudnnGetRNNWeightParams", cudnn.CUDNN_STATUS_NOT_SUPPORTED)
    return places[0], shape
