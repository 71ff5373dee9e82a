"""Shapes of which parts may be unknown, as programs of TensorFlow 1 ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tensorcore.errors import InvalidArgumentError


class Dimension(int):
    """A known size: an int that also has the `value` such programs read."""

    @property
    def value(self) -> int:
        return int(self)


class UnknownDimension:
    """A size that only a run will tell; its `value` is None."""

    value = None

    def __eq__(self, other: Any) -> bool:
        return other is None or isinstance(other, UnknownDimension)

    def __hash__(self) -> int:
        return hash(None)

    def __bool__(self) -> bool:
        return False

    def __index__(self) -> int:
        raise InvalidArgumentError(
            "this size is unknown until the session runs; use tf.shape(x)[i] in its place"
        )

    __int__ = __index__

    def __repr__(self) -> str:
        return "?"


UNKNOWN = UnknownDimension()


class TensorShape(Sequence[Any]):
    """The sizes of a tensor: None for an unknown one, and no sizes at all if the rank is unknown.

    >>> shape = TensorShape([None, 784])
    >>> print(shape, shape[1].value, shape.as_list())
    (?, 784) 784 [None, 784]
    """

    def __init__(self, sizes: Iterable[Any] | int | None) -> None:
        if isinstance(sizes, TensorShape):
            sizes = sizes.sizes
        if isinstance(sizes, int):
            sizes = (sizes,)
        self.sizes: tuple[int | None, ...] | None = None
        if sizes is not None:
            self.sizes = tuple(_size(size) for size in sizes)

    @property
    def ndims(self) -> int | None:
        """The number of dimensions, or None."""
        return None if self.sizes is None else len(self.sizes)

    rank = ndims

    @property
    def dims(self) -> list[Any] | None:
        """The dimensions, or None."""
        return None if self.sizes is None else list(self)

    def as_list(self) -> list[int | None]:
        """The sizes as a list, None for those that are unknown."""
        return list(self._known_rank("as_list()"))

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return self.sizes is not None and None not in self.sizes

    def num_elements(self) -> int | None:
        """The number of elements, or None."""
        if not self.is_fully_defined():
            return None
        count = 1
        for size in self.sizes or ():
            count *= size or 0
        return count

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both may be the shape of one tensor."""
        mine, theirs = self.sizes, TensorShape(other).sizes
        if mine is None or theirs is None:
            return True
        return len(mine) == len(theirs) and all(
            a is None or b is None or a == b for a, b in zip(mine, theirs, strict=True)
        )

    def _known_rank(self, what: str) -> tuple[int | None, ...]:
        if self.sizes is None:
            raise InvalidArgumentError(
                f"{what} of a tensor of unknown rank; give its placeholder a shape, such as "
                "tf.placeholder(tf.float32, [None, 784])"
            )
        return self.sizes

    def __len__(self) -> int:
        return len(self._known_rank("len()"))

    def __bool__(self) -> bool:
        return self.sizes is not None

    def __getitem__(self, index: Any) -> Any:
        found = self._known_rank("a dimension")[index]
        return TensorShape(found) if isinstance(index, slice) else _dimension(found)

    def __iter__(self) -> Iterator[Any]:
        return map(_dimension, self._known_rank("a dimension"))

    def __eq__(self, other: Any) -> bool:
        try:
            return self.sizes == TensorShape(other).sizes
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __str__(self) -> str:
        if self.sizes is None:
            return "<unknown>"
        parts = ["?" if size is None else str(size) for size in self.sizes]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def __repr__(self) -> str:
        if self.sizes is None:
            return "TensorShape(None)"
        return f"TensorShape([{', '.join(f'Dimension({size})' for size in self.sizes)}])"


def _size(size: Any) -> int | None:
    value = getattr(size, "value", size)
    if value is None:
        return None
    size = int(value)
    if size == -1:
        return None
    if size < 0:
        raise InvalidArgumentError(f"Dimension {size} must be >= 0")
    return size


def _dimension(size: int | None) -> Any:
    return UNKNOWN if size is None else Dimension(size)
