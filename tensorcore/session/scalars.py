"""Results of a session on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.tensor import Tensor


def host_value(value: Any) -> Any:
    """A tensor as a NumPy array, without dimensions as a NumPy scalar."""
    array = value.numpy() if isinstance(value, Tensor) else value
    if not isinstance(array, np.ndarray) or array.ndim:
        return array
    scalar = array[()]
    kind = _PLAIN.get(array.dtype)
    return scalar if kind is None else kind(scalar)


def _plain(kind: type) -> type:
    """The scalar type with the `repr` of a number.

    Lists of results are printed all the time, and programs of this era expect [2, 3] from
    `print(sess.run([a, b]))`, not NumPy 2's [np.int32(2), np.int32(3)].
    """

    def shown(self: Any) -> str:
        return str(self)

    def reduced(self: Any) -> Any:
        return kind, (self.item(),)

    names = {"__repr__": shown, "__reduce__": reduced, "__slots__": (), "__module__": "numpy"}
    return type(kind.__name__, (kind,), names)


_PLAIN = {
    np.dtype(kind): _plain(kind)
    for kind in (
        *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
        *(np.float16, np.float32, np.float64),
    )
}
