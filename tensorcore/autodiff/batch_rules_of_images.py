"""How convolution and pooling treat batches of images, (examples, N, H, W, C), for `vmap`.

All examples together are one batch of images; where their filters differ, they are groups of
channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcore.ops.record import Op
from tensorcore.ops.shaping import moveaxis, reshape

if TYPE_CHECKING:
    from tensorcore.autodiff.batching import Batch


def _images(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations on images alone: pooling."""
    folded = [_fold_images(batch.whole(value)) for value in values]
    return _unfold_images(batch, op(*folded, **_more_images(batch, attrs)))


def _fold_images(x: Any) -> Any:
    return reshape(x, (-1 if x.size else x.shape[0] * x.shape[1], *x.shape[2:]))


def _unfold_images(batch: Batch, y: Any) -> Any:
    return reshape(y, (batch.size, y.shape[0] // batch.size, *y.shape[1:]))


def _more_images(batch: Batch, attrs: Any) -> Any:
    if "input_shape" not in attrs:
        return attrs
    count, *rest = attrs["input_shape"]
    return {**attrs, "input_shape": (count * batch.size, *rest)}


def _fold_channels(x: Any) -> Any:
    """(examples, ..., C) as (..., examples * C)."""
    x = moveaxis(x, 0, -2)
    return reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))


def _unfold_channels(batch: Batch, y: Any) -> Any:
    split = reshape(y, (*y.shape[:-1], batch.size, y.shape[-1] // batch.size))
    return moveaxis(split, -2, 0)


def _more_channels(batch: Batch, attrs: Any) -> Any:
    changed = {**attrs, "groups": attrs["groups"] * batch.size}
    for name in ("input_shape", "filter_shape"):
        if name in attrs:
            *rest, channels = attrs[name]
            changed[name] = (*rest, channels * batch.size)
    return changed


def _convolved(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    images, filters = values
    if not batch.holds(filters):
        result = op(_fold_images(images.whole), filters, **_more_images(batch, attrs))
        return _unfold_images(batch, result)
    return _convolved_apart(batch, op, values, inputs, attrs)


def _convolved_apart(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """Every example has its own filters: a convolution in groups."""
    folded = [_fold_channels(batch.whole(value)) for value in values]
    return _unfold_channels(batch, op(*folded, **_more_channels(batch, attrs)))


IMAGE_RULES: dict[str, Callable[..., Any]] = {
    "conv2d": _convolved,
    "conv2d_input_gradient": _convolved,
    "conv2d_filter_gradient": _convolved_apart,
    "max_pool2d": _images,
    "max_pool2d_gradient": _images,
    "max_pool2d_gather": _images,
    "avg_pool2d": _images,
    "avg_pool2d_gradient": _images,
}
