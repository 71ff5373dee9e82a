"""Elements of data sets: nested tuples and dicts of host arrays inside, of tensors outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tensorcore.data.texts import Texts, as_bytes, is_text
from tensorcore.device import Device, to_numpy
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.tensor import Tensor, as_tensor


def map_leaves(function: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """`structure` with `function` applied to each leaf (and those of the other structures).

    Tuples and dicts are structure; a list is a value, as in TensorFlow.
    """
    if isinstance(structure, tuple):
        parts = [map_leaves(function, *each) for each in zip(structure, *others, strict=True)]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, dict):
        return {
            key: map_leaves(function, value, *(other[key] for other in others))
            for key, value in structure.items()
        }
    return function(structure, *others)


def leaves_of(structure: Any) -> Iterator[Any]:
    """The leaves of a structure, in order."""
    if isinstance(structure, tuple):
        for part in structure:
            yield from leaves_of(part)
    elif isinstance(structure, dict):
        for part in structure.values():
            yield from leaves_of(part)
    else:
        yield structure


def host(value: Any) -> Any:
    """What a program gives (tensors, lists, tables, texts) as a structure of host arrays.

    Python numbers become int32 and float32.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OUS":
        return np.asarray(value)  # also what lies in a file that is mapped into memory
    if isinstance(value, Tensor):
        return to_numpy(value.device.copy(value.data) if value.is_shared else value.data)
    if isinstance(value, tuple):
        return map_leaves(host, value)
    if isinstance(value, Mapping):
        return {key: host(part) for key, part in value.items()}
    if isinstance(value, Texts):
        return value.data
    if hasattr(value, "element_spec"):  # a data set inside a data set
        return value
    if hasattr(value, "to_numpy"):  # a column or a table of pandas
        value = value.to_numpy()
    if is_text(value):
        return as_bytes(value)
    if hasattr(value, "__tensor__") or not isinstance(value, np.ndarray):
        return to_numpy(as_tensor(value, device=_cpu()).data)
    raise InvalidArgumentError(
        f"an array of Python objects cannot be an element of a data set: {value!r:.80}. Rows of "
        "different lengths come from Dataset.from_generator, or are padded first"
    )


def _cpu() -> Device:
    from tensorcore.device import CPU

    return CPU


def tensors(structure: Any, device: Device) -> Any:
    """A structure of host arrays as tensors on a device; texts as `Texts`."""
    return map_leaves(lambda array: tensor_of(array, device), structure)


def tensor_of(array: Any, device: Device) -> Any:
    """One host array as a tensor; texts as `Texts`, data sets as they are."""
    if not isinstance(array, (np.ndarray, np.generic)):
        return array
    return Texts(array) if array.dtype.kind == "O" else as_tensor(array, device=device)


def stacked(elements: Sequence[Any]) -> Any:
    """Elements of one structure side by side, along a new first dimension."""
    first = elements[0]
    if type(first) is np.ndarray:
        return _stack(elements, 0)
    columns = zip(*(list(leaves_of(element)) for element in elements), strict=True)
    made = iter([_stack(column, number) for number, column in enumerate(columns)])
    return map_leaves(lambda _: next(made), first)


def _stack(arrays: Sequence[Any], component: int) -> Any:
    shape = arrays[0].shape
    for number, array in enumerate(arrays):
        if array.shape != shape:
            raise ShapeError(
                f"Cannot batch tensors with different shapes in component {component}. First "
                f"element had shape {list(shape)} and element {number} had shape "
                f"{list(array.shape)}. Pad them with padded_batch"
            )
    return np.stack(arrays)


def joined(blocks: Sequence[Any]) -> Any:
    """Blocks of rows one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    return map_leaves(lambda *parts: np.concatenate(parts), *blocks)
