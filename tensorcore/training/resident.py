"""Data that stays on the GPU while `fit`, `evaluate` or `predict` run.

A batch gathered on the host and copied takes longer than a small model's step.  So arrays that are
small beside the free memory are copied once, and a step is told the numbers of its rows.  Tensors
that are on that GPU already are not copied to it at all.  The copies are given back at the end of
the call, as arrays may change between calls, and wherever memory runs out; then batches come from
the host again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorcore import memory
from tensorcore.device import CPU, Device, device_of
from tensorcore.errors import OutOfMemoryError
from tensorcore.training.batches import RowBatches
from tensorcore.training.handed import NUMBERS

# The arrays may take this share of the memory that is free when the first traced step runs: the
# graphs of other steps (the last batch, validation) have still to find theirs.
SHARE = 0.25


class Resident:
    """The arrays of some batches on a GPU, brought there when the first plan wants their rows."""

    def __init__(self, source: RowBatches, device: Device) -> None:
        self._source = source
        self._device = device
        self._arrays: list[Any] | None = None
        self._is_tried = False
        self._arguments: Any = None  # of the plan that was looked at last, and whether they fit
        self._fits = False

    def arrays(self, plan: Any) -> Sequence[Any] | None:
        """The arrays whose rows the plan's arguments are; None where the host has to give them."""
        if not self._is_tried:
            self._is_tried = True
            self._bring(plan)
        if self._arrays is None:
            return None
        if plan.arguments is not self._arguments:
            self._arguments = plan.arguments
            self._fits = plan.device is self._device and _are_rows(self._arrays, plan.arguments)
        return self._arrays if self._fits else None

    def _bring(self, plan: Any) -> None:
        arrays, places = self._source.arrays(), plan.arguments
        if plan.device is not self._device or not _can_be_rows(arrays, places):
            return
        # An array that is given twice (x to be learned from x) is brought once.
        found = {(id(a), p.dtype): self._there(a, p.dtype) for a, p in zip(arrays, places)}
        missing = {(id(a), p.dtype): a for a, p in zip(arrays, places)}
        missing = {key: array for key, array in missing.items() if found[key] is None}
        wanted = sum(array.size * dtype.itemsize for (_, dtype), array in missing.items())
        if missing and wanted > SHARE * memory.free_for_arrays(self._device):
            return
        try:
            for (number, dtype), array in missing.items():
                found[number, dtype] = self._device.brought(array, dtype)
        except OutOfMemoryError:
            return
        self._arrays = [found[id(a), p.dtype] for a, p in zip(arrays, places)]
        memory.spares.add(self)

    def _there(self, array: Any, dtype: Any) -> Any:
        """The array of the GPU that the user gave in a tensor, if its rows lie as they should."""
        found = self._source.elsewhere.get(id(array))
        if found is None or found.dtype != dtype or not found.flags.c_contiguous:
            return None
        return found if device_of(found) is self._device else None

    def give_up(self, device: Device) -> None:
        """Let go of memory of this device; batches come from the host from now on."""
        if device is self._device:
            self._arrays = None


def _can_be_rows(arrays: Sequence[Any], places: Sequence[Any]) -> bool:
    """Whether the host's arrays can be brought in the dtypes of places that get their rows."""
    return _are_like(arrays, places) and all(
        array.dtype == place.dtype or array.dtype.kind in NUMBERS
        for array, place in zip(arrays, places)
    )


def _are_rows(arrays: Sequence[Any], places: Sequence[Any]) -> bool:
    """Whether the places can get rows of the arrays as they are."""
    return _are_like(arrays, places) and all(
        array.dtype == place.dtype for array, place in zip(arrays, places)
    )


def _are_like(arrays: Sequence[Any], places: Sequence[Any]) -> bool:
    """Whether rows of the arrays have the places' shapes, of which there is one or more."""
    return 0 < len(arrays) == len(places) and all(
        place.ndim > 0 and array.shape[1:] == place.shape[1:] and len(place) > 0
        for array, place in zip(arrays, places)
    )


@contextmanager
def staying(model: Any, source: Any, steps: int | None, passes: int = 1) -> Iterator[None]:
    """A context in which the arrays of the batches may stay on the model's GPU.

    Nothing is brought for less than one pass over the rows, or for a single step.

    Args:
        model: says which GPU.
        source: the batches; only those of rows have arrays.
        steps: of a pass; None means all.
        passes: how many there will be.
    """
    if (
        not isinstance(source, RowBatches)
        or model.device is CPU
        or not _pays(source, steps, passes)
    ):
        yield
        return
    resident = source.resident = Resident(source, model.device)
    try:
        yield
    finally:
        source.resident = None
        resident.give_up(model.device)


def _pays(source: Any, steps: int | None, passes: int) -> bool:
    wanted = (steps or source.steps or 0) * passes
    return wanted > 1 and wanted * source.batch_size >= len(source.arrays()[0])
