"""Texts on their way into a model: the layer that reads them says which numbers they become.

Texts live on the host, steps are traced on tensors.  So a layer that takes texts has a method
`numbers_of_texts(texts) -> array of whole numbers`, which is called before the step; its `call`
sees the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore.errors import DTypeError, ShapeError


def is_text(value: Any) -> bool:
    """Whether the value is an array of texts, of NumPy or of `tensorcore.data`."""
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        return dtype.kind in "OSU"
    return getattr(dtype, "name", None) == "string" or isinstance(value, (str, bytes))


def numbers_of_texts(layer: Any, texts: Any) -> Any:
    """The numbers that the layer, or the first one inside it that reads texts, makes of them."""
    read: Callable[[Any], Any] | None = next(
        (
            part.numbers_of_texts
            for part in layer._flatten_layers()
            if hasattr(part, "numbers_of_texts")
        ),
        None,
    )
    if read is None:
        _refuse_objects(layer, texts)
        raise DTypeError(
            f"{type(layer).__name__} {layer.name!r} received texts, and none of its layers reads "
            "texts; turn them into numbers first, or begin with hub.KerasLayer(folder)"
        )
    return read(texts)


def _refuse_objects(layer: Any, values: Any) -> None:
    """Arrays of Python objects that are no texts: say what the objects are, and the remedy."""
    if getattr(values, "dtype", None) != np.dtype(object) or not values.size:
        return
    first = values.flat[0]
    if isinstance(first, (str, bytes)):
        return
    if isinstance(first, (list, tuple, np.ndarray)):
        raise ShapeError(
            f"{type(layer).__name__} {layer.name!r} received an array of lists, one of "
            f"{len(first)} elements; expected rows of one length: x = "
            "keras.utils.pad_sequences(x, maxlen=...)"
        )
    raise DTypeError(
        f"{type(layer).__name__} {layer.name!r} received an array of Python objects, one of them "
        f'{first!r}; expected numbers: x = x.astype("float32")'
    )
