"""Arguments of layers that slide a window over images or sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.kernels.windows import output_size
from tensorcore.layers.base import Layer
from tensorcore.ops.shaping import expand_dims, squeeze

_DIMENSIONS = {1: "(steps, channels)", 2: "(height, width, channels)"}


def sizes(layer: Layer, argument: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """`rank` whole numbers from as many, or from one that stands for all."""
    whole = (int, np.integer)
    values = (value,) * rank if isinstance(value, whole) else value
    good = isinstance(values, (tuple, list)) and len(values) == rank
    if not good or not all(
        isinstance(v, whole) and not isinstance(v, bool) and v >= least for v in values
    ):
        kind = "positive int" if least else "int from 0 on"
        many = "" if rank == 1 else f" or {rank} of them"
        raise InvalidArgumentError(
            f"{type(layer).__name__}: {argument} must be a {kind}{many}, received {value!r}"
        )
    return tuple(int(v) for v in values)


def borders(layer: Layer, argument: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """For each dimension how many cells before and after, from an int, ints, or pairs of ints."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if rank == 1 and len(values) == 2:
        values = (values,)
    if len(values) != rank:
        raise InvalidArgumentError(
            f"{type(layer).__name__}: {argument} must be an int or {rank} ints or pairs of ints, "
            f"received {value!r}"
        )
    return tuple(sizes(layer, argument, v, 2, 0) for v in values)  # type: ignore[misc]


def window_padding(layer: Layer, padding: Any, known: tuple[str, ...] = ("valid", "same")) -> str:
    """ "valid" or "same", in lower case."""
    if not isinstance(padding, str) or padding.lower() not in known:
        words = " or ".join(f'"{word}"' for word in known)
        raise InvalidArgumentError(
            f"{type(layer).__name__}: padding must be {words}, received {padding!r}"
        )
    return padding.lower()


def window_shape(
    layer: Layer, shape: Any, window: Any, strides: Any, dilation: Any, padding: str
) -> tuple[int | None, ...]:
    """The sizes that remain after sliding a window over inputs of `shape`, channels last."""
    found: list[int | None] = []
    for axis, size in enumerate(shape[1:-1]):
        if size is not None:
            rule = "SAME" if padding in ("same", "causal") else "VALID"
            size = output_size(size, window[axis], strides[axis], dilation[axis], rule, axis)
            if size <= 0:
                raise ShapeError(
                    f'{type(layer).__name__} "{layer.name}": a window of {window} does not fit '
                    f"into its input of shape {tuple(shape)}; use a smaller window or "
                    "padding='same'"
                )
        found.append(size)
    return tuple(found)


def channels_hint(shape: Any, rank: int) -> str:
    """What to do about inputs that have no dimension of channels."""
    if len(shape) != rank + 1:
        return ""
    return (
        f". Each sample must have shape {_DIMENSIONS[rank]}: add the channels to your data with "
        "x[..., None]"
    )


def flat(values: tuple[int, ...]) -> Any:
    """Sizes of a sequence as those of an image of height 1; sizes of images as they are."""
    return (1, *values) if len(values) == 1 else values


def as_image(x: Any, rank: int) -> Any:
    """Sequences (batch, steps, channels) as images (batch, 1, steps, channels)."""
    return expand_dims(x, 1) if rank == 1 else x


def from_image(x: Any, rank: int) -> Any:
    """The same the other way round."""
    return squeeze(x, 1) if rank == 1 else x


def as_filters(kernel: Any, rank: int) -> Any:
    """Filters of sequences as filters of images."""
    return expand_dims(kernel, 0) if rank == 1 else kernel
