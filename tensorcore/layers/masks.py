"""Masks: which steps of a sequence count, carried along with the tensors that layers pass on.

A mask is a boolean tensor, True where the step counts.  It belongs to one tensor object, and goes
when the tensor goes.
"""

from __future__ import annotations

import weakref
from typing import Any

from tensorcore.layers.context import context
from tensorcore.layers.structure import map_structure

_masks: dict[int, tuple[Any, Any]] = {}  # id of a tensor -> (reference to it, mask)


def set_mask(tensor: Any, mask: Any) -> None:
    """Say which parts of the tensor count; None forgets it."""
    key = id(tensor)
    if mask is None:
        _masks.pop(key, None)
        return
    context.masked = True
    _masks[key] = (weakref.ref(tensor, lambda _: _masks.pop(key, None)), mask)


def mask_of(tensor: Any) -> Any:
    """The mask of the tensor; None without one."""
    reference, mask = _masks.get(id(tensor), (None, None))
    return mask if reference is not None and reference() is tensor else None


def masks_of(structure: Any) -> Any:
    """The masks of nested tensors, in the same nesting; None if none has one."""
    found: list[Any] = []

    def one(tensor: Any) -> Any:
        mask = mask_of(tensor)
        if mask is not None:
            found.append(mask)
        return mask

    masks = map_structure(one, structure)
    return masks if found else None


def set_masks(outputs: Any, masks: Any) -> None:
    """Give the outputs of a layer, one or several, the masks that belong to them."""
    if isinstance(outputs, (list, tuple)):
        several = masks if isinstance(masks, (list, tuple)) else [masks] * len(outputs)
        for output, mask in zip(outputs, several, strict=False):
            set_masks(output, mask)
    elif hasattr(outputs, "shape"):
        set_mask(outputs, masks)
