"""`tf.TensorShape`: a tuple of sizes with TensorFlow's questions; an unknown size is None."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.errors import ShapeError


class TensorShape(tuple):
    """The shape of a tensor.

    >>> TensorShape([None, 3]).as_list(), TensorShape([2, 3]).num_elements()
    ([None, 3], 6)
    """

    def __new__(cls, dims: Any = ()) -> TensorShape:
        sizes = (dims,) if isinstance(dims, int) else dims
        return super().__new__(cls, tuple(None if n is None else int(n) for n in sizes))

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def ndims(self) -> int:
        return len(self)

    @property
    def dims(self) -> list[int | None]:
        return list(self)

    def as_list(self) -> list[int | None]:
        """The sizes as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """The number of elements; None if a size is unknown."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        """Whether all sizes are known."""
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Whether the known sizes agree."""
        other = TensorShape(other)
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a == b or a is None or b is None for a, b in pairs)

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise unless the known sizes agree."""
        if not self.is_compatible_with(other):
            raise ShapeError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def concatenate(self, other: Any) -> TensorShape:
        """The dimensions of this shape, then those of the other one."""
        return TensorShape((*self, *TensorShape(other)))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)
